"""A clock that moves only when it is told to or waited on."""

import threading
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


class FakeClock:
    """The `Clock` of tests: a wait of half an hour takes no time, and then it is half an hour later.

    The wall clock can be set, as an operator might; the monotonic one can't. `interrupt` is the signal that ends
    a worker: from then on a `wait` returns at once.

        >>> clock = FakeClock()
        >>> clock.wait(timedelta(minutes=30))
        >>> print(clock.now())
        2026-01-01 12:30:00+00:00
    """

    def __init__(self, start: datetime = START) -> None:
        self._lock = threading.Lock()
        self._monotonic = timedelta(seconds=1000)  # not 0: it means nothing outside this process
        self._wall_at_zero = start - self._monotonic
        self._interrupted = threading.Event()

    def now(self) -> datetime:
        with self._lock:
            return (self._wall_at_zero + self._monotonic).astimezone(UTC)

    def monotonic(self) -> timedelta:
        with self._lock:
            return self._monotonic

    def wait(self, duration: timedelta) -> None:
        if not self._interrupted.is_set():
            self.wait_anyway(duration)

    def wait_anyway(self, duration: timedelta) -> None:
        self.advance(max(duration, timedelta()))

    def interrupt(self) -> None:
        """Make every later `wait` return at once."""
        self._interrupted.set()

    @property
    def interrupted(self) -> bool:
        """Whether `interrupt` was called."""
        return self._interrupted.is_set()

    def advance(self, duration: timedelta) -> None:
        """Let `duration` pass."""
        if duration < timedelta():
            raise ValueError("time does not go back; set_wall_clock sets the wall clock back")
        with self._lock:
            self._monotonic += duration

    def set_wall_clock(self, now: datetime) -> None:
        """Set the wall clock, forth or back; the monotonic clock goes on as if nothing had happened."""
        with self._lock:
            self._wall_at_zero = now - self._monotonic
