"""Each fake does what its port promises."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Any

import pytest

from executor_adapters.memory import (
    Cost,
    FakeClock,
    FakeControlPlane,
    FakeDatabase,
    FakeServer,
    MemoryEvidenceArchive,
    MemoryJournal,
    Query,
)
from executor_adapters.testing.contracts import (
    BareControlPlaneContract,
    CheckpointStoreContract,
    ClockContract,
    EvidenceArchiveContract,
    LeasingControlPlaneContract,
    OutboxContract,
    TargetDatabaseContract,
)
from executor_adapters.testing.contracts.control_plane import CALLS
from executor_core.errors import Unavailable
from executor_core.evidence import Evidence
from executor_core.model import ConnectionId, ExecutionRun, RunId


class TestFakeClock(ClockContract):
    @pytest.fixture
    def clock(self) -> FakeClock:
        return FakeClock()


class TestMemoryJournalAsOutbox(OutboxContract):
    @pytest.fixture
    def outbox(self) -> MemoryJournal:
        return MemoryJournal()


class TestMemoryJournal(CheckpointStoreContract):
    @pytest.fixture
    def store(self) -> MemoryJournal:
        return MemoryJournal()

    @pytest.fixture
    def outbox(self, store: MemoryJournal) -> MemoryJournal:
        return store

    @pytest.fixture
    def reopen(self, store: MemoryJournal) -> Callable[[], MemoryJournal]:
        return lambda: store


class TestMemoryEvidenceArchive(EvidenceArchiveContract):
    @pytest.fixture
    def archive(self) -> MemoryEvidenceArchive:
        return MemoryEvidenceArchive()

    @pytest.fixture
    def read(self, archive: MemoryEvidenceArchive) -> Callable[[str], Evidence]:
        return lambda place: archive.evidence[RunId(place.removeprefix("memory:"))]


class FakeControlPlaneBench:
    def __init__(self, *, leases: bool) -> None:
        self.plane = FakeControlPlane(FakeClock(), leases=leases)

    def unreachable(self) -> FakeControlPlane:
        plane = FakeControlPlane(FakeClock())
        for call in CALLS:
            plane.fail(call, Unavailable("no connection"))
        return plane

    def schedule(self, run: ExecutionRun) -> None:
        self.plane.schedule(run)

    def set_kill_switch(self, *, active: bool, connection_id: ConnectionId | None, reason: str | None) -> None:
        self.plane.set_kill_switch(active=active, connection_id=connection_id, reason=reason)

    def request_rollback(self, run_id: RunId, reason: str) -> None:
        self.plane.request_rollback(run_id, reason)

    def end_lease(self, run_id: RunId) -> None:
        self.plane.end_lease(run_id)

    def status(self, run_id: RunId) -> str:
        return self.plane.run(run_id).status

    def audit(self, run_id: RunId) -> Sequence[dict[str, Any]]:
        return [entry for entry in self.plane.audit if entry["execution_run_id"] == run_id]

    def rollbacks(self, run_id: RunId) -> Sequence[dict[str, Any]]:
        return [record for record in self.plane.rollbacks if record["execution_run_id"] == run_id]


class TestFakeControlPlane(LeasingControlPlaneContract):
    @pytest.fixture
    def bench(self) -> FakeControlPlaneBench:
        return FakeControlPlaneBench(leases=True)


class TestFakeControlPlaneOfSixCalls(BareControlPlaneContract):
    @pytest.fixture
    def bench(self) -> FakeControlPlaneBench:
        return FakeControlPlaneBench(leases=False)


class FakeDatabaseBench:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.server = FakeServer(self.clock)
        self.target = FakeDatabase(self.server)
        columns = {"id": "int", "customer_id": "int", "status": "varchar(20)", "note": "text"}
        self.server.add_table("orders", columns)

    def another_process(self) -> FakeDatabase:
        return FakeDatabase(self.server)

    def unreachable(self) -> FakeDatabase:
        database = FakeDatabase(self.server)
        for call in (
            "inspect",
            "survey",
            "running_change",
            "drop_index",
            "open_transactions",
            "end_idle_transactions",
            "publish_index",
            "choose_digests",
            "snapshot",
            "histogram_upper_bounds_ps",
        ):
            database.fail(call, Unavailable("no connection"))
        return database

    def wait(self, duration: timedelta) -> None:
        self.clock.advance(duration)

    def add_index(self, name: str, column: str, comment: str) -> None:
        self.server.add_index("orders", name, [column], comment=comment)

    def indexes(self) -> Mapping[str, str]:
        return {name: index.comment for name, index in self.server.indexes("orders").items()}

    def holding_lock(self) -> AbstractContextManager[None]:
        return self.server.holding_lock("orders")

    @contextmanager
    def open_transaction(self) -> Iterator[None]:
        with self.server.open_transaction():
            yield

    def need_index(self) -> None:
        self.server.needed.add("idx_customer")

    def holding_advisory_lock(self) -> AbstractContextManager[None]:
        return self.server.holding_advisory_lock("orders")

    def read_by_customer(self, times: int) -> str:
        return self._run("SELECT * FROM `orders` WHERE `customer_id` = ?", "orders", times)

    def read_another_table(self, times: int) -> str:
        return self._run("SELECT * FROM `customers` WHERE `id` = ?", None, times)

    def write(self, times: int) -> str:
        return self._run("INSERT INTO `orders` VALUES (...)", "orders", times, writes=True)

    def insert(self, rows: int) -> None:
        self._run("INSERT INTO `orders` (`status`) VALUES (?)", "orders", rows, writes=True)

    def _run(self, text: str, table: str | None, times: int, *, writes: bool = False) -> str:
        cost = Cost(latency=timedelta(milliseconds=1), rows_examined=10, rows_affected=int(writes))
        for rate in (times, 0):
            query = self.server.add_query(
                Query(text=text, per_second=rate, cost=cost, table=table, indexed={"customer_id": cost}, writes=writes)
            )
            self.clock.advance(timedelta(seconds=1))
        return query.digest


class TestFakeDatabase(TargetDatabaseContract):
    @pytest.fixture
    def bench(self) -> FakeDatabaseBench:
        return FakeDatabaseBench()
