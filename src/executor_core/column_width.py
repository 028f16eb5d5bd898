"""How many bytes a column takes in a row and in a key: exactly, at most, and on average as far as can be known.

>>> fixed_bytes(ColumnFacts(name="total", column_type="decimal(10,2) unsigned"))
5
"""

import math
import re

from executor_core.index_definition import KeyPart
from executor_core.target import ColumnFacts, TableFacts

_FIXED = {
    "tinyint": 1,
    "bool": 1,
    "boolean": 1,
    "year": 1,
    "smallint": 2,
    "mediumint": 3,
    "date": 3,
    "int": 4,
    "integer": 4,
    "float": 4,
    "bigint": 8,
    "double": 8,
    "real": 8,
    "inet4": 4,
    "inet6": 16,
    "uuid": 16,
}
_WITH_FRACTION = {"time": 3, "timestamp": 4, "datetime": 5}
_DIGIT_BYTES = (0, 1, 1, 2, 2, 3, 3, 4, 4, 4)
_LENGTHS = re.compile(r"\((?P<first>\d+)(?:,(?P<second>\d+))?\)")
_MEMBER = re.compile(r"'(?:[^']|'')*'")
ROW_OVERHEAD = 5 + 6 + 7
"""A record's header, and the transaction and the undo pointer of a row."""
PAGE_FILL = 15 / 16
"""How full InnoDB makes a page of rows that come in order."""
USUAL_LONGEST = 64
"""How long a value of a type may be of which that is not known."""
LONGEST = 1000
"""Columns that may be longer are not taken to hold more than those of this length."""


def fixed_bytes(column: ColumnFacts) -> int | None:
    """Return how many bytes a value takes, or None for texts and whatever else has values of different lengths."""
    kind = column.base_type
    match = _LENGTHS.search(column.column_type)
    first = int(match["first"]) if match else 0
    if kind in ("decimal", "numeric"):
        fraction = int(match["second"] or 0) if match else 0
        whole = (first or 10) - fraction
        return sum(4 * (digits // 9) + _DIGIT_BYTES[digits % 9] for digits in (whole, fraction))
    if kind in _WITH_FRACTION:
        return _WITH_FRACTION[kind] + (first + 1) // 2
    if kind == "bit":
        return (max(first, 1) + 7) // 8
    members = len(_MEMBER.findall(column.column_type))
    if kind == "enum":
        return 1 if members < 256 else 2
    if kind == "set":
        return next(width for width in (1, 2, 3, 4, 8) if members <= width * 8)
    return _FIXED.get(kind)


def key_part_bytes(part: KeyPart, column: ColumnFacts) -> int | None:
    """Return how many bytes of a key the part takes at most, or None where that is not known."""
    fixed = fixed_bytes(column)
    if fixed is not None:
        return fixed
    length = part.prefix_length or column.character_length
    return None if length is None else length * column.bytes_per_character


def average_bytes(table: TableFacts) -> dict[str, float]:
    """Return how many bytes a value of each column takes on average, by the column's name in lower case.

    What the average row takes beyond its fixed columns is shared out among the others by the square roots of their
    lengths: long columns are mostly longer, and mostly not full.
    """
    widths = {column.name.casefold(): fixed_bytes(column) for column in table.columns}
    texts = {
        column.name.casefold(): float(min(column.character_length or USUAL_LONGEST, LONGEST))
        for column in table.columns
        if widths[column.name.casefold()] is None
    }
    known = {name: float(width) for name, width in widths.items() if width is not None}
    row = table.data_bytes / table.rows * PAGE_FILL if table.rows else 0.0
    spare = max(0.0, row - ROW_OVERHEAD - sum(known.values()) - len(texts))
    return known | _shared_out(spare, texts)


def _shared_out(spare: float, longest: dict[str, float]) -> dict[str, float]:
    """Share `spare` out by the square roots of `longest`; nobody gets more than that, and the rest goes to others."""
    total = sum(math.sqrt(most) for most in longest.values())
    offered = {name: spare * math.sqrt(most) / total for name, most in longest.items()}
    full = {name: most for name, most in longest.items() if offered[name] >= most}
    if not full:
        return offered
    others = {name: most for name, most in longest.items() if name not in full}
    return full | _shared_out(spare - sum(full.values()), others)
