from datetime import timedelta

import pytest

from executor_adapters.memory import FakeClock, FakeControlPlane
from executor_adapters.testing.contracts.samples import a_run, a_status, an_audit_entry
from executor_core.errors import LeaseLost, Refused, Unavailable
from executor_core.model import ConnectionId, ExecutionStatus, RunId, WorkerId

RUN, ONE, TWO = RunId("run-1"), WorkerId("worker-1"), WorkerId("worker-2")
LEASE = timedelta(seconds=60)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def plane(clock: FakeClock) -> FakeControlPlane:
    plane = FakeControlPlane(clock, lease=LEASE)
    plane.schedule(a_run())
    return plane


def test_a_lease_ends_by_the_clock_of_the_control_plane(clock: FakeClock, plane: FakeControlPlane) -> None:
    claim = plane.claim(RUN, ONE)
    clock.advance(LEASE - timedelta(microseconds=1))
    claim = plane.renew(claim)
    clock.advance(LEASE)
    with pytest.raises(LeaseLost):
        plane.renew(claim)
    assert plane.claim(RUN, TWO).fencing_token == 2


def test_without_leases_others_are_kept_out_for_as_long(clock: FakeClock) -> None:
    plane = FakeControlPlane(clock, lease=LEASE, leases=False)
    plane.schedule(a_run())
    plane.claim(RUN, ONE)
    with pytest.raises(Refused):
        plane.claim(RUN, TWO)
    clock.advance(LEASE)
    plane.claim(RUN, TWO)


def test_a_run_that_is_over_can_not_be_claimed(plane: FakeControlPlane) -> None:
    claim = plane.claim(RUN, ONE)
    plane.deliver(a_status("k:1"), claim)
    plane.deliver(a_status("k:2", status="failed", fail_reason="kill_switch", message="it was on"), claim)
    with pytest.raises(Refused):
        plane.claim(RUN, ONE)
    run = plane.run(RUN)
    assert (run.status, run.fail_reason, run.message) == (ExecutionStatus.FAILED, "kill_switch", "it was on")
    assert [body["status"] for _, body in plane.statuses] == ["running", "failed"]


def test_what_is_no_status_change_is_refused(plane: FakeControlPlane) -> None:
    claim = plane.claim(RUN, ONE)
    with pytest.raises(Refused) as error:
        plane.deliver(a_status("k:1", status="nonsense"), claim)
    assert error.value.number == 422
    assert plane.statuses == []


def test_a_message_that_failed_is_taken_when_it_comes_again(plane: FakeControlPlane) -> None:
    plane.fail("audit", Unavailable("503"), times=2)
    for _ in range(2):
        with pytest.raises(Unavailable):
            plane.deliver(an_audit_entry("k:1"), None)
    plane.deliver(an_audit_entry("k:1"), None)
    assert plane.actions(RUN) == ["index_added"]


def test_a_callback_sees_what_has_taken_effect(plane: FakeControlPlane) -> None:
    def engage_once_the_index_is_there() -> None:
        plane.set_kill_switch(active="index_added" in plane.actions(RUN), reason="a test")

    plane.on("audit", engage_once_the_index_is_there)
    connection = ConnectionId("conn-1")
    assert not plane.kill_switch(connection).global_active
    plane.deliver(an_audit_entry("k:1"), None)
    assert plane.kill_switch(connection).global_active
