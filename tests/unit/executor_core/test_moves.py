"""What each event does to a run, and what is said of it: every message, in order, to the letter."""

from typing import Any

import pytest
from tests.unit.executor_core.facts import INDEX, NOON, RUN_ID, after, seconds, state, stop

from executor_core.actions import Move
from executor_core.ddl import drop_index
from executor_core.errors import IllegalTransition
from executor_core.lifecycle import TERMINAL_PHASES, TRANSITIONS, Event, Phase
from executor_core.messages import Draft
from executor_core.model import (
    ExecutionStatus,
    FailReason,
    RollbackRecord,
    RollbackStatus,
    RollbackType,
    VerificationStatus,
)
from executor_core.moves import moved, refused_by_scope
from executor_core.pacing import Pacing
from executor_core.ports import MessageKind
from executor_core.state import RunState, Stop, WindowPlan
from executor_core.verdict import Verdict

PENDING = RollbackRecord(
    execution_run_id=RUN_ID,
    rollback_type=RollbackType.AUTO,
    trigger_reason="kill_switch",
    rollback_sql=drop_index("shop", "orders", "idx_customer"),
    status=RollbackStatus.PENDING,
    created_at=NOON,
)


def after_move(there: RunState, move: Move, pacing: Pacing | None = None) -> Draft:
    return moved(there, move, INDEX, "shop", NOON, pacing or Pacing())


def told(draft: Draft) -> list[str]:
    """What is said, in order: an audit entry by its action, a call by its kind and its status."""
    return [
        message.body["action"] if message.kind is MessageKind.AUDIT else f"{message.kind}: {message.body['status']}"
        for message in draft.messages
    ]


def details(draft: Draft, action: str) -> dict[str, Any]:
    """The details of the one entry of that action, the worker's id apart."""
    (entry,) = [message.body for message in draft.messages if message.body.get("action") == action]
    return {name: value for name, value in entry["details"].items() if name != "worker_id"}


STARTED = ["status_change", "status: running"]
FAILED = ["status_change", "status: failed"]
MANUAL = ["status_change", "status: requires_manual"]

