"""Durations as people write them: ``90s``, ``5m``, ``1h``, ``250ms``.

>>> parse_duration("1m30s")
datetime.timedelta(seconds=90)
>>> write_duration(parse_duration("300s"))
'5m'
"""

import re
from datetime import timedelta

from executor_core.errors import InvalidInput

_UNITS = {"h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
_PART = r"([0-9]+(?:\.[0-9]+)?)(ms|h|m|s)"
_WHOLE = re.compile(f"(?:{_PART})+")
LONGEST = timedelta(days=7)


def parse_duration(text: str) -> timedelta:
    """Return the duration that `text` is; raise `InvalidInput` for anything else, or one of more than a week."""
    written = text.strip().lower()
    if _WHOLE.fullmatch(written) is None:
        raise InvalidInput(f"{text!r} is not a duration: write 90s, 5m or 1h")
    milliseconds = sum(float(number) * _UNITS[unit] for number, unit in re.findall(_PART, written))
    if milliseconds > LONGEST / timedelta(milliseconds=1):
        raise InvalidInput(f"{text!r} is longer than a week")
    return timedelta(milliseconds=milliseconds)


def write_duration(duration: timedelta) -> str:
    """Return `duration` as people write it, to the millisecond."""
    rest = round(duration / timedelta(milliseconds=1))
    parts: list[str] = []
    for unit, size in _UNITS.items():
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
