"""What the target database looks like: facts that a port observed, as values.

Names are as the server spells them. `KeyPart`s are in index order; a functional part has no column.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256

from executor_core.ddl import Marker
from executor_core.flavor import Flavor
from executor_core.index_definition import IndexDefinition, KeyPart
from executor_core.metrics import DigestKey, DigestRole, TableShape
from executor_core.model import RunId
from executor_core.surroundings import Surroundings
from executor_core.tolerance import Tolerance


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """The server that answered. `server_uuid` identifies it; where a server has none, the adapter derives one."""

    flavor: Flavor
    version: str
    server_uuid: str
    read_only: bool
    performance_schema: bool
    statement_digests: bool
    """Whether the consumer that fills the digest table is on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexFacts:
    """One index of the table. `comment` is its whole COMMENT; `visible` is false for INVISIBLE and IGNORED."""

    name: str
    key_parts: tuple[KeyPart | None, ...]
    unique: bool
    kind: str
    comment: str
    visible: bool = True

    @property
    def marker(self) -> Marker | None:
        """Who of us built it, if one of us did."""
        return Marker.parse(self.comment)

    def is_built_by(self, run_id: RunId, index: IndexDefinition) -> bool:
        """Whether `run_id` built this index: the name, the columns in order, and the marker, all of them.

        That it also came out as it was asked for, with its prefix lengths and directions, is `has_parts`.
        """
        marker = self.marker
        return marker is not None and marker.run_id == run_id and self.is_named(index) and self._has_columns(index)

    def _has_columns(self, index: IndexDefinition) -> bool:
        return [part and part.column.casefold() for part in self.key_parts] == [
            part.column.casefold() for part in index.key_parts
        ]

    def is_named(self, index: IndexDefinition) -> bool:
        """Whether it has the name of `index`; names of indexes are case-insensitive."""
        return self.name.casefold() == index.index_name.casefold()

    def has_parts(self, index: IndexDefinition) -> bool:
        """Whether its key parts are those asked for: columns, order, prefix lengths, directions."""
        return [normalized(part) for part in self.key_parts] == [normalized(part) for part in index.key_parts]


def normalized(part: KeyPart | None) -> tuple[str, int | None, bool] | None:
    """Return `part` in a form that compares as the server compares: column names are case-insensitive."""
    return None if part is None else (part.column.casefold(), part.prefix_length, part.descending)


