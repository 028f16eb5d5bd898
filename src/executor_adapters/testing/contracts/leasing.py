"""The contract of a `ControlPlane` whose server has leases, fencing, idempotency and a listing."""

# ruff: noqa: S101 -- asserting is what a contract does

from datetime import timedelta
from typing import Protocol

import pytest

from executor_adapters.testing.contracts.control_plane import ONE, RUN, TWO, ControlPlaneBench, ControlPlaneContract
from executor_adapters.testing.contracts.samples import NOON, a_rollback, a_run, a_status, an_audit_entry
from executor_core.errors import LeaseLost, Refused
from executor_core.model import RunId
from executor_core.ports import ControlPlane, Message


class LeasingControlPlaneBench(ControlPlaneBench, Protocol):
    """A control plane whose server knows more than the six calls."""

    def request_rollback(self, run_id: RunId, reason: str) -> None:
        """Ask that the index of an ended run be taken back."""
        ...


class LeasingControlPlaneContract(ControlPlaneContract):
    """What a `ControlPlane` must do whose server knows more than the six calls."""

    def test_a_claim_says_how_long_it_lasts_and_what_shows_it(self, plane: ControlPlane) -> None:
        claim = plane.claim(RUN, ONE)
        assert claim.renewable
        assert claim.fencing_token is not None
        assert claim.length is not None
        assert claim.length > timedelta()

    def test_each_claim_has_a_larger_token(self, plane: ControlPlane, bench: ControlPlaneBench) -> None:
        first = plane.claim(RUN, ONE)
        bench.end_lease(RUN)
        second = plane.claim(RUN, TWO)
        assert (first.fencing_token or 0) < (second.fencing_token or 0)

    def test_a_renewal_is_the_same_claim(self, plane: ControlPlane) -> None:
        claim = plane.claim(RUN, ONE)
        renewed = plane.renew(claim)
        assert (renewed.fencing_token, renewed.worker_id) == (claim.fencing_token, ONE)
        assert renewed.length is not None
        assert plane.renew(renewed).renewable

    def test_a_lease_that_has_ended_or_is_another_s_is_lost(
        self, plane: ControlPlane, bench: ControlPlaneBench
    ) -> None:
        claim = plane.claim(RUN, ONE)
        bench.end_lease(RUN)
        with pytest.raises(LeaseLost):
            plane.renew(claim)
        plane.claim(RUN, TWO)
        with pytest.raises(LeaseLost):
            plane.renew(claim)

    def test_a_released_run_can_be_claimed_at_once(self, plane: ControlPlane) -> None:
        claim = plane.claim(RUN, ONE)
        plane.release(claim)
        assert plane.claim(RUN, TWO).worker_id == TWO

    def test_a_release_by_one_who_lost_it_takes_it_from_nobody(
        self, plane: ControlPlane, bench: ControlPlaneBench
    ) -> None:
        stale = plane.claim(RUN, ONE)
        bench.end_lease(RUN)
        newer = plane.claim(RUN, TWO)
        plane.release(stale)
        assert plane.renew(newer).worker_id == TWO

    def test_a_message_delivered_twice_is_delivered_once(self, plane: ControlPlane, bench: ControlPlaneBench) -> None:
        claim = plane.claim(RUN, ONE)
        for message in (a_status("k:1"), an_audit_entry("k:2"), a_rollback("k:3")):
            plane.deliver(message, claim)
            plane.deliver(message, claim)
        assert len(bench.audit(RUN)) == len(bench.rollbacks(RUN)) == 1

    @pytest.mark.parametrize(
        "message", [a_status("k:1", status="failed"), a_rollback("k:1")], ids=["status", "rollback"]
    )
    def test_a_newer_claim_takes_the_right_to_write(
        self, plane: ControlPlane, bench: ControlPlaneBench, message: Message
    ) -> None:
        stale = plane.claim(RUN, ONE)
        bench.end_lease(RUN)
        plane.claim(RUN, TWO)
        with pytest.raises(LeaseLost):
            plane.deliver(message, stale)
        assert bench.status(RUN) == "scheduled"
        assert list(bench.rollbacks(RUN)) == []

    def test_a_status_that_the_table_does_not_have_is_refused(
        self, plane: ControlPlane, bench: ControlPlaneBench
    ) -> None:
        claim = plane.claim(RUN, ONE)
        with pytest.raises(Refused):
            plane.deliver(a_status("k:1", status="rolled_back"), claim)
        assert bench.status(RUN) == "scheduled"

    def test_runs_that_may_be_claimed_are_listed_oldest_first(self, bench: ControlPlaneBench) -> None:
        for minutes, run_id in [(3, "run-3"), (1, "run-1"), (4, "run-4"), (2, "run-2")]:
            created_at = NOON + timedelta(minutes=minutes)
            bench.schedule(a_run(run_id).model_copy(update={"created_at": created_at}))
        bench.plane.claim(RunId("run-2"), ONE)
        assert [run.id for run in bench.plane.scheduled_runs(2)] == ["run-1", "run-3"]
        assert [run.id for run in bench.plane.scheduled_runs(10)] == ["run-1", "run-3", "run-4"]
        bench.end_lease(RunId("run-2"))
        assert "run-2" in [run.id for run in bench.plane.scheduled_runs(10)]

    def test_a_listed_run_is_whole(self, plane: ControlPlane) -> None:
        (listed,) = plane.scheduled_runs(1)
        wanted = a_run()
        assert (listed.columns, listed.query_digests) == (wanted.columns, wanted.query_digests)
        assert (listed.connection_id, listed.index_name) == (wanted.connection_id, wanted.index_name)

    def test_a_run_is_read_as_it_is_on_record(self, plane: ControlPlane) -> None:
        claim = plane.claim(RUN, ONE)
        plane.deliver(a_status("k:1"), claim)
        read, wanted = plane.recorded_run(RUN), a_run()
        assert (read.id, read.columns, read.index_name) == (RUN, wanted.columns, wanted.index_name)
        assert (read.status, read.claimed_by) == ("running", ONE)

    def test_a_run_that_nobody_knows_can_not_be_read(self, plane: ControlPlane) -> None:
        with pytest.raises(Refused) as error:
            plane.recorded_run(RunId("unknown"))
        assert error.value.number == 404

    def test_only_a_manual_rollback_on_record_takes_an_ended_run_back(
        self, plane: ControlPlane, bench: ControlPlaneBench
    ) -> None:
        claim = plane.claim(RUN, ONE)
        plane.deliver(a_status("k:1"), claim)
        plane.deliver(a_status("k:2", status="completed"), claim)
        plane.deliver(a_rollback("k:3", status="failed", rollback_type="manual"), None)
        plane.deliver(a_rollback("k:4", status="completed", rollback_type="auto"), None)
        with pytest.raises(Refused):
            plane.deliver(a_status("k:5", status="rolled_back"), None)
        assert bench.status(RUN) == "completed"
        plane.deliver(a_rollback("k:6", status="completed", rollback_type="manual"), None)
        plane.deliver(a_status("k:7", status="rolled_back"), None)
        assert bench.status(RUN) == "rolled_back"

    # --- rollbacks that people ask for

    @pytest.fixture
    def asked(self, plane: ControlPlane, bench: LeasingControlPlaneBench) -> ControlPlane:
        """The client under test; the server knows one run, which completed, and is asked to take its index back."""
        claim = plane.claim(RUN, ONE)
        plane.deliver(a_status("k:1"), claim)
        plane.deliver(a_status("k:2", status="completed"), claim)
        plane.release(claim)
        bench.request_rollback(RUN, "orders got slow")
        return plane

    def test_nobody_asks_for_a_rollback_at_first(self, plane: ControlPlane) -> None:
        assert list(plane.rollback_requests()) == []

    def test_a_request_names_its_run_and_its_reason(self, asked: ControlPlane) -> None:
        (request,) = asked.rollback_requests()
        assert (request.run.id, request.run.status, request.reason) == (RUN, "completed", "orders got slow")
        assert request.run.index_name == a_run().index_name

    @pytest.mark.parametrize("status", ["completed", "failed"])
    def test_the_record_of_a_manual_rollback_that_has_ended_settles_a_request(
        self, asked: ControlPlane, status: str
    ) -> None:
        asked.deliver(a_rollback("k:3", status=status), None)
        asked.deliver(a_rollback("k:4", status="pending", rollback_type="manual"), None)
        assert len(asked.rollback_requests()) == 1
        asked.deliver(a_rollback("k:5", status=status, rollback_type="manual"), None)
        assert list(asked.rollback_requests()) == []

    def test_a_rollback_that_is_asked_for_is_claimed_like_a_run(
        self, asked: ControlPlane, bench: ControlPlaneBench
    ) -> None:
        claim = asked.claim_rollback(RUN, ONE)
        assert claim.renewable
        assert asked.renew(claim).fencing_token == claim.fencing_token
        with pytest.raises(Refused) as error:
            asked.claim_rollback(RUN, TWO)
        assert error.value.number == 409
        bench.end_lease(RUN)
        newer = asked.claim_rollback(RUN, TWO)
        assert (claim.fencing_token or 0) < (newer.fencing_token or 0)
        with pytest.raises(LeaseLost):
            asked.deliver(a_rollback("k:3", status="completed", rollback_type="manual"), claim)
        asked.release(newer)
        assert asked.claim_rollback(RUN, ONE).worker_id == ONE

    def test_a_run_that_was_handed_back_when_it_ended_is_another_s_to_take_back_at_once(
        self, plane: ControlPlane, bench: LeasingControlPlaneBench
    ) -> None:
        carried = plane.claim(RUN, ONE)
        plane.deliver(a_status("k:1"), carried)
        plane.deliver(a_status("k:2", status="completed"), carried)
        bench.request_rollback(RUN, "orders got slow")
        with pytest.raises(Refused) as error:
            plane.claim_rollback(RUN, TWO)
        assert error.value.number == 409
        plane.release(carried)
        newer = plane.claim_rollback(RUN, TWO)
        assert (carried.fencing_token or 0) < (newer.fencing_token or 0)
        with pytest.raises(LeaseLost):
            plane.deliver(a_status("k:3", status="failed"), carried)
        assert bench.status(RUN) == "completed"
        plane.deliver(an_audit_entry("k:4"), carried)
        assert len(bench.audit(RUN)) == 1

    def test_one_that_nobody_asks_for_any_more_can_not_be_claimed(self, asked: ControlPlane) -> None:
        asked.deliver(a_rollback("k:3", status="failed", rollback_type="manual"), None)
        with pytest.raises(Refused) as error:
            asked.claim_rollback(RUN, ONE)
        assert error.value.number == 409

    def test_a_run_that_has_ended_is_not_carried_again_for_a_request(self, asked: ControlPlane) -> None:
        assert list(asked.scheduled_runs(10)) == []
        with pytest.raises(Refused) as error:
            asked.claim(RUN, ONE)
        assert error.value.number == 409
