"""The transactions that are open on the whole server, and whether this account may see them.

MySQL tells them in ``performance_schema``, as they are at that moment. MariaDB, where that is off by default, tells
them in ``INNODB_TRX``, out of a cache that is not filled anew while it is read often: so we open a snapshot of our
own first, and believe what we read only when it shows that one running this very statement. Two who look at once
would keep each other from ever seeing it filled, so processes of ours take turns.

``READ COMMITTED`` and ``READ UNCOMMITTED`` have no snapshot that outlives a statement, and are left out.
"""

from collections.abc import Mapping
from datetime import timedelta

from executor_adapters.mysql.connection import PROGRAM, Connection, Row
from executor_adapters.mysql.errors import Reaction, StatementFailed
from executor_core.errors import Refused, Unavailable
from executor_core.flavor import Flavor
from executor_core.ports import Clock

CACHE_REST = timedelta(milliseconds=150)
"""INNODB_TRX is filled anew when nobody has read it for 100 ms."""
TRIES = 10
TURN = "executor:open transactions"
"""The advisory lock of who looks at INNODB_TRX. It has no dot, so no table's lock has this name."""
TURN_COMES_WITHIN = timedelta(seconds=5)
"""Turns are a courtesy: who waited so long looks anyway, since a process may be stopped while it has its turn."""

_OURS = (
    "SELECT PROCESSLIST_ID FROM performance_schema.session_connect_attrs"
    " WHERE ATTR_NAME = 'program_name' AND ATTR_VALUE = %s"
)
_MYSQL_PROBE = """
    SELECT
        (SELECT COUNT(*) FROM performance_schema.setup_consumers WHERE ENABLED = 'YES' AND NAME IN
            ('global_instrumentation', 'thread_instrumentation', 'events_transactions_current')) = 3
        AND (SELECT COUNT(*) FROM performance_schema.setup_instruments
            WHERE ENABLED = 'YES' AND NAME = 'transaction') = 1
        AND NOT EXISTS (SELECT 1 FROM performance_schema.threads
            WHERE TYPE = 'FOREGROUND' AND PROCESSLIST_ID IS NOT NULL AND INSTRUMENTED = 'NO')
        AND LOCATE('use_invisible_indexes=on', @@GLOBAL.optimizer_switch) = 0
        AND (SELECT COUNT(*) >= 0 FROM performance_schema.events_transactions_current)
        AND (SELECT COUNT(*) >= 0 FROM performance_schema.session_connect_attrs)
"""
_MYSQL_TRANSACTIONS = f"""
    SELECT CONCAT(x.THREAD_ID, '.', x.EVENT_ID), t.PROCESSLIST_USER, t.PROCESSLIST_HOST, t.PROCESSLIST_ID,
        x.ISOLATION_LEVEL, x.TIMER_WAIT / 1e12
    FROM performance_schema.events_transactions_current x
    JOIN performance_schema.threads t ON t.THREAD_ID = x.THREAD_ID
    WHERE x.STATE = 'ACTIVE' AND t.PROCESSLIST_ID IS NOT NULL AND t.PROCESSLIST_ID <> CONNECTION_ID()
        AND x.ISOLATION_LEVEL NOT IN ('READ COMMITTED', 'READ UNCOMMITTED')
        AND t.PROCESSLIST_ID NOT IN ({_OURS})
"""  # noqa: S608 -- made of constants

_MARIADB_PROBE = "SELECT COUNT(*) >= 0 FROM information_schema.INNODB_TRX"
# A transaction that goes from reading to writing gets another trx_id: what stays is its connection and its beginning.
_MARIADB_TRANSACTIONS = f"""/* {{look}} */
    SELECT CONCAT(x.trx_mysql_thread_id, '@', x.trx_started), p.USER, p.HOST, x.trx_mysql_thread_id,
        x.trx_isolation_level, TIMESTAMPDIFF(SECOND, x.trx_started, NOW()),
        x.trx_mysql_thread_id = CONNECTION_ID() AND COALESCE(x.trx_query LIKE '/* {{look}} */%%', FALSE)
    FROM information_schema.INNODB_TRX x
    LEFT JOIN information_schema.PROCESSLIST p ON p.ID = x.trx_mysql_thread_id
    WHERE x.trx_mysql_thread_id = CONNECTION_ID() OR (
        x.trx_mysql_thread_id <> 0 AND x.trx_isolation_level NOT IN ('READ COMMITTED', 'READ UNCOMMITTED')
        AND x.trx_mysql_thread_id NOT IN ({_OURS})
    )
"""  # noqa: S608 -- made of constants


def can_be_seen(connection: Connection) -> bool:
    """Whether this account sees the open transactions of every account, and a hidden index is one on this server."""
    probe = _MYSQL_PROBE if connection.dialect.flavor is Flavor.MYSQL else _MARIADB_PROBE
    try:
        return bool(connection.row(probe)[0])
    except StatementFailed as failure:
        if failure.reaction is not Reaction.REFUSED:
            raise
        return False


def open_transactions(connection: Connection, clock: Clock) -> Mapping[str, str]:
    """Return the transactions that may have a snapshot, by id, in words; ours are not among them.

    Raises `Refused` when they can't be seen, and `Unavailable` when the server shows only old ones.
    """
    if not can_be_seen(connection):
        raise Refused("this account does not see the open transactions of every account")
    if connection.dialect.flavor is Flavor.MYSQL:
        return {str(row[0]): _words(row) for row in connection.rows(_MYSQL_TRANSACTIONS, PROGRAM)}
    connection.try_lock(TURN, TURN_COMES_WITHIN)
    try:
        return _of_filled_cache(connection, clock)
    finally:
        connection.unlock(TURN)


def _of_filled_cache(connection: Connection, clock: Clock) -> Mapping[str, str]:
    connection.rows("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
    try:
        for _ in range(TRIES):
            clock.wait(CACHE_REST)
            look = f"look of {clock.monotonic().total_seconds():.6f} s"  # like no other on this connection
            rows = connection.rows(_MARIADB_TRANSACTIONS.format(look=look), PROGRAM)
            if any(row[6] for row in rows):
                return {str(row[0]): _words(row) for row in rows if row[3] != connection.connection_id}
    finally:
        connection.rows("ROLLBACK")
    raise Unavailable("INNODB_TRX shows only an old state: somebody else reads it more often than ten times a second")


def _words(row: Row) -> str:
    _, user, host, connection_id, isolation, age_s, *_ = row
    age = "" if age_s is None else f", open for {float(age_s):.0f} s"
    return f"{isolation} of {user or 'a system thread'}@{host or 'localhost'}, connection {connection_id}{age}"
