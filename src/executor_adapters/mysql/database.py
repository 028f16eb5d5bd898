"""The target database on MySQL and MariaDB: composes the rooms of this folder into the port."""

import threading
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from weakref import WeakSet

from executor_adapters.mysql import catalogue, changes, explain, idle, statistics, survey
from executor_adapters.mysql import transactions as open_ones
from executor_adapters.mysql.build import Build
from executor_adapters.mysql.connection import Connection, Connector, TimeLimits
from executor_adapters.mysql.errors import StatementFailed
from executor_adapters.mysql.url import MySQLUrl
from executor_core import ddl
from executor_core.errors import InvalidInput, Refused, Unavailable
from executor_core.index_definition import IndexDefinition
from executor_core.metrics import Snapshot
from executor_core.model import RunId
from executor_core.ports import Clock, StillOurs, unquestioned
from executor_core.surroundings import Surroundings
from executor_core.target import BuildOrder, BuildReport, RunningChange, TargetFacts, WatchedDigest

DEFAULT_LIMITS = TimeLimits()
IDLE_LIMIT = timedelta(seconds=20)
"""A reading connection that rested longer is opened anew: servers and firewalls end those that rest."""

_WRONG_ACCOUNT_OR_DATABASE = frozenset({1044, 1045, 1049, 1698})


class _Desk(threading.local):
    """A thread's own reading connection, and when it was last used."""

    connection: Connection | None = None
    used_at: timedelta = timedelta()


