"""Checks of the index that is asked for: can it be built as it stands here, and is it worth it beside the others?"""

import re
from collections.abc import Iterator

from executor_core.column_width import key_part_bytes
from executor_core.finding import Case
from executor_core.flavor import Flavor
from executor_core.index_definition import KeyPart
from executor_core.surroundings import Privilege
from executor_core.target import IndexFacts, described, normalized

MAX_KEY_BYTES = 3072
MAX_OLD_PART_BYTES = 767
DEFAULT_PAGE_BYTES = 16384
GEOMETRIES = frozenset(
    {
        "geometry",
        "point",
        "linestring",
        "polygon",
        "multipoint",
        "multilinestring",
        "multipolygon",
        "geometrycollection",
        "geomcollection",
    }
)
FIRST_MARIADB_WITH_DESCENDING = (10, 8)


def columns_exist(case: Case) -> Iterator[str]:
    """Every key part names a column of the table."""
    account = case.surroundings.account
    unseen = account is not None and account.lacks(Privilege.SELECT) is not False
    if case.table is None or unseen:  # the server shows only those columns with which the account may do something
        return
    there = {part.column for part, _ in case.key_columns()}
    for part in case.index.key_parts:
        if part.column not in there:
            yield f"the table {case.index.table_name!r} has no column {part.column!r}"


def long_texts_have_a_prefix(case: Case) -> Iterator[str]:
    """A TEXT or BLOB column needs a prefix length; some servers choose one silently instead of refusing."""
    for part, column in case.key_columns():
        if part.prefix_length is None and column.base_type.endswith(("text", "blob")):
            yield (
                f"the column {part.column!r} is {column.base_type}: index a prefix, such as "
                f"{KeyPart(part.column, 100, part.descending)}"
            )


def no_json(case: Case) -> Iterator[str]:
    """A JSON column has no index of its own (error 3152)."""
    for part, column in case.key_columns():
        if column.base_type == "json":
            yield (
                f"the column {part.column!r} is json, which can't be indexed: index a generated column of what is "
                "looked for in it"
            )


def no_geometry(case: Case) -> Iterator[str]:
    """MySQL takes an index on a geometry for a spatial one, and builds that under a lock alone."""
    for part, column in case.key_columns():
        if case.facts.server.flavor is Flavor.MYSQL and column.base_type in GEOMETRIES:
            yield (
                f"error 1846: MySQL builds no index on the {column.base_type} column {part.column!r} without a lock "
                "(LOCK=NONE is not supported): add it by hand when writes can wait"
            )


def prefixes_are_of_texts(case: Case) -> Iterator[str]:
    """A prefix is a part of a text: a number has none."""
    for part, column in case.key_columns():
        if part.prefix_length is not None and not column.base_type.endswith(("char", "binary", "text", "blob")):
            yield f"the column {part.column!r} is {column.base_type}, which has no prefixes: index it whole"


def prefixes_are_shorter(case: Case) -> Iterator[str]:
    """A prefix that is as long as its column the server silently drops."""
    for part, column in case.key_columns():
        length = column.character_length
        if part.prefix_length is None or length is None or not column.base_type.endswith(("char", "binary")):
            continue
        if part.prefix_length >= length:
            yield f"the column {part.column!r} is {length} long, so {part} is no prefix of it: index it whole"


def key_is_short_enough(case: Case) -> Iterator[str]:
    """A key has 3072 bytes at most, less with small pages, a part of it 767 in old row formats; MariaDB cuts longer
    ones silently."""
    table = case.table
    if table is None:
        return
    most = min(MAX_KEY_BYTES, (case.surroundings.page_bytes or DEFAULT_PAGE_BYTES) * 3 // 16)
    most_of_part = MAX_OLD_PART_BYTES if (table.row_format or "").lower() in ("redundant", "compact") else most
    total = 0
    for part, column in case.key_columns():
        width = key_part_bytes(part, column) or 0
        total += width
        if width > most_of_part:
            yield (
                f"error 1071: the key part {part} takes up to {width} bytes, and this table allows {most_of_part}: "
                "index a shorter prefix"
            )
    if total > most:
        yield f"error 1071: the key takes up to {total} bytes, and this table allows {most}: index shorter prefixes"


def descending_is_understood(case: Case) -> Iterator[str]:
    """MariaDB before 10.8 reads DESC and builds ascending."""
    server = case.facts.server
    if server.flavor is Flavor.MARIADB and any(part.descending for part in case.index.key_parts):
        match = re.match(r"(\d+)\.(\d+)", server.version)
        if match is not None and (int(match[1]), int(match[2])) < FIRST_MARIADB_WITH_DESCENDING:
            yield f"MariaDB {server.version} ignores DESC: ask for the index without it"


def not_a_duplicate(case: Case) -> Iterator[str]:
    """An index that begins with the same key parts, or with all of them reversed, serves already.

    Every index of InnoDB ends with the primary key, so one that lacks only that serves too.
    """
    for other in _others(case):
        if _serves(_with_primary_key(case, other), case.index.key_parts):
            hidden = "" if other.visible else ", once it is made visible again"
            yield f"the index {described(other)} begins with the same columns and may serve already{hidden}"


def no_other_becomes_redundant(case: Case) -> Iterator[str]:
    """An index whose key parts ours begins with only costs, once ours is there."""
    for other in _others(case):
        known = [part for part in other.key_parts if part is not None]
        longer = len(known) < len(case.index.key_parts)
        if other.unique or other.marker is not None or not longer or len(known) != len(other.key_parts):
            continue
        if _serves(case.index.key_parts, tuple(known)):
            yield f"the index {described(other)} would be redundant beside the new one: see if it can be dropped later"


def _others(case: Case) -> Iterator[IndexFacts]:
    """The indexes that are looked into like ours, ours apart."""
    for other in () if case.table is None else case.table.indexes:
        if other.kind.upper() == "BTREE" and not other.is_named(case.index):
            yield other


def _with_primary_key(case: Case, other: IndexFacts) -> tuple[KeyPart | None, ...]:
    primary = None if case.table is None else case.table.primary_key
    if primary is None or other is primary:
        return other.key_parts
    there = {part.column.casefold() for part in other.key_parts if part is not None}
    return (*other.key_parts, *(p for p in primary.key_parts if p is not None and p.column.casefold() not in there))


def _serves(theirs: tuple[KeyPart | None, ...], ours: tuple[KeyPart, ...]) -> bool:
    """Whether an index of `theirs` finds and sorts all that one of `ours` would.

    A longer prefix does, but only at the end: what comes after a prefix is not sorted.
    """
    if len(theirs) < len(ours):
        return False
    pairs = [(normalized(their), normalized(our)) for their, our in zip(theirs, ours, strict=False)]
    turned = {their is not None and our is not None and their[2] != our[2] for their, our in pairs}
    return len(turned) == 1 and all(
        their is not None
        and our is not None
        and their[0] == our[0]
        and (their[1] == our[1] or (last and our[1] is not None and (their[1] is None or their[1] > our[1])))
        for last, (their, our) in ((number == len(ours) - 1, pair) for number, pair in enumerate(pairs))
    )
