"""Checkpoints, samples and the outbox in one SQLite file: one transaction saves a state and its messages.

The file is in WAL mode and every commit is flushed to the disk. Several threads and several processes may use
one directory at once, on a local disk: SQLite's locks don't hold on network file systems.
"""

import json
import os
import sqlite3
import threading
import zlib
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from executor_adapters.checkpoints import directories
from executor_adapters.validation import first_problem
from executor_core.errors import CheckpointUnusable, LeaseLost, Unavailable
from executor_core.metrics import Snapshot
from executor_core.model import AuditLogEntry, RunId
from executor_core.ports import Message, MessageKind
from executor_core.state import RunState, WindowKind

FILE_NAME = "executor.sqlite3"
APPLICATION_ID = 0x45584543
"""Marks the file as ours: "EXEC"."""
SCHEMA_VERSION = 2
BUSY_TIMEOUT = timedelta(seconds=10)
COMPRESS_FROM = 512
"""Samples of fewer bytes are stored as they are."""

_SCHEMA = """
CREATE TABLE states (
    run_id TEXT PRIMARY KEY,
    state TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE samples (
    run_id TEXT NOT NULL,
    window TEXT NOT NULL,
    taken_at INTEGER NOT NULL, -- microseconds since 1970, UTC
    snapshot NOT NULL,         -- JSON: as TEXT, or as a BLOB that zlib made of it
    PRIMARY KEY (run_id, window, taken_at)
) WITHOUT ROWID;
CREATE TABLE messages (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    run_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    refused_because TEXT, -- NULL unless the control plane will never take it
    delivered INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX messages_of_run ON messages (run_id, position);
CREATE INDEX messages_pending ON messages (position) WHERE delivered = 0;
"""

