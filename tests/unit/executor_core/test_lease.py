"""Claims and leases: one holder at a time, tokens that grow, and a trust that ends before the lease does."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.unit.executor_core.facts import NOON, RUN_ID, WORKER, after, seconds

from executor_core.lease import Claim, ClaimRow, Lease, granted, has_authority, may_claim
from executor_core.model import WorkerId

OTHER = WorkerId("worker-2")
MINUTE = seconds(60)


def lease(length: timedelta | None = MINUTE, *, renewable: bool = True, asked_at: float = 100) -> Lease:
    claim = Claim(run_id=RUN_ID, worker_id=WORKER, length=length, renewable=renewable)
    return Lease(claim=claim, asked_at=seconds(asked_at))


def row(token: int = 1) -> ClaimRow:
    return ClaimRow(claimed_by=WORKER, claimed_at=NOON, expires_at=after(60), fencing_token=token)


# --- what a worker trusts --------------------------------------------------------------------------------------------


def test_trust_begins_before_the_request_and_lasts_the_length() -> None:
    assert lease().trusted_until == seconds(160)


@pytest.mark.parametrize(("monotonic", "held"), [(100, True), (159.999, True), (160, False), (500, False)])
def test_a_lease_is_held_until_its_end(monotonic: float, held: bool) -> None:
    assert lease().holds(seconds(monotonic)) is held


def test_a_lease_without_a_length_is_held_as_long_as_the_process_lives() -> None:
    endless = lease(None)
    assert endless.trusted_until is None
    assert endless.holds(timedelta(days=365))


def test_a_lease_is_renewed_after_a_third_of_its_length() -> None:
    assert lease().renewal_due_at() == seconds(120)


@pytest.mark.parametrize("kept", [lease(None), lease(renewable=False)], ids=["no length", "no renewal"])
def test_a_lease_that_cannot_be_renewed_is_never_due(kept: Lease) -> None:
    assert kept.renewal_due_at() is None


# --- what a control plane grants -------------------------------------------------------------------------------------


def test_a_free_run_may_be_claimed() -> None:
    assert may_claim(None, WORKER, NOON)
    assert granted(None, WORKER, NOON, MINUTE) == row()


@pytest.mark.parametrize(("at", "allowed"), [(0, False), (59.999, False), (60, True), (61, True)])
def test_another_worker_may_claim_once_the_lease_has_ended(at: float, allowed: bool) -> None:
    assert may_claim(row(), OTHER, after(at)) is allowed


@pytest.mark.parametrize("at", [0, 59, 61])
def test_the_holder_may_always_claim_again(at: float) -> None:
    assert may_claim(row(), WORKER, after(at))


def test_a_change_of_hands_has_a_larger_token() -> None:
    assert granted(row(3), OTHER, after(60), MINUTE) == ClaimRow(
        claimed_by=OTHER, claimed_at=after(60), expires_at=after(120), fencing_token=4
    )


def test_a_renewal_keeps_the_token_and_the_time_of_the_claim() -> None:
    assert granted(row(3), WORKER, after(30), MINUTE) == ClaimRow(
        claimed_by=WORKER, claimed_at=NOON, expires_at=after(90), fencing_token=3
    )


def test_the_same_worker_after_the_end_of_its_lease_has_a_larger_token() -> None:
    assert granted(row(3), WORKER, after(60), MINUTE).fencing_token == 4


@pytest.mark.parametrize(
    ("there", "token", "authority"),
    [
        (row(3), 3, True),
        (row(3), 2, False),
        (row(3), 4, False),
        (row(3), None, True),
        (None, 1, False),
        (None, None, True),
    ],
)
def test_only_the_newest_token_has_authority(there: ClaimRow | None, token: int | None, authority: bool) -> None:
    assert has_authority(there, token) is authority


# --- both, with several workers, late answers and time ---------------------------------------------------------------

LENGTH = seconds(60)
WORKERS = st.sampled_from([WorkerId(f"worker-{number}") for number in range(3)])
DURATIONS = st.sampled_from([timedelta(milliseconds=1), seconds(1), seconds(20), seconds(39), seconds(59), seconds(60)])
PICK = st.integers(0, 1000)


@dataclass(frozen=True)
class Request:
    worker: WorkerId
    asked_at: timedelta


@dataclass(frozen=True)
class Answer:
    request: Request
    row: ClaimRow


class ClaimsAndTime(RuleBasedStateMachine):
    """Workers ask, requests arrive late or never, answers come back late or never, and time passes all along.

    Each worker's monotonic clock has an origin of its own, and the server's clock is not theirs.
    """

    def __init__(self) -> None:
        super().__init__()
        self.time = timedelta()
        self.row: ClaimRow | None = None
        self.tokens_given: list[tuple[int, WorkerId]] = []
        self.requests: list[Request] = []
        self.answers: list[Answer] = []
        self.leases: dict[WorkerId, Lease] = {}
        self.waits_for: dict[WorkerId, Request] = {}

    def monotonic(self, worker: WorkerId) -> timedelta:
        return self.time + timedelta(hours=ord(worker[-1]))

    @rule(duration=DURATIONS)
    def time_passes(self, duration: timedelta) -> None:
        self.time += duration

    @rule(worker=WORKERS)
    def a_worker_asks(self, worker: WorkerId) -> None:
        if worker not in self.waits_for:
            self.waits_for[worker] = Request(worker, self.monotonic(worker))
            self.requests.append(self.waits_for[worker])

    @precondition(lambda self: self.requests)
    @rule(pick=PICK)
    def a_request_arrives(self, pick: int) -> None:
        request = self.requests.pop(pick % len(self.requests))
        now = NOON + self.time
        if not may_claim(self.row, request.worker, now):
            self.waits_for.pop(request.worker, None)
            return
        self.row = granted(self.row, request.worker, now, LENGTH)
        self.tokens_given.append((self.row.fencing_token, self.row.claimed_by))
        self.answers.append(Answer(request, self.row))

    @precondition(lambda self: self.answers)
    @rule(pick=PICK)
    def an_answer_is_heard(self, pick: int) -> None:
        answer = self.answers.pop(pick % len(self.answers))
        request = answer.request
        if self.waits_for.get(request.worker) is request:
            del self.waits_for[request.worker]
            claim = Claim(
                run_id=RUN_ID, worker_id=request.worker, length=LENGTH, fencing_token=answer.row.fencing_token
            )
            self.leases[request.worker] = Lease(claim=claim, asked_at=request.asked_at)

    @rule(worker=WORKERS)
    def a_worker_stops_listening(self, worker: WorkerId) -> None:
        self.waits_for.pop(worker, None)

    def trusting(self) -> list[Lease]:
        return [kept for worker, kept in self.leases.items() if kept.holds(self.monotonic(worker))]

    @invariant()
    def at_most_one_worker_trusts_its_lease(self) -> None:
        assert len(self.trusting()) <= 1

    @invariant()
    def no_trust_outlasts_the_servers_lease(self) -> None:
        for kept in self.trusting():
            assert self.row is not None
            assert self.row.claimed_by == kept.claim.worker_id
            assert self.row.expires_at > NOON + self.time
            assert kept.trusted_until is not None
            left = kept.trusted_until - self.monotonic(kept.claim.worker_id)
            assert left <= self.row.expires_at - (NOON + self.time)

    @invariant()
    def a_worker_that_trusts_its_lease_has_authority(self) -> None:
        for kept in self.trusting():
            assert has_authority(self.row, kept.claim.fencing_token)

    @invariant()
    def the_token_grows_with_each_change_of_hands(self) -> None:
        for (earlier, was), (later, now) in zip(self.tokens_given, self.tokens_given[1:], strict=False):
            assert later > earlier or (later == earlier and was == now)

    @invariant()
    def an_older_token_never_has_authority(self) -> None:
        newest = 0 if self.row is None else self.row.fencing_token
        assert not any(has_authority(self.row, token) for token, _ in self.tokens_given if token < newest)


ClaimsAndTime.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestClaimsAndTime = ClaimsAndTime.TestCase
