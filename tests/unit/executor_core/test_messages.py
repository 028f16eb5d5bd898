"""What the control plane is told: bodies to the letter, keys that are never used twice."""

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.executor_core.facts import NOON, RUN_ID, after, run, state

from executor_core.lifecycle import Phase
from executor_core.messages import Draft
from executor_core.model import (
    AuditAction,
    ExecutionStatus,
    FailReason,
    RollbackRecord,
    RollbackStatus,
    RollbackType,
)
from executor_core.ports import Message, MessageKind

RECORD = RollbackRecord(
    execution_run_id=RUN_ID,
    rollback_type=RollbackType.AUTO,
    trigger_reason="kill_switch",
    rollback_sql="ALTER TABLE …",
    status=RollbackStatus.COMPLETED,
    created_at=NOON,
)


def test_an_audit_entry_names_the_worker_and_leaves_out_what_is_not_said() -> None:
    draft = Draft(state()).audited(AuditAction.RUN_CLAIMED, NOON)
    assert draft.messages == (
        Message(
            key="run-1:here:0",
            run_id=RUN_ID,
            kind=MessageKind.AUDIT,
            body={
                "execution_run_id": "run-1",
                "action": "run_claimed",
                "details": {"worker_id": "worker-1"},
                "timestamp": "2026-03-01T12:00:00Z",
            },
        ),
    )


def test_an_audit_entry_has_its_details_and_its_statuses() -> None:
    draft = Draft(state()).audited(
        AuditAction.STATUS_CHANGE,
        after(1),
        {"http_status": None, "phase": Phase.CLAIMED},
        old_status=ExecutionStatus.SCHEDULED,
        new_status=ExecutionStatus.RUNNING,
    )
    assert draft.messages[0].body == {
        "execution_run_id": "run-1",
        "action": "status_change",
        "old_status": "scheduled",
        "new_status": "running",
        "details": {"worker_id": "worker-1", "http_status": None, "phase": "claimed"},
        "timestamp": "2026-03-01T12:00:01Z",
    }


def test_a_change_of_status_is_audited_first_and_then_called() -> None:
    ended = state(
        Phase.FAILED, fail_reason=FailReason.KILL_SWITCH, message="Stopped.", error_message="error 1317: interrupted"
    )
    audit, call = Draft(ended).status_changed(ExecutionStatus.RUNNING, NOON).messages
    assert (audit.kind, call.kind) == (MessageKind.AUDIT, MessageKind.STATUS)
    assert (audit.key, call.key) == ("run-1:here:0", "run-1:here:1")
    assert audit.body == {
        "execution_run_id": "run-1",
        "action": "status_change",
        "old_status": "running",
        "new_status": "failed",
        "details": {
            "worker_id": "worker-1",
            "fail_reason": "kill_switch",
            "message": "Stopped.",
            "error_message": "error 1317: interrupted",
        },
        "timestamp": "2026-03-01T12:00:00Z",
    }
    assert call.body == {
        "status": "failed",
        "fail_reason": "kill_switch",
        "message": "Stopped.",
        "error_message": "error 1317: interrupted",
    }


def test_a_change_of_status_without_a_reason_says_the_status_alone() -> None:
    audit, call = Draft(state(Phase.CHECKING)).status_changed(ExecutionStatus.SCHEDULED, NOON).messages
    assert audit.body["details"] == {"worker_id": "worker-1"}
    assert call.body == {"status": "running"}


def test_a_rollback_record_is_told_as_it_is() -> None:
    (message,) = Draft(state()).rollback_recorded(RECORD).messages
    assert message.kind is MessageKind.ROLLBACK
    assert message.body == RECORD.model_dump(mode="json")


def test_a_draft_goes_on_counting_where_the_state_stopped() -> None:
    draft = Draft(state(messages=7)).audited(AuditAction.RUN_CLAIMED, NOON).rollback_recorded(RECORD)
    assert [message.key for message in draft.messages] == ["run-1:here:7", "run-1:here:8"]
    assert draft.state.messages == 9


def test_a_draft_leaves_the_state_it_began_with_as_it_was() -> None:
    before = state()
    Draft(before).audited(AuditAction.RUN_CLAIMED, NOON)
    assert before == state()


TELL = {
    "audit": lambda draft: draft.audited(AuditAction.BUILD_POSTPONED, NOON),
    "status": lambda draft: draft.status_changed(ExecutionStatus.SCHEDULED, NOON),
    "rollback": lambda draft: draft.rollback_recorded(RECORD),
    "store": lambda draft: Draft(draft.state.model_validate_json(draft.state.model_dump_json()), draft.messages),
}


@given(st.lists(st.sampled_from(sorted(TELL)), max_size=30))
def test_no_key_is_used_twice_and_the_same_history_has_the_same_keys(steps: list[str]) -> None:
    def keys() -> list[str]:
        draft = Draft(state())
        for step in steps:
            draft = TELL[step](draft)
        return [message.key for message in draft.messages]

    assert len(set(keys())) == len(keys())
    assert keys() == keys()


def test_states_of_other_origins_and_other_runs_have_keys_of_their_own() -> None:
    drafts = [
        Draft(there).audited(AuditAction.RUN_CLAIMED, NOON)
        for there in (state(), state(origin="there"), state(run=run(id="run-2")))
    ]
    assert len({draft.messages[0].key for draft in drafts}) == 3
