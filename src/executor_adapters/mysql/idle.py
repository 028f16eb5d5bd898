"""Ending the sessions of others: only those that are idle in a transaction in our way, and only when told to."""

import math
from collections.abc import Collection
from datetime import timedelta

from executor_adapters.mysql.connection import PROGRAM, Connection, Row
from executor_adapters.mysql.errors import Reaction, StatementFailed
from executor_core.flavor import Flavor

_HOLDS = """
    EXISTS (SELECT 1 FROM performance_schema.metadata_locks l
        JOIN performance_schema.threads h ON h.THREAD_ID = l.OWNER_THREAD_ID
        WHERE h.PROCESSLIST_ID = {session} AND l.OBJECT_TYPE = 'TABLE' AND l.OBJECT_SCHEMA = %s
            AND l.OBJECT_NAME = %s AND l.LOCK_STATUS = 'GRANTED')
"""
_NOT_OURS = """
    {session} <> CONNECTION_ID() AND {session} NOT IN (
        SELECT PROCESSLIST_ID FROM performance_schema.session_connect_attrs
        WHERE ATTR_NAME = 'program_name' AND ATTR_VALUE = %s)
"""
_MYSQL = f"""
    SELECT CONCAT(x.THREAD_ID, '.', x.EVENT_ID), {_HOLDS.format(session="t.PROCESSLIST_ID")}, t.PROCESSLIST_ID,
        t.PROCESSLIST_USER, t.PROCESSLIST_HOST, t.PROCESSLIST_TIME
    FROM performance_schema.events_transactions_current x
    JOIN performance_schema.threads t ON t.THREAD_ID = x.THREAD_ID
    WHERE x.STATE = 'ACTIVE' AND t.PROCESSLIST_COMMAND = 'Sleep'
        AND {_NOT_OURS.format(session="t.PROCESSLIST_ID")} AND t.PROCESSLIST_TIME >= %s
"""  # noqa: S608 -- made of constants
_MARIADB = f"""
    SELECT CONCAT(x.trx_mysql_thread_id, '@', x.trx_started), {_HOLDS.format(session="p.ID")}, p.ID, p.USER, p.HOST,
        p.TIME
    FROM information_schema.INNODB_TRX x
    JOIN information_schema.PROCESSLIST p ON p.ID = x.trx_mysql_thread_id
    WHERE p.COMMAND = 'Sleep' AND {_NOT_OURS.format(session="p.ID")} AND p.TIME >= %s
"""  # noqa: S608 -- made of constants


def end_idle_transactions(
    connection: Connection, table_name: str, idle_for: timedelta, transactions: Collection[str]
) -> list[str]:
    """End the sessions that the port describes; return each in words. See the port for which those are."""
    look = _MYSQL if connection.dialect.flavor is Flavor.MYSQL else _MARIADB
    seconds = math.ceil(idle_for.total_seconds())
    try:
        seen = connection.rows(look, connection.database, connection.table_name(table_name), PROGRAM, seconds)
    except StatementFailed as failure:
        if failure.reaction is not Reaction.REFUSED:
            raise
        return []  # what can't be seen is let be
    return [_words(row) for row in seen if (row[1] or row[0] in transactions) and _ended(connection, int(row[2]))]


def _ended(connection: Connection, session: int) -> bool:
    try:
        connection.rows("KILL CONNECTION %s", session)
    except StatementFailed as failure:
        if failure.reaction is not Reaction.REFUSED:
            raise
        return False  # it has ended by itself, or is not ours to end
    return True


def _words(row: Row) -> str:
    _, _, session, user, host, idle_s = row
    return f"{user}@{host}, connection {session}, idle for {int(idle_s)} s"
