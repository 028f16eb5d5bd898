"""Who holds a table's advisory lock and what it runs; ending it; and publishing or dropping an index under it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from executor_adapters.mysql.catalogue import TABLE_IO, index_facts
from executor_adapters.mysql.connection import Connection, Connector, Row
from executor_adapters.mysql.errors import Reaction, StatementFailed
from executor_adapters.mysql.locks import Guarded
from executor_adapters.mysql.sentinel import GaveWay, Sentinel
from executor_core import ddl
from executor_core.ddl import Marker
from executor_core.errors import Refused, Unavailable
from executor_core.index_definition import IndexDefinition
from executor_core.model import RunId
from executor_core.ports import Clock, StillOurs
from executor_core.target import IndexFacts, RunningChange
from executor_core.tolerance import Tolerance

_NO_SUCH_THREAD = 1094
_REFUSALS = frozenset({Reaction.REFUSED, Reaction.NOT_ONLINE})
_WRITTEN = f"SELECT COUNT_INSERT + COUNT_DELETE FROM {TABLE_IO}"  # noqa: S608 -- of constants
_STAGE = re.compile(r"stage/[^/]+/(?:alter table \((?P<step>[^)]*)\)|(?P<name>.+))")


def running_change(connection: Connection, table_name: str) -> RunningChange | None:
    """Return who holds the table's advisory lock, with its progress where stages are measured, or None."""
    lock = ddl.advisory_lock(connection.database, table_name)
    holder = connection.row("SELECT IS_USED_LOCK(%s)", lock)[0]
    if holder is None:
        return None
    state, statement = _statement_of(connection, int(holder))
    marker = marker_of(statement)
    progress, stage = (None, None) if marker is None else _stage_of(connection, int(holder))
    return RunningChange(
        connection_id=int(holder),
        marker=marker,
        progress=progress,
        stage=None if marker is None else stage or state or None,
        written=_written(connection, table_name),
    )


def stop_change(connection: Connection, change: RunningChange) -> None:
    """Kill the statement of `change` if that connection still runs it. Raises `StatementFailed` if we may not.

    Between the look and the kill the statement may end; its connection then runs nothing but the release of
    the lock, which a kill can't harm.
    """
    if change.marker is None:
        return
    _, statement = _statement_of(connection, change.connection_id)
    if marker_of(statement) != change.marker:
        return
    try:
        connection.rows("KILL QUERY %s", change.connection_id)
    except StatementFailed as failure:
        if failure.number != _NO_SUCH_THREAD:
            raise


@dataclass(frozen=True, slots=True)
class Change:
    """One statement of a change. An `optional` one that the server refuses is left out."""

    sql: str
    optional: bool = False


def removal(connection: Connection, index: IndexDefinition, there: IndexFacts | None) -> Iterator[Change]:
    """Hide the index, then drop it; nothing where it is gone."""
    if there is None:
        return
    names = (connection.database, index.table_name, index.index_name)
    if there.visible:
        yield Change(ddl.hide_index(*names, connection.dialect.flavor), optional=True)
    yield Change(ddl.drop_index(*names))


def publication(connection: Connection, index: IndexDefinition, there: IndexFacts | None) -> Iterator[Change]:
    """Show the index to the optimizer; nothing where it is visible."""
    if there is None:
        raise Refused(f"the index {index.index_name} of the table {index.table_name} is not there")
    if not there.visible:
        flavor = connection.dialect.flavor
        yield Change(ddl.publish_index(connection.database, index.table_name, index.index_name, flavor))


def change_built_index(
    called_for: Callable[[Connection, IndexDefinition, IndexFacts | None], Iterator[Change]],
    connector: Connector,
    index: IndexDefinition,
    run_id: RunId,
    lock_wait: timedelta,
    clock: Clock,
    still_ours: StillOurs,
) -> None:
    """Run the statements that the index of `run_id` still calls for, on a connection of its own; see the port.

    All of them run under the advisory lock, and each is guarded.
    """
    connection = connector.open_changing(lock_wait)
    lock = ddl.advisory_lock(connection.database, index.table_name)
    try:
        try:
            if not connection.try_lock(lock):
                raise Unavailable(f"another change of the table {index.table_name} holds its advisory lock")
            changes = tuple(called_for(connection, index, _built(connection, index, run_id)))
        except StatementFailed as failure:
            raise failure.of_reading() from None
        for change in changes:
            guarded = Guarded.table_of(connection, index.table_name)
            still_ours()
            sentinel = Sentinel(connector, guarded, Tolerance(budget=lock_wait), clock)
            try:
                sentinel.run(connection, change.sql)
            except GaveWay as gave_way:
                raise Unavailable(gave_way.sentence) from None
            except StatementFailed as failure:
                if failure.reaction is Reaction.GONE or (change.optional and failure.reaction in _REFUSALS):
                    continue
                raise failure.of_change() from None
    finally:
        connection.unlock_and_close(lock)


