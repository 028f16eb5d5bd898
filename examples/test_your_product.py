"""Test your product on the fakes: real decisions, a real engine, half an hour in a moment, and faults on demand."""

import pytest

from executor_adapters.driving import carry
from executor_adapters.memory import FakeWorld
from executor_core.carrying import Finished, Ports
from executor_core.engine import Engine
from executor_core.errors import Unavailable
from executor_core.model import ExecutionRun, WorkerId


class Advisor:
    """A product that recommends indexes, and learns from what became of them."""

    def __init__(self, world: FakeWorld) -> None:
        ports = Ports(
            control_plane=world.control_plane,
            target=lambda _connection_id: world.database,
            checkpoints=world.journal,
            outbox=world.journal,
            archive=world.archive,
            clock=world.clock,
            jitter=lambda: 0.5,
            observer=world.observer,
        )
        self.world = world
        self.engine = Engine(ports=ports, worker_id=WorkerId("advisor"))
        self.never_again: set[tuple[str, ...]] = set()

    def recommend(self, run: ExecutionRun) -> str:
        end = carry(self.engine, run, self.world.clock)
        if isinstance(end, Finished) and end.state.status == "rolled_back":
            self.never_again.add(run.columns)
        return str(end.state.status) if isinstance(end, Finished) else "try later"


@pytest.fixture
def advisor() -> Advisor:
    return Advisor(FakeWorld())


@pytest.mark.parametrize(("column", "status"), [("customer_id", "completed"), ("status", "rolled_back")])
def test_learns_which_indexes_harm(advisor: Advisor, column: str, status: str) -> None:
    assert advisor.recommend(advisor.world.run(column)) == status
    assert ((column,) in advisor.never_again) is (status == "rolled_back")


def test_a_control_plane_that_is_down_is_no_verdict(advisor: Advisor) -> None:
    advisor.world.control_plane.fail("claim", Unavailable("down for maintenance"))
    assert advisor.recommend(advisor.world.run("status")) == "try later"
    assert not advisor.never_again and not advisor.world.server.statements  # noqa: PT018 -- nothing was touched
