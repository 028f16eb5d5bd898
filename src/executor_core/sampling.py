"""The windows, performed: what is watched, the samples of its counters, and how long the baseline has to be.

Like the effects of every run, each leaves the run's state stored and returns an instant when nothing more can be
done before it, or None.
"""

from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from executor_core.actions import TakeSample
from executor_core.carrying import Carried
from executor_core.effects import Effects
from executor_core.errors import CALL_FAILED
from executor_core.messages import Draft
from executor_core.model import AuditAction
from executor_core.pacing import Pacing
from executor_core.state import WindowKind, WindowPlan
from executor_core.verification import assess_baseline

UNDECIDABLE = MappingProxyType(
    {
        "code": "undecidable",
        "sentence": "the digests of this run are executed so rarely that even the longest window can't decide: the "
        "verdict will be inconclusive",
    }
)


@dataclass(frozen=True, slots=True)
class Sampling:
    """Performs the actions of the windows."""

    effects: Effects

    def choose_digests(self, carried: Carried) -> datetime | None:
        """Settle what is watched and open the baseline window."""
        try:
            digests = carried.target.choose_digests(carried.index, carried.state.run.query_digests)
        except CALL_FAILED as error:
            return self.effects.could_not_look(carried, error)
        carried.sight.look_error = carried.sight.unreachable_since = None
        now = self.effects.ports.clock.now()
        window = WindowPlan(begins_at=now, ends_at=now + self.effects.rules.pacing.baseline_window, next_sample_at=now)
        self.effects.record(
            carried, Draft(carried.state.model_copy(update={"digests": tuple(digests), "baseline": window}))
        )
        return None

    def take_sample(self, carried: Carried, action: TakeSample) -> datetime | None:
        """Read the counters and say when to read them next."""
        state = carried.state
        window = state.baseline if action.window is WindowKind.BASELINE else state.after
        if window is None:
            raise AssertionError(f"a sample of the {action.window} window needs the window")
        if state.digests is None:  # a successor that found the index, and nothing of what came before it
            try:
                digests = carried.target.choose_digests(carried.index, state.run.query_digests)
            except CALL_FAILED as error:
                return self.effects.could_not_look(carried, error)
            state = state.model_copy(update={"digests": tuple(digests)})
        try:
            snapshot = carried.target.snapshot(carried.index, state.digests or ())
        except CALL_FAILED as error:
            return self.effects.could_not_look(carried, error)
        carried.sight.look_error = carried.sight.unreachable_since = None
        self.effects.ports.checkpoints.add_sample(state.run_id, action.window, snapshot)
        now = self.effects.ports.clock.now()
        next_at = None if now >= window.ends_at else next_sample(window, now, self.effects.rules.pacing)
        sampled = window.model_copy(update={"next_sample_at": next_at})
        self.effects.record(carried, Draft(state.model_copy(update={action.window: sampled})))
        if next_at is None and action.window is WindowKind.AFTER:
            carried.sight.target = None  # whether the index is really there is looked at afresh
        self.effects.tell(carried, "sample.taken", window=action.window, ends_at=window.ends_at, next_sample_at=next_at)
        return None

    def assess_baseline(self, carried: Carried) -> None:
        """Extend the baseline, once, where its own noise hides what has to be told apart."""
        window = carried.state.baseline
        if window is None:
            raise AssertionError("only a window that was sampled is assessed")
        pacing, now = self.effects.rules.pacing, self.effects.ports.clock.now()
        longest = pacing.longest(pacing.baseline_window)
        samples = self.effects.ports.checkpoints.samples(carried.state.run_id, WindowKind.BASELINE)
        assessment = assess_baseline(
            samples,
            carried.state.run.query_digests,
            self.effects.rules.verification,
            longer=longest / pacing.baseline_window,
        )
        changes: dict[str, Any] = {"assessed": True}
        if assessment.extend:
            changes |= {"extended": True, "ends_at": window.begins_at + longest}
            changes["next_sample_at"] = next_sample(window.model_copy(update=changes), now, pacing)
        draft = Draft(carried.state.model_copy(update={"baseline": window.model_copy(update=changes)}))
        if not assessment.decidable:
            draft = draft.audited(AuditAction.PREFLIGHT_WARNING, now, UNDECIDABLE)
        self.effects.record(carried, draft)
        self.effects.tell(carried, "baseline.assessed", extend=assessment.extend, decidable=assessment.decidable)


def next_sample(window: WindowPlan, now: datetime, pacing: Pacing) -> datetime:
    """Return when the next sample of `window` is due."""
    interval = pacing.sample_interval(window.ends_at - window.begins_at, extended=window.extended)
    return min(window.ends_at, now + interval)
