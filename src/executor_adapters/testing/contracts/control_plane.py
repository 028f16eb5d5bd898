"""The contract of `ControlPlane`."""

# ruff: noqa: S101 -- asserting is what a contract does

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import pytest

from executor_adapters.testing.contracts.samples import a_rollback, a_run, a_status, an_audit_entry
from executor_core.errors import Refused, Unavailable
from executor_core.kill_switch import KillSwitchAnswer
from executor_core.lease import Claim
from executor_core.model import ConnectionId, ExecutionRun, RunId, WorkerId
from executor_core.ports import ControlPlane

RUN, CONNECTION = RunId("run-1"), ConnectionId("conn-1")
ONE, TWO = WorkerId("worker-1"), WorkerId("worker-2")

CALLS: Mapping[str, Callable[[ControlPlane], object]] = {
    "claim": lambda plane: plane.claim(RUN, ONE),
    "kill_switch": lambda plane: plane.kill_switch(CONNECTION),
    "deliver": lambda plane: plane.deliver(an_audit_entry("k"), None),
    "scheduled_runs": lambda plane: plane.scheduled_runs(1),
    "recorded_run": lambda plane: plane.recorded_run(RUN),
    "rollback_requests": lambda plane: plane.rollback_requests(),
    "claim_rollback": lambda plane: plane.claim_rollback(RUN, ONE),
}


class ControlPlaneBench(Protocol):
    """A control plane to test against, from both sides: as a client, and as the one who runs it."""

    @property
    def plane(self) -> ControlPlane:
        """The client under test."""
        ...

    def unreachable(self) -> ControlPlane:
        """The same client of a server that is not there."""
        ...

    def schedule(self, run: ExecutionRun) -> None:
        """Make the server know a run."""
        ...

    def set_kill_switch(self, *, active: bool, connection_id: ConnectionId | None, reason: str | None) -> None:
        """Turn a switch on or off."""
        ...

    def end_lease(self, run_id: RunId) -> None:
        """Let the lease on a run end, as if its time were over."""
        ...

    def status(self, run_id: RunId) -> str:
        """The run's status on the server."""
        ...

    def audit(self, run_id: RunId) -> Sequence[dict[str, Any]]:
        """The run's audit entries on the server, in order."""
        ...

    def rollbacks(self, run_id: RunId) -> Sequence[dict[str, Any]]:
        """The run's rollback records on the server, in order."""
        ...


