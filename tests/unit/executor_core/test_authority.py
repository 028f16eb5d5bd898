"""The right to act for a run: claimed, kept, and given up when it can't be shown any more."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.executor_core.facts import RUN_ID, WORKER, after, seconds, state
from tests.unit.executor_core.stubs import Worker

from executor_core.authority import announce_claim, claim_run, keep_lease
from executor_core.carrying import NotClaimed
from executor_core.errors import LeaseLost, Refused, Unavailable
from executor_core.lease import Claim, Lease
from executor_core.lifecycle import Phase
from executor_core.state import ClaimOnRecord
from executor_core.tenure import RENEWAL_RETRY, Tenure


def granted(length: float | None = 60, *, token: int | None = 3, renewable: bool = True) -> Claim:
    return Claim(
        run_id=RUN_ID,
        worker_id=WORKER,
        length=None if length is None else seconds(length),
        fencing_token=token,
        renewable=renewable,
    )


def lease_of(worker: Worker) -> Lease:
    assert worker.carried.tenure is not None
    return worker.carried.tenure.lease


# --- claiming --------------------------------------------------------------------------------------------------------


def test_a_claim_that_is_granted_is_a_lease_and_is_on_record() -> None:
    worker = Worker([granted()])
    assert claim_run(worker.carried, worker.ports, WORKER) is None
    assert worker.control_plane.calls == [("claim", RUN_ID, WORKER)]
    assert lease_of(worker) == Lease(claim=granted(), asked_at=seconds(100))
    assert worker.carried.state.claim == ClaimOnRecord(worker_id=WORKER, fencing_token=3, ends_at=after(60))
    assert worker.outbox.messages == []


def test_a_lease_is_trusted_from_before_the_request_however_long_the_answer_took() -> None:
    worker = Worker()
    worker.control_plane.answers = [slow(worker, seconds(4), granted())]
    claim_run(worker.carried, worker.ports, WORKER)
    assert lease_of(worker).trusted_until == seconds(160)


def test_a_claim_of_the_six_calls_has_neither_an_end_nor_a_token() -> None:
    worker = Worker([granted(None, token=None, renewable=False)])
    assert claim_run(worker.carried, worker.ports, WORKER) is None
    assert worker.carried.state.claim == ClaimOnRecord(worker_id=WORKER)


@pytest.mark.parametrize(
    ("error", "status", "patience"),
    [
        (Refused("worker-2 has it", number=409), 409, None),
        (Refused("worker-2 has it"), None, None),
        (Unavailable("worker-2 has it"), None, seconds(0)),
        (Unavailable("worker-2 has it", retry_after=seconds(30)), None, seconds(30)),
    ],
)
def test_a_claim_that_failed_is_audited_and_nothing_else(
    error: Exception, status: int | None, patience: timedelta | None
) -> None:
    worker = Worker([error])
    refused = claim_run(worker.carried, worker.ports, WORKER)
    assert refused == NotClaimed("worker-2 has it", patience)
    assert worker.carried.tenure is None
    assert worker.carried.state == state()
    (message,) = worker.outbox.messages
    assert message.body == {
        "execution_run_id": "run-1",
        "action": "claim_failed",
        "details": {"worker_id": "worker-1", "error": "worker-2 has it", "http_status": status},
        "timestamp": "2026-03-01T12:00:00Z",
    }


def test_no_failed_claim_takes_the_key_of_another_message() -> None:
    worker = Worker([Unavailable("away"), Unavailable("away"), granted()])
    for _ in range(2):
        claim_run(worker.carried, worker.ports, WORKER)
        worker.clock.pass_time(1)
    claim_run(worker.carried, worker.ports, WORKER)
    next_message = announce_claim(worker.carried, worker.ports).messages[0]
    assert len({message.key for message in [*worker.outbox.messages, next_message]}) == 3


# --- announcing ------------------------------------------------------------------------------------------------------


def announced(phase: Phase, claim: Claim | None) -> Any:
    worker = Worker()
    worker.carried.state = state(phase)
    worker.carried.tenure = None if claim is None else Tenure(Lease(claim=claim, asked_at=seconds(100)))
    return announce_claim(worker.carried, worker.ports)


@pytest.mark.parametrize(("claim", "token"), [(granted(), 3), (granted(token=None), None), (None, None)])
def test_a_fresh_run_is_claimed(claim: Claim | None, token: int | None) -> None:
    draft = announced(Phase.SCHEDULED, claim)
    (message,) = draft.messages
    assert message.body["action"] == "run_claimed"
    assert message.body["details"] == {"worker_id": "worker-1", "fencing_token": token, "phase": "scheduled"}
    assert (draft.state.phase, draft.state.taken_over) == (Phase.CLAIMED, False)


@pytest.mark.parametrize("phase", [Phase.CLAIMED, Phase.BUILDING, Phase.ROLLING_BACK])
def test_a_run_that_another_process_had_begun_is_taken_over_where_it_is(phase: Phase) -> None:
    draft = announced(phase, granted())
    (message,) = draft.messages
    assert message.body["action"] == "run_taken_over"
    assert message.body["details"]["phase"] == phase
    assert (draft.state.phase, draft.state.taken_over) == (phase, True)


# --- keeping ---------------------------------------------------------------------------------------------------------


def holding(claim: Claim, *answers: Any) -> Worker:
    """A worker that asked for its lease at 100 s."""
    worker = Worker(answers)
    worker.carried.tenure = Tenure(Lease(claim=claim, asked_at=seconds(100)))
    return worker


def keep(worker: Worker) -> list[str]:
    """Keep the lease, and return which calls were made."""
    made = len(worker.control_plane.calls)
    keep_lease(worker.carried, worker.ports)
    return [call[0] for call in worker.control_plane.calls[made:]]


ONLY_CLAIMED = granted(token=None, renewable=False)


@pytest.mark.parametrize(
    ("claim", "due"),
    [(granted(), 120), (ONLY_CLAIMED, 140), (granted(None), None)],
    ids=["by renewal", "by another claim", "never"],
)
def test_a_renewal_is_due(claim: Claim, due: float | None) -> None:
    assert Tenure(Lease(claim=claim, asked_at=seconds(100))).due_at() == (None if due is None else seconds(due))


def test_a_run_that_is_not_claimed_has_no_lease_to_keep() -> None:
    assert keep(Worker()) == []


def test_a_lease_without_an_end_is_kept_without_a_word() -> None:
    worker = holding(granted(None, renewable=False))
    worker.clock.pass_time(10_000_000)
    assert keep(worker) == []


@pytest.mark.parametrize(
    ("claim", "due", "call"),
    [(granted(), 20, ("renew", granted())), (ONLY_CLAIMED, 40, ("claim", RUN_ID, WORKER))],
    ids=["by renewal", "by another claim"],
)
class TestARenewal:
    def test_it_is_not_asked_for_before_it_is_due(self, claim: Claim, due: float, call: Any) -> None:
        worker = holding(claim)
        worker.clock.pass_time(due - 0.001)
        assert keep(worker) == []

    def test_it_begins_a_new_lease(self, claim: Claim, due: float, call: Any) -> None:
        worker = holding(claim, granted(90, token=4))
        worker.clock.pass_time(due)
        keep(worker)
        assert worker.control_plane.calls == [call]
        assert lease_of(worker) == Lease(claim=granted(90, token=4), asked_at=seconds(100 + due))
        assert worker.carried.state.claim == ClaimOnRecord(worker_id=WORKER, fencing_token=4, ends_at=after(due + 90))

    def test_without_an_answer_it_is_asked_for_again_a_little_later(self, claim: Claim, due: float, call: Any) -> None:
        worker = holding(claim, Unavailable("away"), claim)
        worker.clock.pass_time(due)
        assert keep(worker) == [call[0]]
        assert keep(worker) == []
        worker.clock.pass_time(RENEWAL_RETRY.total_seconds())
        assert keep(worker) == [call[0]]

    def test_without_an_answer_until_its_end_the_lease_is_lost(self, claim: Claim, due: float, call: Any) -> None:
        worker = holding(claim, *[Unavailable("away")] * 100)
        worker.clock.pass_time(due)
        while worker.clock.since < seconds(160):
            assert keep(worker) == [call[0]]
            worker.clock.pass_time(1)
        with pytest.raises(LeaseLost, match="the lease of run run-1 ended and could not be renewed"):
            keep(worker)

    def test_a_no_while_the_lease_lasts_may_only_mean_that_we_hold_it(
        self, claim: Claim, due: float, call: Any
    ) -> None:
        worker = holding(claim, Refused("somebody holds it", number=409), claim)
        worker.clock.pass_time(due)
        assert keep(worker) == [call[0]]
        worker.clock.pass_time(60 - due - 0.001)
        assert keep(worker) == []
        worker.clock.pass_time(0.001)
        assert keep(worker) == [call[0]]
        assert lease_of(worker) == Lease(claim=claim, asked_at=seconds(160))

    def test_a_no_after_its_end_means_that_somebody_else_does(self, claim: Claim, due: float, call: Any) -> None:
        worker = holding(claim, Refused("somebody holds it", number=409))
        worker.clock.pass_time(60)
        with pytest.raises(LeaseLost, match="the run run-1 is somebody else's now: somebody holds it"):
            keep(worker)

    def test_an_answer_that_took_longer_than_the_lease_is_no_lease(self, claim: Claim, due: float, call: Any) -> None:
        worker = holding(claim)
        worker.clock.pass_time(due)
        worker.control_plane.answers = [slow(worker, seconds(60), claim)]
        with pytest.raises(LeaseLost):
            keep(worker)

    def test_the_control_planes_word_that_the_lease_is_lost_is_final(self, claim: Claim, due: float, call: Any) -> None:
        worker = holding(claim, LeaseLost("worker-2 has it"))
        worker.clock.pass_time(due)
        with pytest.raises(LeaseLost, match="worker-2 has it"):
            keep(worker)


def slow(worker: Worker, duration: timedelta, answer: Claim) -> Callable[[], Claim]:
    """An answer that takes its time."""

    def answered() -> Claim:
        worker.clock.pass_time(duration.total_seconds())
        return answer

    return answered
