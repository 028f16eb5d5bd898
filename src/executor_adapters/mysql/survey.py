"""What goes on around a table: read in a handful of short statements.

Whatever the account may not see, or the server does not know, is None: each look stands for itself. The one that
reads rows has a name of its own in its text, so that its digest is never taken for one of the application.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from statistics import median

from executor_adapters.mysql import catalogue
from executor_adapters.mysql.connection import Connection, Row
from executor_adapters.mysql.errors import Reaction, StatementFailed
from executor_adapters.mysql.grants import account
from executor_adapters.mysql.locks import Guarded, lock_view
from executor_adapters.mysql.statistics import SAMPLE
from executor_core.ddl import quote_identifier
from executor_core.flavor import Flavor
from executor_core.index_definition import IndexDefinition
from executor_core.surroundings import Account, Cluster, Surroundings

LONG_S = 60
"""From how many seconds on an open transaction is a long one."""
LOCK_HELD_S = 1
"""From how many seconds on a lock of the table is told."""

SAMPLED_ROWS = 300
"""How many rows at either end of a table are looked at for the lengths of their texts."""
_ARITHMETIC = "SELECT SYSDATE(6)" + ", BENCHMARK(20000, SHA2('executor', 512)), SYSDATE(6)" * 5
_STATUS = ("Threads_running", "Uptime", "Performance_schema_digest_lost", "Com_stmt_execute", "Questions")
_VARIABLES = (
    "innodb_online_alter_log_max_size",
    "innodb_page_size",
    "innodb_buffer_pool_size",
    "innodb_tmpdir",
    "tmpdir",
    "datadir",
    "wsrep_on",
)
_WRITES = f"SELECT COUNT_INSERT + COUNT_UPDATE + COUNT_DELETE FROM {catalogue.TABLE_IO}"  # noqa: S608 -- of constants
_REPLICAS = "SELECT COUNT(*) FROM performance_schema.threads WHERE PROCESSLIST_COMMAND LIKE 'Binlog Dump%%'"
_GROUP = (
    "SELECT COUNT(*) FROM performance_schema.replication_group_members WHERE MEMBER_STATE IN ('ONLINE', 'RECOVERING')"
)
_CHANGES = """
    SELECT SUBSTRING_INDEX(TRIM(PROCESSLIST_INFO), ' ', 1), PROCESSLIST_USER, PROCESSLIST_HOST, PROCESSLIST_ID,
        PROCESSLIST_TIME
    FROM performance_schema.threads
    WHERE PROCESSLIST_ID <> CONNECTION_ID() AND LOCATE(%s, PROCESSLIST_INFO) > 0
        AND LOCATE('executor:run=', PROCESSLIST_INFO) = 0 AND PROCESSLIST_DB <=> %s
        AND PROCESSLIST_INFO REGEXP '^[[:space:]]*(ALTER|CREATE|DROP|OPTIMIZE|RENAME|REPAIR|TRUNCATE)[[:space:]]'
    ORDER BY PROCESSLIST_TIME DESC
"""
_TRANSACTIONS_MYSQL = """
    SELECT 'a transaction', t.PROCESSLIST_USER, t.PROCESSLIST_HOST, t.PROCESSLIST_ID, x.TIMER_WAIT / 1e12 AS age_s
    FROM performance_schema.events_transactions_current x
    JOIN performance_schema.threads t ON t.THREAD_ID = x.THREAD_ID
    WHERE x.STATE = 'ACTIVE' AND t.PROCESSLIST_ID <> CONNECTION_ID() AND x.TIMER_WAIT >= %s * 1e12
    ORDER BY age_s DESC
"""
_TRANSACTIONS_ANY = """
    SELECT 'a transaction', p.USER, p.HOST, x.trx_mysql_thread_id,
        TIMESTAMPDIFF(SECOND, x.trx_started, NOW()) AS age_s
    FROM information_schema.INNODB_TRX x
    JOIN information_schema.PROCESSLIST p ON p.ID = x.trx_mysql_thread_id
    WHERE x.trx_mysql_thread_id <> CONNECTION_ID() AND x.trx_started <= NOW() - INTERVAL %s SECOND
    ORDER BY age_s DESC
"""


def survey(connection: Connection, index: IndexDefinition) -> Surroundings:
    """Return what goes on around the table of `index`, in the connection's schema."""
    table_name = index.table_name
    table = connection.table_name(table_name)
    status = _named_numbers(connection, "STATUS", _STATUS)
    variables: dict[str, str] = dict(_rows(connection, _show("VARIABLES", _VARIABLES)) or ())
    uptime, asked, prepared = (status.get(name) for name in ("Uptime", "Questions", "Com_stmt_execute"))
    written = _number(connection, _WRITES, connection.database, table)
    view = lock_view(connection)
    holders = view.holders(connection, Guarded.table_of(connection, table_name))
    xa = _rows(connection, "XA RECOVER")
    return Surroundings(
        account=_account(connection, table),
        proxied=connection.relayed,
        cluster=_cluster(connection, variables),
        replicas=_number(connection, _REPLICAS),
        digests_lost=status.get("Performance_schema_digest_lost"),
        prepared_share=None if not asked or prepared is None else prepared / asked,
        threads_running=status.get("Threads_running"),
        long_transactions=_transactions(connection),
        lock_holders=None
        if holders is None
        else tuple(str(holder) for holder in holders if holder.age_s is None or holder.age_s >= LOCK_HELD_S),
        prepared_xa=None if xa is None else len(xa),
        changes=_words(_rows(connection, _CHANGES, table, connection.database)),
        blind_spot=view.blind_spot,
        writes_per_second=None if not uptime or written is None else written / uptime,
        online_log_bytes=_as_number(variables.get("innodb_online_alter_log_max_size")),
        text_bytes=_text_bytes(connection, index),
        arithmetic=_arithmetic(connection),
        page_bytes=_as_number(variables.get("innodb_page_size")),
        buffer_pool_bytes=_as_number(variables.get("innodb_buffer_pool_size")),
        sort_folder=variables.get("innodb_tmpdir") or variables.get("tmpdir"),
        data_folder=variables.get("datadir"),
    )


