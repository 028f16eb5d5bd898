"""A database server in memory: tables, metadata locks, builds that take time, and statement statistics.

Time is the clock's: nothing happens by itself, but whoever looks sees what would have happened meanwhile. A
build goes through three stages, as a real one does: it waits for the metadata lock, it builds, and it needs
the lock once more to commit.
"""

import threading
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from executor_adapters.memory.builds import LOCK_WAIT_TIMEOUT, QUERY_INTERRUPTED, Build, Stage, impossible
from executor_adapters.memory.sessions import Rhythm, Sessions
from executor_adapters.memory.workload import Query, Statistics
from executor_core.ddl import Marker, add_index, drop_index, hide_index, publish_index
from executor_core.errors import StillNeeded
from executor_core.flavor import Flavor
from executor_core.index_definition import parse_key_parts
from executor_core.ports import Clock
from executor_core.surroundings import Account, Privilege, Surroundings
from executor_core.target import (
    BuildOrder,
    BuildOutcome,
    ColumnFacts,
    ForeignKeyFacts,
    IndexFacts,
    RunningChange,
    ServerFacts,
    TableFacts,
)

NEEDED_IN_FOREIGN_KEY = 1553

QUIET = Surroundings(
    account=Account(held=frozenset(Privilege)),
    proxied=False,
    replicas=0,
    digests_lost=0,
    prepared_share=0.0,
    threads_running=2,
    long_transactions=(),
    prepared_xa=0,
    changes=(),
    writes_per_second=5.0,
    online_log_bytes=128 * 1024 * 1024,
    page_bytes=16384,
    buffer_pool_bytes=1024 * 1024 * 1024,
    sort_folder="/tmp",  # noqa: S108 -- where a server sorts
    data_folder="/var/lib/mysql/",
)
"""What goes on around a table where nothing does."""


