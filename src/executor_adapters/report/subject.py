"""What a report is about: a run, and as much as is known of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from executor_core.evidence import Evidence
from executor_core.model import AuditLogEntry, ExecutionRun, ExecutionStatus, FailReason, RollbackRecord
from executor_core.state import RunState
from executor_core.verdict import Verdict
from executor_core.verification import verify_evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A run as its report shows it; what is None is not known.

    `status` None means that only the evidence is known, and not what became of the run. `trail` holds the audit
    entries in their order; None where nobody has them. `evidence_path` is how people name the evidence's file.
    """

    run_id: str
    connection_id: str | None = None
    schema_name: str | None = None
    table_name: str | None = None
    index_name: str | None = None
    columns: tuple[str, ...] = ()
    status: ExecutionStatus | None = None
    fail_reason: FailReason | None = None
    message: str | None = None
    error_message: str | None = None
    executed_sql: str | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    worker_id: str | None = None
    rollback: RollbackRecord | None = None
    verdict: Verdict | None = None
    evidence: Evidence | None = None
    evidence_path: str | None = None
    trail: tuple[AuditLogEntry, ...] | None = None
    untold: int = 0
    """How many messages the control plane has not been told yet, or refused."""

    @classmethod
    def of_evidence(cls, evidence: Evidence, path: str | None = None) -> "Subject":
        """Return what evidence alone tells. The verdict is reached anew from it.

        Raises `EvidenceError` when the evidence contradicts itself.
        """
        run: dict[str, Any] = evidence.run.model_extra or {}
        columns: Any = run.get("columns")
        return cls(
            run_id=_text(run.get("id")) or "(no id)",
            connection_id=_text(run.get("connection_id")),
            schema_name=evidence.index.schema_name,
            table_name=evidence.index.table_name or _text(run.get("table_name")),
            index_name=evidence.index.index_name or _text(run.get("index_name")),
            columns=tuple(map(str, columns)) if isinstance(columns, list | tuple) else (),  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType] -- somebody's JSON
            verdict=verify_evidence(evidence),
            evidence=evidence,
            evidence_path=path,
        )

    @classmethod
    def of_state(
        cls,
        state: RunState,
        *,
        evidence: Evidence | None = None,
        trail: Sequence[AuditLogEntry] | None = None,
        untold: int = 0,
    ) -> "Subject":
        """Return what a stored state tells, with the evidence and the audit trail where they are kept."""
        return cls.of_run(
            state.run,
            status=state.status,
            fail_reason=state.fail_reason,
            message=state.message,
            error_message=state.error_message,
            schema_name=None if evidence is None else evidence.index.schema_name,
            executed_sql=state.executed_sql,
            started_at=state.started_at,
            completed_at=state.completed_at,
            worker_id=state.worker_id,
            rollback=state.rollback,
            verdict=state.verdict,
            evidence=evidence,
            evidence_path=state.evidence,
            trail=None if trail is None else tuple(trail),
            untold=untold,
        )

    @classmethod
    def of_run(cls, run: ExecutionRun, **known: Any) -> "Subject":
        """Return a run as the control plane has it; `known` adds to its fields or stands in for them."""
        fields: dict[str, Any] = {
            "run_id": run.id,
            "connection_id": run.connection_id,
            "table_name": run.table_name,
            "index_name": run.index_name,
            "columns": run.columns,
            "status": run.status,
            "fail_reason": run.fail_reason,
            "message": run.message,
            "error_message": run.error_message,
            "created_at": run.created_at,
            "started_at": run.started_at,
            "completed_at": run.completed_at,
            "worker_id": run.claimed_by,
        }
        return cls(**(fields | known))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