def _account(connection: Connection, table: str) -> Account | None:
    lines = _rows(connection, "SHOW GRANTS")  # with those of the roles that are active
    if lines is None:
        return None
    if connection.dialect.flavor is Flavor.MARIADB:
        lines += _rows(connection, "SHOW GRANTS FOR PUBLIC") or []
    return account([str(line) for (line,) in lines], connection.database, table)


def _cluster(connection: Connection, variables: dict[str, str]) -> Cluster | None:
    if variables.get("wsrep_on") == "ON":
        return Cluster.GALERA
    if connection.dialect.flavor is Flavor.MYSQL and _number(connection, _GROUP):
        return Cluster.GROUP_REPLICATION
    return None


def _transactions(connection: Connection) -> tuple[str, ...] | None:
    if connection.dialect.flavor is Flavor.MYSQL:
        seen = _words(_rows(connection, _TRANSACTIONS_MYSQL, LONG_S))
        if seen is not None:
            return seen
    return _words(_rows(connection, _TRANSACTIONS_ANY, LONG_S))


def _text_bytes(connection: Connection, index: IndexDefinition) -> Mapping[str, float]:
    """Return the average lengths of the texts at both ends of the table, where they can be read quickly.

    Values of TEXT and BLOB, which may be stored apart from their rows, are not read.
    """
    table = catalogue.table_facts(connection, index.table_name)
    if table is None or not table.base_table or table.primary_key is None:
        return {}
    primary = [part.column for part in table.primary_key.key_parts if part is not None]
    wanted = {name.casefold() for name in (*primary, *(part.column for part in index.key_parts))}
    texts = [c.name for c in table.columns if c.name.casefold() in wanted and c.base_type.endswith(("char", "binary"))]
    if not texts:
        return {}
    lengths = ", ".join(f"OCTET_LENGTH({quote_identifier(name)}) AS l{n}" for n, name in enumerate(texts))
    averages = ", ".join(f"AVG(COALESCE(l{n}, 0))" for n in range(len(texts)))
    rows = f"SELECT {lengths} FROM {quote_identifier(table.table_name)} FORCE INDEX (PRIMARY) ORDER BY"  # noqa: S608
    ends = [
        f"({rows} {', '.join(quote_identifier(name) + way for name in primary)} LIMIT {SAMPLED_ROWS})"
        for way in ("", " DESC")
    ]
    sql = f"SELECT {averages} FROM ({' UNION ALL '.join(ends)}) AS {SAMPLE}"  # noqa: S608 -- made of quoted names
    found = _rows(connection, sql)
    if not found:
        return {}
    return {name.casefold(): float(average or 0) for name, average in zip(texts, found[0], strict=True)}


def _arithmetic(connection: Connection) -> timedelta | None:
    """Return the median of a few tries: in any single one, a busy machine may have had something else to do."""
    rows = _rows(connection, _ARITHMETIC)
    if not rows:
        return None
    took: timedelta = median(later - earlier for earlier, later in pairwise(rows[0][::2]))
    return took if took > timedelta() else None


def _words(rows: Sequence[Row] | None) -> tuple[str, ...] | None:
    if rows is None:
        return None
    return tuple(
        f"{what} of {user or 'a system thread'}@{host or 'localhost'} (connection {connection_id}, for {age_s:.0f} s)"
        for what, user, host, connection_id, age_s in rows
    )


def _named_numbers(connection: Connection, what: str, names: Sequence[str]) -> dict[str, int]:
    rows = _rows(connection, _show(what, names)) or ()
    return {str(name): number for name, value in rows if (number := _as_number(value)) is not None}


def _show(what: str, names: Sequence[str]) -> str:
    return f"SHOW GLOBAL {what} WHERE Variable_name IN ({', '.join(repr(name) for name in names)})"


def _number(connection: Connection, sql: str, *args: object) -> int | None:
    rows = _rows(connection, sql, *args)
    return None if not rows else _as_number(rows[0][0])


def _as_number(value: object) -> int | None:
    return int(str(value)) if str(value).isdecimal() else None


def _rows(connection: Connection, sql: str, *args: object) -> list[Row] | None:
    """Return what a statement reads, or None where that is refused or takes too long."""
    try:
        return connection.rows(sql, *args)
    except StatementFailed as failure:
        if failure.reaction in (Reaction.LOST, Reaction.UNAVAILABLE):
            raise
        return None