TOLD = {
    (Phase.SCHEDULED, Event.SCOPE_REFUSED): ["scope_refused", *FAILED],
    (Phase.SCHEDULED, Event.CLAIM_GRANTED): [],
    (Phase.CLAIMED, Event.RUN_STARTED): STARTED,
    (Phase.CLAIMED, Event.PREFLIGHT_REFUSED): ["preflight_refused", *FAILED],
    (Phase.CHECKING, Event.KILL_SWITCH_ENGAGED): ["kill_switch_engaged", *FAILED],
    (Phase.CHECKING, Event.PREFLIGHT_REFUSED): ["preflight_refused", *FAILED],
    (Phase.CHECKING, Event.PERSON_NEEDED): MANUAL,
    (Phase.CHECKING, Event.PREFLIGHT_PASSED): [],
    (Phase.CHECKING, Event.BUILD_FOUND): ["build_found"],
    (Phase.SAMPLING_BASELINE, Event.KILL_SWITCH_ENGAGED): ["kill_switch_engaged", *FAILED],
    (Phase.SAMPLING_BASELINE, Event.PREFLIGHT_REFUSED): ["preflight_refused", *FAILED],
    (Phase.SAMPLING_BASELINE, Event.PERSON_NEEDED): MANUAL,
    (Phase.SAMPLING_BASELINE, Event.BASELINE_COLLECTED): ["baseline_metrics_collected"],
    (Phase.SAMPLING_BASELINE, Event.BUILD_FOUND): ["build_found"],
    (Phase.BUILDING, Event.BUILD_FINISHED): ["index_added"],
    (Phase.BUILDING, Event.BUILD_FAILED): ["build_failed", *FAILED],
    (Phase.BUILDING, Event.ONLINE_BUILD_REFUSED): ["build_failed", *MANUAL],
    (Phase.BUILDING, Event.PERSON_NEEDED): MANUAL,
    (Phase.BUILDING, Event.KILL_SWITCH_ENGAGED): ["kill_switch_engaged"],
    (Phase.BUILDING, Event.BUILD_GIVEN_UP): ["build_given_up"],
    (Phase.STOPPING_BUILD, Event.BUILD_STOPPED): ["build_stopped", *FAILED],
    (Phase.STOPPING_BUILD, Event.BUILD_FINISHED): ["index_added", "rollback_started"],
    (Phase.STOPPING_BUILD, Event.PERSON_NEEDED): MANUAL,
    (Phase.BUILT, Event.KILL_SWITCH_ENGAGED): ["kill_switch_engaged", "rollback_started"],
    (Phase.BUILT, Event.POSTCHECK_FAILED): ["rollback_started"],
    (Phase.BUILT, Event.POSTCHECK_PASSED): [],
    (Phase.BUILT, Event.INDEX_LOST): FAILED,
    (Phase.BUILT, Event.PERSON_NEEDED): MANUAL,
    (Phase.BUILT, Event.DRAIN_BEGUN): ["drain_started"],
    (Phase.DRAINING, Event.KILL_SWITCH_ENGAGED): ["kill_switch_engaged", "rollback_started"],
    (Phase.DRAINING, Event.DRAIN_FINISHED): ["drain_completed"],
    (Phase.DRAINING, Event.DRAIN_FAILED): ["rollback_started"],
    (Phase.DRAINING, Event.INDEX_LOST): FAILED,
    (Phase.DRAINING, Event.PERSON_NEEDED): MANUAL,
    (Phase.PUBLISHING, Event.KILL_SWITCH_ENGAGED): ["kill_switch_engaged", "rollback_started"],
    (Phase.PUBLISHING, Event.INDEX_PUBLISHED): ["index_published"],
    (Phase.PUBLISHING, Event.INDEX_UNUSED): ["verification_completed", "rollback_started"],
    (Phase.PUBLISHING, Event.PUBLISH_FAILED): ["rollback_started"],
    (Phase.PUBLISHING, Event.INDEX_LOST): FAILED,
    (Phase.PUBLISHING, Event.PERSON_NEEDED): MANUAL,
    (Phase.WATCHING, Event.KILL_SWITCH_ENGAGED): ["kill_switch_engaged", "rollback_started"],
    (Phase.WATCHING, Event.VERIFICATION_SUCCEEDED): ["status_change", "status: completed"],
    (Phase.WATCHING, Event.VERIFICATION_INCONCLUSIVE): ["status_change", "status: completed"],
    (Phase.WATCHING, Event.VERIFICATION_FAILED): ["rollback_started"],
    (Phase.WATCHING, Event.INDEX_LOST): FAILED,
    (Phase.WATCHING, Event.PERSON_NEEDED): MANUAL,
    (Phase.ROLLING_BACK, Event.INDEX_DROPPED): [
        "index_dropped",
        "rollback: completed",
        "status_change",
        "status: rolled_back",
    ],
    (Phase.ROLLING_BACK, Event.DROP_FAILED): ["rollback_failed", "rollback: failed", *FAILED],
    (Phase.ROLLING_BACK, Event.PERSON_NEEDED): ["rollback_failed", "rollback: failed", *MANUAL],
}


def test_every_row_of_the_table_of_phases_is_tested_here() -> None:
    assert set(TOLD) == set(TRANSITIONS)


def before(phase: Phase, **changes: Any) -> RunState:
    """A state as it usually is in `phase`, in the middle of retrying something."""
    usual: dict[str, Any] = {"attempt": 1, "tries": 3, "give_up_at": after(60), "wake_at": after(5)}
    if phase in (Phase.STOPPING_BUILD, Phase.ROLLING_BACK):
        usual["stop"] = stop()
    if phase is Phase.ROLLING_BACK:
        usual["rollback"] = PENDING
    return state(phase, **(usual | changes))


def a_move(event: Event) -> Move:
    return Move(
        event=event,
        fail_reason=FailReason.EXECUTION_ERROR,
        message="So it ended.",
        error_message="error 7: no luck",
        stop=stop(FailReason.VERIFICATION_FAILED),
    )


