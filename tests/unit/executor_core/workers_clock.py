"""A wall clock that somebody sets, on the computer of a worker."""

from datetime import datetime, timedelta

from executor_adapters.memory import FakeClock


class WorkersClock:
    """The clock of the worker's computer: it runs as the world's does, and somebody may set it."""

    def __init__(self, worlds: FakeClock) -> None:
        self._worlds = worlds
        self.wrong_by = timedelta()

    def now(self) -> datetime:
        return self._worlds.now() + self.wrong_by

    def monotonic(self) -> timedelta:
        return self._worlds.monotonic()

    def wait(self, duration: timedelta) -> None:
        self._worlds.wait(duration)