class FakeServer:
    """A server with one schema. Give it to a `FakeDatabase` for each process that works on it.

    `build_time` is how long a build takes once it has its lock. `statements` lists every ALTER that was sent,
    so that a test can say that one ran once. Tables and columns in `not_online` (``"orders"`` or
    ``"orders.place"``) can't be indexed without a stronger lock.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        schema_name: str = "shop",
        build_time: timedelta = timedelta(seconds=10),
        flavor: Flavor = Flavor.MYSQL,
    ) -> None:
        self.schema_name = schema_name
        self.build_time = build_time
        self.not_online: set[str] = set()
        self.statements: list[str] = []
        self.read_only = False
        self.performance_schema = True
        self.can_stage = True
        self.around = QUIET
        self.needed: set[str] = set()
        """The indexes that a foreign key needs, by name: they can't be dropped."""
        self.clock = clock
        self._flavor = flavor
        self._lock = threading.RLock()
        self._tables: dict[str, TableFacts] = {}
        self._queries: dict[str, Query] = {}
        self._sessions = Sessions()
        self._builds: list[Build] = []
        self._connections = 100
        self._started_at = clock.monotonic()
        # The server's wall clock: nobody who sets the worker's clock sets this one too.
        self._wall_at_zero = clock.now() - clock.monotonic()
        self._settled_at = clock.monotonic()
        self._statistics = self._new_statistics()

    # --- what a test arranges -----------------------------------------------------------------------------

    def add_table(
        self,
        name: str,
        columns: Mapping[str, str],
        *,
        rows: int = 1000,
        engine: str = "InnoDB",
        base_table: bool = True,
        foreign_keys: Sequence[ForeignKeyFacts] = (),
    ) -> None:
        """Make a table of `columns` (name → type), whose first column is its primary key."""
        first = next(iter(columns))
        primary = IndexFacts(name="PRIMARY", key_parts=parse_key_parts([first]), unique=True, kind="BTREE", comment="")
        with self._lock:
            self.settle()
            self._tables[name] = TableFacts(
                schema_name=self.schema_name,
                table_name=name,
                base_table=base_table,
                engine=engine if base_table else None,
                rows=rows,
                data_bytes=rows * 100,
                columns=tuple(ColumnFacts(name=name, column_type=kind) for name, kind in columns.items()),
                indexes=(primary,) if base_table else (),
                foreign_keys=tuple(foreign_keys),
            )

    def add_index(
        self, table_name: str, index_name: str, columns: Sequence[str], *, comment: str = "", unique: bool = False
    ) -> None:
        """Add an index at once, as somebody else would."""
        with self._lock:
            self.settle()
            index = IndexFacts(
                name=index_name, key_parts=parse_key_parts(columns), unique=unique, kind="BTREE", comment=comment
            )
            self._alter(table_name, (*self._tables[table_name].indexes, index))

    def remove_index(self, table_name: str, index_name: str) -> None:
        """Drop an index at once, as somebody else would."""
        with self._lock:
            self.settle()
            kept = [index for index in self._tables[table_name].indexes if index.name != index_name]
            self._alter(table_name, kept)

    def add_query(self, query: Query) -> Query:
        """Let the application run `query` from now on; the same text again replaces it."""
        with self._lock:
            self.settle()
            self._queries[query.text] = query
            return query

    @contextmanager
    def holding_lock(self, table_name: str) -> Generator[None]:
        """Hold the table's metadata lock, as an application's open transaction does."""
        with self._holding(self._sessions.metadata, table_name):
            yield

    @contextmanager
    def short_transactions(self, table_name: str, *, held: timedelta, free: timedelta) -> Generator[None]:
        """Hold the table's metadata lock for a while again and again, as a busy application does."""
        with self._lock:
            self.settle()
            self._sessions.rhythms[table_name] = Rhythm(self.clock.monotonic(), held, free)
        try:
            yield
        finally:
            with self._lock:
                self.settle()
                del self._sessions.rhythms[table_name]

    @contextmanager
    def holding_advisory_lock(self, table_name: str) -> Generator[None]:
        """Hold the table's advisory lock from a connection that runs no statement of ours."""
        with self._holding(self._sessions.advisory, table_name):
            yield

    @contextmanager
    def open_transaction(self) -> Generator[str]:
        """Keep a transaction open that has a snapshot and no lock of any table; its id is returned."""
        with self._lock:
            name = str(self._connection())
            self._sessions.transactions[name] = self.clock.monotonic()
        try:
            yield name
        finally:
            with self._lock:
                self._sessions.transactions.pop(name, None)

    def restart(self) -> None:
        """Restart: statistics begin anew, builds under way are lost and leave nothing."""
        with self._lock:
            self.settle()
            for build in self.running():
                build.end(self._settled_at, BuildOutcome.UNKNOWN)
            self._sessions.transactions.clear()
            self._statistics = self._new_statistics()
            self._started_at = self.clock.monotonic()

    def indexes(self, table_name: str) -> dict[str, IndexFacts]:
        """Return the table's indexes by name, as they are now."""
        with self._lock:
            self.settle()
            return {index.name: index for index in self._tables[table_name].indexes}

    # --- what a connection asks for -----------------------------------------------------------------------

    def facts(self) -> ServerFacts:
        """Return what the server says of itself."""
        mysql = self._flavor is Flavor.MYSQL
        return ServerFacts(
            flavor=self._flavor,
            version="8.4.0-fake" if mysql else "10.11.0-fake",
            server_uuid="00000000-0000-0000-0000-00000000fa4e",
            read_only=self.read_only,
            performance_schema=self.performance_schema,
            statement_digests=self.performance_schema,
        )

    def table(self, name: str) -> TableFacts | None:
        """Return a table, or None where there is none of that name."""
        with self._lock:
            self.settle()
            return self._tables.get(name)

    def surroundings(self, table_name: str) -> Surroundings:
        """Return what goes on around a table: what a test put into `around`, and who holds its lock."""
        with self._lock:
            holder = self._sessions.metadata.get(table_name)
            holders = () if holder is None else (f"app@localhost (connection {holder})",)
            return replace(self.around, lock_holders=holders)

    def running(self, table_name: str | None = None) -> list[Build]:
        """Return the builds under way, on one table or on all."""
        with self._lock:
            self.settle()
            return [build for build in self._builds if build.report is None and table_name in (None, build.table_name)]

    def change(self, table_name: str) -> RunningChange | None:
        """Return who holds the table's advisory lock."""
        with self._lock:
            for build in self.running(table_name):
                return RunningChange(
                    connection_id=build.connection_id,
                    marker=build.order.marker,
                    progress=build.progress(self.clock.monotonic(), self.build_time),
                    stage=build.stage,
                    written=self._written(table_name),
                )
            holder = self._sessions.advisory.get(table_name)
            if holder is None:
                return None
            return RunningChange(connection_id=holder, marker=None, written=self._written(table_name))

    def begin(self, order: BuildOrder) -> Build:
        """Take the advisory lock and begin a build; without the lock the build has ended as `BUSY` already."""
        with self._lock:
            self.settle()
            now = self.clock.monotonic()
            taken = self.change(order.index.table_name) is not None
            build = Build(connection_id=self._connection(), order=order, begun_at=now, stage_since=now)
            self._builds.append(build)
            if taken:
                build.end(self._settled_at, BuildOutcome.BUSY)
            else:
                hidden_on = self._flavor if order.hidden else None
                self.statements.append(add_index(order.schema_name, order.index, order.marker, hidden_on=hidden_on))
                self.settle()
            return build

    def kill(self, connection_id: int, marker: Marker) -> None:
        """End the statement of a connection if it still runs the one that carries `marker`."""
        with self._lock:
            for build in self.running():
                if build.connection_id == connection_id and build.order.marker == marker:
                    build.end(
                        self._settled_at, BuildOutcome.STOPPED, QUERY_INTERRUPTED, "Query execution was interrupted"
                    )

    def is_locked(self, table_name: str) -> bool:
        """Whether somebody holds the table's metadata lock."""
        now = self.clock.monotonic()
        return self._sessions.free_at(table_name, now) != now

    def wait_for_lock(self, table_name: str, patience: timedelta) -> bool:
        """Wait until the table's metadata lock is free, for so long at most, and say whether it is."""
        now = self.clock.monotonic()
        free_at = self._sessions.free_at(table_name, now)
        self.clock.wait(patience if free_at is None else min(patience, free_at - now))
        return not self.is_locked(table_name)

    def drop(self, table_name: str, index_name: str) -> None:
        """Drop an index of ours."""
        with self._lock:
            if index_name in self.needed:
                raise StillNeeded("the index is needed in a foreign key constraint", number=NEEDED_IN_FOREIGN_KEY)
            self.statements.append(drop_index(self.schema_name, table_name, index_name))
            self.remove_index(table_name, index_name)

    def publish(self, table_name: str, index_name: str) -> None:
        """Show a hidden index of ours to the optimizer; the usage of the table's indexes is counted on."""
        with self._lock:
            self.settle()
            self.statements.append(publish_index(self.schema_name, table_name, index_name, self._flavor))
            self._show(table_name, index_name, visible=True)

    def hide(self, table_name: str, index_name: str) -> None:
        """Take an index of ours out of the optimizer's sight; the usage of the table's indexes is counted on."""
        with self._lock:
            self.settle()
            self.statements.append(hide_index(self.schema_name, table_name, index_name, self._flavor))
            self._show(table_name, index_name, visible=False)

    def end_idle(self, table_name: str, idle_for: timedelta, transactions: Collection[str]) -> list[str]:
        """End the sessions that hold the table's metadata lock, or a transaction of `transactions`, for so long."""
        with self._lock:
            self.settle()
            ended = self._sessions.end_idle(table_name, self.clock.monotonic() - idle_for, transactions)
            return [f"app@localhost, connection {name}, idle for {idle_for.seconds} s or more" for name in ended]

    def transactions(self) -> dict[str, str]:
        """Return the open transactions by id, in words."""
        with self._lock:
            return self._sessions.in_words(self.clock.monotonic())

    def queries(self) -> list[Query]:
        """Return what the application runs, in the order in which it was added."""
        with self._lock:
            return list(self._queries.values())

    @property
    def statistics(self) -> Statistics:
        """The statement statistics as of the last `settle`."""
        return self._statistics

    @property
    def uptime(self) -> timedelta:
        """How long ago the server was started."""
        return self.clock.monotonic() - self._started_at

    def now(self) -> datetime:
        """The server's own wall clock."""
        return self._wall_at_zero + self.clock.monotonic()

    def settle(self) -> None:
        """Let everything happen that was due since somebody last looked."""
        with self._lock:
            until = self.clock.monotonic()
            while True:
                due = sorted(
                    (self._due_at(build), number) for number, build in enumerate(self._builds) if not build.report
                )
                if not due or due[0][0] > until:
                    break
                self._work_until(due[0][0])
                self._proceed(self._builds[due[0][1]])
            self._work_until(until)

    # --- inside -------------------------------------------------------------------------------------------

    def _new_statistics(self) -> Statistics:
        return Statistics(self.schema_name, histograms=self._flavor is Flavor.MYSQL)

    def _connection(self) -> int:
        self._connections += 1
        return self._connections

    @contextmanager
    def _holding(self, holders: dict[str, int], table_name: str) -> Generator[None]:
        with self._lock:
            self.settle()
            self._sessions.hold(holders, table_name, self._connection(), self.clock.monotonic())
        try:
            yield
        finally:
            with self._lock:
                self.settle()
                holders.pop(table_name, None)  # it may have been ended
                self.settle()

    def _work_until(self, until: timedelta) -> None:
        """Let the application run until then."""
        duration = until - self._settled_at
        if duration <= timedelta():
            return
        self._settled_at = until
        for query in self._queries.values():
            table = self._tables.get(query.table or "")
            indexes = () if table is None else table.indexes
            self._statistics.run(query, duration, indexes, self._wall_at_zero + until)

    def _due_at(self, build: Build) -> timedelta:
        """When something happens to the build next."""
        if build.stage is Stage.BUILDING:
            return build.stage_since + self.build_time
        free_at = self._sessions.free_at(build.table_name, max(build.stage_since, self._settled_at))
        ended_at = build.stage_since + build.patience(self.build_time)
        return ended_at if free_at is None else min(free_at, ended_at)

    def _proceed(self, build: Build) -> None:
        """Take the build to its next stage, or to its end."""
        if build.stage is Stage.BUILDING:
            build.reach(Stage.COMMITTING, self._settled_at)
        elif self._sessions.free_at(build.table_name, self._settled_at) != self._settled_at:
            # At the commit too: all the work is thrown away.
            build.end(self._settled_at, BuildOutcome.BUSY, LOCK_WAIT_TIMEOUT, "Lock wait timeout exceeded")
        elif build.stage is Stage.WAITING:
            build.reach(Stage.BUILDING, self._settled_at)
            if (end := impossible(build.order, self._tables.get(build.table_name), self.not_online)) is not None:
                build.end(self._settled_at, *end)
        else:
            index = build.order.index
            added = IndexFacts(
                name=index.index_name,
                key_parts=index.key_parts,
                unique=False,
                kind="BTREE",
                comment=str(build.order.marker),
                visible=not build.order.hidden,
            )
            self._alter(index.table_name, (*self._tables[index.table_name].indexes, added))
            build.end(self._settled_at, BuildOutcome.DONE)

    def _written(self, table_name: str) -> int:
        return self._statistics.written(query for query in self._queries.values() if query.table == table_name)

    def _show(self, table_name: str, index_name: str, *, visible: bool) -> None:
        table = self._tables[table_name]
        shown = [replace(index, visible=visible) if index.name == index_name else index for index in table.indexes]
        self._tables[table_name] = replace(table, indexes=tuple(shown))

    def _alter(self, table_name: str, indexes: Sequence[IndexFacts]) -> None:
        self._tables[table_name] = replace(self._tables[table_name], indexes=tuple(indexes))
        self._statistics.forget_usage(table_name)