class MySQLTarget:
    """One schema of one MySQL or MariaDB server: the `TargetDatabase` port, usable from any thread.

    Each thread reads on a connection of its own; builds and drops have one each. `statement_limit` ends a
    single reading on the server, `read_timeout` the wait for it here.
    """

    def __init__(
        self,
        url: MySQLUrl,
        *,
        clock: Clock,
        connect_timeout: timedelta = DEFAULT_LIMITS.connect,
        read_timeout: timedelta = DEFAULT_LIMITS.read,
        statement_limit: timedelta = DEFAULT_LIMITS.statement,
    ) -> None:
        """Raises `InvalidInput` when the URL's certificate file can't be read; connects to nothing yet."""
        limits = TimeLimits(connect=connect_timeout, read=read_timeout, statement=statement_limit)
        self._connector = Connector(url, limits)
        self._url = url
        self._clock = clock
        self._desk = _Desk()
        self._open: WeakSet[Connection] = WeakSet()
        self._builds: dict[tuple[str, str], Build] = {}
        self._starting: set[str] = set()
        self._guard = threading.Lock()

    @property
    def schema_name(self) -> str:
        """The schema that this target is."""
        return self._url.database

    def check(self) -> None:
        """Connect once. Raises `InvalidInput` for a wrong account or database, `Unavailable` or `Refused` else."""
        try:
            with self._reading() as connection:
                connection.rows("SELECT 1")
        except Refused as refusal:
            if refusal.number in _WRONG_ACCOUNT_OR_DATABASE:
                raise InvalidInput(str(refusal)) from None
            raise

    def close(self) -> None:
        """Close the reading connections. A build that runs goes on, and holds its lock until it ends."""
        with self._guard:
            connections = list(self._open)
            self._open.clear()
        for connection in connections:
            connection.close()

    def inspect(self, index: IndexDefinition) -> TargetFacts:
        """Return the server, the table with all its indexes, and what holds its advisory lock."""
        with self._reading() as connection:
            # The lock first: a build that ends between the two looks is then seen in the table, and never missed.
            running = changes.running_change(connection, index.table_name)
            return TargetFacts(
                server=catalogue.server_facts(connection),
                table=catalogue.table_facts(connection, index.table_name),
                running=running,
                can_stage=open_ones.can_be_seen(connection),
            )

    def survey(self, index: IndexDefinition) -> Surroundings:
        """Return what goes on around the table, as far as this account may see it."""
        with self._reading() as connection:
            return survey.survey(connection, index)

    def start_build(self, order: BuildOrder, still_ours: StillOurs = unquestioned) -> None:
        """Send the statement, on a connection and a thread of its own, and return."""
        key = lock, _ = _key(order.schema_name, order.index)
        with self._guard:
            running = {table for (table, _), build in self._builds.items() if build.report is None}
            if lock in self._starting | running:
                raise Unavailable(f"a build of this process already runs on the table {order.index.table_name}")
            self._builds.pop(key, None)
            self._starting.add(lock)
        try:
            build = Build(self._connector, order, self._clock, still_ours)
            with self._guard:
                self._builds[key] = build
        finally:
            with self._guard:
                self._starting.discard(lock)

    def build_report(self, index: IndexDefinition) -> BuildReport | None:
        """Return how the build of the index ended, or None while it runs."""
        with self._guard:
            build = self._builds.get(_key(self.schema_name, index))
        if build is None:
            raise Refused(f"this process started no build of {index.index_name} on the table {index.table_name}")
        return build.report

    def running_change(self, index: IndexDefinition) -> RunningChange | None:
        """Return who holds the table's advisory lock, with the progress of its statement, or None."""
        with self._reading() as connection:
            return changes.running_change(connection, index.table_name)

    def stop_build(self, change: RunningChange) -> None:
        """End the statement of a change, if that connection still runs it."""
        with self._reading() as connection:
            changes.stop_change(connection, change)

    def end_own_build(self, index: IndexDefinition) -> None:
        """End the build of the index that this process started, if it still runs."""
        with self._guard:
            build = self._builds.get(_key(self.schema_name, index))
        if build is None or build.report is not None:
            return
        with self._reading() as connection:
            changes.stop_change(connection, build.change)

    def drop_index(
        self, index: IndexDefinition, run_id: RunId, lock_wait: timedelta, still_ours: StillOurs = unquestioned
    ) -> None:
        """Drop the index that `run_id` built, checked under the advisory lock."""
        changes.change_built_index(changes.removal, self._connector, index, run_id, lock_wait, self._clock, still_ours)

    def open_transactions(self) -> Mapping[str, str]:
        """Return the transactions of all accounts that may have a snapshot now, by id, in words."""
        with self._reading() as connection:
            return open_ones.open_transactions(connection, self._clock)

    def end_idle_transactions(
        self, index: IndexDefinition, idle_for: timedelta, transactions: Collection[str]
    ) -> Sequence[str]:
        """End the sessions that are idle in a transaction in our way; return each in words."""
        with self._reading() as connection:
            return idle.end_idle_transactions(connection, index.table_name, idle_for, transactions)

    def publish_index(
        self, index: IndexDefinition, run_id: RunId, lock_wait: timedelta, still_ours: StillOurs = unquestioned
    ) -> None:
        """Show the optimizer the index that `run_id` built, checked under the advisory lock."""
        changes.change_built_index(
            changes.publication, self._connector, index, run_id, lock_wait, self._clock, still_ours
        )

    def choose_digests(self, index: IndexDefinition, targets: Sequence[str]) -> Sequence[WatchedDigest]:
        """Return the digests to watch, the targets first."""
        with self._reading() as connection:
            return statistics.choose_digests(connection, index, targets)

    def snapshot(self, index: IndexDefinition, digests: Sequence[WatchedDigest]) -> Snapshot:
        """Return the cumulative counters of digests and of the table's indexes, as of now."""
        with self._reading() as connection:
            return statistics.snapshot(connection, index, digests, self._clock)

    def plans_using(self, index: IndexDefinition, digests: Sequence[WatchedDigest]) -> dict[str, bool]:
        """Return, for each digest whose statement can be explained, whether its plan uses the index."""
        with self._reading() as connection:
            return explain.plans_using(connection, index, digests)

    def histogram_upper_bounds_ps(self) -> tuple[int, ...]:
        """Return the upper bounds of the histograms' buckets; none where the server has no histograms."""
        with self._reading() as connection:
            return statistics.histogram_upper_bounds_ps(connection)

    @contextmanager
    def _reading(self) -> Generator[Connection]:
        """Lend this thread's reading connection; discard it when anything at all goes wrong on it."""
        desk = self._desk
        connection = desk.connection
        now = self._clock.monotonic()
        if connection is None or connection not in self._open or now - desk.used_at > IDLE_LIMIT:
            self._discard()
            connection = self._connector.open_reading()
            desk.connection = connection
            with self._guard:
                self._open.add(connection)
        try:
            yield connection
        except StatementFailed as failure:
            self._discard()
            raise failure.of_reading() from None
        except BaseException:
            self._discard()
            raise
        desk.used_at = self._clock.monotonic()

    def _discard(self) -> None:
        connection, self._desk.connection = self._desk.connection, None
        if connection is not None:
            with self._guard:
                self._open.discard(connection)
            connection.close()


def _key(schema_name: str, index: IndexDefinition) -> tuple[str, str]:
    """A table, by its advisory lock, and an index on it: several runs may take turns on one table."""
    return ddl.advisory_lock(schema_name, index.table_name), index.index_name.casefold()
