"""The text of the change: the statements that add, publish, hide and drop the index, and the ownership marker.

Statements are made from parsed definitions only; every identifier is quoted. Each always carries
``ALGORITHM=INPLACE, LOCK=NONE``: what a server can't do so is not done.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType

from executor_core.errors import InvalidInput
from executor_core.flavor import Flavor
from executor_core.index_definition import IndexDefinition
from executor_core.model import RunId

MAX_COMMENT = 1024
MAX_LOCK_NAME = 64
HIDDEN: Mapping[Flavor, str] = MappingProxyType({Flavor.MYSQL: "INVISIBLE", Flavor.MARIADB: "IGNORED"})
"""What each family calls an index that is kept up to date, and that the optimizer does not use."""

PUBLISHED: Mapping[Flavor, str] = MappingProxyType({Flavor.MYSQL: "VISIBLE", Flavor.MARIADB: "NOT IGNORED"})
_MARKER = re.compile(r"executor:run=(?P<run>[^\s;]+);attempt=(?P<attempt>[1-9][0-9]{0,8})")


@dataclass(frozen=True, slots=True)
class Marker:
    """Who built an index: the run, and which of its attempts. It is stored in the index's COMMENT."""

    run_id: RunId
    attempt: int

    def __str__(self) -> str:
        return f"executor:run={self.run_id};attempt={self.attempt}"

    @classmethod
    def parse(cls, comment: str) -> "Marker | None":
        """Return the marker that `comment` is, or None when it is anything else."""
        match = _MARKER.fullmatch(comment)
        return None if match is None else cls(RunId(match["run"]), int(match["attempt"]))

    @classmethod
    def find(cls, statement: str) -> "Marker | None":
        """Return the marker inside a running statement's text, or None. Only for statements of our own."""
        match = _MARKER.search(statement)
        return None if match is None else cls(RunId(match["run"]), int(match["attempt"]))


def quote_identifier(name: str) -> str:
    """Quote `name` for MySQL and MariaDB.

    >>> print(quote_identifier("a`b"))
    `a``b`
    """
    return "`" + name.replace("`", "``") + "`"


def quote_text(text: str) -> str:
    r"""Quote `text` as a string literal that reads the same in every SQL mode.

    Backslashes and control characters are refused rather than escaped: their meaning depends on
    ``NO_BACKSLASH_ESCAPES``, and no marker needs them.
    """
    if "\\" in text or any(ord(character) < 0x20 for character in text):
        raise InvalidInput("a comment may hold neither backslashes nor control characters")
    return "'" + text.replace("'", "''") + "'"


def add_index(schema_name: str, index: IndexDefinition, marker: Marker, *, hidden_on: Flavor | None = None) -> str:
    """Return the one statement that adds `index`, online, marked as ours; `hidden_on` that family, out of sight.

    Raises `InvalidInput` when the marker does not fit into a comment.
    """
    comment = str(marker)
    if len(comment) > MAX_COMMENT:
        raise InvalidInput(f"the run id is too long to be stored in an index comment of {MAX_COMMENT} characters")
    parts = ", ".join(
        quote_identifier(part.column)
        + ("" if part.prefix_length is None else f"({part.prefix_length})")
        + (" DESC" if part.descending else "")
        for part in index.key_parts
    )
    hidden = "" if hidden_on is None else f" {HIDDEN[hidden_on]}"
    return (
        f"ALTER TABLE {quote_identifier(schema_name)}.{quote_identifier(index.table_name)} "
        f"ADD INDEX {quote_identifier(index.index_name)} ({parts}) COMMENT {quote_text(comment)}{hidden}, "
        "ALGORITHM=INPLACE, LOCK=NONE"
    )


def publish_index(schema_name: str, table_name: str, index_name: str, flavor: Flavor) -> str:
    """Return the statement that shows the optimizer an index that was hidden, online."""
    return (
        f"ALTER TABLE {quote_identifier(schema_name)}.{quote_identifier(table_name)} "
        f"ALTER INDEX {quote_identifier(index_name)} {PUBLISHED[flavor]}, ALGORITHM=INPLACE, LOCK=NONE"
    )


def hide_index(schema_name: str, table_name: str, index_name: str, flavor: Flavor) -> str:
    """Return the statement that takes an index out of the optimizer's sight, online."""
    return (
        f"ALTER TABLE {quote_identifier(schema_name)}.{quote_identifier(table_name)} "
        f"ALTER INDEX {quote_identifier(index_name)} {HIDDEN[flavor]}, ALGORITHM=INPLACE, LOCK=NONE"
    )


def drop_index(schema_name: str, table_name: str, index_name: str) -> str:
    """Return the statement that drops one index, online."""
    return (
        f"ALTER TABLE {quote_identifier(schema_name)}.{quote_identifier(table_name)} "
        f"DROP INDEX {quote_identifier(index_name)}, ALGORITHM=INPLACE, LOCK=NONE"
    )


def advisory_lock(schema_name: str, table_name: str) -> str:
    """Return the name of a table's advisory lock: lower case, at most 64 characters.

    Where ``executor:<schema>.<table>`` is longer, its tail gives way to a digest of the whole.

    >>> advisory_lock("Shop", "Orders")
    'executor:shop.orders'
    """
    name = f"executor:{schema_name}.{table_name}".lower()
    if len(name) <= MAX_LOCK_NAME:
        return name
    fingerprint = sha256(name.encode()).hexdigest()[:16]
    return f"{name[: MAX_LOCK_NAME - 17]}~{fingerprint}"