def described(index: IndexFacts) -> str:
    """An index as people write it."""
    kind = "unique " if index.unique else "" if index.kind.upper() == "BTREE" else f"{index.kind.lower()} "
    parts = ", ".join("an expression" if part is None else str(part) for part in index.key_parts)
    return f"{kind}{index.name} ({parts})"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKeyFacts:
    """A foreign key of the table: its constraint's name and its own columns."""

    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnFacts:
    """A column: its name, its type as the server writes it, and its length where it has one.

    `character_length` is in characters (of binary columns: bytes), each of them of up to `bytes_per_character`.
    """

    name: str
    column_type: str
    character_length: int | None = None
    bytes_per_character: int = 1

    @property
    def base_type(self) -> str:
        """The type without lengths, members and attributes: ``enum``, ``mediumtext``."""
        return self.column_type.lower().partition("(")[0].partition(" ")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFacts:
    """The table of a run. `base_table` is false for views; sizes are the server's estimates."""

    schema_name: str
    table_name: str
    base_table: bool
    engine: str | None
    rows: int
    data_bytes: int
    columns: tuple[ColumnFacts, ...]
    indexes: tuple[IndexFacts, ...]
    foreign_keys: tuple[ForeignKeyFacts, ...] = ()
    row_format: str | None = None
    partitioned: bool = False

    @property
    def primary_key(self) -> IndexFacts | None:
        """The primary key, if the table has one."""
        return self.index_named("PRIMARY")

    def shape_besides(self, ours: IndexDefinition) -> TableShape:
        """What changes if somebody else changes the table: without `ours`, and without what any of us built."""
        columns = [(column.name.casefold(), column.column_type.lower()) for column in self.columns]
        indexes = [
            (each.name.casefold(), [*map(normalized, each.key_parts)], each.unique, each.kind.upper(), each.visible)
            for each in self.indexes
            if each.marker is None and not each.is_named(ours)
        ]
        told = repr((columns, sorted(indexes, key=repr), self.engine, self.partitioned))
        return TableShape(definition=sha256(told.encode()).hexdigest()[:16], rows=self.rows)

    def index_named(self, name: str) -> IndexFacts | None:
        """Return the index called `name`, whatever its case, or None."""
        return next((index for index in self.indexes if index.name.casefold() == name.casefold()), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningChange:
    """A statement of ours that holds the table's advisory lock: by its server-side connection id.

    `marker` is None when its owner can't be told: the holder runs no addition of ours, or can't be seen.
    `progress` is from 0 to 1 where the server tells it, and `written` how many rows were ever inserted into the table
    or deleted from it, by its own count.
    """

    connection_id: int
    marker: Marker | None
    progress: float | None = None
    stage: str | None = None
    written: int | None = None

    def belongs_to(self, run_id: RunId) -> bool:
        """Whether it adds the index of `run_id`, whichever process started it."""
        return self.marker is not None and self.marker.run_id == run_id


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFacts:
    """One look at the target. `table` is None when there is no such table."""

    server: ServerFacts
    table: TableFacts | None
    running: RunningChange | None = None
    can_stage: bool = False
    """Whether the server can hide an index and this account sees the open transactions of every account."""
    surroundings: Surroundings | None = None
    """What goes on around the table, where that was asked for."""


class BuildOutcome(StrEnum):
    """How an attempt to build ended, as far as the connection that ran it could tell."""

    DONE = "done"
    BUSY = "busy"
    """A lock was not to be had in time, or others queued behind the statement for too long and the target ended it;
    nothing is left behind."""
    NAME_TAKEN = "name_taken"
    NOT_ONLINE = "not_online"
    """The server can't do it without a stronger lock or a copy (1845, 1846)."""
    REFUSED = "refused"
    """Any other error of the statement; nothing is left behind."""
    STOPPED = "stopped"
    """The statement was killed (1317); nothing is left behind."""
    UNKNOWN = "unknown"
    """The connection was lost: look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildReport:
    """The end of one build: `error_number` and `error` are the server's, the text for people only."""

    outcome: BuildOutcome
    error_number: int | None = None
    error: str | None = None
    elapsed: timedelta = timedelta()
    lost_at_commit: bool = False
    """Whether a `BUSY` build had been built, and was lost while it waited to be committed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOrder:
    """Everything that a target needs to build an index.

    `lock_wait` is how long others may queue behind the statement before the target itself ends it (`BUSY`); where
    it waits to commit, that grows with the work that would be lost and with each of the `lost_builds` before this one,
    up to `commit_lock_wait`. `memory_limit` is how many bytes it may sort in, and `table_bytes` how large the table is,
    where that is known.
    """

    schema_name: str
    index: IndexDefinition
    marker: Marker
    lock_wait: timedelta
    hidden: bool = False
    """Whether the index is built out of the optimizer's sight, to be published later."""
    commit_lock_wait: timedelta = timedelta(milliseconds=500)
    lost_builds: int = 0
    """How many builds of this run were lost while they waited to be committed."""
    memory_limit: int = 16 * 1024 * 1024
    table_bytes: int | None = None

    @property
    def tolerance(self) -> Tolerance:
        """How long others may queue behind the statement."""
        return Tolerance(budget=self.lock_wait, ceiling=self.commit_lock_wait, lost_builds=self.lost_builds)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedDigest:
    """A digest to be sampled, and the part that it plays."""

    key: DigestKey
    role: DigestRole
