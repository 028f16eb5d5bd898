"""The records of the wire: exact words, frozen, tolerant readers, times in UTC."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError
from tests.unit.executor_core.facts import NOON, run

from executor_core.model import (
    AuditAction,
    AuditLogEntry,
    ExecutionAction,
    ExecutionRun,
    ExecutionStatus,
    FailReason,
    RollbackRecord,
    RollbackStatus,
    RollbackType,
    StatusChange,
    VerificationStatus,
)

THE_SPECIFICATIONS_WORDS = [
    (ExecutionAction, "ADD_INDEX"),
    (ExecutionStatus, "scheduled running completed failed rolled_back requires_manual"),
    (FailReason, "out_of_scope kill_switch claim_failed execution_error verification_failed"),
    (VerificationStatus, "success failed inconclusive"),
    (RollbackType, "auto manual"),
    (RollbackStatus, "pending completed failed"),
]


@pytest.mark.parametrize(("enum", "words"), THE_SPECIFICATIONS_WORDS)
def test_the_words_are_the_specifications(enum: Any, words: str) -> None:
    assert [member.value for member in enum] == words.split()


def test_the_audit_actions_begin_with_the_specifications_seven() -> None:
    assert [action.value for action in AuditAction][:7] == [
        "status_change",
        "baseline_metrics_collected",
        "index_added",
        "after_metrics_collected",
        "verification_completed",
        "claim_failed",
        "rollback_failed",
    ]


def document(**changes: Any) -> str:
    return json.dumps(
        {
            "id": "test-tc01-001",
            "connection_id": "conn-001",
            "action": "ADD_INDEX",
            "table_name": "test_orders",
            "index_name": "idx_tc01_customer",
            "columns": ["customer_id"],
            "query_digests": ["digest-1"],
            "status": "scheduled",
            "created_at": "2026-03-01T13:00:00+01:00",
            "updated_at": "2026-03-01T12:00:00Z",
        }
        | changes
    )


def test_a_run_is_read_from_json() -> None:
    read = ExecutionRun.model_validate_json(document(claimed_by="worker-1", fail_reason="kill_switch"))
    assert read.id == "test-tc01-001"
    assert read.columns == ("customer_id",)
    assert read.status is ExecutionStatus.SCHEDULED
    assert read.fail_reason is FailReason.KILL_SWITCH
    assert read.claimed_by == "worker-1"
    assert read.started_at is None


def test_times_are_kept_in_utc() -> None:
    read = ExecutionRun.model_validate_json(document())
    assert read.created_at == read.updated_at == NOON
    assert read.created_at is not None
    assert read.created_at.tzinfo is UTC


def test_a_run_s_time_without_an_offset_is_taken_for_utc() -> None:
    read = ExecutionRun.model_validate_json(document(created_at="2026-01-01T12:00:00"))
    assert read.created_at == datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_a_record_s_time_without_an_offset_is_refused() -> None:
    entry = {"execution_run_id": "run-1", "action": "index_added", "timestamp": "2026-01-01T12:00:00"}
    with pytest.raises(ValidationError, match="timezone"):
        AuditLogEntry.model_validate(entry)


def test_fields_that_a_newer_writer_added_are_passed_over() -> None:
    assert ExecutionRun.model_validate_json(document(added={"a": 1})) == ExecutionRun.model_validate_json(document())


def test_an_unknown_action_can_be_read_so_that_it_can_be_refused() -> None:
    assert ExecutionRun.model_validate_json(document(action="DROP_TABLE")).action == "DROP_TABLE"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", ""),
        ("id", 7),
        ("id", "a" * 256),
        ("connection_id", ""),
        ("action", None),
        ("table_name", 7),
        ("index_name", ["i"]),
        ("columns", "customer_id"),
        ("columns", [1]),
        ("query_digests", [""]),
        ("query_digests", None),
        ("status", "sleeping"),
        ("fail_reason", "bad_luck"),
    ],
)
def test_a_field_of_a_wrong_type_or_value_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        ExecutionRun.model_validate_json(document(**{field: value}))


@pytest.mark.parametrize(
    "character",
    " \t\n\x00\x1f\x7f\x85\u00a0\u2028/?#;'\\\N{PILE OF POO}",
    ids=lambda character: f"U+{ord(character):04X}",
)
def test_a_run_id_holds_no_character_that_means_something_where_it_is_written(character: str) -> None:
    with pytest.raises(ValidationError, match="id"):
        run(id=f"run{character}1")


@pytest.mark.parametrize("run_id", ["test-tc01-001", "9b2e7f0a-3c1d", "a:b@c+d~e=f.g_h", "läuft", '"`%$', "a" * 255])
def test_any_other_run_id_is_taken(run_id: str) -> None:
    assert run(id=run_id).id == run_id


def test_a_record_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        run().status = ExecutionStatus.RUNNING  # type: ignore[misc]


def test_an_audit_entry_is_written_exactly() -> None:
    entry = AuditLogEntry(
        execution_run_id="run-1",
        action=AuditAction.STATUS_CHANGE,
        old_status=ExecutionStatus.SCHEDULED,
        new_status=ExecutionStatus.RUNNING,
        timestamp=datetime(2026, 3, 1, 13, tzinfo=timezone(timedelta(hours=1))),
    )
    assert entry.model_dump(mode="json") == {
        "execution_run_id": "run-1",
        "action": "status_change",
        "old_status": "scheduled",
        "new_status": "running",
        "details": {},
        "timestamp": "2026-03-01T12:00:00Z",
    }


def test_a_rollback_record_is_written_exactly() -> None:
    record = RollbackRecord(
        execution_run_id="run-1",
        rollback_type=RollbackType.AUTO,
        trigger_reason="kill_switch",
        rollback_sql="ALTER TABLE …",
        status=RollbackStatus.PENDING,
        created_at=NOON,
    )
    assert record.model_dump(mode="json") == {
        "execution_run_id": "run-1",
        "rollback_type": "auto",
        "trigger_reason": "kill_switch",
        "rollback_sql": "ALTER TABLE …",
        "status": "pending",
        "created_at": "2026-03-01T12:00:00Z",
    }


def test_a_status_change_says_no_more_than_there_is_to_say() -> None:
    change = StatusChange(status=ExecutionStatus.RUNNING)
    assert change.model_dump(mode="json", exclude_none=True) == {"status": "running"}
