"""Who holds the lock of a table and who queues behind a statement of ours, as far as an account may see it.

The server tells it in three ways, of which the first that it allows is used: its metadata locks (MySQL's default),
the states of all threads, or the process list, which without ``PROCESS`` has the account's own sessions alone.
A statement that waits for ``FLUSH TABLES`` has its lock and no pending row: its state alone tells. Only
statements of an application count as a queue: another DDL statement may wait for ours, and stalls nobody until
somebody queues behind it. No text of a statement leaves the server.
"""

from dataclasses import dataclass
from typing import Protocol, Self

from executor_adapters.mysql.connection import Connection
from executor_adapters.mysql.errors import Reaction, StatementFailed
from executor_adapters.mysql.stall import Waiter

OWN_SESSIONS_ONLY = "of other accounts this account sees nothing: grant SELECT on performance_schema.*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """The statement that is watched: the connection that runs it, and the table that it changes, as stored."""

    connection_id: int
    schema_name: str
    table_name: str

    @classmethod
    def table_of(cls, connection: Connection, table_name: str) -> Self:
        """Return the statement that `connection` is about to run on a table of its schema."""
        return cls(
            connection_id=connection.connection_id,
            schema_name=connection.database,
            table_name=connection.table_name(table_name),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Whether the statement waits for a lock, and who waits behind it."""

    waiting: bool
    waiters: frozenset[Waiter]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Somebody who has a lock of the table. `lock` tells one transaction's lock from the next one's.

    `account` is None for a session that is gone, as that of a prepared XA transaction may be; `age_s` is that of
    its transaction, or else of its present state.
    """

    lock: tuple[int, int]
    account: str | None = None
    connection_id: int | None = None
    age_s: float | None = None

    def __str__(self) -> str:
        if self.account is None:
            return "a session that is gone, such as that of a prepared XA transaction"
        age = "" if self.age_s is None else f", for {self.age_s:.1f} s"
        return f"{self.account} (connection {self.connection_id}{age})"


class LockView(Protocol):
    """One way of looking. Both methods raise `StatementFailed`."""

    blind_spot: str | None
    """What this way can't see, as a clause, or None."""

    def queue(self, connection: Connection, guarded: Guarded) -> Queue:
        """Return who waits behind the statement."""
        ...

    def holders(self, connection: Connection, guarded: Guarded) -> tuple[Holder, ...] | None:
        """Return who else has a lock of the table that ours can't be had beside, or None if that can't be seen."""
        ...


def lock_view(connection: Connection) -> LockView:
    """Return the best way of looking that the server and the account's privileges allow."""
    if _allowed(connection, _LOCKS_PROBE):
        (enabled,) = connection.rows(_INSTRUMENT) or [("NO",)]
        return MetadataLocks() if enabled[0] == "YES" else ThreadStates(_THREADS, None)
    return ThreadStates(_PROCESSES, None if _allowed(connection, _PROCESS_PROBE) else OWN_SESSIONS_ONLY)


_INSTRUMENT = "SELECT ENABLED FROM performance_schema.setup_instruments WHERE NAME = 'wait/lock/metadata/sql/mdl'"
# Only tables that are read later: a probe of one privilege must not ask for another. The row of this very
# connection is missing where the performance schema is off.
_LOCKS_PROBE = """
    SELECT 1 FROM performance_schema.threads t
    LEFT JOIN performance_schema.metadata_locks l ON l.OWNER_THREAD_ID = t.THREAD_ID
    LEFT JOIN performance_schema.events_transactions_current x ON x.THREAD_ID = t.THREAD_ID
    LEFT JOIN performance_schema.setup_instruments i ON i.NAME = 'wait/lock/metadata/sql/mdl'
    WHERE t.PROCESSLIST_ID = CONNECTION_ID() LIMIT 1
"""
# This table asks for PROCESS, as soon as it is really read.
_PROCESS_PROBE = "SELECT COUNT(*) FROM information_schema.INNODB_TRX"


class MetadataLocks:
    """Looks at the locks themselves: on every object that our statement has or wants a lock of.

    That is the table, and the server as a whole too: a backup's ``FLUSH TABLES WITH READ LOCK`` waits for our
    statement, and every write to any table waits behind it.
    """

    blind_spot: str | None = None

    def queue(self, connection: Connection, guarded: Guarded) -> Queue:
        rows = connection.rows(
            _LOCK_QUEUE, guarded.connection_id, guarded.connection_id, guarded.schema_name, guarded.table_name
        )
        waiters = frozenset(Waiter(int(thread), int(event or 0)) for ours, thread, event in rows if not ours)
        return Queue(waiting=any(ours for ours, _, _ in rows), waiters=waiters)

    def holders(self, connection: Connection, guarded: Guarded) -> tuple[Holder, ...] | None:
        rows = connection.rows(_LOCK_HOLDERS, guarded.schema_name, guarded.table_name, guarded.connection_id)
        return tuple(
            Holder(
                lock=(int(thread), int(event or 0)),
                account=None if connection_id is None else f"{user}@{host}",
                connection_id=connection_id,
                age_s=None if age_s is None else float(age_s),
            )
            for thread, event, connection_id, user, host, age_s in rows
        )