@pytest.mark.parametrize(("phase", "event"), TOLD)
def test_every_event_is_told_in_order(phase: Phase, event: Event) -> None:
    assert told(after_move(before(phase), a_move(event))) == TOLD[phase, event]


@pytest.mark.parametrize(("phase", "event"), TOLD)
def test_every_event_leads_where_the_table_says_and_what_was_retried_is_forgotten(phase: Phase, event: Event) -> None:
    there = after_move(before(phase), a_move(event)).state
    assert there.phase is TRANSITIONS[phase, event]
    assert (there.tries, there.give_up_at, there.wake_at) == (0, None, None)


@pytest.mark.parametrize(("phase", "event"), TOLD)
def test_the_end_of_a_run_says_why_and_only_the_end_does(phase: Phase, event: Event) -> None:
    there = after_move(before(phase), a_move(event)).state
    if TRANSITIONS[phase, event] in TERMINAL_PHASES:
        assert (there.completed_at, there.fail_reason) == (NOON, FailReason.EXECUTION_ERROR)
        assert (there.message, there.error_message) == ("So it ended.", "error 7: no luck")
    else:
        assert (there.completed_at, there.fail_reason, there.message) == (None, None, None)


@pytest.mark.parametrize(("phase", "event"), [row for row in TOLD if TRANSITIONS[row] in TERMINAL_PHASES])
def test_the_terminal_status_is_told_last_with_the_reason_and_the_messages(phase: Phase, event: Event) -> None:
    draft = after_move(before(phase), a_move(event))
    assert draft.messages[-1].body == {
        "status": draft.state.status,
        "fail_reason": "execution_error",
        "message": "So it ended.",
        "error_message": "error 7: no luck",
    }


@pytest.mark.parametrize(("phase", "event"), TOLD)
def test_the_keys_of_what_is_told_go_on_from_the_state(phase: Phase, event: Event) -> None:
    draft = after_move(before(phase, messages=5), a_move(event))
    assert [message.key for message in draft.messages] == [
        f"run-1:here:{5 + number}" for number in range(len(TOLD[phase, event]))
    ]
    assert draft.state.messages == 5 + len(draft.messages)


def test_an_event_that_the_table_does_not_have_is_illegal() -> None:
    with pytest.raises(IllegalTransition):
        after_move(state(Phase.COMPLETED), a_move(Event.INDEX_DROPPED))


def test_a_success_has_no_reason() -> None:
    draft = after_move(before(Phase.WATCHING), Move(event=Event.VERIFICATION_SUCCEEDED, message="It did no harm."))
    assert draft.messages[-1].body == {"status": "completed", "message": "It did no harm."}


def test_an_error_that_is_on_record_stays_where_a_move_has_none() -> None:
    there = before(Phase.ROLLING_BACK, error_message="the index 'fk' disappeared")
    assert after_move(there, Move(event=Event.INDEX_DROPPED)).state.error_message == "the index 'fk' disappeared"


# --- the start -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "seen", "taken_over"),
    [(False, None, False), (False, False, False), (False, True, True), (True, False, True), (True, True, True)],
)
def test_a_run_that_starts_says_when_and_whether_it_was_taken_over(
    known: bool, seen: bool | None, taken_over: bool
) -> None:
    move = Move(event=Event.RUN_STARTED, details={} if seen is None else {"taken_over": seen})
    there = after_move(before(Phase.CLAIMED, taken_over=known), move).state
    assert (there.started_at, there.taken_over) == (NOON, taken_over)


def test_warnings_are_told_one_by_one() -> None:
    warnings = [{"code": "already_served", "sentence": "one"}, {"code": "already_served", "sentence": "two"}]
    draft = after_move(before(Phase.CHECKING), Move(event=Event.PREFLIGHT_PASSED, details={"warnings": warnings}))
    assert told(draft) == ["preflight_warning", "preflight_warning"]
    assert [message.body["details"]["sentence"] for message in draft.messages] == ["one", "two"]


