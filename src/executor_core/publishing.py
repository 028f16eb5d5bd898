"""Staged exposure, performed: looking at open transactions, asking the optimizer, and publishing the index.

Like the effects of every run, each leaves the run's state stored and returns an instant when nothing more can be
done before it, or None.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from executor_core.carrying import Carried
from executor_core.effects import Effects
from executor_core.errors import OutcomeUnknown, Refused, Unavailable
from executor_core.messages import Draft
from executor_core.metrics import DigestKey
from executor_core.state import RunState, WindowKind


@dataclass(frozen=True, slots=True)
class Publishing:
    """Performs the actions of a hidden index."""

    effects: Effects

    def drain(self, carried: Carried) -> datetime | None:
        """Look which transactions are left; the first look says which there are to wait for."""
        sight, state, now = carried.sight, carried.state, self.effects.ports.clock.now()
        try:
            seen = carried.target.open_transactions()
        except Unavailable as error:
            return self.effects.could_not_look(carried, error)
        except (Refused, OutcomeUnknown) as error:
            sight.drain_error = Refused(str(error))
            return None
        sight.look_error = sight.unreachable_since = None
        sight.drained_at = now
        awaited = seen if state.draining is None else state.draining
        remaining = {name: words for name, words in seen.items() if name in awaited}
        give_up_at = state.give_up_at or now + self.effects.rules.pacing.drain_patience
        changes = {"draining": remaining, "give_up_at": give_up_at}
        self.effects.record(carried, Draft(state.model_copy(update=changes)))
        if remaining:
            self.effects.tell(carried, "drain.progressed", remaining=len(remaining), give_up_at=give_up_at)
        return None

    def foresee_plans(self, carried: Carried) -> None:
        """Ask the optimizer what it would do; the index is useless only if it says so of statements that matter.

        Those are the digests that the run names: of a run that names none, nobody knows what its index is for.
        """
        state, now = carried.state, self.effects.ports.clock.now()
        meant_for = {digest.casefold() for digest in state.run.query_digests}
        targets = [watched for watched in state.digests or () if watched.key.digest.casefold() in meant_for]
        try:
            plans = carried.target.plans_using(carried.index, targets)
        except (Unavailable, Refused, OutcomeUnknown):
            plans = {}  # what can't be explained speaks against nothing
        ran = self._executions(state)
        enough = all(
            ran.get(watched.key, 0) >= self.effects.rules.verification.min_samples
            for watched in targets
            if watched.key.digest in plans
        )
        useful = not plans or any(plans.values()) or not enough
        # A useless index has a window's time to be found useful; a useful one is then published with full patience.
        give_up_at = None if useful else state.give_up_at or now + self.effects.rules.pacing.after_window
        carried.sight.foreseen_at = now
        self.effects.record(carried, Draft(state.model_copy(update={"useful": useful, "give_up_at": give_up_at})))
        self.effects.tell(carried, "plans.foreseen", plans=plans, useful=useful)

    def _executions(self, state: RunState) -> Mapping[DigestKey, int]:
        """How often each digest was executed in the baseline window; a digest that was reset ran less than never."""
        samples = self.effects.ports.checkpoints.samples(state.run_id, WindowKind.BASELINE)
        if not samples:
            return {}
        before = {row.key: row.count_star for row in samples[0].digests}
        return {row.key: row.count_star - before.get(row.key, 0) for row in samples[-1].digests}

    def publish_index(self, carried: Carried) -> None:
        """Show the index to the optimizer; whatever came of it is looked at afterwards."""
        pacing = self.effects.rules.pacing
        give_up_at = carried.state.give_up_at or self.effects.ports.clock.now() + pacing.build_patience
        self.effects.record(carried, Draft(carried.state.model_copy(update={"give_up_at": give_up_at})))
        try:
            carried.target.publish_index(carried.index, carried.state.run_id, pacing.lock_wait)
        except (Unavailable, Refused, OutcomeUnknown) as error:
            carried.sight.publish_error = error
            self.effects.tell(carried, "publish.failed", error=str(error))
        else:
            carried.sight.publish_error = None
        carried.sight.target = None
