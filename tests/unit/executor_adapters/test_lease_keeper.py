"""The lease keeper: real threads and a real clock, against control planes that stall, fail and refuse."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from executor_adapters.clock import SystemClock
from executor_adapters.lease_keeper import ThreadedLeaseKeeper
from executor_adapters.memory import FakeControlPlane
from executor_core.errors import LeaseLost, Refused, Unavailable
from executor_core.lease import Claim, Lease
from executor_core.model import ExecutionRun, RunId, WorkerId
from executor_core.tenure import Tenure

LONG = timedelta(seconds=30)
SHORT = timedelta(milliseconds=300)
PATIENCE = 20
WORKER = WorkerId("worker-1")


class WithoutRenewal(FakeControlPlane):
    """A control plane whose claims have an end, and no renewal."""

    def claim(self, run_id: RunId, worker_id: WorkerId) -> Claim:
        return replace(super().claim(run_id, worker_id), renewable=False)


class House:
    """A keeper, a control plane whose leases are short, and what was heard of both."""

    def __init__(self, lease: timedelta = SHORT, kind: type[FakeControlPlane] = FakeControlPlane) -> None:
        self.clock = SystemClock()
        self.control_plane = kind(self.clock, lease=lease)
        self.keeper = ThreadedLeaseKeeper(self.control_plane, self.clock)
        self.lost = threading.Event()
        self.renewals = threading.Semaphore(0)
        self.control_plane.on("renew", self.renewals.release)

    def claimed(self, run_id: str = "run-1") -> Tenure:
        run = ExecutionRun(
            id=run_id,
            connection_id="shop",
            action="ADD_INDEX",
            table_name="orders",
            index_name="i",
            columns=("a",),
            query_digests=(),
        )
        self.control_plane.schedule(run)
        asked_at = self.clock.monotonic()
        return Tenure(Lease(claim=self.control_plane.claim(RunId(run_id), WORKER), asked_at=asked_at))

    def keep(self, tenure: Tenure) -> None:
        self.keeper.keep(tenure, self.lost.set)

    def renewed(self, times: int) -> bool:
        return all(self.renewals.acquire(timeout=PATIENCE) for _ in range(times))


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    yield house
    house.keeper.close()


def test_a_lease_is_renewed_again_and_again_by_nobody_elses_doing(house: House) -> None:
    tenure = house.claimed()
    first = tenure.ends_at
    house.keep(tenure)
    assert house.renewed(5)
    assert first is not None
    assert tenure.ends_at is not None
    assert tenure.ends_at > first
    assert not house.lost.is_set()


def test_leases_of_any_length_are_kept_beside_each_other(house: House) -> None:
    patient = House(LONG)
    tenure = patient.claimed("run-2")
    house.keep(tenure)
    house.keep(house.claimed())
    assert house.renewed(3)
    assert tenure.ends_at == tenure.lease.asked_at + LONG
    patient.keeper.close()


def test_a_renewal_that_stalls_keeps_nobody_elses_from_being_made(house: House) -> None:
    stalled, go_on = threading.Event(), threading.Event()

    def stall() -> None:
        if not stalled.is_set():
            stalled.set()
            go_on.wait(PATIENCE)

    house.control_plane.on("renew", stall)
    house.keep(house.claimed("run-1"))
    assert stalled.wait(PATIENCE)
    other = house.claimed("run-2")
    house.keeper.keep(other, lambda: None)
    assert house.renewed(4)
    assert other.lost is None
    go_on.set()


def test_a_renewal_that_stalls_past_the_end_of_the_lease_loses_it_before_its_answer_comes(house: House) -> None:
    go_on = threading.Event()

    def stall() -> None:
        go_on.wait(PATIENCE)

    house.control_plane.on("renew", stall)
    tenure = house.claimed()
    house.keep(tenure)
    assert house.lost.wait(PATIENCE)
    go_on.set()
    assert not tenure.holds(house.clock.monotonic())


def test_an_outage_that_ends_in_time_costs_nothing(house: House) -> None:
    house.control_plane.fail("renew", Unavailable("HTTP 503"), times=2)
    tenure = house.claimed()
    house.keep(tenure)
    assert house.renewed(2)
    assert tenure.lost is None


def test_an_outage_that_lasts_loses_the_lease_at_its_end(house: House) -> None:
    house.control_plane.fail("renew", Unavailable("HTTP 503"))
    tenure = house.claimed()
    house.keep(tenure)
    assert house.lost.wait(PATIENCE)
    assert tenure.ends_at is not None
    assert house.clock.monotonic() >= tenure.ends_at


@pytest.mark.parametrize("error", [LeaseLost("worker-2 has it"), RuntimeError("a bug")], ids=["another's", "a bug"])
def test_it_is_told_once_when_a_lease_is_lost(house: House, error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    house.control_plane.fail("renew", error)  # type: ignore[arg-type]
    calls: list[int] = []

    def lost() -> None:
        calls.append(1)
        house.lost.set()
        raise RuntimeError("and it could not even be stopped")

    house.keeper.keep(house.claimed(), lost)
    assert house.lost.wait(PATIENCE)
    second = House()
    second.keep(second.claimed())
    assert second.renewed(3)
    second.keeper.close()
    assert calls == [1]


def test_a_lease_that_was_let_go_is_neither_renewed_nor_missed(house: House) -> None:
    tenure = house.claimed("run-1")
    house.keep(tenure)
    house.keeper.let_go(tenure)
    house.keeper.let_go(tenure)
    other = house.claimed("run-2")
    house.keeper.keep(other, lambda: None)
    assert house.renewed(4)
    assert not house.lost.is_set()
    assert tenure.ends_at == tenure.lease.asked_at + SHORT


class TestWhereOnlyAnotherClaimRenews:
    @pytest.fixture
    def house(self) -> Iterator[House]:
        house = House(kind=WithoutRenewal)
        yield house
        house.keeper.close()

    def test_it_is_claimed_again(self, house: House) -> None:
        tenure = house.claimed()
        claims = threading.Semaphore(0)
        house.control_plane.on("claim", claims.release)
        house.keep(tenure)
        assert all(claims.acquire(timeout=PATIENCE) for _ in range(3))
        assert tenure.lost is None

    def test_a_no_before_its_end_is_asked_once_more_at_its_end(self, house: House) -> None:
        house.control_plane.fail("claim", Refused("somebody holds it", number=409), times=1, after=1)
        tenure = house.claimed()
        first = tenure.lease
        claimed = threading.Event()
        house.control_plane.on("claim", claimed.set)
        house.keep(tenure)
        assert claimed.wait(PATIENCE)
        assert first.trusted_until is not None
        assert house.clock.monotonic() >= first.trusted_until
        assert tenure.lost is None

    def test_a_no_at_its_end_loses_it(self, house: House) -> None:
        tenure = house.claimed()
        house.control_plane.fail("claim", Refused("somebody holds it", number=409))
        house.keep(tenure)
        assert house.lost.wait(PATIENCE)
        assert tenure.lost == "the run run-1 is somebody else's now: somebody holds it"


def test_a_lease_without_an_end_is_left_alone(house: House) -> None:
    tenure = Tenure(Lease(claim=Claim(run_id=RunId("run-1"), worker_id=WORKER), asked_at=house.clock.monotonic()))
    house.keep(tenure)
    house.keep(house.claimed("run-2"))
    assert house.renewed(2)
    assert tenure.lost is None
    assert not house.lost.is_set()