def test_an_announcement_has_the_texts_and_the_details_of_its_move() -> None:
    move = Move(
        event=Event.PREFLIGHT_REFUSED,
        fail_reason=FailReason.EXECUTION_ERROR,
        message="Refused.",
        error_message="it is a view",
        details={"code": "not_a_table"},
    )
    assert details(after_move(before(Phase.CHECKING), move), "preflight_refused") == {
        "message": "Refused.",
        "error_message": "it is a view",
        "code": "not_a_table",
    }


def test_a_kill_switch_before_the_build_ends_the_run_with_its_reason() -> None:
    move = Move(
        event=Event.KILL_SWITCH_ENGAGED,
        fail_reason=FailReason.KILL_SWITCH,
        message="Stopped: incident 7.",
        stop=stop(),
        details={"reason": "incident 7"},
    )
    draft = after_move(before(Phase.CHECKING), move)
    assert details(draft, "kill_switch_engaged") == {"message": "Stopped: incident 7.", "reason": "incident 7"}
    assert draft.messages[-1].body == {
        "status": "failed",
        "fail_reason": "kill_switch",
        "message": "Stopped: incident 7.",
    }
    assert draft.state.rollback is None


def test_a_run_out_of_scope_is_refused_and_nothing_else_happens() -> None:
    draft = refused_by_scope(state(), "the action 'DROP' is out of scope", NOON)
    assert told(draft) == ["scope_refused", *FAILED]
    assert details(draft, "scope_refused") == {"error_message": "the action 'DROP' is out of scope"}
    assert draft.messages[-1].body == {
        "status": "failed",
        "fail_reason": "out_of_scope",
        "message": "Refused, out of scope: the action 'DROP' is out of scope",
        "error_message": "the action 'DROP' is out of scope",
    }
    assert (draft.state.phase, draft.state.completed_at) == (Phase.FAILED, NOON)


def test_a_run_that_has_begun_cannot_be_refused_by_its_scope() -> None:
    with pytest.raises(IllegalTransition):
        refused_by_scope(state(Phase.BUILDING), "too late", NOON)


# --- the index -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("attempt", "action"), [(1, "index_added"), (3, "index_added"), (0, "index_adopted")])
@pytest.mark.parametrize("phase", [Phase.BUILDING, Phase.STOPPING_BUILD])
def test_an_index_is_added_by_whom_began_to_build_it_and_adopted_by_anybody_else(
    phase: Phase, attempt: int, action: str
) -> None:
    sql = "ALTER TABLE …" if attempt else None
    draft = after_move(
        before(phase, attempt=attempt, executed_sql=sql),
        Move(event=Event.BUILD_FINISHED, details={"build_running": False}),
    )
    assert told(draft)[0] == action
    assert details(draft, action) == {
        "table_name": "orders",
        "index_name": "idx_customer",
        "columns": ["customer_id", "note(10) DESC"],
        "attempt": attempt,
        "executed_sql": sql,
        "build_running": False,
    }
    assert draft.state.built_at == NOON


@pytest.mark.parametrize(
    ("phase", "event"), [(Phase.BUILT, Event.POSTCHECK_PASSED), (Phase.PUBLISHING, Event.INDEX_PUBLISHED)]
)
def test_an_index_that_is_in_use_is_watched_for_the_window_after_it_settled(phase: Phase, event: Event) -> None:
    pacing = Pacing(settle=seconds(20), after_window=seconds(300))
    there = after_move(before(phase), Move(event=event), pacing).state
    assert there.after == WindowPlan(
        begins_at=after(20), ends_at=after(320), next_sample_at=after(20), next_look_at=after(80)
    )


# --- the rollback ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("phase", "event"), [row for row, phase in TRANSITIONS.items() if phase is Phase.ROLLING_BACK])
def test_a_rollback_begins_with_a_pending_record(phase: Phase, event: Event) -> None:
    draft = after_move(before(phase), Move(event=event, stop=stop()))
    assert draft.state.rollback == PENDING
    assert details(draft, "rollback_started") == {
        "trigger_reason": "kill_switch",
        "sentence": "somebody said so",
        "rollback_sql": "ALTER TABLE `shop`.`orders` DROP INDEX `idx_customer`, ALGORITHM=INPLACE, LOCK=NONE",
    }
    assert draft.state.status is ExecutionStatus.RUNNING


