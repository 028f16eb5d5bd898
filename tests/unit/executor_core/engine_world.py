"""An engine on the fakes, and the ways in which its process can die."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from executor_adapters.memory import FakeDatabase, FakeWorld, MemoryJournal
from executor_core.carrying import Finished, Interrupted, NotClaimed, Ports, Rules, Waiting
from executor_core.engine import Engine
from executor_core.model import ExecutionRun, RunId, WorkerId
from executor_core.pacing import Pacing

MOST_STEPS = 20_000


class ProcessDied(BaseException):
    """The process is gone: nothing catches this."""


@dataclass
class Process:
    """One worker's process: an engine with a connection of its own to the server of the world."""

    world: FakeWorld
    name: str = "worker-1"
    rules: Rules = field(default_factory=Rules)
    journal: MemoryJournal | None = None

    def __post_init__(self) -> None:
        self.database = FakeDatabase(self.world.server)
        journal = self.journal or self.world.journal
        self.ports = Ports(
            control_plane=self.world.control_plane,
            target=lambda _connection: self.database,
            checkpoints=journal,
            outbox=journal,
            archive=self.world.archive,
            clock=self.world.clock,
            jitter=lambda: 0.5,
            observer=self.world.observer,
        )
        self.engine = Engine(ports=self.ports, worker_id=WorkerId(self.name), rules=self.rules)

    def carry(
        self, run: ExecutionRun, *, until: Callable[[Waiting], bool] | None = None
    ) -> Finished | NotClaimed | Interrupted | Waiting:
        """Carry `run` to its end, or to the first wait for which `until` is true."""
        for _ in range(MOST_STEPS):
            step = self.engine.advance(run)
            if not isinstance(step, Waiting) or (until is not None and until(step)):
                return step
            self.world.clock.wait(step.until - self.world.clock.now())
        raise AssertionError(f"no end in sight: {step.state.phase}")

    def die(self) -> None:
        """Be killed: the server goes on with what it was told."""
        self.database.crash()

    def recorded(self, run: ExecutionRun) -> Finished:
        """The end of a run as this process's journal has it."""
        state = (self.journal or self.world.journal).load(RunId(run.id))
        assert state is not None
        assert state.finished
        return Finished(state, 0, 0)

    def dies_at(self, number: int, *, after: bool) -> None:
        """Die before or after the `number`-th call of any port."""
        self.calls = calls = Calls(number, after=after)
        database = Dying(self.database, calls)
        journal = Dying(self.ports.checkpoints, calls)
        self.ports = replace(
            self.ports,
            control_plane=Dying(self.ports.control_plane, calls),
            target=lambda _connection: database,
            checkpoints=journal,
            outbox=journal,
            archive=Dying(self.ports.archive, calls),
        )
        self.engine = Engine(ports=self.ports, worker_id=WorkerId(self.name), rules=self.rules)


class Calls:
    """Counts calls, and dies at one of them."""

    def __init__(self, number: int, *, after: bool) -> None:
        self._number = number
        self._after = after
        self.made_so_far = 0

    def made(self, call: Callable[[], Any]) -> Any:
        self.made_so_far += 1
        dying = self.made_so_far == self._number
        if dying and not self._after:
            raise ProcessDied
        result = call()
        if dying:
            raise ProcessDied
        return result


class Dying:
    """A port whose calls are counted."""

    def __init__(self, port: Any, calls: Calls) -> None:
        self._port = port
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._port, name)
        if not callable(attribute):
            return attribute
        return lambda *arguments, **named: self._calls.made(lambda: attribute(*arguments, **named))


SHORT = Rules(
    pacing=Pacing(
        baseline_window=timedelta(seconds=30), after_window=timedelta(seconds=30), extended_window=timedelta(0)
    )
)


def entered(phase: str) -> Callable[[Waiting], bool]:
    """A wait in `phase`."""
    return lambda step: step.state.phase == phase
