"""Subjects for tests: what is known of a run, with everything but the point of the test left out."""

from datetime import UTC, datetime, timedelta
from typing import Any

from executor_adapters.report.subject import Subject
from executor_core.evidence import Evidence, EvidenceIndex, EvidenceRun
from executor_core.metrics import Snapshot
from executor_core.model import AuditAction, AuditLogEntry, RollbackRecord, RollbackStatus, RollbackType

AT = datetime(2026, 3, 1, 14, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


def evidence(before: list[Snapshot], after: list[Snapshot], *targets: str, **more: Any) -> Evidence:
    index = EvidenceIndex(schema_name="shop", table_name="orders", index_name="idx", exists=True)
    run = EvidenceRun.model_validate({"id": "run-1", "connection_id": "conn-1", "query_digests": targets})
    return Evidence(run=run, index=index, baseline=tuple(before), after=tuple(after), **more)


def entry(action: AuditAction, seconds: float, **details: Any) -> AuditLogEntry:
    statuses = {name: details.pop(name) for name in ("old_status", "new_status") if name in details}
    return AuditLogEntry(execution_run_id="run-1", action=action, timestamp=at(seconds), details=details, **statuses)


def rollback(status: RollbackStatus) -> RollbackRecord:
    return RollbackRecord(
        execution_run_id="run-1",
        rollback_type=RollbackType.AUTO,
        trigger_reason="verification_failed",
        rollback_sql="ALTER TABLE `shop`.`orders` DROP INDEX `idx`",
        status=status,
        created_at=AT,
    )


def subject(**known: Any) -> Subject:
    return Subject(**({"run_id": "run-1", "table_name": "orders", "index_name": "idx"} | known))
