"""What the contract of `TargetDatabase` is held on: a database, and the steps that its tests have in common."""

# ruff: noqa: S101 -- asserting is what a contract does

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any, Protocol

import pytest

from executor_core.ddl import Marker
from executor_core.index_definition import IndexDefinition, parse_index_definition
from executor_core.model import RunId
from executor_core.ports import TargetDatabase
from executor_core.target import BuildOrder, BuildReport, RunningChange

TABLE = "orders"
RUN = RunId("run-1")
INDEX = parse_index_definition(TABLE, "idx_customer", ["customer_id"])
SHORT, LONG = timedelta(seconds=1), timedelta(seconds=30)
UNKNOWN = "f" * 32


class TargetBench(Protocol):
    """A database to test against, seen by its own administrator.

    Its schema has a table ``orders`` with the columns ``id`` (primary key), ``customer_id`` and ``status``
    (short), and ``note`` (a long text), with rows enough for an index to pay off.
    """

    @property
    def target(self) -> TargetDatabase:
        """The adapter under test."""
        ...

    def another_process(self) -> TargetDatabase:
        """The same adapter to the same schema, as another process has it."""
        ...

    def unreachable(self) -> TargetDatabase:
        """The same adapter to a server that is not there."""
        ...

    def wait(self, duration: timedelta) -> None:
        """Let time pass."""
        ...

    def add_index(self, name: str, column: str, comment: str) -> None:
        """Add an index to the table, as somebody else would."""
        ...

    def indexes(self) -> Mapping[str, str]:
        """The comments of the table's indexes by name."""
        ...

    def holding_lock(self) -> AbstractContextManager[None]:
        """Holds the table's metadata lock, as an application's open transaction does."""
        ...

    def open_transaction(self) -> AbstractContextManager[None]:
        """Keeps a transaction open that has a snapshot, and has not touched the table."""
        ...

    def need_index(self) -> None:
        """Let a foreign key of the table rely on its index on ``customer_id``."""
        ...

    def holding_advisory_lock(self) -> AbstractContextManager[None]:
        """Holds the table's advisory lock from a connection that runs no statement."""
        ...

    def read_by_customer(self, times: int) -> str:
        """Read the table `times` times by ``customer_id``, and return the statement's digest."""
        ...

    def write(self, times: int) -> str:
        """Write to the table `times` times, and return the statement's digest."""
        ...

    def insert(self, rows: int) -> None:
        """Insert so many rows into the table."""
        ...

    def read_another_table(self, times: int) -> str:
        """Read another table of the schema `times` times, and return the statement's digest."""
        ...


def order(
    index: IndexDefinition = INDEX,
    *,
    schema_name: str,
    run_id: RunId = RUN,
    lock_wait: timedelta = LONG,
    hidden: bool = False,
) -> BuildOrder:
    """An order to build `index` for `run_id`."""
    marker = Marker(run_id, 1)
    return BuildOrder(schema_name=schema_name, index=index, marker=marker, lock_wait=lock_wait, hidden=hidden)


class TargetContract:
    """What each part of the contract begins with: the bench, and changes that are waited for."""

    @pytest.fixture
    def bench(self) -> TargetBench:
        """The server and the adapter under test, with no index on ``orders`` but its primary key."""
        raise NotImplementedError

    @pytest.fixture
    def target(self, bench: TargetBench) -> TargetDatabase:
        """The adapter under test."""
        return bench.target

    @pytest.fixture
    def build(self, bench: TargetBench, target: TargetDatabase) -> Callable[..., BuildReport]:
        """Builds an index and returns the report."""

        def build(index: IndexDefinition = INDEX, **named: Any) -> BuildReport:
            target.start_build(order(index, schema_name=target.schema_name, **named))
            return self.ended(bench, target, index)

        return build

    def ended(self, bench: TargetBench, target: TargetDatabase, index: IndexDefinition = INDEX) -> BuildReport:
        """Wait for the end of a build and return its report."""
        for _ in range(1200):
            report = target.build_report(index)
            if report is not None:
                return report
            bench.wait(timedelta(milliseconds=50))
        raise AssertionError("the build did not end within a minute")

    def running(self, bench: TargetBench, target: TargetDatabase) -> RunningChange:
        """Wait until the statement of a change is seen to run and return it.

        The advisory lock is taken before the statement is sent: for a moment its holder carries no marker.
        """
        for _ in range(1200):
            change = target.running_change(INDEX)
            if change is not None and change.marker is not None:
                return change
            bench.wait(timedelta(milliseconds=50))
        raise AssertionError("no change was seen to run within a minute")

    def gone(self, bench: TargetBench, target: TargetDatabase, transaction: str) -> None:
        """Wait until a transaction that was ended is no longer among the open ones: servers don't show that at once."""
        for _ in range(50):
            bench.wait(timedelta(seconds=0.6))
            if transaction not in target.open_transactions():
                return
        raise AssertionError(f"{transaction} is still among the open transactions after half a minute")

    def visible(self, target: TargetDatabase) -> bool:
        """Whether the optimizer uses the index."""
        table = target.inspect(INDEX).table
        assert table is not None
        there = table.index_named(INDEX.index_name)
        assert there is not None
        return there.visible
