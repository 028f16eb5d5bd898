"""Latency histograms: what a bucket's number means, and what a histogram says about its executions.

MySQL's buckets are 450: number 0 below 10 µs, then 50 to the decade (each 4.7 % wide), the last open. The
moments are kept as exact integers, so that the order of buckets can't change a sum.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from operator import mul
from typing import NamedTuple

from executor_core.metrics import BUCKETS

_LOG_UNIT = 65_536
_TIME_UNIT_PS = 100_000
_FIRST_UPPER_PS = 10_000_000
_LIMB = 144
_LIMB_MASK = (1 << _LIMB) - 1
"""Four sums are taken in one pass, side by side in one integer; none can grow past its 144 bits: times are below
2^48, counts below 2^64, and a window has fewer than 2^15 intervals of 450 buckets."""


@dataclass(frozen=True, slots=True)
class BucketScale:
    """Each bucket's latency: `times` in units of 100 ns, `logs` as 2^-16 of ln(picoseconds).

    `packed` holds, from the lowest 144 bits up, the time, the logarithm, its square, and the time's square.
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
        time | log << _LIMB | log * log << 2 * _LIMB | time * time << 3 * _LIMB
        for time, log in zip(times, logs, strict=True)
    )
    return BucketScale(times, logs, tuple(packed))


class Moments(NamedTuple):
    """Exact sums over the executions of a histogram: their number, and `BucketScale.packed` of them all."""

    executions: int
    sums: int

    @property
    def times(self) -> int:
        """The sum of the times in units of 100 ns."""
        return self.sums & _LIMB_MASK

    @property
    def time_squares(self) -> int:
        """The sum of their squares."""
        return self.sums >> 3 * _LIMB

    @property
    def mean_log(self) -> float:
        """The mean of ln(time in ps)."""
        return (self.sums >> _LIMB & _LIMB_MASK) / self.executions / _LOG_UNIT

    @property
    def log_variance(self) -> float:
        """The variance of ln(time) between executions."""
        logs, squares = self.sums >> _LIMB & _LIMB_MASK, self.sums >> 2 * _LIMB & _LIMB_MASK
        return max(0.0, (squares * self.executions - logs * logs) / (self.executions * self.executions) / _LOG_UNIT**2)

    @property
    def relative_variance(self) -> float:
        """The variance of the time between executions over the square of its mean."""
        times = self.times
        return max(0.0, self.time_squares * self.executions / (times * times) - 1.0) if times else 0.0


def merged(parts: Sequence[Moments]) -> Moments:
    """The moments of all executions together."""
    return Moments(sum([part.executions for part in parts]), sum([part.sums for part in parts]))


def moments_between(scale: BucketScale, earlier: Mapping[int, int], later: Mapping[int, int]) -> Moments | None:
    """The moments of what `later` counts beyond `earlier`; None if a bucket's count fell or is unknown.

    Most buckets stand still from one reading to the next, so only those that moved are looked at.
    """
    if not earlier.keys() <= later.keys() and any(n and bucket not in later for bucket, n in earlier.items()):
        return None
    seen = earlier.get
    moved = {bucket: n - old for bucket, n in later.items() if n != (old := seen(bucket, 0))}
    counts = moved.values()
    if min(counts, default=0) < 0 or max(moved, default=0) >= len(scale.packed):
        return None
    return Moments(sum(counts), sum(map(mul, counts, map(scale.packed.__getitem__, moved))))


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
