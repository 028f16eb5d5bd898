"""How much a mean wanders beyond what its own executions explain: batch means, pooled, with autocorrelation.

A machine drifts: thousands of executions in a minute share that minute's fate, so the textbook error of a
mean is far too small on a real server. The intervals of a window show the drift. Their variance, less the
part that single executions explain, is the excess; it is pooled over the table's digests, and inflated for
the correlation between neighbouring intervals.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from executor_core.inference import winsorised_mean

FEW_INTERVALS = 8
"""Fewer than so many intervals do not show how neighbours are correlated."""
_MAX_CORRELATION = 0.85


@dataclass(frozen=True, slots=True)
class Batches:
    """The relative variance of a window's mean as its intervals show it, and their lag-1 product."""

    intervals: int
    variance: float = 0.0
    lag: float = 0.0


def batches(amounts: Sequence[float], counts: Sequence[float], *, scale: float) -> Batches:
    """The batch variance of the mean sum(amounts)/sum(counts), in units of scale/sum(counts).

    With `scale` = sum(amounts) the variance is relative to the mean; with `scale` = sum(counts) it is
    absolute. Fewer than two intervals or a scale of zero show nothing.
    """
    intervals = len(amounts)
    if intervals < 2 or scale <= 0:
        return Batches(intervals)
    mean = math.fsum(amounts) / math.fsum(counts)
    off = [(amount - mean * count) / scale for amount, count in zip(amounts, counts, strict=True)]
    correction = intervals / (intervals - 1)
    return Batches(
        intervals,
        correction * math.fsum(r * r for r in off),
        correction * math.fsum(r * s for r, s in pairwise(off)),
    )


@dataclass(frozen=True, slots=True)
class Excess:
    """One digest's excess over what single executions explain, both windows together.

    `per_interval` is the variance of one interval, `lag` the lag-1 covariance, `degrees` the degrees of
    freedom behind them and `intervals` the mean number of intervals a window.
    """

    per_interval: float
    lag: float
    degrees: int
    intervals: float


NO_EXCESS = Excess(0.0, 0.0, 0, 1.0)


def excess(before: Batches, after: Batches, *, explained_before: float, explained_after: float) -> Excess:
    """The excess of two windows, weighted by their degrees of freedom."""
    if before.intervals < 2 and after.intervals < 2:
        return NO_EXCESS
    parts = ((before, explained_before), (after, explained_after))
    degrees = sum(max(0, side.intervals - 1) for side, _ in parts)
    variance = sum((s.intervals - 1) * s.intervals * (s.variance - v) for s, v in parts if s.intervals > 1)
    lag = sum((s.intervals - 1) * s.intervals * s.lag for s, _ in parts if s.intervals > 1)
    intervals = [s.intervals for s, _ in parts if s.intervals > 1]
    return Excess(variance / degrees, lag / degrees, degrees, sum(intervals) / len(intervals))


@dataclass(frozen=True, slots=True)
class Noise:
    """The excess that the table's digests have in common: variance per interval, and its inflation."""

    per_interval: float
    inflation: float

    def of(self, own: Excess, before: int, after: int) -> float:
        """The variance of a log-ratio over `before` and `after` intervals, beyond single executions."""
        per_interval = max(own.per_interval, self.per_interval, 0.0)
        return per_interval * self.inflation * (1 / max(1, before) + 1 / max(1, after))


def pool(excesses: Iterable[Excess]) -> Noise:
    """The pooled noise: winsorised, so that neither a wild nor a dead digest rules."""
    seen = [each for each in excesses if each.degrees > 0]
    if not seen:
        return Noise(0.0, 2.0)
    per_interval = max(0.0, winsorised_mean([each.per_interval for each in seen]))
    lag = winsorised_mean([each.lag for each in seen])
    intervals = math.fsum(each.intervals for each in seen) / len(seen)
    if intervals < FEW_INTERVALS:
        return Noise(per_interval, 2.0)
    if per_interval == 0.0:
        return Noise(0.0, 1.0)
    correlation = min(max(lag / per_interval * (1 + 2 / intervals), 0.0), _MAX_CORRELATION)
    return Noise(per_interval, (1 + correlation) / (1 - correlation))


def welch_degrees(parts: Sequence[tuple[float, float]]) -> float:
    """Satterthwaite's degrees of freedom of a sum of variances, given as (variance, degrees)."""
    total = math.fsum(variance for variance, _ in parts)
    shaky = math.fsum(variance * variance / degrees for variance, degrees in parts if degrees < math.inf)
    return total * total / shaky if shaky > 0 else math.inf


def slope(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The least-squares slope through `points` and its standard error; flat for fewer than four."""
    if len(points) < 4:
        return 0.0, 0.0
    mean_x = math.fsum(x for x, _ in points) / len(points)
    mean_y = math.fsum(y for _, y in points) / len(points)
    width = math.fsum((x - mean_x) ** 2 for x, _ in points)
    steepness = math.fsum((x - mean_x) * (y - mean_y) for x, y in points) / width
    rest = math.fsum((y - mean_y - steepness * (x - mean_x)) ** 2 for x, y in points)
    return steepness, math.sqrt(rest / (len(points) - 2) / width)
