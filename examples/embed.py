"""Embed the engine in a product that has a loop of its own: many runs, one thread, nobody sleeping.

`Engine.advance` carries a run as far as it can go now, and says when to call again. Here everything outside is a
fake; a product gives its own adapters to `Ports`, or those of `executor_adapters` for MySQL and HTTP.
"""

import heapq
from datetime import datetime, timedelta

from executor_adapters.memory import FakeWorld
from executor_core.carrying import Finished, Ports, Waiting
from executor_core.engine import Engine
from executor_core.model import ExecutionRun, WorkerId


def carry_all(engine: Engine, world: FakeWorld, runs: list[ExecutionRun]) -> list[Finished]:
    """The product's own loop: whichever run is due first goes on, all others wait as entries in a queue."""
    # An hour apart, since both are about one table: of two indexes that come at once, which one did it?
    begin = world.clock.now()
    due: list[tuple[datetime, int]] = [(begin + number * timedelta(hours=1), number) for number in range(len(runs))]
    ended: list[Finished] = []
    while due:
        at, number = heapq.heappop(due)
        world.clock.wait(at - world.clock.now())  # here the product does its other work instead
        step = engine.advance(runs[number])
        if isinstance(step, Waiting):
            heapq.heappush(due, (step.until, number))
        elif isinstance(step, Finished):
            ended.append(step)
        else:
            print(f"{runs[number].id}: left to others: {step.reason}")
    return ended


def main() -> None:
    world = FakeWorld()
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
    engine = Engine(ports=ports, worker_id=WorkerId("agent-1"))
    runs = [world.run("customer_id", run_id="helps"), world.run("status", run_id="harms")]
    for end in carry_all(engine, world, runs):
        print(f"{end.state.run_id}: {end.state.status}: {end.state.message}")


if __name__ == "__main__":
    main()
