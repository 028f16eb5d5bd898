"""One build: the statement that adds the index, sent once, on a connection and a thread of its own.

The connection is opened and takes the table's advisory lock, and the lock sentinel opens its own, before the
thread starts, so whatever goes wrong until then is raised where it was asked for. The lock then lives as long as
the statement: if this process dies, the server goes on building, and whoever finds the lock held finds the build.
"""

import threading
from datetime import timedelta

from executor_adapters.mysql.connection import Connection, Connector
from executor_adapters.mysql.errors import StatementFailed
from executor_adapters.mysql.locks import Guarded
from executor_adapters.mysql.sentinel import GaveWay, Sentinel
from executor_adapters.mysql.tuning import build_variables
from executor_core import ddl
from executor_core.errors import ExecutorError, Unavailable
from executor_core.ports import Clock, StillOurs
from executor_core.target import BuildOrder, BuildOutcome, BuildReport, RunningChange


class Build:
    """A build that has been started. `report` is None until it has ended; `change` is how others see it."""

    def __init__(self, connector: Connector, order: BuildOrder, clock: Clock, still_ours: StillOurs) -> None:
        """Take the advisory lock and send the statement, guarded; `BUSY` at once when the lock is not to be had.

        Raises `Unavailable` or `Refused` when no connection could be had, `InvalidInput` when the order makes no
        statement, and what `still_ours` raises; nothing was sent then.
        """
        self.report: BuildReport | None = None
        self._clock = clock
        self._lock = ddl.advisory_lock(order.schema_name, order.index.table_name)
        ddl.add_index(order.schema_name, order.index, order.marker)  # raises before anything is opened
        connection = connector.open_changing(max(order.lock_wait, order.commit_lock_wait))
        self.change = RunningChange(connection_id=connection.connection_id, marker=order.marker)
        self._statement = ddl.add_index(
            order.schema_name,
            order.index,
            order.marker,
            hidden_on=connection.dialect.flavor if order.hidden else None,
        )
        try:
            for name, value in build_variables(connection.dialect, order).items():
                connection.offer_session(name, value)
            locked = connection.try_lock(self._lock)
        except StatementFailed as failure:
            connection.close()
            raise Unavailable(f"the build was not begun: {failure.sentence}") from None
        if not locked:
            connection.close()
            self.report = BuildReport(outcome=BuildOutcome.BUSY, error="another change holds the advisory lock")
            return
        try:
            guarded = Guarded.table_of(connection, order.index.table_name)
            still_ours()
            self._sentinel = Sentinel(connector, guarded, order.tolerance, clock)
        except ExecutorError:
            connection.unlock_and_close(self._lock)
            raise
        # The server goes on building whether or not we wait: a time-out would only make us lose sight of it.
        connection.lift_read_timeout()
        name = f"executor-build-{order.schema_name}.{order.index.table_name}"
        threading.Thread(target=self._run, args=(connection,), name=name, daemon=True).start()

    def _run(self, connection: Connection) -> None:
        started = self._clock.monotonic()
        report = BuildReport(outcome=BuildOutcome.UNKNOWN)
        try:
            report = self._added(connection, started)
        finally:
            # First the lock, then the report: who reads the report may build on this table at once.
            connection.unlock_and_close(self._lock)
            self.report = report

    def _added(self, connection: Connection, started: timedelta) -> BuildReport:
        try:
            self._sentinel.run(connection, self._statement)
        except GaveWay as gave_way:
            return BuildReport(
                outcome=BuildOutcome.BUSY,
                error=gave_way.sentence,
                elapsed=self._clock.monotonic() - started,
                lost_at_commit=self._sentinel.lost_at_commit,
            )
        except StatementFailed as failure:
            return BuildReport(
                outcome=failure.outcome,
                error_number=failure.number,
                error=failure.text,
                elapsed=self._clock.monotonic() - started,
                lost_at_commit=failure.outcome is BuildOutcome.BUSY and self._sentinel.lost_at_commit,
            )
        return BuildReport(outcome=BuildOutcome.DONE, elapsed=self._clock.monotonic() - started)