class ControlPlaneContract:
    """What every `ControlPlane` must do, over the six calls."""

    @pytest.fixture
    def bench(self) -> ControlPlaneBench:
        """The server and the client under test; the server knows nothing yet."""
        raise NotImplementedError

    @pytest.fixture
    def plane(self, bench: ControlPlaneBench) -> ControlPlane:
        """The client under test; the server knows one run."""
        bench.schedule(a_run())
        return bench.plane

    # --- claims

    def test_a_free_run_can_be_claimed(self, plane: ControlPlane) -> None:
        claim = plane.claim(RUN, ONE)
        assert (claim.run_id, claim.worker_id) == (RUN, ONE)

    def test_a_run_that_somebody_holds_is_refused_as_a_conflict(self, plane: ControlPlane) -> None:
        plane.claim(RUN, ONE)
        with pytest.raises(Refused) as error:
            plane.claim(RUN, TWO)
        assert error.value.number == 409

    def test_its_own_worker_may_claim_a_run_again(self, plane: ControlPlane) -> None:
        plane.claim(RUN, ONE)
        assert plane.claim(RUN, ONE).worker_id == ONE

    def test_a_run_whose_lease_has_ended_can_be_claimed(self, plane: ControlPlane, bench: ControlPlaneBench) -> None:
        plane.claim(RUN, ONE)
        bench.end_lease(RUN)
        assert plane.claim(RUN, TWO).worker_id == TWO

    def test_a_run_that_is_not_known_is_refused(self, plane: ControlPlane) -> None:
        with pytest.raises(Refused) as error:
            plane.claim(RunId("unknown"), ONE)
        assert error.value.number == 404

    @pytest.mark.parametrize("run_id", ["a:b", "ä", "a%2Fb", "..", "a&b=c", "+"])
    def test_any_id_can_be_claimed(self, bench: ControlPlaneBench, run_id: str) -> None:
        bench.schedule(a_run(run_id))
        assert bench.plane.claim(RunId(run_id), ONE).run_id == run_id
        with pytest.raises(Refused):
            bench.plane.claim(RunId(run_id), TWO)

    def test_what_can_not_be_renewed_is_not(self, plane: ControlPlane) -> None:
        claim = Claim(run_id=RUN, worker_id=ONE)
        with pytest.raises(Refused):
            plane.renew(claim)

    def test_a_release_does_nothing_where_there_is_no_such_call(self, plane: ControlPlane) -> None:
        plane.claim(RUN, ONE)
        plane.release(Claim(run_id=RUN, worker_id=ONE))
        with pytest.raises(Refused):
            plane.claim(RUN, TWO)

    # --- the kill switch

    def test_both_switches_are_off_at_first(self, plane: ControlPlane) -> None:
        answer = plane.kill_switch(CONNECTION)
        assert answer == KillSwitchAnswer(global_active=False, connection_active=False)

    def test_the_global_switch_is_everybody_s(self, plane: ControlPlane, bench: ControlPlaneBench) -> None:
        bench.set_kill_switch(active=True, connection_id=None, reason="maintenance")
        answer = plane.kill_switch(CONNECTION)
        assert (answer.global_active, answer.reason) == (True, "maintenance")

    def test_a_connection_s_switch_is_its_own(self, plane: ControlPlane, bench: ControlPlaneBench) -> None:
        bench.set_kill_switch(active=True, connection_id=CONNECTION, reason=None)
        assert plane.kill_switch(CONNECTION).connection_active
        other = plane.kill_switch(ConnectionId("conn-2"))
        assert (other.global_active, other.connection_active) == (False, False)

    def test_a_switch_can_be_turned_off_again(self, plane: ControlPlane, bench: ControlPlaneBench) -> None:
        bench.set_kill_switch(active=True, connection_id=CONNECTION, reason=None)
        bench.set_kill_switch(active=False, connection_id=CONNECTION, reason=None)
        assert not plane.kill_switch(CONNECTION).connection_active

    # --- messages

    def test_a_status_is_told(self, plane: ControlPlane, bench: ControlPlaneBench) -> None:
        claim = plane.claim(RUN, ONE)
        plane.deliver(a_status("k:1"), claim)
        assert bench.status(RUN) == "running"

    def test_audit_entries_and_rollbacks_are_told_in_order(self, plane: ControlPlane, bench: ControlPlaneBench) -> None:
        claim = plane.claim(RUN, ONE)
        plane.deliver(an_audit_entry("k:1", action="index_added"), claim)
        plane.deliver(a_rollback("k:2"), claim)
        plane.deliver(an_audit_entry("k:3", action="rollback_failed"), claim)
        assert [entry["action"] for entry in bench.audit(RUN)] == ["index_added", "rollback_failed"]
        assert [entry["details"] for entry in bench.audit(RUN)] == [{"key": "k:1"}, {"key": "k:3"}]
        assert [record["trigger_reason"] for record in bench.rollbacks(RUN)] == ["it got worse"]

    def test_an_audit_entry_needs_no_claim(self, plane: ControlPlane, bench: ControlPlaneBench) -> None:
        plane.deliver(an_audit_entry("k:1"), None)
        assert len(bench.audit(RUN)) == 1

    # --- nobody there

    @pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
    def test_a_server_that_is_not_there_is_unavailable(
        self, bench: ControlPlaneBench, call: Callable[[ControlPlane], object]
    ) -> None:
        with pytest.raises(Unavailable):
            call(bench.unreachable())


class BareControlPlaneContract(ControlPlaneContract):
    """What a `ControlPlane` must do whose server has the six calls and nothing else."""

    def test_where_there_is_no_listing_it_is_refused(self, plane: ControlPlane) -> None:
        with pytest.raises(Refused):
            plane.scheduled_runs(1)

    def test_where_runs_can_not_be_read_that_is_refused(self, plane: ControlPlane) -> None:
        with pytest.raises(Refused):
            plane.recorded_run(RUN)

    def test_where_nobody_can_ask_for_a_rollback_that_is_refused(self, plane: ControlPlane) -> None:
        with pytest.raises(Refused):
            plane.rollback_requests()
        with pytest.raises(Refused):
            plane.claim_rollback(RUN, ONE)

    def test_a_claim_promises_nothing_that_the_server_did_not_say(self, plane: ControlPlane) -> None:
        assert plane.claim(RUN, ONE) == Claim(run_id=RUN, worker_id=ONE)
