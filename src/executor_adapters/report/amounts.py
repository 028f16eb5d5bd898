"""Amounts as people read them: times, counts, shares and changes."""

import math
from datetime import datetime, timedelta

NONE = "–"


def milliseconds(value: float | None) -> str:
    """Return a time given in milliseconds, with three digits and the unit that suits it.

    >>> milliseconds(0.0421), milliseconds(3), milliseconds(271.4), milliseconds(81_000), milliseconds(0)
    ('42.1 µs', '3.00 ms', '271 ms', '81.0 s', '0 ms')
    """
    if value is None:
        return NONE
    for limit, factor, unit in ((1, 1000, "µs"), (1000, 1, "ms")):
        if 0 < value < limit:
            return f"{three_digits(value * factor)} {unit}"
    return "0 ms" if value == 0 else f"{three_digits(value / 1000)} s"


def three_digits(value: float) -> str:
    """Return a number with three digits that mean something.

    >>> three_digits(0.5), three_digits(12.345), three_digits(100_001), three_digits(0.00012)
    ('0.50', '12.3', '100,001', '0.00012')
    """
    size = abs(value)
    if size >= 100 or value == 0:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 0.1 else f"{value:.2g}"


def percent(change: float | None) -> str:
    """Return a change in percent, with its sign.

    >>> percent(8900.2), percent(-93.08), percent(0.04), percent(None)
    ('+8,900 %', '−93.1 %', '±0 %', 'from none')
    """
    if change is None:
        return "from none"
    if abs(change) < 0.05:
        return "±0 %"
    size = f"{abs(change):,.0f}" if abs(change) >= 100 else f"{abs(change):.1f}".removesuffix(".0")
    return f"{'−' if change < 0 else '+'}{size} %"


def times(change: float | None) -> str:
    """Return a change given in percent as a multiple where that is easier to grasp, else in percent.

    >>> times(8900), times(-93.08), times(-99.997), times(12), times(-100)
    ('×90', '÷14', '÷33,000', '+12 %', 'to none')
    """
    if change is None:
        return "from none"
    ratio = 1 + change / 100
    if ratio <= 0:
        return "to none"
    if ratio >= 2:
        return f"×{_plain(ratio)}"
    return f"÷{_plain(1 / ratio)}" if ratio <= 0.5 else percent(change)


def _plain(ratio: float) -> str:
    if ratio < 10:
        return f"{ratio:.1f}".removesuffix(".0")
    return f"{round(ratio, min(0, 1 - math.floor(math.log10(ratio)))):,.0f}"


def log_ratio(change: float | None, before: float, after: float) -> float:
    """Return the natural logarithm of after / before for drawing: infinities where one of them is nothing."""
    if change is None or before <= 0:
        return math.inf if after > 0 else 0.0
    return math.log(after / before) if after > 0 else -math.inf


def duration(span: timedelta | None) -> str:
    """Return a span of time in its two largest units.

    >>> duration(timedelta(seconds=3.456)), duration(timedelta(minutes=5, seconds=2)), duration(timedelta(hours=30))
    ('3.5 s', '5 min 2 s', '30 h')
    """
    if span is None:
        return NONE
    seconds = span.total_seconds()
    if seconds < 0.95:
        return f"{round(1000 * seconds)} ms"
    if seconds < 60:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def moment(at: datetime | None) -> str:
    """Return an instant, to the second, in UTC."""
    return NONE if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def clock_time(at: datetime | None) -> str:
    """Return the time of day of an instant."""
    return NONE if at is None else f"{at:%H:%M:%S}"


def size(octets: float | None) -> str:
    """Return a size in bytes with the unit that suits it.

    >>> size(812), size(4_390_912), size(None)
    ('812 B', '4.19 MiB', '–')
    """
    if octets is None:
        return NONE
    for unit in ("B", "KiB", "MiB", "GiB"):
        if octets < 1024:
            return f"{octets:.0f} B" if unit == "B" else f"{three_digits(octets)} {unit}"
        octets /= 1024
    return f"{three_digits(octets)} TiB"


def probability(p: float) -> str:
    """Return a p-value.

    >>> probability(0.00002), probability(0.034), probability(1.0)
    ('< 0.0001', '0.034', '1')
    """
    return "< 0.0001" if p < 0.0001 else f"{p:.2g}"