_FROM_1 = """
ALTER TABLE messages ADD COLUMN delivered INTEGER NOT NULL DEFAULT 0;
CREATE INDEX messages_pending ON messages (position) WHERE delivered = 0;
"""
"""What version 1 of the schema lacks. It forgot what had been delivered."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


@dataclass(frozen=True, slots=True)
class Trail:
    """The audit entries of a run in their order, and how many of its messages the control plane has not got."""

    entries: tuple[AuditLogEntry, ...]
    untold: int


class SqliteJournal:
    """The `CheckpointStore` and the `Outbox` in ``<directory>/executor.sqlite3``.

    The directory (mode 0700) and the file (0600) are made at first use. Raises `Unavailable` when the disk or
    another process prevents an access, `CheckpointUnusable` when the file is damaged, is not ours, or was
    written by a newer version, `InvalidInput` when the directory is another user's.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE_NAME
        self._lock = threading.Lock()
        self._opened: sqlite3.Connection | None = None

    def __repr__(self) -> str:
        return f"SqliteJournal({str(self._path.parent)!r})"

    @property
    def path(self) -> Path:
        """The file that everything is in."""
        return self._path

    def close(self) -> None:
        """Close the file; the next access opens it again."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def load(self, run_id: RunId) -> RunState | None:
        with self._transaction(writes=False) as connection:
            row = connection.execute("SELECT state FROM states WHERE run_id = ?", (run_id,)).fetchone()
        if row is None:
            return None
        try:
            state = RunState.model_validate_json(row[0])
        except ValidationError as error:
            raise CheckpointUnusable(
                f"the checkpoint of run {run_id} in {self._path} can't be read: {first_problem(error)}"
            ) from None
        if state.run_id != run_id:
            raise CheckpointUnusable(f"the checkpoint of run {run_id} in {self._path} is of run {state.run_id}")
        return state

    def save(self, state: RunState, messages: Sequence[Message] = ()) -> None:
        with self._transaction() as connection:
            query = "SELECT json_extract(state, '$.origin') FROM states WHERE run_id = ?"
            for (origin,) in connection.execute(query, (state.run_id,)).fetchall():
                if origin not in (state.origin, state.resumed_from):
                    raise LeaseLost(f"another process has gone on with run {state.run_id}")
            connection.execute(
                "INSERT INTO states (run_id, state) VALUES (?, ?)"
                " ON CONFLICT (run_id) DO UPDATE SET state = excluded.state",
                (state.run_id, state.model_dump_json()),
            )
            for message in messages:
                _append(connection, message)

    def add_sample(self, run_id: RunId, window: WindowKind, snapshot: Snapshot) -> None:
        stored = _packed(snapshot.model_dump_json(exclude_defaults=True))
        with self._transaction() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO samples (run_id, window, taken_at, snapshot) VALUES (?, ?, ?, ?)",
                (run_id, window, (snapshot.taken_at - _EPOCH) // timedelta(microseconds=1), stored),
            )

    def samples(self, run_id: RunId, window: WindowKind) -> Sequence[Snapshot]:
        with self._transaction(writes=False) as connection:
            rows = connection.execute(
                "SELECT snapshot FROM samples WHERE run_id = ? AND window = ? ORDER BY taken_at",
                (run_id, window),
            ).fetchall()
        try:
            return [Snapshot.model_validate_json(_unpacked(stored)) for (stored,) in rows]
        except (ValidationError, zlib.error, UnicodeDecodeError):
            raise CheckpointUnusable(f"a sample of run {run_id} in {self._path} can't be read") from None

    def append(self, message: Message) -> None:
        with self._transaction() as connection:
            _append(connection, message)

    def pending(self, run_id: RunId | None = None) -> Sequence[Message]:
        of_run, arguments = _of(run_id)
        with self._transaction(writes=False) as connection:
            rows = connection.execute(
                f"SELECT key, run_id, kind, body FROM messages WHERE {of_run} ORDER BY position",  # noqa: S608 -- as below
                arguments,
            ).fetchall()
        try:
            return [
                Message(key=key, run_id=RunId(run), kind=MessageKind(kind), body=_object(body))
                for key, run, kind, body in rows
            ]
        except ValueError:
            raise CheckpointUnusable(f"an undelivered message in {self._path} can't be read") from None

    def backlog(self, run_id: RunId | None = None) -> Mapping[RunId, int]:
        of_run, arguments = _of(run_id)
        with self._transaction(writes=False) as connection:
            rows = connection.execute(
                f"SELECT run_id, count(*) FROM messages WHERE {of_run}"  # noqa: S608 -- text of this module alone
                " GROUP BY run_id ORDER BY min(position)",
                arguments,
            ).fetchall()
        return {RunId(run): count for run, count in rows}

    def delivered(self, key: str) -> None:
        with self._transaction() as connection:
            connection.execute("UPDATE messages SET delivered = 1 WHERE key = ?", (key,))

    def refused(self, key: str, reason: str) -> None:
        with self._transaction() as connection:
            connection.execute("UPDATE messages SET refused_because = ? WHERE key = ? AND delivered = 0", (reason, key))

    def refused_count(self, run_id: RunId) -> int:
        with self._transaction(writes=False) as connection:
            count: int = connection.execute(
                "SELECT count(*) FROM messages WHERE run_id = ? AND refused_because IS NOT NULL", (run_id,)
            ).fetchone()[0]
        return count

    def trail(self, run_id: RunId) -> Trail:
        """Return the audit entries of a run as they were made, whether or not the control plane has them.

        A file that an older version wrote lacks those that had been delivered then.
        """
        with self._transaction(writes=False) as connection:
            rows = connection.execute(
                "SELECT kind, body, delivered FROM messages WHERE run_id = ? ORDER BY position", (run_id,)
            ).fetchall()
        try:
            entries = [AuditLogEntry.model_validate_json(body) for kind, body, _ in rows if kind == MessageKind.AUDIT]
        except ValidationError:
            raise CheckpointUnusable(f"an audit entry of run {run_id} in {self._path} can't be read") from None
        return Trail(tuple(entries), untold=sum(not delivered for _, _, delivered in rows))

    @contextmanager
    def _transaction(self, *, writes: bool = True) -> Generator[sqlite3.Connection]:
        """One transaction on the one connection; whatever goes wrong in it leaves the file as it was."""
        with self._lock:
            try:
                if self._opened is None:
                    self._opened = self._open()
                # IMMEDIATE: a transaction that begins to write half-way can't wait for another writer.
                self._opened.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
                try:
                    yield self._opened
                    self._opened.execute("COMMIT")
                except BaseException:
                    if self._opened.in_transaction:
                        self._opened.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise self._translated(error) from None
            except OSError as error:
                raise Unavailable(
                    f"{self._path} can't be used: {error.strerror or error}; give --state-dir a directory that this"
                    " user may write to"
                ) from None

    def _open(self) -> sqlite3.Connection:
        directories.make_private(self._path.parent)
        directories.check_ours(self._path.parent)
        # Made before SQLite opens it: the files that SQLite puts beside it take over its mode.
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        directories.sync(self._path.parent)
        connection = sqlite3.connect(
            self._path, timeout=BUSY_TIMEOUT.total_seconds(), isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        owner: int = connection.execute("PRAGMA application_id").fetchone()[0]
        tables: int = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables == 0 and version == 0:
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        elif owner != APPLICATION_ID:
            raise CheckpointUnusable(f"{self._path} is not a checkpoint file of Executor")
        elif version == 1:
            for statement in _FROM_1.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        elif version != SCHEMA_VERSION:
            raise CheckpointUnusable(
                f"{self._path} was written by another version of Executor (its schema is {version},"
                f" this version knows {SCHEMA_VERSION}); upgrade, or use another state directory"
            )
        connection.execute("COMMIT")

    def _translated(self, error: sqlite3.Error) -> CheckpointUnusable | Unavailable:
        # The low byte is the primary result code; the rest says more about it.
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _DAMAGED:
            return CheckpointUnusable(f"{self._path} is damaged or not a checkpoint file: {error}")
        return Unavailable(f"{self._path} can't be used: {error}")


def _of(run_id: RunId | None) -> tuple[str, tuple[str, ...]]:
    """Return the condition for what is undelivered, of one run or of all, and its arguments.

    The condition of one run is so plain that its own index serves it, however many messages others wait to tell.
    """
    if run_id is None:
        return "delivered = 0 AND refused_because IS NULL", ()
    return "run_id = ? AND delivered = 0 AND refused_because IS NULL", (run_id,)


def _append(connection: sqlite3.Connection, message: Message) -> None:
    connection.execute(
        "INSERT INTO messages (key, run_id, kind, body) VALUES (?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
        (message.key, message.run_id, message.kind, json.dumps(message.body, allow_nan=False)),
    )


def _packed(text: str) -> str | bytes:
    """Return `text`, compressed where that makes it smaller."""
    if len(text) < COMPRESS_FROM:
        return text
    plain = text.encode()
    compressed = zlib.compress(plain)
    return compressed if len(compressed) < len(plain) else text


def _unpacked(stored: str | bytes) -> str:
    return stored if isinstance(stored, str) else zlib.decompress(stored).decode()


def _object(text: str) -> dict[str, Any]:
    document = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError("a message's body is a JSON object")  # noqa: TRY004 -- caught with the other malformations
    return cast(dict[str, Any], document)
