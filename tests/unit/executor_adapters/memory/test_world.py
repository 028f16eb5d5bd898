"""Whole runs on the fakes."""

from datetime import timedelta

import pytest

from executor_adapters.memory import FakeDatabase, FakeWorld
from executor_core.carrying import Finished, Waiting
from executor_core.engine import Engine
from executor_core.model import ExecutionStatus, RunId, WorkerId


@pytest.mark.parametrize(
    ("column", "status", "left"),
    [
        ("customer_id", ExecutionStatus.COMPLETED, {"PRIMARY", "idx_customer_id"}),
        ("status", ExecutionStatus.ROLLED_BACK, {"PRIMARY"}),
    ],
)
def test_an_index_that_helps_stays_and_one_that_harms_goes(
    column: str, status: ExecutionStatus, left: set[str]
) -> None:
    world = FakeWorld()
    run = world.run(column)
    carrying = Engine(ports=world.ports(), worker_id=WorkerId("worker-1"))
    while isinstance(step := carrying.advance(run), Waiting):
        world.clock.wait(step.until - world.clock.now())
    assert isinstance(step, Finished)
    assert world.control_plane.run(RunId("run-1")).status is status
    assert set(world.server.indexes("orders")) == left
    assert sum("ADD INDEX" in statement for statement in world.server.statements) == 1
    assert RunId("run-1") in world.archive.evidence
    assert world.observer.names


def test_a_build_of_a_dead_worker_is_finished_by_the_next() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    first = Engine(ports=world.ports(), worker_id=WorkerId("worker-1"))
    while not world.server.running("orders"):
        step = first.advance(run)
        assert isinstance(step, Waiting)
        if not world.server.running("orders"):
            world.clock.wait(step.until - world.clock.now())
    world.database.crash()
    world.clock.advance(timedelta(minutes=2))
    second = Engine(ports=world.ports(FakeDatabase(world.server)), worker_id=WorkerId("worker-2"))
    while isinstance(step := second.advance(run), Waiting):
        world.clock.wait(step.until - world.clock.now())
    assert isinstance(step, Finished)
    assert step.state.status is ExecutionStatus.COMPLETED
    assert sum("ADD INDEX" in statement for statement in world.server.statements) == 1