# What reads and writes of an application ask for: of a table, and of the server as MySQL and MariaDB name it.
_LOCK_QUEUE = """
    SELECT FALSE, them.PROCESSLIST_ID, theirs.OWNER_EVENT_ID FROM performance_schema.threads me
    JOIN performance_schema.metadata_locks mine ON mine.OWNER_THREAD_ID = me.THREAD_ID
    JOIN performance_schema.metadata_locks theirs ON theirs.OBJECT_TYPE = mine.OBJECT_TYPE
        AND theirs.OBJECT_SCHEMA <=> mine.OBJECT_SCHEMA AND theirs.OBJECT_NAME <=> mine.OBJECT_NAME
    JOIN performance_schema.threads them ON them.THREAD_ID = theirs.OWNER_THREAD_ID
    WHERE me.PROCESSLIST_ID = %s AND theirs.LOCK_STATUS = 'PENDING' AND them.THREAD_ID <> me.THREAD_ID
        AND theirs.LOCK_TYPE IN ('SHARED_READ', 'SHARED_WRITE', 'SHARED_WRITE_LOW_PRIO', 'SHARED_HIGH_PRIO',
            'SHARED_READ_ONLY', 'INTENTION_EXCLUSIVE', 'BACKUP_DML', 'BACKUP_TRANS_DML')
    UNION ALL
    SELECT TRUE, me.PROCESSLIST_ID, NULL FROM performance_schema.threads me
    JOIN performance_schema.metadata_locks mine ON mine.OWNER_THREAD_ID = me.THREAD_ID
    WHERE me.PROCESSLIST_ID = %s AND mine.LOCK_STATUS = 'PENDING'
    UNION ALL
    SELECT FALSE, them.PROCESSLIST_ID, NULL FROM performance_schema.threads them
    WHERE them.PROCESSLIST_STATE = 'Waiting for table flush' AND EXISTS (
        SELECT 1 FROM performance_schema.metadata_locks theirs WHERE theirs.OWNER_THREAD_ID = them.THREAD_ID
            AND theirs.OBJECT_TYPE = 'TABLE' AND theirs.OBJECT_SCHEMA = %s AND theirs.OBJECT_NAME = %s)
"""

_LOCK_HOLDERS = """
    SELECT l.OWNER_THREAD_ID, l.OWNER_EVENT_ID, t.PROCESSLIST_ID, t.PROCESSLIST_USER, t.PROCESSLIST_HOST,
        COALESCE(IF(x.STATE = 'ACTIVE', x.TIMER_WAIT / 1e12, NULL), t.PROCESSLIST_TIME)
    FROM performance_schema.metadata_locks l
    LEFT JOIN performance_schema.threads t ON t.THREAD_ID = l.OWNER_THREAD_ID
    LEFT JOIN performance_schema.events_transactions_current x ON x.THREAD_ID = l.OWNER_THREAD_ID
    WHERE l.OBJECT_TYPE = 'TABLE' AND l.OBJECT_SCHEMA = %s AND l.OBJECT_NAME = %s AND l.LOCK_STATUS = 'GRANTED'
        AND NOT t.PROCESSLIST_ID <=> %s
"""


class ThreadStates:
    """Looks at the states of sessions, where locks can't be seen.

    A state does not tell the table: a session counts if its statement names ours, or may use it unnamed (a call,
    a statement that can't be seen) in our schema. Statements that reach the table through a view go unseen.
    """

    def __init__(self, source: str, blind_spot: str | None) -> None:
        self.blind_spot = blind_spot
        self._queue = _STATE_QUEUE.format(source=source)

    def queue(self, connection: Connection, guarded: Guarded) -> Queue:
        ours = guarded.connection_id
        rows = connection.rows(self._queue, ours, guarded.table_name, guarded.schema_name, _OPAQUE, _DDL)
        return Queue(
            waiting=any(thread == ours and str(state).startswith("Waiting for ") for thread, state in rows),
            waiters=frozenset(Waiter(int(thread)) for thread, _ in rows if thread != ours),
        )

    def holders(self, connection: Connection, guarded: Guarded) -> tuple[Holder, ...] | None:  # noqa: ARG002 -- the protocol's
        return None


_THREADS = (
    "SELECT PROCESSLIST_ID AS id, PROCESSLIST_DB AS db, PROCESSLIST_STATE AS state, PROCESSLIST_INFO AS info"
    " FROM performance_schema.threads WHERE PROCESSLIST_ID IS NOT NULL"
)
_PROCESSES = "SELECT ID AS id, DB AS db, STATE AS state, INFO AS info FROM information_schema.PROCESSLIST"
_OPAQUE = "^[[:space:]]*(CALL|EXECUTE)[[:space:]]"
_DDL = (
    "^[[:space:]]*(ALTER|ANALYZE|BACKUP|CHECK|CREATE|DROP|FLUSH|GRANT|LOCK|OPTIMIZE|RENAME|REPAIR|REVOKE|TRUNCATE)"
    "[[:space:]]"
)
_STATE_QUEUE = """
    SELECT id, state FROM ({source}) session
    WHERE id = %s OR (
        (
            state IN ('Waiting for global read lock', 'Waiting for backup lock')
            OR (state IN ('Waiting for table metadata lock', 'Waiting for table flush') AND (
                LOCATE(%s, info) > 0 OR (db = %s AND (info IS NULL OR info REGEXP %s))
            ))
        )
        AND (info IS NULL OR NOT info REGEXP %s)
    )
"""


def _allowed(connection: Connection, probe: str) -> bool:
    """Whether the account may read all that the probe reads, and there is something to be read."""
    try:
        return bool(connection.rows(probe))
    except StatementFailed as failure:
        if failure.reaction is not Reaction.REFUSED:
            raise
        return False
