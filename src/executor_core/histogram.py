"""Latency histograms: what a bucket's number means, and what a histogram says about its executions.

MySQL's buckets are 450: number 0 below 10 µs, then 50 to the decade (each 4.7 % wide), the last open. The
moments are kept as exact integers, so that the order of buckets can't change a sum.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, repeat
from operator import mul, sub

from executor_core.metrics import BUCKETS

_LOG_UNIT = 2**16
_TIME_UNIT_PS = 100_000
_FIRST_UPPER_PS = 10_000_000
_LIMB = 256
_LIMB_MASK = 2**_LIMB - 1
"""Four sums are taken in one pass, side by side in one integer; none of them can grow past its 256 bits."""


@dataclass(frozen=True, slots=True)
class BucketScale:
    """Each bucket's latency: `times` in units of 100 ns, `logs` as 2^-16 of ln(picoseconds).

    `packed` holds, from the lowest 256 bits up, the time, its square, the logarithm, and its square.
    """

    times: tuple[int, ...]
    logs: tuple[int, ...]
    packed: tuple[int, ...]


@lru_cache(maxsize=8)
def bucket_scale(upper_bounds_ps: tuple[int, ...] | None = None) -> BucketScale:
    """The scale of MySQL's buckets, or of those whose upper bounds in picoseconds are given.

    A bucket stands at the geometric middle of its bounds, the first at half its upper bound, the last, which
    is open, at its lower bound.
    """
    uppers = upper_bounds_ps or tuple(round(_FIRST_UPPER_PS * 10 ** (i / 50)) for i in range(BUCKETS))
    middles = [uppers[0] / 2]
    middles += [math.sqrt(low * high) for low, high in pairwise(uppers[:-1])]
    if len(uppers) > 1:
        middles.append(float(uppers[-2]))
    times = tuple(round(middle / _TIME_UNIT_PS) for middle in middles)
    logs = tuple(round(math.log(middle) * _LOG_UNIT) for middle in middles)
    packed = (
        time | time * time << _LIMB | log << 2 * _LIMB | log * log << 3 * _LIMB
        for time, log in zip(times, logs, strict=True)
    )
    return BucketScale(times, logs, tuple(packed))


@dataclass(frozen=True, slots=True)
class Moments:
    """Exact sums over the executions of a histogram: their number, log-times, times, and squares."""

    count: int
    logs: int
    log_squares: int
    times: int
    time_squares: int

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(
            self.count + other.count,
            self.logs + other.logs,
            self.log_squares + other.log_squares,
            self.times + other.times,
            self.time_squares + other.time_squares,
        )

    @property
    def mean_log(self) -> float:
        """The mean of ln(time in ps)."""
        return self.logs / self.count / _LOG_UNIT

    @property
    def log_variance(self) -> float:
        """The variance of ln(time) between executions."""
        numerator = self.log_squares * self.count - self.logs * self.logs
        return max(0.0, numerator / (self.count * self.count) / _LOG_UNIT**2)

    @property
    def relative_variance(self) -> float:
        """The variance of the time between executions over the square of its mean."""
        return max(0.0, self.time_squares * self.count / (self.times * self.times) - 1.0) if self.times else 0.0


NO_MOMENTS = Moments(0, 0, 0, 0, 0)


def moments_between(scale: BucketScale, earlier: Mapping[int, int], later: Mapping[int, int]) -> Moments | None:
    """The moments of what `later` counts beyond `earlier`; None if a bucket's count fell or is unknown.

    Most buckets stand still from one reading to the next, so only those that moved are looked at.
    """
    if not earlier.keys() <= later.keys() and any(n and bucket not in later for bucket, n in earlier.items()):
        return None
    moved = dict(later.items() - earlier.items())
    if not moved:
        return NO_MOMENTS
    counts = list(map(sub, moved.values(), map(earlier.get, moved, repeat(0))))
    if min(counts) < 0 or max(moved) >= len(scale.packed):
        return None
    sums = sum(map(mul, counts, map(scale.packed.__getitem__, moved)))
    return Moments(
        sum(counts),
        logs=sums >> 2 * _LIMB & _LIMB_MASK,
        log_squares=sums >> 3 * _LIMB,
        times=sums & _LIMB_MASK,
        time_squares=sums >> _LIMB & _LIMB_MASK,
    )


def counts_between(earlier: Mapping[int, int], later: Mapping[int, int]) -> dict[int, int]:
    """The executions by bucket that `later` counts beyond `earlier`; buckets that fell count as empty."""
    return {bucket: n - earlier.get(bucket, 0) for bucket, n in later.items() if n > earlier.get(bucket, 0)}


def quantile_bucket(counts: Mapping[int, int], share: float) -> int:
    """The bucket in which the given share of the executions is reached; `counts` is not empty."""
    missing = share * sum(counts.values())
    for bucket in sorted(counts):
        missing -= counts[bucket]
        if missing <= 0:
            return bucket
    return max(counts)
