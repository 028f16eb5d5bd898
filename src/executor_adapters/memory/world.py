"""A whole small world in one line: a clock, a control plane, a server with one busy table, and the stores."""

from datetime import timedelta

from executor_adapters.memory.clock import FakeClock
from executor_adapters.memory.control_plane import FakeControlPlane
from executor_adapters.memory.database import FakeDatabase
from executor_adapters.memory.journal import MemoryEvidenceArchive, MemoryJournal, RecordingObserver
from executor_adapters.memory.server import FakeServer
from executor_adapters.memory.workload import Cost, Query
from executor_core.carrying import Ports
from executor_core.model import ConnectionId, ExecutionRun

CONNECTION = ConnectionId("shop")
TABLE = "orders"

SLOW = Query(
    text="SELECT * FROM `orders` WHERE `customer_id` = ?",
    per_second=20,
    cost=Cost(latency=timedelta(milliseconds=60), rows_examined=200_000, rows_sent=20, full_scan=True),
    table=TABLE,
    indexed={"customer_id": Cost(latency=timedelta(milliseconds=1), rows_examined=20, rows_sent=20)},
)
"""A read that scans the table; an index on `customer_id` helps it."""

MISLED = Query(
    text="SELECT * FROM `orders` WHERE `status` = ? ORDER BY `id` LIMIT ?",
    per_second=20,
    cost=Cost(latency=timedelta(milliseconds=2), rows_examined=100, rows_sent=10),
    table=TABLE,
    indexed={"status": Cost(latency=timedelta(milliseconds=30), rows_examined=40_000, rows_sent=10)},
)
"""A read that is quick until an index on `status` misleads the optimizer."""

INSERT = Query(
    text="INSERT INTO `orders` VALUES (...)",
    per_second=5,
    cost=Cost(latency=timedelta(microseconds=500), rows_examined=0, rows_affected=1),
    table=TABLE,
    writes=True,
)
"""A write, which no index changes much."""

CONTROLS = tuple(
    Query(
        text=f"SELECT * FROM `{table}` WHERE `id` = ?",  # noqa: S608 -- a digest's text, never executed
        per_second=10,
        cost=Cost(latency=timedelta(milliseconds=1), rows_examined=1, rows_sent=1),
    )
    for table in ("customers", "products", "invoices")
)
"""Reads of other tables, by which the state of the machine is told."""


class FakeWorld:
    """Everything that an engine needs, in memory, on one clock.

    The schema ``shop`` has a table ``orders`` of 200,000 rows whose application was busy for an hour already:
    `SLOW` and `MISLED` reads, `INSERT`s, and `CONTROLS` on other tables. `run("customer_id")` asks for an index
    that helps, `run("status")` for one that harms:

        >>> from executor_core.carrying import Waiting
        >>> from executor_core.engine import Engine
        >>> world = FakeWorld()
        >>> run = world.run("customer_id")
        >>> engine = Engine(ports=world.ports(), worker_id="worker-1")
        >>> while isinstance(step := engine.advance(run), Waiting):
        ...     world.clock.wait(step.until - world.clock.now())
        >>> print(step.state.status, sorted(world.server.indexes("orders")))
        completed ['PRIMARY', 'idx_customer_id']

    `database` is one process's; for another, make a `FakeDatabase` on the same `server`.
    """

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.control_plane = FakeControlPlane(self.clock)
        self.server = FakeServer(self.clock)
        self.database = FakeDatabase(self.server)
        self.journal = MemoryJournal()
        self.archive = MemoryEvidenceArchive()
        self.observer = RecordingObserver()
        columns = {"id": "int", "customer_id": "int", "status": "varchar(20)", "note": "text"}
        self.server.add_table(TABLE, columns, rows=200_000)
        for query in (SLOW, MISLED, INSERT, *CONTROLS):
            self.server.add_query(query)
        self.clock.advance(timedelta(hours=1))

    def ports(self, database: FakeDatabase | None = None) -> Ports:
        """Return what an engine needs; `database` stands for another process on the same server."""
        return Ports(
            control_plane=self.control_plane,
            target=lambda _: database or self.database,
            checkpoints=self.journal,
            outbox=self.journal,
            archive=self.archive,
            clock=self.clock,
            jitter=lambda: 0.5,
            observer=self.observer,
        )

    def run(self, *columns: str, run_id: str = "run-1") -> ExecutionRun:
        """Schedule a run that asks for an index on `columns` of the table, and return it."""
        return self.control_plane.schedule(
            ExecutionRun(
                id=run_id,
                connection_id=CONNECTION,
                action="ADD_INDEX",
                table_name=TABLE,
                index_name=f"idx_{'_'.join(columns)}",
                columns=columns,
                query_digests=(SLOW.digest, MISLED.digest),
            )
        )
