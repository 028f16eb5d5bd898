"""What the console shows of one run: the report as far as it has grown, from what the control plane was told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from executor_adapters.report.page import Sheet, sheet_of
from executor_adapters.report.subject import Subject
from executor_core.lifecycle import TERMINAL_STATUSES
from executor_core.model import AuditAction, AuditLogEntry, ExecutionRun, ExecutionStatus, RollbackRecord
from executor_core.verdict import Verdict

_A = AuditAction
_STAGES: tuple[tuple[str, frozenset[AuditAction]], ...] = (
    ("Claimed and checked", frozenset({_A.RUN_CLAIMED, _A.RUN_TAKEN_OVER})),
    ("Measured before", frozenset({_A.BASELINE_METRICS_COLLECTED})),
    ("Index built", frozenset({_A.INDEX_ADDED, _A.INDEX_ADOPTED})),
    ("Index in use", frozenset({_A.INDEX_PUBLISHED})),
    ("Measured with it", frozenset({_A.AFTER_METRICS_COLLECTED})),
    ("Verdict", frozenset({_A.VERIFICATION_COMPLETED})),
)
"""The way of a run that goes well. Each stage is done once an entry says so, or one of a later stage does."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of the way: `state` is done, doing, or waiting."""

    name: str
    state: str


def stages(run: ExecutionRun, trail: Sequence[AuditLogEntry]) -> list[Stage]:
    """Return how far a run has come."""
    seen = {entry.action for entry in trail}
    furthest = max((number for number, (_, actions) in enumerate(_STAGES) if actions & seen), default=-1)
    ended = run.status in TERMINAL_STATUSES
    going = run.status is ExecutionStatus.RUNNING and AuditAction.ROLLBACK_STARTED not in seen
    result = [
        Stage(name, "done" if number <= furthest else "doing" if going and number == furthest + 1 else "waiting")
        for number, (name, _) in enumerate(_STAGES)
    ]
    if AuditAction.ROLLBACK_STARTED in seen:
        result = [stage for stage in result if stage.state == "done"]
        result.append(Stage("Index taken back", "done" if ended else "doing"))
    elif ended and run.status is not ExecutionStatus.COMPLETED:
        result = [stage for stage in result if stage.state == "done"]
    if ended:
        result.append(Stage(run.status.replace("_", " ").capitalize(), "done"))
    return result


def sheet(
    run: ExecutionRun, trail: Sequence[AuditLogEntry], rollbacks: Sequence[RollbackRecord], now: datetime
) -> Sheet:
    """Return what is to be shown of a run."""
    statements = [entry.details.get("executed_sql") for entry in trail if entry.action is AuditAction.BUILD_STARTED]
    executed = statements[-1] if statements else None
    subject = Subject.of_run(
        run,
        executed_sql=executed if isinstance(executed, str) else None,
        rollback=rollbacks[-1] if rollbacks else None,
        verdict=_verdict(trail),
        trail=tuple(trail),
    )
    return sheet_of(subject, now)


def _verdict(trail: Sequence[AuditLogEntry]) -> Verdict | None:
    """The verdict as its audit entry has it; None when there is none, or one that we don't know how to read."""
    for entry in reversed(trail):
        if entry.action is AuditAction.VERIFICATION_COMPLETED:
            status = entry.details.get("verification_status", entry.details.get("status"))
            try:
                return Verdict.model_validate({**entry.details, "status": status})
            except ValidationError:
                return None
    return None
