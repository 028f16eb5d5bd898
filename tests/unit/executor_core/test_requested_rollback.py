"""A worker takes back what somebody asked for at the control plane, on the fakes."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.executor_core.engine_world import SHORT, Process

from executor_adapters.memory import FakeWorld, MemoryJournal
from executor_core.carrying import Finished, Interrupted, NotClaimed, Ports, Step, Waiting
from executor_core.delivery import LAST_WORD_PATIENCE
from executor_core.errors import CheckpointUnusable, ExecutorError, InvalidInput, LeaseLost, Refused, Unavailable
from executor_core.lease import DEFAULT_LEASE
from executor_core.model import ConnectionId, ExecutionRun, ExecutionStatus, RollbackStatus, RunId, WorkerId
from executor_core.ports import RollbackRequest
from executor_core.requested_rollback import RequestedRollback
from executor_core.switchboard import look_at_switch
from executor_core.tenure import Tenure

RUN = RunId("run-1")
REASON = "orders got slow"


class Keeper:
    """A lease keeper that notes whose leases it keeps, and renews nothing."""

    def __init__(self) -> None:
        self.kept: list[Tenure] = []

    def keep(self, tenure: Tenure, lost: object) -> None:
        self.kept.append(tenure)

    def let_go(self, tenure: Tenure) -> None:
        self.kept.remove(tenure)


class Shared:
    """A switchboard that notes what it was asked for."""

    def __init__(self, ports: Ports) -> None:
        self.asked: list[ConnectionId] = []
        self._ports = ports

    def read(self, connection_id: ConnectionId, *, since: object) -> object:
        self.asked.append(connection_id)
        return look_at_switch(connection_id, self._ports.control_plane, self._ports.clock)


class Asked:
    """A world with a run that completed, and a person who wants its index back."""

    def __init__(self) -> None:
        self.world = FakeWorld()
        self.plane = self.world.control_plane
        self.process = Process(self.world, rules=SHORT)
        assert isinstance(self.process.carry(self.world.run("customer_id")), Finished)
        self.plane.end_lease(RUN)
        self.plane.request_rollback(RUN, REASON)

    @property
    def request(self) -> RollbackRequest:
        (request,) = self.plane.rollback_requests()
        return request

    @property
    def run(self) -> ExecutionRun:
        return self.plane.run(RUN)

    def taking(self, ports: Ports | None = None, *, worker: str = "worker-1") -> RequestedRollback:
        return RequestedRollback(
            REASON, ports=ports or self.process.ports, worker_id=WorkerId(worker), pacing=SHORT.pacing
        )

    def carry(self, taking: RequestedRollback, run: ExecutionRun | None = None) -> Step:
        run = run or self.run
        for _ in range(1000):
            step = taking.advance(run)
            if not isinstance(step, Waiting):
                return step
            self.world.clock.wait(step.until - self.world.clock.now())
        raise AssertionError("no end in sight")

    @property
    def indexes(self) -> set[str]:
        return set(self.world.server.indexes("orders"))

    @property
    def records(self) -> list[tuple[str, str, str]]:
        return [(each["rollback_type"], each["status"], each["trigger_reason"]) for each in self.plane.rollbacks]

    @property
    def settled(self) -> bool:
        return not self.plane.rollback_requests()

    def is_untouched(self) -> bool:
        return "idx_customer_id" in self.indexes and self.records == [] and not self.settled


@pytest.fixture
def asked() -> Asked:
    return Asked()


def test_the_index_is_taken_back_and_the_request_settled(asked: Asked) -> None:
    end = asked.carry(asked.process.engine.requested_rollback(asked.request))
    assert isinstance(end, Finished)
    assert (end.state.status, end.undelivered, end.refused) == (ExecutionStatus.ROLLED_BACK, 0, 0)
    assert asked.indexes == {"PRIMARY"}
    assert asked.records == [("manual", "completed", REASON)]
    assert asked.settled
    assert asked.run.status is ExecutionStatus.ROLLED_BACK
    assert asked.plane.actions(RUN)[-3:] == ["rollback_started", "index_dropped", "status_change"]


def test_a_worker_of_another_machine_takes_it_back_too(asked: Asked) -> None:
    elsewhere = Process(asked.world, "worker-2", rules=SHORT, journal=MemoryJournal())
    end = asked.carry(asked.taking(elsewhere.ports, worker="worker-2"))
    assert isinstance(end, Finished)
    assert (asked.indexes, asked.records) == ({"PRIMARY"}, [("manual", "completed", REASON)])
    assert asked.run.status is ExecutionStatus.ROLLED_BACK


def test_what_was_claimed_is_held_until_it_is_done(asked: Asked) -> None:
    taking = asked.taking()
    assert not taking.holds(asked.run)
    taking.advance(asked.run)
    assert taking.holds(asked.run)
    with pytest.raises(Refused, match="worker-1 holds"):
        asked.plane.claim_rollback(RUN, WorkerId("worker-2"))
    asked.carry(taking)
    assert not taking.holds(asked.run)


@pytest.mark.parametrize("connection_id", [None, ConnectionId("shop")], ids=["global", "connection"])
def test_a_kill_switch_keeps_it_from_being_begun(asked: Asked, connection_id: ConnectionId | None) -> None:
    asked.plane.set_kill_switch(active=True, connection_id=connection_id, reason="maintenance")
    end = asked.carry(asked.taking())
    assert isinstance(end, NotClaimed)
    assert "is not begun: the" in end.reason
    assert "maintenance" in end.reason
    assert asked.is_untouched()
    asked.plane.set_kill_switch(active=False, connection_id=connection_id)
    assert isinstance(asked.carry(asked.taking()), Finished)
    assert asked.indexes == {"PRIMARY"}


def test_a_kill_switch_that_can_not_be_read_keeps_it_from_being_begun(asked: Asked) -> None:
    asked.plane.fail("kill_switch", Unavailable("a time-out"))
    assert isinstance(asked.carry(asked.taking()), NotClaimed)
    assert asked.is_untouched()


def test_what_is_begun_is_brought_to_its_end(asked: Asked) -> None:
    asked.process.database.fail("drop_index", Unavailable("busy"), times=2)
    taking = asked.taking()
    assert isinstance(taking.advance(asked.run), Waiting)
    asked.plane.set_kill_switch(active=True)
    asked.carry(taking)
    assert asked.indexes == {"PRIMARY"}


def test_the_switchboard_is_read_where_there_is_one(asked: Asked) -> None:
    shared = Shared(asked.process.ports)
    asked.plane.set_kill_switch(active=True)
    ports = replace(asked.process.ports, switchboard=shared)
    assert isinstance(asked.carry(asked.taking(ports)), NotClaimed)
    assert shared.asked == ["shop"]


def test_one_that_another_worker_does_is_left_to_it(asked: Asked) -> None:
    asked.plane.claim_rollback(RUN, WorkerId("worker-2"))
    end = asked.carry(asked.taking())
    assert isinstance(end, NotClaimed)
    assert end.patience is None
    assert asked.is_untouched()


def test_a_claim_that_can_not_be_asked_for_is_made_later(asked: Asked) -> None:
    asked.plane.fail("claim_rollback", Unavailable("too many", retry_after=timedelta(seconds=7)), times=1)
    end = asked.carry(asked.taking())
    assert end == NotClaimed("too many", timedelta(seconds=7))
    assert asked.is_untouched()


def test_a_connection_that_is_not_configured_is_another_worker_s(asked: Asked) -> None:
    def target(_: ConnectionId) -> object:
        raise InvalidInput("shop is not configured")

    taking = asked.taking(replace(asked.process.ports, target=target))
    with pytest.raises(InvalidInput, match="not configured"):
        taking.advance(asked.run)
    assert taking.leave(asked.run)
    asked.plane.claim_rollback(RUN, WorkerId("worker-2"))


def test_a_state_that_can_not_be_read_is_said_before_anything_is_claimed(asked: Asked) -> None:
    asked.world.journal.load = lambda _: (_ for _ in ()).throw(CheckpointUnusable("torn"))  # type: ignore[method-assign]
    taking = asked.taking()
    with pytest.raises(CheckpointUnusable):
        taking.advance(asked.run)
    assert not taking.holds(asked.run)


def test_where_there_is_nothing_to_take_back_that_settles_it_too(asked: Asked) -> None:
    asked.world.server.remove_index("orders", "idx_customer_id")
    asked.world.server.add_index("orders", "idx_customer_id", ["customer_id"])
    end = asked.carry(asked.taking())
    assert isinstance(end, Finished)
    assert end.state.status is ExecutionStatus.COMPLETED
    assert "idx_customer_id" in asked.indexes
    assert asked.records == [("manual", "failed", REASON)]
    assert asked.settled
    assert asked.run.status is ExecutionStatus.COMPLETED
    assert "left alone" in asked.plane.audit[-1]["details"]["error_message"]
    assert end.state.rollback is None


def test_a_run_out_of_scope_has_nothing_to_take_back(asked: Asked) -> None:
    run = asked.run.model_copy(update={"action": "DROP_INDEX"})
    journal = MemoryJournal()
    ports = replace(asked.process.ports, checkpoints=journal, outbox=journal)
    asked.carry(asked.taking(ports), run)
    assert asked.records == [("manual", "failed", REASON)]
    assert "idx_customer_id" in asked.indexes


def test_a_drop_that_fails_settles_it(asked: Asked) -> None:
    asked.process.database.fail("drop_index", Refused("denied", number=1142))
    end = asked.carry(asked.taking())
    assert isinstance(end, Finished)
    assert end.state.rollback is not None
    assert end.state.rollback.status is RollbackStatus.FAILED
    assert asked.records == [("manual", "failed", REASON)]
    assert asked.settled


@pytest.mark.parametrize("error", [Unavailable("down"), Refused("denied", number=1045)])
def test_a_target_that_can_not_be_looked_at_leaves_it_open(asked: Asked, error: ExecutorError) -> None:
    asked.process.database.fail("inspect", error)
    taking = asked.taking()
    with pytest.raises(type(error)):
        taking.advance(asked.run)
    assert taking.leave(asked.run)
    assert asked.is_untouched()
    assert asked.plane.claim_rollback(RUN, WorkerId("worker-2"))


def test_a_target_that_is_lost_on_the_way_leaves_it_open(asked: Asked) -> None:
    asked.process.database.fail("inspect", Unavailable("down"), after=1)
    assert isinstance(asked.carry(asked.taking()), Interrupted)
    assert not asked.settled
    asked.process.database.faults.heal()
    asked.carry(asked.taking())
    assert asked.records == [("manual", "completed", REASON)]


def test_a_release_that_fails_is_no_harm(asked: Asked) -> None:
    asked.plane.fail("release", Unavailable("down"))
    assert isinstance(asked.carry(asked.taking()), Finished)
    assert asked.settled


# --- the lease -------------------------------------------------------------------------------------------------------


def test_the_lease_is_renewed_while_the_table_is_busy(asked: Asked) -> None:
    renewed: list[None] = []
    asked.plane.on("renew", lambda: renewed.append(None))
    asked.process.database.fail("drop_index", Unavailable("busy"))
    asked.carry(asked.taking())
    assert renewed
    assert asked.records == [("manual", "failed", REASON)]


def test_a_lease_keeper_keeps_it_for_as_long_as_it_is_held(asked: Asked) -> None:
    keeper = Keeper()
    taking = asked.taking(replace(asked.process.ports, lease_keeper=keeper))
    asked.process.database.fail("drop_index", Unavailable("busy"), times=1)
    taking.advance(asked.run)
    assert len(keeper.kept) == 1
    asked.carry(taking)
    assert keeper.kept == []


def test_a_lease_that_is_lost_lets_nothing_more_be_done(asked: Asked) -> None:
    asked.process.database.fail("drop_index", Unavailable("busy"), times=1)
    taking = asked.taking()
    taking.advance(asked.run)
    asked.plane.fail("renew", LeaseLost("another's"))
    asked.world.clock.advance(DEFAULT_LEASE / 2)
    end = taking.advance(asked.run)
    assert isinstance(end, Interrupted)
    assert "idx_customer_id" in asked.indexes
    assert not taking.holds(asked.run)


def test_a_lease_that_is_lost_while_the_table_is_looked_at_lets_nothing_be_sent(asked: Asked) -> None:
    asked.process.database.on("inspect", lambda: asked.world.clock.advance(2 * DEFAULT_LEASE))
    assert isinstance(asked.carry(asked.taking()), Interrupted)
    assert "idx_customer_id" in asked.indexes
    assert not asked.settled


# --- what is told ----------------------------------------------------------------------------------------------------


def test_an_end_that_can_not_be_told_at_once_is_told_again(asked: Asked) -> None:
    asked.process.database.on("drop_index", lambda: asked.plane.fail("deliver", Unavailable("down"), times=2))
    end = asked.carry(asked.taking())
    assert isinstance(end, Finished)
    assert end.undelivered == 0
    assert asked.settled


def test_an_end_that_stays_untold_is_told_before_the_request_is_taken_up_again(asked: Asked) -> None:
    asked.process.database.on("drop_index", lambda: asked.plane.fail("deliver", Unavailable("down")))
    before = asked.world.clock.monotonic()
    end = asked.carry(asked.taking())
    assert isinstance(end, Finished)
    assert end.undelivered > 0
    assert asked.world.clock.monotonic() - before >= LAST_WORD_PATIENCE
    assert not asked.settled
    assert isinstance(asked.carry(asked.taking()), NotClaimed)
    asked.plane.faults.heal()
    assert isinstance(asked.carry(asked.taking()), NotClaimed)
    assert asked.settled
    assert asked.records == [("manual", "completed", REASON)]
    assert asked.run.status is ExecutionStatus.ROLLED_BACK
