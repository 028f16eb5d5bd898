"""The system's clock: the one file that tells the time and waits."""

import random
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

from executor_core.ports import Clock


class InterruptibleClock(Clock, Protocol):
    """A clock whose waits a signal can end: once it is `interrupted`, every `wait` returns at once.

    `wait_anyway` waits nevertheless, for what has to be put in order before the process ends.
    """

    @property
    def interrupted(self) -> bool: ...
    def wait_anyway(self, duration: timedelta) -> None: ...


class SystemClock:
    """The `InterruptibleClock` of real deployments. `interrupt` ends every wait, now and later: for signals."""

    def __init__(self) -> None:
        self._interrupted = threading.Event()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> timedelta:
        return timedelta(seconds=time.monotonic())

    def wait(self, duration: timedelta) -> None:
        self._interrupted.wait(max(0.0, duration.total_seconds()))

    def wait_anyway(self, duration: timedelta) -> None:
        time.sleep(max(0.0, duration.total_seconds()))

    def interrupt(self) -> None:
        """End the waits under way and make later ones return at once."""
        self._interrupted.set()

    @property
    def interrupted(self) -> bool:
        """Whether `interrupt` was called."""
        return self._interrupted.is_set()


def system_jitter() -> float:
    """Return a random number from 0 up to 1, to spread retries. Not for secrets."""
    return random.random()  # noqa: S311 -- spreads retries in time
