"""The system's clock: the one file that tells the time and waits."""

import random
import threading
import time
from datetime import UTC, datetime, timedelta


class SystemClock:
    """The `Clock` of real deployments. `interrupt` ends every wait, now and later: for signals."""

    def __init__(self) -> None:
        self._interrupted = threading.Event()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> timedelta:
        return timedelta(seconds=time.monotonic())

    def wait(self, duration: timedelta) -> None:
        self._interrupted.wait(max(0.0, duration.total_seconds()))

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
