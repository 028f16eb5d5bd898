"""The system's clock: the one file that tells the time and waits."""

import random
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


TURN_S = 0.1
"""How long, in seconds, a wait goes on unless it is interrupted: the longest that an interruption takes."""


class SystemClock:
    """The `InterruptibleClock` of real deployments. `interrupt` ends every wait, now and later: for signals."""

    def __init__(self) -> None:
        # A plain flag, looked at in turns: a signal's handler may set it wherever it interrupts this thread, while a
        # lock that this thread holds, as those inside an Event, would never be had.
        self._interrupted = False

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> timedelta:
        return timedelta(seconds=time.monotonic())

    def wait(self, duration: timedelta) -> None:
        until = time.monotonic() + duration.total_seconds()
        while not self._interrupted and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, TURN_S))

    def wait_anyway(self, duration: timedelta) -> None:
        time.sleep(max(0.0, duration.total_seconds()))

    def interrupt(self) -> None:
        """End the waits under way and make later ones return at once."""
        self._interrupted = True

    @property
    def interrupted(self) -> bool:
        """Whether `interrupt` was called."""
        return self._interrupted


def system_jitter() -> float:
    """Return a random number from 0 up to 1, to spread retries. Not for secrets."""
    return random.random()  # noqa: S311 -- spreads retries in time
