"""A person takes the index of a run that has ended back, on the fakes."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.executor_core.engine_world import SHORT, Calls, Dying, Process, ProcessDied

from executor_adapters.memory import FakeWorld
from executor_core.carrying import Finished, Interrupted, Ports, Waiting
from executor_core.errors import ExecutorError, InvalidInput, OutcomeUnknown, Refused, StillNeeded, Unavailable
from executor_core.manual_rollback import ManualRollback, state_of_ended
from executor_core.model import (
    ConnectionId,
    ExecutionRun,
    ExecutionStatus,
    RollbackStatus,
    RollbackType,
    RunId,
    WorkerId,
)
from executor_core.state import RunState

RUN = RunId("run-1")


@dataclass
class Ended:
    """A world with a run that has come to its end."""

    world: FakeWorld = field(default_factory=FakeWorld)

    def __post_init__(self) -> None:
        self.process = Process(self.world, rules=SHORT)

    def carried(self, column: str = "customer_id") -> "Ended":
        step = self.process.carry(self.world.run(column))
        assert isinstance(step, Finished)
        return self

    @property
    def state(self) -> RunState:
        state = self.world.journal.load(RUN)
        assert state is not None
        return state

    def taking(self, reason: str = "orders got slow", *, ports: Ports | None = None, state: Any = None) -> Any:
        return ManualRollback(
            state or self.state,
            reason,
            ports=ports or self.process.ports,
            worker_id=WorkerId("a-person"),
            pacing=SHORT.pacing,
        )

    def take_back(self, reason: str = "orders got slow", **how: Any) -> Finished | Interrupted:
        taking = self.taking(reason, **how)
        for _ in range(1000):
            step = taking.advance()
            if not isinstance(step, Waiting):
                return step
            self.world.clock.wait(step.until - self.world.clock.now())
        raise AssertionError("no end in sight")

    def told(self, end: Finished | Interrupted) -> Finished:
        assert isinstance(end, Finished)
        return self.process.engine.recall(end.state)

    @property
    def indexes(self) -> set[str]:
        return set(self.world.server.indexes("orders"))

    @property
    def records(self) -> list[tuple[str, str, str]]:
        plane = self.world.control_plane
        return [(each["rollback_type"], each["status"], each["trigger_reason"]) for each in plane.rollbacks]


@pytest.fixture
def completed() -> Ended:
    """A run that completed: its index is there."""
    return Ended().carried()


@pytest.fixture
def stranded() -> Ended:
    """A run whose own rollback failed: its index is still there."""
    ended = Ended()
    ended.process.database.fail("drop_index", Refused("denied", number=1142), times=1)
    return ended.carried("status")


def test_the_index_of_a_completed_run_is_taken_back_and_told(completed: Ended) -> None:
    end = completed.told(completed.take_back())
    assert completed.indexes == {"PRIMARY"}
    assert (end.state.status, end.undelivered, end.refused) == (ExecutionStatus.ROLLED_BACK, 0, 0)
    assert completed.records == [("manual", "completed", "orders got slow")]
    assert completed.world.control_plane.run(RUN).status is ExecutionStatus.ROLLED_BACK
    assert completed.world.control_plane.actions(RUN)[-3:] == ["rollback_started", "index_dropped", "status_change"]
    change = completed.world.control_plane.audit[-1]
    assert (change["old_status"], change["new_status"]) == ("completed", "rolled_back")
    assert change["details"]["worker_id"] == "a-person"
    assert "orders got slow" in str(end.state.message)
    assert end.state.verdict is not None


def test_what_is_stored_is_the_manual_record(completed: Ended) -> None:
    completed.take_back()
    rollback = completed.state.rollback
    assert rollback is not None
    assert (rollback.rollback_type, rollback.status) == (RollbackType.MANUAL, RollbackStatus.COMPLETED)
    assert "DROP INDEX `idx_customer_id`" in rollback.rollback_sql


def test_a_kill_switch_is_no_obstacle(completed: Ended) -> None:
    completed.world.control_plane.set_kill_switch(active=True)
    completed.take_back()
    assert completed.indexes == {"PRIMARY"}


def test_a_control_plane_that_is_down_is_told_later(completed: Ended) -> None:
    completed.world.control_plane.fail("deliver", Unavailable("down"), times=1)
    end = completed.told(completed.take_back())
    assert completed.indexes == {"PRIMARY"}
    assert end.undelivered == 5
    assert completed.process.engine.deliver_backlog().undelivered == 0
    assert completed.world.control_plane.run(RUN).status is ExecutionStatus.ROLLED_BACK


def test_an_index_that_the_run_could_not_drop_itself_is_taken_back(stranded: Ended) -> None:
    assert stranded.state.status is ExecutionStatus.FAILED
    end = stranded.told(stranded.take_back("the privilege is back"))
    assert stranded.indexes == {"PRIMARY"}
    assert end.state.status is ExecutionStatus.ROLLED_BACK
    assert stranded.records == [
        ("auto", "failed", "verification_failed"),
        ("manual", "completed", "the privilege is back"),
    ]
    assert stranded.world.control_plane.run(RUN).status is ExecutionStatus.ROLLED_BACK


def test_a_second_time_changes_nothing(completed: Ended) -> None:
    first = completed.told(completed.take_back())
    before = (list(completed.world.server.statements), list(completed.world.control_plane.audit))
    assert completed.told(completed.take_back("again")).state.message == first.state.message
    assert (completed.world.server.statements, completed.world.control_plane.audit) == before


def test_an_index_that_somebody_dropped_by_hand_is_on_record_afterwards(completed: Ended) -> None:
    completed.world.server.remove_index("orders", "idx_customer_id")
    end = completed.told(completed.take_back())
    assert end.state.status is ExecutionStatus.ROLLED_BACK
    assert "was gone already" in str(end.state.message)
    assert completed.records == [("manual", "completed", "orders got slow")]


def test_a_table_that_is_gone_has_no_index_either(completed: Ended) -> None:
    facts = completed.process.database.inspect
    completed.process.database.inspect = lambda index: replace(facts(index), table=None)  # type: ignore[method-assign]
    end = completed.take_back()
    assert isinstance(end, Finished)
    assert end.state.status is ExecutionStatus.ROLLED_BACK


def test_a_run_that_never_made_an_index_has_none_to_take_back() -> None:
    ended = Ended()
    ended.world.control_plane.set_kill_switch(active=True)
    ended.carried()
    with pytest.raises(InvalidInput, match="is failed and has no index 'idx_customer_id' to take back"):
        ended.take_back()
    assert ended.records == []


def test_an_index_of_somebody_else_is_left_alone(completed: Ended) -> None:
    completed.world.server.remove_index("orders", "idx_customer_id")
    completed.world.server.add_index("orders", "idx_customer_id", ["customer_id"])
    with pytest.raises(InvalidInput, match="left alone"):
        completed.take_back()
    assert "idx_customer_id" in completed.indexes
    assert completed.state.status is ExecutionStatus.COMPLETED


def test_one_that_becomes_somebody_else_s_meanwhile_is_left_alone(completed: Ended) -> None:
    def exchanged() -> None:
        completed.world.server.remove_index("orders", "idx_customer_id")
        completed.world.server.add_index("orders", "idx_customer_id", ["customer_id"])

    taking = completed.taking()
    completed.process.database.fail("drop_index", Unavailable("busy"), times=1)
    assert isinstance(taking.advance(), Waiting)
    exchanged()
    end = taking.advance()
    assert isinstance(end, Finished)
    assert "left alone" in str(end.state.error_message)
    assert "idx_customer_id" in completed.indexes


def test_a_busy_table_is_tried_again(completed: Ended) -> None:
    completed.process.database.fail("drop_index", Unavailable("busy"), times=3)
    completed.take_back()
    assert completed.indexes == {"PRIMARY"}
    names = [notice.name for notice in completed.world.observer.notices]
    assert names.count("rollback.postponed") == 3


@pytest.mark.parametrize(
    "error",
    [Refused("denied", number=1142), StillNeeded("a foreign key needs it", number=1553), Unavailable("busy")],
    ids=["refused", "needed", "busy"],
)
def test_a_drop_that_fails_leaves_the_run_what_it_was(completed: Ended, error: ExecutorError) -> None:
    completed.process.database.fail("drop_index", error)
    end = completed.told(completed.take_back())
    assert "idx_customer_id" in completed.indexes
    assert end.state.status is ExecutionStatus.COMPLETED
    assert end.state.rollback is not None
    assert end.state.rollback.status is RollbackStatus.FAILED
    assert completed.records == [("manual", "failed", "orders got slow")]
    assert completed.world.control_plane.actions(RUN)[-1] == "rollback_failed"
    assert completed.world.control_plane.run(RUN).status is ExecutionStatus.COMPLETED
    assert "still there" in str(end.state.message)


def test_after_one_that_failed_another_may_succeed(completed: Ended) -> None:
    completed.process.database.fail("drop_index", Refused("denied", number=1142), times=1)
    completed.told(completed.take_back("first"))
    completed.told(completed.take_back("second"))
    assert completed.indexes == {"PRIMARY"}
    assert completed.records == [("manual", "failed", "first"), ("manual", "completed", "second")]


def test_an_answer_that_was_lost_is_looked_up(completed: Ended) -> None:
    completed.process.database.lose_connection("drop_index", happened=True)
    completed.told(completed.take_back())
    assert completed.records == [("manual", "completed", "orders got slow")]
    assert sum("DROP INDEX" in sql for sql in completed.world.server.statements) == 1


def test_a_target_that_can_not_be_looked_at_is_left_alone(completed: Ended) -> None:
    completed.process.database.fail("inspect", Unavailable("down"))
    with pytest.raises(Unavailable):
        completed.take_back()
    assert completed.state.rollback is None


@pytest.mark.parametrize("error", [Unavailable("down"), Refused("no", number=1045), OutcomeUnknown("lost")])
def test_one_that_is_lost_on_the_way_leaves_the_rollback_to_be_repeated(completed: Ended, error: ExecutorError) -> None:
    completed.process.database.fail("inspect", error, after=1)
    end = completed.take_back()
    assert isinstance(end, Interrupted)
    assert "repeat the rollback" in end.reason
    assert completed.state.rollback is not None
    assert completed.state.rollback.status is RollbackStatus.PENDING
    completed.process.database.faults.heal()
    completed.told(completed.take_back("another word"))
    assert completed.records == [("manual", "completed", "orders got slow")]


def test_a_run_that_goes_on_is_not_taken_back_by_hand() -> None:
    ended = Ended()
    ended.process.carry(ended.world.run("customer_id"), until=lambda step: step.state.phase == "watching")
    with pytest.raises(InvalidInput, match="has not ended, it is watching: the kill switch"):
        ended.taking()


def test_a_run_out_of_scope_made_nothing_that_could_be_taken_back(completed: Ended) -> None:
    run = completed.state.run.model_copy(update={"action": "DROP_INDEX"})
    with pytest.raises(InvalidInput, match="out of scope"):
        completed.take_back(state=completed.state.model_copy(update={"run": run}))


# --- known from the control plane alone ------------------------------------------------------------------------------


def test_a_run_that_another_machine_carried_is_taken_back_too(completed: Ended) -> None:
    world = completed.world
    recorded = world.control_plane.recorded_run(RUN)
    state = state_of_ended(recorded, WorkerId("a-person"), world.clock.now())
    world.journal.__init__()  # type: ignore[misc]  # another machine: nothing is stored
    end = completed.told(completed.take_back(state=state))
    assert completed.indexes == {"PRIMARY"}
    assert end.state.status is ExecutionStatus.ROLLED_BACK
    assert world.control_plane.run(RUN).status is ExecutionStatus.ROLLED_BACK


@pytest.mark.parametrize("status", [ExecutionStatus.SCHEDULED, ExecutionStatus.RUNNING])
def test_a_record_of_a_run_that_goes_on_is_refused(status: ExecutionStatus) -> None:
    world = FakeWorld()
    run: ExecutionRun = world.run("customer_id").model_copy(update={"status": status})
    with pytest.raises(InvalidInput, match=f"has not ended, it is {status}"):
        state_of_ended(run, WorkerId("a-person"), world.clock.now())


# --- a process that dies ---------------------------------------------------------------------------------------------


def test_killed_at_any_call_it_is_carried_to_its_end_by_the_next_one() -> None:
    for after in (False, True):
        number = 0
        while True:
            number += 1
            ended = Ended().carried()
            calls = Calls(number, after=after)
            try:
                ended.told(ended.take_back(ports=_dying(ended, calls)))
            except ProcessDied:
                pass
            else:
                break
            ended.world.clock.advance(timedelta(seconds=1))
            ended.told(ended.take_back())
            assert ended.indexes == {"PRIMARY"}
            assert ended.records == [("manual", "completed", "orders got slow")]
            assert ended.world.control_plane.run(RUN).status is ExecutionStatus.ROLLED_BACK
            assert sum("DROP INDEX" in sql for sql in ended.world.server.statements) == 1
        assert number > 4


def _dying(ended: Ended, calls: Calls) -> Ports:
    database = Dying(ended.process.database, calls)
    journal = Dying(ended.process.ports.checkpoints, calls)
    target: Callable[[ConnectionId], Any] = lambda _connection: database  # noqa: E731
    return replace(ended.process.ports, target=target, checkpoints=journal, outbox=journal)
