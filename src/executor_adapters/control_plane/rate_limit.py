"""How often one caller may call: so many requests a second, and as many at once as two seconds allow."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

_MOST_CALLERS = 10_000


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class RateLimiter:
    """A token bucket for each caller. `elapsed` is a clock that nobody sets back. Not for several threads at once.

    What is remembered is bounded: callers that have been quiet are forgotten, and lose nothing by it.
    """

    def __init__(self, per_second: float, *, elapsed: Callable[[], timedelta]) -> None:
        self._rate = per_second
        self._burst = max(1.0, 2 * per_second)
        self._elapsed = elapsed
        self._buckets: dict[str, _Bucket] = {}

    def wait(self, caller: str) -> timedelta:
        """Admit one request of `caller` and return nothing to wait, or refuse it and return how long to wait."""
        now = self._elapsed().total_seconds()
        bucket = self._buckets.get(caller)
        if bucket is None:
            self._forget_the_quiet(now)
            bucket = self._buckets[caller] = _Bucket(left=self._burst, at=now)
        bucket.left = self._filled(bucket, now)
        bucket.at = now
        if bucket.left < 1:
            return timedelta(seconds=(1 - bucket.left) / self._rate)
        bucket.left -= 1
        return timedelta()

    def _filled(self, bucket: _Bucket, now: float) -> float:
        return min(self._burst, bucket.left + (now - bucket.at) * self._rate)

    def _forget_the_quiet(self, now: float) -> None:
        if len(self._buckets) >= _MOST_CALLERS:
            busy = {each: bucket for each, bucket in self._buckets.items() if self._filled(bucket, now) < self._burst}
            # So many at once are one in disguise, that no count of each will stop.
            self._buckets = busy if len(busy) < _MOST_CALLERS else {}
