from datetime import timedelta

import pytest

from executor_adapters.driving import LEAVE_PATIENCE, STILL_BUILDING, STOPPED, carry
from executor_adapters.memory import FakeDatabase, FakeWorld
from executor_core.carrying import Finished, Interrupted, NotClaimed, Rules, Waiting
from executor_core.engine import Engine
from executor_core.errors import CheckpointUnusable, InvalidInput, Unavailable
from executor_core.model import ExecutionRun, ExecutionStatus, RunId, WorkerId
from executor_core.pacing import Pacing

SHORT = Rules(pacing=Pacing(extended_window=timedelta(0)))


def engine(world: FakeWorld, worker_id: str = "worker-1") -> Engine:
    return Engine(ports=world.ports(), worker_id=WorkerId(worker_id), rules=SHORT)


def successor_finishes(world: FakeWorld, run: ExecutionRun) -> Finished:
    """Another process takes the run over; the signal was not meant for it."""
    another = Engine(ports=world.ports(FakeDatabase(world.server)), worker_id=WorkerId("worker-2"), rules=SHORT)
    while isinstance(step := another.advance(run), Waiting):
        world.clock.wait_anyway(step.until - world.clock.now())
    assert isinstance(step, Finished)
    return step


def test_carries_a_run_to_its_end() -> None:
    world = FakeWorld()
    end = carry(engine(world), world.run("customer_id"), world.clock)
    assert isinstance(end, Finished)
    assert end.state.status is ExecutionStatus.COMPLETED


def test_a_run_of_somebody_else_is_not_carried() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    world.control_plane.claim(RunId(run.id), WorkerId("another"))
    assert isinstance(carry(engine(world), run, world.clock), NotClaimed)


@pytest.mark.parametrize("call", ["inspect", "snapshot", "start_build"])
def test_after_a_signal_another_worker_can_go_on_at_once(call: str) -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    world.database.on(call, world.clock.interrupt)
    assert carry(engine(world), run, world.clock) == Interrupted(STOPPED)
    assert "idx_customer_id" not in world.server.indexes("orders")
    assert world.server.change("orders") is None
    assert successor_finishes(world, run).state.status is ExecutionStatus.COMPLETED
    assert "idx_customer_id" in world.server.indexes("orders")


def test_a_signal_after_the_build_leaves_the_index_to_the_successor() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    built = lambda: "idx_customer_id" in world.server.indexes("orders")  # noqa: E731 -- one expression
    world.database.on("snapshot", lambda: world.clock.interrupt() if built() else None)
    assert carry(engine(world), run, world.clock) == Interrupted(STOPPED)
    assert built()
    assert successor_finishes(world, run).state.status is ExecutionStatus.COMPLETED
    assert sum("ADD INDEX" in statement for statement in world.server.statements) == 1


def test_a_build_that_does_not_end_is_not_waited_for_for_ever() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    world.server.build_time = timedelta(hours=1)
    world.database.fail("end_own_build", Unavailable("too many connections"))
    world.database.on("start_build", world.clock.interrupt)
    before = world.clock.now()
    assert carry(engine(world), run, world.clock) == Interrupted(f"{STOPPED}; {STILL_BUILDING}")
    assert world.clock.now() - before >= LEAVE_PATIENCE


def test_a_disk_that_is_full_once_the_run_has_begun_interrupts_it() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    world.journal.faults.fail("save", Unavailable("no space left on the disk"), times=1, after=5)
    assert carry(engine(world), run, world.clock) == Interrupted("no space left on the disk")
    assert successor_finishes(world, run).state.status is ExecutionStatus.COMPLETED


def test_what_goes_wrong_on_leaving_is_told_too() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    world.database.on("start_build", world.clock.interrupt)
    world.database.fail("build_report", Unavailable("the server is gone"), after=1)
    end = carry(engine(world), run, world.clock)
    assert end == Interrupted(f"{STOPPED}; leaving it was incomplete: the server is gone")


@pytest.mark.parametrize("error", [CheckpointUnusable("torn"), InvalidInput("not configured")])
def test_what_is_wrong_with_the_call_is_raised_before_anything_is_touched(error: Exception) -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    world.journal.faults.fail("load", error)  # type: ignore[arg-type]
    with pytest.raises(type(error), match=str(error)):
        carry(engine(world), run, world.clock)
    assert world.control_plane.run(RunId(run.id)).claimed_by is None


def test_a_record_that_turns_out_to_be_damaged_once_the_run_is_claimed_leaves_it_to_others() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    world.journal.faults.fail("save", CheckpointUnusable("the file is damaged"), times=1)
    assert carry(engine(world), run, world.clock) == Interrupted("the file is damaged")
    assert successor_finishes(world, run).state.status is ExecutionStatus.COMPLETED
