"""Records to store and send in contracts: every field of them is set, so that none is lost unseen."""

from datetime import UTC, datetime, timedelta

from executor_core.ddl import Marker
from executor_core.evidence import Evidence, EvidenceIndex, EvidenceRun
from executor_core.flavor import Flavor
from executor_core.index_definition import KeyPart
from executor_core.lifecycle import Phase
from executor_core.metrics import DigestKey, DigestRole, DigestRow, Snapshot, TableShape
from executor_core.model import (
    ExecutionRun,
    FailReason,
    RollbackRecord,
    RollbackStatus,
    RollbackType,
    RunId,
    VerificationStatus,
    WorkerId,
)
from executor_core.ports import Message, MessageKind
from executor_core.state import RunState, Stop, WindowPlan
from executor_core.target import IndexFacts, ServerFacts, WatchedDigest
from executor_core.verdict import MetricsComparison, Reason, ReasonCode, Verdict

NOON = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


def a_run(run_id: str = "run-1", connection_id: str = "conn-1") -> ExecutionRun:
    """A run as the control plane gives it."""
    return ExecutionRun(
        id=run_id,
        connection_id=connection_id,
        action="ADD_INDEX",
        table_name="orders",
        index_name="idx_customer",
        columns=("customer_id", "note(10)", "created_at DESC"),
        query_digests=("a" * 64,),
        created_at=NOON,
    )


def a_state(run_id: str = "run-1", *, message: str = "half-way") -> RunState:
    """A state that a run may be in after a while, with as much in it as can be."""
    marker = Marker(RunId(run_id), 2)
    return RunState(
        run=a_run(run_id),
        phase=Phase.ROLLING_BACK,
        origin="worker-1@20260101T120000",
        resumed_from="worker-0@20260101T110000",
        messages=7,
        worker_id=WorkerId("worker-1"),
        taken_over=True,
        wake_at=NOON + timedelta(seconds=30),
        started_at=NOON,
        fail_reason=FailReason.VERIFICATION_FAILED,
        message=message,
        error_message='it said "nö", 日本語 and \x00',
        last_off=NOON,
        server=ServerFacts(
            flavor=Flavor.MYSQL,
            version="8.4.0",
            server_uuid="uuid",
            read_only=False,
            performance_schema=True,
            statement_digests=True,
        ),
        indexes_before=(
            IndexFacts(
                name="idx_customer",
                key_parts=(KeyPart("customer_id"), KeyPart("note", 10), KeyPart("created_at", None, True), None),
                unique=False,
                kind="BTREE",
                comment=str(marker),
            ),
        ),
        digests=(WatchedDigest(key=DigestKey("shop", "a" * 64), role=DigestRole.TARGET),),
        baseline=WindowPlan(begins_at=NOON, ends_at=NOON + timedelta(minutes=5), next_sample_at=None, extended=True),
        attempt=2,
        executed_sql="ALTER TABLE `shop`.`orders` ADD INDEX ...",
        give_up_at=NOON,
        tries=3,
        built_at=NOON,
        stop=Stop(reason=FailReason.KILL_SWITCH, sentence="the kill switch is active"),
        uses_index={"a" * 64: True},
        verdict=Verdict(
            status=VerificationStatus.FAILED,
            message="it got worse",
            metrics_comparison=MetricsComparison(avg_latency_change_percent=12.5),
            sample_count=100,
            reasons=(Reason(code=ReasonCode.LATENCY_INCREASED, digest="a" * 64, numbers={"percent": 12.5}),),
        ),
        rollback=RollbackRecord(
            execution_run_id=run_id,
            rollback_type=RollbackType.AUTO,
            trigger_reason="it got worse",
            rollback_sql="ALTER TABLE ...",
            status=RollbackStatus.PENDING,
            created_at=NOON,
        ),
        evidence="evidence/run-1.json",
    )


def a_snapshot(seconds: int = 0, *, digests: int = 2) -> Snapshot:
    """A snapshot taken `seconds` after noon."""
    return Snapshot(
        taken_at=NOON + timedelta(seconds=seconds),
        server_uuid="uuid",
        uptime_s=1000 + seconds,
        digests_lost=1,
        digests=tuple(
            DigestRow(
                schema_name="shop",
                digest=f"{number:064x}",
                digest_text="SELECT * FROM `orders` WHERE `customer_id` = ?",
                role=DigestRole.TARGET,
                count_star=10 * seconds,
                sum_timer_wait_ps=2**64 - 1,
                max_timer_wait_ps=5,
                first_seen=NOON,
                histogram={0: 1, 449: 2**63},
            )
            for number in range(digests)
        ),
        index_usage={"PRIMARY": {"count_fetch": 5}},
        table=TableShape(definition="1f", rows=1000),
    )


def a_message(key: str, run_id: str = "run-1", kind: MessageKind = MessageKind.AUDIT, **body: object) -> Message:
    """A message with a body of some depth."""
    details = {"nested": {"list": [1, 2.5, None, True], "text": "nö\x00"}, **body}
    return Message(key=key, run_id=RunId(run_id), kind=kind, body=details)


def an_audit_entry(key: str, run_id: str = "run-1", action: str = "index_added") -> Message:
    """A well-formed audit entry, on its way."""
    body = {
        "execution_run_id": run_id,
        "action": action,
        "old_status": None,
        "new_status": None,
        "details": {"key": key},
        "timestamp": NOON.isoformat(),
    }
    return Message(key=key, run_id=RunId(run_id), kind=MessageKind.AUDIT, body=body)


def a_status(key: str, run_id: str = "run-1", status: str = "running", **body: object) -> Message:
    """A status change, on its way."""
    return Message(key=key, run_id=RunId(run_id), kind=MessageKind.STATUS, body={"status": status, **body})


def a_rollback(key: str, run_id: str = "run-1", status: str = "pending", *, rollback_type: str = "auto") -> Message:
    """A rollback record, on its way."""
    body = {
        "execution_run_id": run_id,
        "rollback_type": rollback_type,
        "trigger_reason": "it got worse",
        "rollback_sql": "ALTER TABLE ...",
        "status": status,
        "created_at": NOON.isoformat(),
    }
    return Message(key=key, run_id=RunId(run_id), kind=MessageKind.ROLLBACK, body=body)


def some_evidence(run_id: str = "run-1", *, samples: int = 3) -> Evidence:
    """Evidence with two windows of `samples` snapshots each."""
    return Evidence(
        run=EvidenceRun(query_digests=(f"{0:064x}",)),
        baseline=tuple(a_snapshot(60 * number) for number in range(samples)),
        after=tuple(a_snapshot(3600 + 60 * number) for number in range(samples)),
        window_minutes=5,
        index=EvidenceIndex(schema_name="shop", table_name="orders", index_name=f"idx of {run_id}", exists=True),
        uses_index={f"{0:064x}": True},
    )
