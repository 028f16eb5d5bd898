"""The geometry of the report's charts: where each mark stands, and what the marks say in words.

Nothing here writes SVG: templates draw these values, so that every text in a chart is escaped like any other.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from executor_adapters.report.amounts import NONE, log_ratio, milliseconds, times
from executor_adapters.report.figures import DigestFigures, upper_bounds_ms

WIDTH = 400.0
LABELS = 46.0
"""The room on the left for the names of the bands."""
BAND = 46.0
"""The height of one window's band."""
MOST_BARS = 44
_TICKS = tuple(10.0**exponent for exponent in range(-3, 7))
"""In milliseconds: from a microsecond to a thousand seconds."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar that stands on the band's floor; `height` is at most the band's."""

    x: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Band:
    """One window: how long its executions took. `mean_x` is where their mean stands."""

    bars: tuple[Bar, ...]
    mean_x: float | None
    mean: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the scale and its label."""

    x: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """The times of a digest's executions, before above and after below, on one logarithmic scale."""

    before: Band
    after: Band
    ticks: tuple[Tick, ...]
    limit_x: float | None
    limit: str
    description: str


def distribution(
    figures: DigestFigures, *, limit_percent: float, uppers_ps: Sequence[int] | None
) -> Distribution | None:
    """Return the chart of a digest's times; None where there is no histogram on either side."""
    sides = (figures.before, figures.after)
    if not any(side.buckets for side in sides):
        return None
    uppers = upper_bounds_ms(uppers_ps)
    used = [bucket for side in sides for bucket in side.buckets]
    limit_ms = None if figures.before.latency_ms is None else figures.before.latency_ms * (1 + limit_percent / 100)
    edges = [_lower(uppers, min(used)), uppers[min(max(used), len(uppers) - 1)]]
    marks = [side.latency_ms for side in sides if side.latency_ms] + ([limit_ms] if limit_ms else [])
    low, high = min(*edges, *marks) / 1.15, max(*edges, *marks) * 1.15
    if high / low < 10:  # a scale of less than a decade would blow noise up
        middle = math.sqrt(low * high)
        low, high = middle / math.sqrt(10), middle * math.sqrt(10)

    def x(ms: float) -> float:
        return round(LABELS + (WIDTH - LABELS) * math.log(ms / low) / math.log(high / low), 1)

    step = max(1, math.ceil((max(used) - min(used) + 1) / MOST_BARS))
    grouped = [_grouped(side.buckets, min(used), step) for side in sides]
    top = max(share for shares in grouped for share in shares.values())
    bands = [
        Band(
            bars=tuple(
                Bar(
                    x=x(_lower(uppers, first)),
                    width=max(
                        1.5, round(x(uppers[min(first + step - 1, len(uppers) - 1)]) - x(_lower(uppers, first)), 1)
                    ),
                    height=max(1.0, round(BAND * share / top, 1)),
                )
                for first, share in sorted(shares.items())
            ),
            mean_x=None if not side.latency_ms else x(side.latency_ms),
            mean=milliseconds(side.latency_ms),
        )
        for side, shares in zip(sides, grouped, strict=True)
    ]
    return Distribution(
        before=bands[0],
        after=bands[1],
        ticks=tuple(Tick(x(tick), _tick(tick)) for tick in _TICKS if low < tick < high),
        limit_x=None if not limit_ms else x(limit_ms),
        limit=f"+{limit_percent:g} %",
        description=_described(figures, limit_percent),
    )


def _lower(uppers: Sequence[float], bucket: int) -> float:
    return uppers[bucket - 1] if bucket > 0 else uppers[0] / 2


def _grouped(buckets: Mapping[int, int], first: int, step: int) -> dict[int, float]:
    total = sum(buckets.values())
    shares: dict[int, float] = {}
    for bucket, count in buckets.items():
        start = first + (bucket - first) // step * step
        shares[start] = shares.get(start, 0.0) + count / total
    return shares


def _tick(ms: float) -> str:
    for limit, factor, unit in ((1, 1000, "µs"), (1000, 1, "ms")):
        if ms < limit:
            return f"{ms * factor:.0f} {unit}"
    return f"{ms / 1000:.0f} s"


def _described(figures: DigestFigures, limit_percent: float) -> str:
    def told(name: str, ms: float | None, quantiles: Mapping[int, float]) -> str:
        if ms is None:
            return f"{name} it did not run."
        half = f", half of the executions took at most {milliseconds(quantiles[50])}" if quantiles else ""
        return f"{name} the mean was {milliseconds(ms)}{half}."

    return " ".join(
        (
            told("Before", figures.before.latency_ms, figures.before.quantiles_ms),
            told("After", figures.after.latency_ms, figures.after.quantiles_ms),
            f"The limit is {limit_percent:g} % above the mean before.",
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeBar:
    """A change as a bar from the middle of a scale of 100: to the left less, to the right more, past `limit` too much.

    `beyond` says that the change is larger than the limit.
    """

    x: float
    width: float
    limit: float
    beyond: bool
    label: str
    description: str


def change_bar(
    what: str,
    change: float | None,
    *,
    before: float | None,
    after: float | None,
    limit_percent: float,
    reach: float,
) -> ChangeBar | None:
    """Return the bar of a change given in percent; `reach` is the largest log-ratio of the scale.

    None where there is nothing to compare.
    """
    if before is None or after is None:
        return None
    ratio = max(-reach, min(reach, log_ratio(change, before, after)))
    position = 50 + 50 * ratio / reach
    beyond = change is None or change > limit_percent
    label = NONE if before == after == 0 else times(change)
    return ChangeBar(
        x=round(min(50.0, position), 2),
        width=round(abs(position - 50), 2),
        limit=round(50 + 50 * math.log1p(limit_percent / 100) / reach, 2),
        beyond=beyond,
        label=label,
        description=f"{what}: {label}; the limit is +{limit_percent:g} %",
    )


def reach_of(figures: Sequence[DigestFigures]) -> float:
    """Return the largest log-ratio that the change bars must show, at least that of doubling."""
    ratios = [
        log_ratio(change, before or 0.0, after or 0.0)
        for each in figures
        for change, before, after in (
            (each.latency_change, each.before.latency_ms, each.after.latency_ms),
            (each.rows_change, each.before.rows_examined, each.after.rows_examined),
        )
        if before is not None and after is not None
    ]
    return max([math.log(2), *(abs(ratio) for ratio in ratios if math.isfinite(ratio))])
