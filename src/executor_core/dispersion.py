"""How much a mean wanders beyond what its own executions explain: batch means, pooled, with autocorrelation.

A machine drifts: thousands of executions in a minute share that minute's fate, so the textbook error of a
mean is far too small on a real server. The intervals of a window show the drift. Their variance, less the
part that single executions explain, is the excess; it is pooled over the table's digests, and inflated for
the correlation between neighbouring intervals.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import mul
from typing import NamedTuple

from executor_core.inference import winsorised_mean

FEW_INTERVALS = 8
"""Fewer than so many intervals do not show how neighbours are correlated."""
_MAX_CORRELATION = 0.85


class Batches(NamedTuple):
    """A window's mean, its variance as the intervals show it, and their lag-1 product."""

    intervals: int
    variance: float = 0.0
    lag: float = 0.0
    mean: float = 0.0


def batches(amounts: Sequence[float], counts: Sequence[float], *, absolute: bool = False) -> Batches:
    """The mean sum(amounts)/sum(counts) of one interval or more, and its batch variance relative to its square.

    With `absolute`, the variance is that of the mean itself. Fewer than two intervals, or a relative variance of
    nothing, show none.
    """
    intervals, amount_of_all, count_of_all = len(amounts), math.fsum(amounts), math.fsum(counts)
    mean = amount_of_all / count_of_all
    scale = count_of_all if absolute else amount_of_all
    if intervals < 2 or scale <= 0:
        return Batches(intervals, mean=mean)
    off = [(amount - mean * count) / scale for amount, count in zip(amounts, counts, strict=True)]
    correction = intervals / (intervals - 1)
    variance, lag = math.fsum(map(mul, off, off)), math.fsum(map(mul, off, off[1:]))
    return Batches(intervals, correction * variance, correction * lag, mean)


class Excess(NamedTuple):
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
    """The excess of two windows, weighted by their degrees of freedom; a window of one interval shows nothing."""
    windows = intervals = 0
    variance = lag = 0.0
    for side, explained in ((before, explained_before), (after, explained_after)):
        if side.intervals > 1:
            windows += 1
            intervals += side.intervals
            weight = (side.intervals - 1) * side.intervals
            variance += weight * (side.variance - explained)
            lag += weight * side.lag
    if windows == 0:
        return NO_EXCESS
    degrees = intervals - windows
    return Excess(variance / degrees, lag / degrees, degrees, intervals / windows)


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