def marker_of(statement: str) -> Marker | None:
    """Return the marker in the statement that adds an index, or None for any other and for one cut off.

    >>> marker_of("ALTER TABLE `t` ADD INDEX `i` (`a`) COMMENT 'executor:run=r;attempt=12', ALGORITHM=INPLACE")
    Marker(run_id='r', attempt=12)
    >>> marker_of("ALTER TABLE `t` ADD INDEX `i` (`a`) COMMENT 'executor:run=r;attempt=1")
    """
    marker = Marker.find(statement.replace("''", "'"))
    if marker is None or not statement.startswith("ALTER TABLE "):
        return None
    return marker if f"COMMENT {ddl.quote_text(str(marker))}" in statement else None


def _built(connection: Connection, index: IndexDefinition, run_id: RunId) -> IndexFacts | None:
    """Return the index as it is there, or None; `Refused` when it is there and not ours."""
    for facts in index_facts(connection, index.table_name):
        if facts.is_built_by(run_id, index):
            return facts
        if facts.is_named(index):
            raise Refused(
                f"the index {index.index_name} of the table {index.table_name} is not the one that this run built:"
                " it is left alone"
            )
    return None


def _statement_of(connection: Connection, thread: int) -> tuple[str, str]:
    """Return a connection's state and statement, each empty when there is none or it can't be seen.

    The process list shows the account's own statements whole. Statements of other accounts may be seen in
    ``performance_schema.threads`` alone, which cuts them off.
    """
    for row in connection.rows("SHOW FULL PROCESSLIST"):
        if row[0] == thread:
            return str(row[6] or ""), str(row[7] or "")
    seen = _optional_row(
        connection,
        "SELECT PROCESSLIST_STATE, PROCESSLIST_INFO FROM performance_schema.threads WHERE PROCESSLIST_ID = %s",
        thread,
    )
    return ("", "") if seen is None else (str(seen[0] or ""), str(seen[1] or ""))


def _stage_of(connection: Connection, thread: int) -> tuple[float | None, str | None]:
    row = _optional_row(
        connection,
        "SELECT s.EVENT_NAME, s.WORK_COMPLETED, s.WORK_ESTIMATED FROM performance_schema.events_stages_current s"
        " JOIN performance_schema.threads t ON t.THREAD_ID = s.THREAD_ID WHERE t.PROCESSLIST_ID = %s"
        " ORDER BY s.WORK_ESTIMATED DESC LIMIT 1",
        thread,
    )
    if row is None:
        return None, None
    return fraction(row[1], row[2]), short_stage(str(row[0]))


def _written(connection: Connection, table_name: str) -> int | None:
    row = _optional_row(connection, _WRITTEN, connection.database, connection.table_name(table_name))
    return None if row is None else int(row[0])


def fraction(done: int | None, estimated: int | None) -> float | None:
    """Return the progress from 0 to 1, or None where the server has no estimate.

    >>> fraction(1, 4), fraction(5, 4), fraction(None, None), fraction(1, 0)
    (0.25, 1.0, None, None)
    """
    if done is None or not estimated:
        return None
    return min(1.0, max(0.0, done / estimated))


def short_stage(name: str) -> str:
    """Return the part of a stage's name that says something.

    >>> short_stage("stage/innodb/alter table (merge sort)"), short_stage("stage/sql/altering table")
    ('merge sort', 'altering table')
    """
    match = _STAGE.fullmatch(name)
    return name if match is None else match["step"] or match["name"] or name


def _optional_row(connection: Connection, sql: str, *args: object) -> Row | None:
    """Return the first row of what is a courtesy: an account that may not read it goes without."""
    try:
        rows = connection.rows(sql, *args)
    except StatementFailed as failure:
        if failure.reaction is not Reaction.REFUSED:
            raise
        return None
    return rows[0] if rows else None
