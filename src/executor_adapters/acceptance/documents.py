"""JSON that others wrote, read tolerantly: a value of another kind than the one that was looked for is none. Pure."""

from datetime import datetime
from typing import Any, cast


def as_object(value: object) -> dict[str, Any]:
    """Return the object that `value` is, or an empty one.

    >>> as_object({"status": "failed"}), as_object(["failed"])
    ({'status': 'failed'}, {})
    """
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def as_moment(value: object) -> datetime | None:
    """Return the moment that `value` is written as, or None.

    >>> as_moment("2026-01-01T12:00:00Z"), as_moment("at noon"), as_moment(12)
    (datetime.datetime(2026, 1, 1, 12, 0, tzinfo=datetime.timezone.utc), None, None)
    """
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def upper(value: object) -> str | None:
    """Return a word in capitals, as the log writes those of the wire; None for what is no word."""
    return value.upper() if isinstance(value, str) else None
