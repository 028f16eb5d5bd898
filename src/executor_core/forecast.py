"""How large an index will be and how long it will take to build, from what the server says of the table.

The figures of time are of small machines that do other work as well (`docs/performance.md`): a server of its own is
quicker. They are meant to be right within a factor of three, sizes within one and a half.
"""

import math
from dataclasses import dataclass
from datetime import timedelta

from executor_core.column_width import average_bytes, fixed_bytes
from executor_core.flavor import Flavor
from executor_core.index_definition import IndexDefinition, KeyPart
from executor_core.surroundings import UNSEEN, Surroundings
from executor_core.target import ColumnFacts, TableFacts, TargetFacts

ENTRY_OVERHEAD = 5
ROW_ID_BYTES = 6
INDEX_FILL = 0.875
"""How full the pages of an index are, with those that are reserved for it."""
USUAL_CHARACTER_BYTES = 1.5
"""How many bytes a character takes where it may take more than one."""
LEAST_BYTES = 16384
ROOM_FACTOR = 2.2
"""How many times its size an index takes in files while it is built."""
LOGGED_TWICE = 2
"""A changed key is a deletion and an insertion in the log of a build."""
MOST_SLOWER = 20.0
"""A machine is taken to be at most so much slower, or quicker, than the one on which these figures were found."""
COLD_BYTES_PER_SECOND = 100e6
"""How fast a table is read that does not fit into memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSpeed:
    """What a build costs: to begin with, for a million rows, for a million bytes of keys, for a million texts.

    All that on a machine that takes as long as `arithmetic` for `Surroundings.arithmetic`.
    """

    arithmetic: timedelta

    start: timedelta
    rows: timedelta
    key_bytes: timedelta
    texts: timedelta


SPEED = {
    Flavor.MYSQL: BuildSpeed(
        arithmetic=timedelta(milliseconds=15),
        start=timedelta(milliseconds=700),
        rows=timedelta(milliseconds=1600),
        key_bytes=timedelta(milliseconds=27),
        texts=timedelta(milliseconds=2000),
    ),
    Flavor.MARIADB: BuildSpeed(
        arithmetic=timedelta(milliseconds=15),
        start=timedelta(milliseconds=400),
        rows=timedelta(milliseconds=800),
        key_bytes=timedelta(milliseconds=20),
        texts=timedelta(milliseconds=1000),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What the build is expected to take. `logged_bytes` is None where it can't be told how much the table is written.

    `room_bytes` is what index and sort files take together while it lasts, `entry_bytes` what a row takes in the index.
    """

    index_bytes: int
    sort_bytes: int
    room_bytes: int
    build_time: timedelta
    entry_bytes: float
    logged_bytes: int | None = None

    def in_brief(self) -> dict[str, float]:
        """What an audit entry says of it."""
        return {"index_bytes": self.index_bytes, "build_seconds": round(self.build_time.total_seconds(), 1)}


def forecast(facts: TargetFacts, index: IndexDefinition) -> Forecast | None:
    """Return what to expect of building `index`, or None where its table or its columns can't be seen."""
    table = facts.table
    columns = {} if table is None else {column.name.casefold(): column for column in table.columns}
    if table is None or any(part.column.casefold() not in columns for part in index.key_parts):
        return None
    surroundings = facts.surroundings or UNSEEN
    widths = average_bytes(table) | dict(surroundings.text_bytes)
    keys = [_stored_bytes(part, columns[part.column.casefold()], widths) for part in index.key_parts]
    entry = sum(keys) + _row_pointer_bytes(table, index, columns, widths) + ENTRY_OVERHEAD
    size = max(LEAST_BYTES, int(table.rows * entry / INDEX_FILL))
    texts = sum(fixed_bytes(columns[part.column.casefold()]) is None for part in index.key_parts)
    build_time = _build_time(facts.server.flavor, table, sum(keys), texts, surroundings)
    writes = surroundings.writes_per_second
    return Forecast(
        index_bytes=size,
        sort_bytes=int(size * (ROOM_FACTOR - 1)),
        room_bytes=int(size * ROOM_FACTOR),
        build_time=build_time,
        entry_bytes=entry,
        logged_bytes=None if writes is None else int(writes * build_time.total_seconds() * entry * LOGGED_TWICE),
    )


def _stored_bytes(part: KeyPart, column: ColumnFacts, widths: dict[str, float]) -> float:
    """How many bytes of an entry a key part takes on average; a text has one more that tells its length."""
    average = widths[part.column.casefold()]
    if fixed_bytes(column) is not None:
        return average
    usual = min(column.bytes_per_character, USUAL_CHARACTER_BYTES)
    most = average if part.prefix_length is None else part.prefix_length * usual
    return 1 + min(average, most)


def _row_pointer_bytes(
    table: TableFacts, index: IndexDefinition, columns: dict[str, ColumnFacts], widths: dict[str, float]
) -> float:
    """How many bytes of an entry tell its row: those columns of the primary key that the index does not have."""
    if table.primary_key is None:
        return ROW_ID_BYTES
    ours = {part.column.casefold() for part in index.key_parts if part.prefix_length is None}
    theirs = [part for part in table.primary_key.key_parts if part is not None and part.column.casefold() not in ours]
    return sum(_stored_bytes(p, columns[p.column.casefold()], widths) for p in theirs if p.column.casefold() in columns)


def _build_time(
    flavor: Flavor, table: TableFacts, key_bytes: float, texts: int, surroundings: Surroundings
) -> timedelta:
    """Return the time to read the table once, and to sort and to insert its keys, at the speed of the moment."""
    speed = SPEED[flavor]
    by_million = speed.rows + speed.key_bytes * key_bytes + speed.texts * texts
    sorting = math.log2(max(2, table.rows)) / math.log2(1_000_000)
    slower = 1.0 if surroundings.arithmetic is None else surroundings.arithmetic / speed.arithmetic
    cold = max(0, table.data_bytes - (surroundings.buffer_pool_bytes or table.data_bytes)) / COLD_BYTES_PER_SECOND
    work = speed.start + by_million * (table.rows / 1_000_000) * sorting
    return work * min(max(slower, 1 / MOST_SLOWER), MOST_SLOWER) + timedelta(seconds=cold)
