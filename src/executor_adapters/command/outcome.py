"""How a run ends, as a caller sees it: its exit code, and its result as JSON."""

from typing import Any

from executor_adapters.command.exit_codes import ExitCode
from executor_core.carrying import Finished, Interrupted, NotClaimed
from executor_core.model import ExecutionRun, ExecutionStatus, FailReason
from executor_core.state import RunState

_BY_STATUS = {
    ExecutionStatus.COMPLETED: ExitCode.COMPLETED,
    ExecutionStatus.ROLLED_BACK: ExitCode.ROLLED_BACK,
    ExecutionStatus.FAILED: ExitCode.FAILED,
    ExecutionStatus.REQUIRES_MANUAL: ExitCode.REQUIRES_MANUAL,
}

End = Finished | NotClaimed | Interrupted


def exit_code(end: End) -> ExitCode:
    """Return the exit code of a run's end."""
    match end:
        case Finished(state=state):
            return _BY_STATUS[state.status]
        case NotClaimed():
            return ExitCode.NOT_CLAIMED
        case Interrupted():
            return ExitCode.INTERRUPTED


def result(run: ExecutionRun, end: End, worker_id: str, report: str | None = None) -> dict[str, Any]:
    """Return the one JSON object that ``run --json`` prints; `report` is where the run's page is."""
    match end:
        case Finished(state=state, undelivered=undelivered, refused=refused):
            counts = {"undelivered": undelivered, "refused": refused}
            return _finished(state) | {"report": report, **counts, "worker_id": worker_id}
        case NotClaimed(reason=reason):
            return _unfinished(run, reason, FailReason.CLAIM_FAILED) | {"worker_id": worker_id}
        case Interrupted(reason=reason):
            return _unfinished(run, reason, None) | {"worker_id": worker_id}


def _finished(state: RunState) -> dict[str, Any]:
    run = state.run
    return {
        "id": run.id,
        "status": state.status,
        "fail_reason": state.fail_reason,
        "message": state.message,
        "error_message": state.error_message,
        "index_name": run.index_name,
        "table_name": run.table_name,
        "executed_sql": state.executed_sql,
        "verification": None if state.verdict is None else state.verdict.model_dump(mode="json", exclude={"extend"}),
        "rollback": None if state.rollback is None else state.rollback.model_dump(mode="json"),
        "evidence": state.evidence,
        "started_at": _written(state.started_at),
        "completed_at": _written(state.completed_at),
    }


def _written(moment: Any) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def _unfinished(run: ExecutionRun, reason: str, fail_reason: FailReason | None) -> dict[str, Any]:
    """The result of a run that this call did not carry to its end: nothing but why."""
    empty = ("executed_sql", "verification", "rollback", "evidence", "report", "started_at", "completed_at")
    return {
        "id": run.id,
        "status": run.status,
        "fail_reason": fail_reason,
        "message": reason,
        "error_message": None,
        "index_name": run.index_name,
        "table_name": run.table_name,
        **dict.fromkeys(empty),
        "undelivered": None,
        "refused": None,
    }
