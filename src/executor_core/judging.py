"""The verdict, performed: the evidence is put together, judged and kept, and the window goes on where that can help."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from executor_core.actions import Judge
from executor_core.carrying import Carried
from executor_core.effects import Effects
from executor_core.errors import CALL_FAILED
from executor_core.evidence import Evidence, EvidenceIndex, EvidenceRun, EvidenceServer
from executor_core.messages import Draft
from executor_core.metrics import EvidenceError, Snapshot
from executor_core.model import AuditAction, VerificationStatus
from executor_core.sampling import next_sample
from executor_core.state import WindowKind
from executor_core.verdict import Verdict
from executor_core.verification import verify_evidence


@dataclass(frozen=True, slots=True)
class Judging:
    """Performs the looks at what a window has shown."""

    effects: Effects

    def judge(self, carried: Carried, action: Judge) -> None:
        """Reach the verdict, keep the evidence, and sample on where more time could decide."""
        state, now = carried.state, self.effects.ports.clock.now()
        evidence = self._evidence(carried, action)
        try:
            verdict = verify_evidence(evidence)
        except EvidenceError as error:  # such as a clock that was set back: well-meant, but undecidable
            verdict = Verdict(status=VerificationStatus.INCONCLUSIVE, message=f"The verdict is inconclusive: {error}.")
        window = state.after
        if action.interim and window is not None and verdict.status is not VerificationStatus.FAILED:
            looked = window.model_copy(update={"next_look_at": now + window.between_looks})
            self.effects.record(carried, Draft(state.model_copy(update={"after": looked})))
            self.effects.tell(carried, "window.looked_at", next_look_at=looked.next_look_at)
            return
        if verdict.extend and not action.final and window is not None:
            ends_at = window.begins_at + self.effects.rules.pacing.longest(self.effects.rules.pacing.after_window)
            longer = window.model_copy(update={"extended": True, "ends_at": ends_at})
            changes: dict[str, datetime] = {
                "next_sample_at": next_sample(longer, now, self.effects.rules.pacing),
                "next_look_at": now + longer.between_looks,
            }
            longer = longer.model_copy(update=changes)
            self.effects.record(carried, Draft(state.model_copy(update={"after": longer, "verdict": verdict})))
            self.effects.tell(carried, "verdict.deferred", message=verdict.message, ends_at=ends_at)
            return
        reached = verdict.model_copy(update={"extend": False})
        written = reached.model_dump(mode="json", exclude_none=True)
        where = self.effects.ports.archive.store(state.run_id, evidence.model_copy(update={"verdict": written}))
        draft = Draft(state.model_copy(update={"verdict": reached, "evidence": where}))
        draft = draft.audited(AuditAction.AFTER_METRICS_COLLECTED, now, _the_window(evidence.after))
        draft = draft.audited(AuditAction.VERIFICATION_COMPLETED, now, _the_verdict(reached))
        self.effects.record(carried, draft)
        self.effects.tell(carried, "verdict.reached", status=reached.status, message=reached.message)

    def _evidence(self, carried: Carried, look: Judge) -> Evidence:
        state, samples = carried.state, self.effects.ports.checkpoints.samples
        after = tuple(samples(state.run_id, WindowKind.AFTER))
        length = (after[-1].taken_at - after[0].taken_at).total_seconds() / 60 if after else None
        server = {} if state.server is None else asdict(state.server)
        return Evidence(
            run=EvidenceRun.model_validate(state.run.model_dump(mode="json", exclude_none=True)),
            server=EvidenceServer.model_validate(server),
            policy=self.effects.rules.verification,
            histogram_upper_bounds_ps=self._bounds(carried),
            baseline=tuple(samples(state.run_id, WindowKind.BASELINE)),
            after=after,
            window_minutes=length,
            index=EvidenceIndex(
                schema_name=carried.target.schema_name,
                table_name=carried.index.table_name,
                index_name=carried.index.index_name,
                exists=True,
            ),
            uses_index=self._plans(carried),
            final=look.final,
            interim=look.interim,
        )

    def _bounds(self, carried: Carried) -> tuple[int, ...] | None:
        try:
            bounds = carried.target.histogram_upper_bounds_ps()
        except CALL_FAILED:
            return None  # MySQL's usual bounds are then taken
        return bounds or None

    def _plans(self, carried: Carried) -> dict[str, bool] | None:
        try:
            plans = carried.target.plans_using(carried.index, carried.state.digests or ())
        except CALL_FAILED:
            return None  # the plans corroborate; a verdict can do without
        return plans or None


def _the_verdict(verdict: Verdict) -> dict[str, Any]:
    brief = verdict.model_dump(mode="json", exclude_none=True, exclude={"digests", "extend"})
    return {**brief, "verification_status": brief.pop("status")}


def _the_window(samples: tuple[Snapshot, ...]) -> dict[str, Any]:
    return {"samples": len(samples)} | (
        {"begins_at": samples[0].taken_at.isoformat(), "ends_at": samples[-1].taken_at.isoformat()} if samples else {}
    )
