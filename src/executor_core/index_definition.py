r"""An index as it was asked for: its name and its key parts, parsed and bounded.

    >>> [str(part) for part in parse_key_parts(["customer_id", "note(10)", "created_at desc"])]
    ['customer_id', 'note(10)', 'created_at DESC']
    >>> parse_key_part("lower(name)")
    Traceback (most recent call last):
    ...
    executor_core.errors.InvalidInput: the key part 'lower(name)' is not a column: write name, name(10) or name DESC

Anything but a column with an optional prefix length and direction is refused: functional key parts need a
lock, and text that is not a column has no place in a statement.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from executor_core.errors import InvalidInput

MAX_IDENTIFIER = 64
MAX_KEY_PARTS = 16
MAX_PREFIX = 3072

_KEY_PART = re.compile(
    r"""
    (?: `(?P<quoted>(?:[^`]|``)+)` | (?P<plain>[^\s`(),][^`(),]*?) )
    (?: \s* \( \s* (?P<length>[0-9]{1,5}) \s* \) )?
    (?: \s+ (?P<direction>ASC|DESC) )?
    """,
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class KeyPart:
    """One column of an index: its name, the length of its prefix in characters (or bytes), its direction."""

    column: str
    prefix_length: int | None = None
    descending: bool = False

    def __str__(self) -> str:
        prefix = "" if self.prefix_length is None else f"({self.prefix_length})"
        return f"{self.column}{prefix}{' DESC' if self.descending else ''}"


@dataclass(frozen=True, slots=True)
class IndexDefinition:
    """The index that a run asks for."""

    table_name: str
    index_name: str
    key_parts: tuple[KeyPart, ...]


def check_identifier(name: str, what: str) -> str:
    """Return `name` if MySQL accepts it as an identifier; raise `InvalidInput` naming `what` otherwise."""
    if not name:
        raise InvalidInput(f"the {what} is empty")
    if len(name) > MAX_IDENTIFIER:
        raise InvalidInput(f"the {what} has {len(name)} characters; MySQL allows {MAX_IDENTIFIER}")
    if "\x00" in name:
        raise InvalidInput(f"the {what} contains a NUL character")
    if any(ord(character) > 0xFFFF or 0xD800 <= ord(character) <= 0xDFFF for character in name):
        raise InvalidInput(f"the {what} has a character that MySQL does not allow in a name")
    if name != name.rstrip():
        raise InvalidInput(f"the {what} ends with a space, which MySQL does not allow")
    return name


def parse_key_part(text: str) -> KeyPart:
    """Parse one entry of `columns`; raise `InvalidInput` for anything that is not a plain column."""
    match = _KEY_PART.fullmatch(text.strip())
    if match is None:
        if not text.strip():
            raise InvalidInput("a column name is empty")
        raise InvalidInput(f"the key part {text!r} is not a column: write name, name(10) or name DESC")
    column = match["plain"] if match["quoted"] is None else match["quoted"].replace("``", "`")
    check_identifier(column, f"column name {column!r}")
    length = None if match["length"] is None else int(match["length"])
    if length is not None and not 0 < length <= MAX_PREFIX:
        raise InvalidInput(f"the prefix length of {column!r} must be from 1 to {MAX_PREFIX}")
    return KeyPart(column, length, (match["direction"] or "").upper() == "DESC")


def parse_key_parts(columns: Sequence[str]) -> tuple[KeyPart, ...]:
    """Parse the `columns` of a run; raise `InvalidInput` when empty, too many, or a column stands twice."""
    if not columns:
        raise InvalidInput("the index has no columns")
    if len(columns) > MAX_KEY_PARTS:
        raise InvalidInput(f"the index has {len(columns)} columns; MySQL allows {MAX_KEY_PARTS}")
    parts = tuple(parse_key_part(column) for column in columns)
    seen: set[str] = set()
    for part in parts:
        if part.column.casefold() in seen:
            raise InvalidInput(f"the column {part.column!r} stands twice in the index")
        seen.add(part.column.casefold())
    return parts


def parse_index_definition(table_name: str, index_name: str, columns: Sequence[str]) -> IndexDefinition:
    """Parse what a run asks for; raise `InvalidInput` with the first thing that is wrong."""
    check_identifier(table_name, "table name")
    check_identifier(index_name, "index name")
    if index_name.upper() in ("PRIMARY", "GEN_CLUST_INDEX"):
        raise InvalidInput(f"{index_name} is a name that MySQL keeps for itself; choose another index name")
    return IndexDefinition(table_name, index_name, parse_key_parts(columns))
