"""The state of a run: small, closed, and whole after a round trip through JSON."""

from typing import Any

import pytest
from pydantic import ValidationError
from tests.unit.executor_core.facts import (
    NOON,
    PRIMARY,
    RUN_ID,
    after,
    our_index,
    run,
    server,
    state,
    stop,
    watched,
    window,
)

from executor_core.lifecycle import STATUS, TERMINAL_PHASES, Phase
from executor_core.messages import Draft
from executor_core.metrics import DigestRole
from executor_core.model import (
    AuditAction,
    FailReason,
    RollbackRecord,
    RollbackStatus,
    RollbackType,
    VerificationStatus,
    WorkerId,
)
from executor_core.state import ClaimOnRecord, RunState, Stop, WindowKind, origin_of
from executor_core.verdict import Verdict

FULL = state(
    Phase.ROLLING_BACK,
    run=run(created_at=NOON, columns=["customer_id", "note(10) DESC"]),
    messages=17,
    resumed_from="worker-0@20260301T110000",
    claim=ClaimOnRecord(worker_id=WorkerId("worker-1"), fencing_token=3, ends_at=after(60)),
    taken_over=True,
    wake_at=after(5),
    started_at=NOON,
    completed_at=after(900),
    fail_reason=FailReason.VERIFICATION_FAILED,
    message="It got worse.",
    error_message="error 1205: lock wait timeout",
    last_off=after(3),
    server=server(),
    indexes_before=(PRIMARY, our_index()),
    digests=(watched("digest-1"), watched("digest-2", DigestRole.CONTROL)),
    baseline=window(next_in=None, assessed=True, extended=True),
    after=window(next_in=30),
    attempt=2,
    executed_sql="ALTER TABLE …",
    give_up_at=after(300),
    tries=4,
    hidden=True,
    lost_builds=1,
    build_begun_at=after(310),
    stopping_since=after(390),
    built_at=after(400),
    draining={"7": "a transaction"},
    useful=False,
    stop=stop(FailReason.VERIFICATION_FAILED),
    uses_index={"digest-1": True},
    verdict=Verdict(status=VerificationStatus.FAILED, message="It got worse."),
    rollback=RollbackRecord(
        execution_run_id=RUN_ID,
        rollback_type=RollbackType.AUTO,
        trigger_reason="verification_failed",
        rollback_sql="ALTER TABLE …",
        status=RollbackStatus.PENDING,
        created_at=after(800),
    ),
    evidence="somewhere",
)


@pytest.mark.parametrize("there", [state(), FULL], ids=["new", "full"])
def test_a_state_is_whole_after_a_round_trip(there: RunState) -> None:
    assert RunState.model_validate_json(there.model_dump_json()) == there


def test_every_field_of_the_full_state_was_set() -> None:
    unset = {name for name, field in RunState.model_fields.items() if getattr(FULL, name) == field.default}
    assert unset == {"format"}


@pytest.mark.parametrize("phase", Phase)
def test_the_phase_says_the_status_and_whether_the_run_has_finished(phase: Phase) -> None:
    assert state(phase).status is STATUS[phase]
    assert state(phase).finished is (phase in TERMINAL_PHASES)


def test_the_run_id_is_the_runs() -> None:
    assert state(run=run(id="test-tc01-001")).run_id == "test-tc01-001"


@pytest.mark.parametrize(
    "changes",
    [{"format": 2}, {"phase": "sleeping"}, {"added": 1}, {"baseline": {"begins_at": "2026-03-01T12:00:00Z"}}],
    ids=["a newer format", "an unknown phase", "an unknown field", "a torn window"],
)
def test_a_state_that_is_not_exactly_this_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RunState.model_validate(state().model_dump(mode="json") | changes)


def test_a_state_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        state().phase = Phase.COMPLETED  # type: ignore[misc]


def test_a_stop_is_the_executors_own_unless_a_person_asked_for_it() -> None:
    assert Stop(reason=FailReason.KILL_SWITCH, sentence="on").rollback_type is RollbackType.AUTO


def test_the_windows_have_the_names_of_their_fields() -> None:
    assert {kind.value for kind in WindowKind} <= set(RunState.model_fields)


def test_a_window_that_was_cut_short_begins_anew_with_its_whole_length() -> None:
    cut_short = window(next_in=30, assessed=True, extended=True)
    assert cut_short.begun_anew(after(1000)) == cut_short.model_copy(
        update={"begins_at": after(1000), "ends_at": after(1300), "next_sample_at": after(1000)}
    )


def test_a_full_window_stays_as_it_is() -> None:
    assert window(next_in=None).begun_anew(after(1000)) == window(next_in=None)


def test_another_process_goes_on_with_full_patience_and_whole_windows() -> None:
    resumed = FULL.resumed(WorkerId("worker-2"), after(1000))
    assert resumed == FULL.model_copy(
        update={
            "worker_id": WorkerId("worker-2"),
            "origin": origin_of(WorkerId("worker-2"), after(1000)),
            "resumed_from": FULL.origin,
            "tries": 0,
            "give_up_at": None,
            "wake_at": None,
            "draining": None,
            "after": window(next_in=30).begun_anew(after(1000)),
        }
    )


def test_a_run_without_windows_is_resumed_without_them() -> None:
    claimed = state(Phase.CLAIMED)
    assert claimed.resumed(WorkerId("worker-2"), after(5)) == state(
        Phase.CLAIMED,
        worker_id=WorkerId("worker-2"),
        origin=origin_of(WorkerId("worker-2"), after(5)),
        resumed_from=claimed.origin,
    )


def test_two_processes_that_hold_a_run_never_share_a_message_key() -> None:
    first = state(Phase.CLAIMED)
    second = first.resumed(WorkerId("worker-2"), after(5))
    keys = {Draft(held).audited(AuditAction.RUN_CLAIMED, NOON).messages[0].key for held in (first, second)}
    assert len(keys) == 2