def test_a_rollback_that_a_stop_on_record_demands_has_its_reason() -> None:
    on_record = Stop(
        reason=FailReason.VERIFICATION_FAILED, sentence="a person asked", rollback_type=RollbackType.MANUAL
    )
    draft = after_move(before(Phase.STOPPING_BUILD, stop=on_record), Move(event=Event.BUILD_FINISHED))
    assert draft.state.rollback is not None
    assert draft.state.rollback.rollback_type is RollbackType.MANUAL
    assert draft.state.rollback.trigger_reason == "verification_failed"


def test_the_stop_of_a_move_takes_the_place_of_the_one_on_record() -> None:
    move = Move(event=Event.VERIFICATION_FAILED, stop=stop(FailReason.VERIFICATION_FAILED))
    there = after_move(before(Phase.WATCHING, stop=stop()), move).state
    assert there.stop == stop(FailReason.VERIFICATION_FAILED)
    assert there.rollback is not None
    assert there.rollback.trigger_reason == "verification_failed"


def test_no_rollback_begins_without_a_reason() -> None:
    with pytest.raises(AssertionError, match="begins a rollback without a reason"):
        after_move(before(Phase.WATCHING), Move(event=Event.VERIFICATION_FAILED))
    with pytest.raises(AssertionError, match="taken back for a reason"):
        after_move(before(Phase.PUBLISHING), Move(event=Event.INDEX_UNUSED))


def test_an_index_that_nobody_would_use_has_failed_its_verification() -> None:
    draft = after_move(before(Phase.PUBLISHING), a_move(Event.INDEX_UNUSED))
    sentence = stop(FailReason.VERIFICATION_FAILED).sentence
    assert draft.state.verdict == Verdict(status=VerificationStatus.FAILED, message=sentence)
    assert draft.messages[0].body["details"].items() >= {"verification_status": "failed", "message": sentence}.items()


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (Event.INDEX_DROPPED, RollbackStatus.COMPLETED),
        (Event.DROP_FAILED, RollbackStatus.FAILED),
        (Event.PERSON_NEEDED, RollbackStatus.FAILED),
    ],
)
def test_a_rollback_ends_with_its_record_and_the_record_is_told_once(event: Event, status: RollbackStatus) -> None:
    draft = after_move(before(Phase.ROLLING_BACK), a_move(event))
    ended = PENDING.model_copy(update={"status": status})
    assert draft.state.rollback == ended
    records = [message.body for message in draft.messages if message.kind is MessageKind.ROLLBACK]
    assert records == [ended.model_dump(mode="json")]


def test_a_drop_that_failed_is_audited_with_what_the_server_said() -> None:
    draft = after_move(before(Phase.ROLLING_BACK), a_move(Event.DROP_FAILED))
    assert details(draft, "rollback_failed") == {"message": "So it ended.", "error_message": "error 7: no luck"}


def test_a_rollback_that_is_left_to_a_person_is_audited_with_what_was_to_be_done() -> None:
    draft = after_move(before(Phase.ROLLING_BACK), Move(event=Event.PERSON_NEEDED))
    assert details(draft, "rollback_failed") == {
        "trigger_reason": "kill_switch",
        "sentence": "somebody said so",
        "rollback_sql": PENDING.rollback_sql,
    }


def test_a_rollback_that_never_began_cannot_end() -> None:
    with pytest.raises(AssertionError, match="a rollback that ends was begun"):
        after_move(before(Phase.ROLLING_BACK, rollback=None), a_move(Event.INDEX_DROPPED))


def test_a_person_who_is_needed_before_any_rollback_has_no_record() -> None:
    draft = after_move(before(Phase.WATCHING), a_move(Event.PERSON_NEEDED))
    assert draft.state.rollback is None
    assert not any(message.kind is MessageKind.ROLLBACK for message in draft.messages)


def test_a_move_leaves_the_state_it_began_with_as_it_was() -> None:
    there = before(Phase.WATCHING)
    after_move(there, a_move(Event.VERIFICATION_FAILED))
    assert there == before(Phase.WATCHING)
