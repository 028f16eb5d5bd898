"""The demonstration in memory: the same shop and the same changes on the fakes, with a clock that needs no waiting."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from executor_adapters.checkpoints.archive import FileEvidenceArchive
from executor_adapters.demo.account import Account, RunSeen
from executor_adapters.demo.plan import CHANGES, CONNECTION, TABLE
from executor_adapters.demo.shop import (
    CONTROLS,
    FIRST_ORDER_OF_TENANT,
    NEW_ORDER,
    OPEN_ORDERS_OF_CUSTOMER,
    ORDERS,
    ORDERS_OF_CUSTOMER,
    REPORT_OF_DAY,
    Statement,
    shape_of,
)
from executor_adapters.driving import carry
from executor_adapters.memory import Cost, FakeClock, FakeControlPlane, FakeDatabase, FakeServer, MemoryJournal, Query
from executor_adapters.report.keeping import keep_report
from executor_core.carrying import Finished, Ports, Rules
from executor_core.engine import Engine
from executor_core.model import AuditLogEntry, ConnectionId, WorkerId
from executor_core.pacing import Pacing
from executor_core.ports import Observer, TargetDatabase

SCHEMA = "demo"
WORKER = WorkerId("demo")
_COLUMNS = {
    "id": "int",
    "tenant_id": "int",
    "customer_id": "int",
    "state": "varchar(12)",
    "amount": "decimal(10,2)",
    "created_at": "datetime",
    "note": "varchar(100)",
}


def _ms(milliseconds: float, rows: int, *, scan: bool = False) -> Cost:
    return Cost(latency=timedelta(milliseconds=milliseconds), rows_examined=rows, rows_sent=1, full_scan=scan)


def _read(statement: Statement, cost: Cost, **indexed: Cost) -> Query:
    return Query(
        text=statement.text,
        per_second=statement.per_second,
        cost=cost,
        table=TABLE,
        indexed=indexed,
    )


QUERIES = (
    _read(ORDERS_OF_CUSTOMER, _ms(70, ORDERS, scan=True), customer_id=_ms(0.4, 10)),
    _read(OPEN_ORDERS_OF_CUSTOMER, _ms(75, ORDERS, scan=True), customer_id=_ms(0.3, 10)),
    _read(FIRST_ORDER_OF_TENANT, _ms(3, 1_000), created_at=_ms(270, 100_001)),
    _read(REPORT_OF_DAY, _ms(65, ORDERS, scan=True), created_at=_ms(4.5, 1_440)),
    Query(
        text=NEW_ORDER.text,
        per_second=NEW_ORDER.per_second,
        cost=Cost(latency=timedelta(milliseconds=0.5), rows_examined=0, rows_affected=1),
        table=TABLE,
        writes=True,
    ),
    *(Query(text=control.text, per_second=5, cost=_ms(0.5, 1)) for control in CONTROLS),
)
"""The shop's statements with the costs that a MySQL on a laptop has for them."""


def run_on_fakes(*, pacing: Pacing, evidence: Path, observer: Observer, say: Callable[[str], None]) -> Account:
    """Carry both changes on the fakes; keep their evidence in the folder `evidence`."""
    clock = FakeClock()
    control_plane = FakeControlPlane(clock)
    server = FakeServer(clock, schema_name=SCHEMA)
    server.add_table(TABLE, _COLUMNS, rows=ORDERS)
    server.add_index(TABLE, "idx_orders_tenant", ["tenant_id"])
    for query in QUERIES:
        server.add_query(query)
    database = FakeDatabase(server)
    journal = MemoryJournal()
    archive = FileEvidenceArchive(evidence)

    def target(connection_id: ConnectionId) -> TargetDatabase:
        assert connection_id == CONNECTION  # noqa: S101 -- the plan knows no other
        return database

    engine = Engine(
        worker_id=WORKER,
        rules=Rules(pacing=pacing),
        ports=Ports(
            control_plane=control_plane,
            target=target,
            checkpoints=journal,
            outbox=journal,
            archive=archive,
            clock=clock,
            jitter=lambda: 0.5,
            observer=observer,
        ),
    )
    clock.advance(timedelta(hours=1))  # the application has been running for a while
    say("on the fakes: no server, and a clock that does not wait")
    digests = {shape_of(query.text): query.digest for query in QUERIES}
    seen: list[RunSeen] = []
    for change in CHANGES:
        run = control_plane.schedule(change.execution_run(digests))
        say(f"scheduled {run.id}: index {run.index_name} ({', '.join(run.columns)}). {change.title}")
        end = carry(engine, run, clock)
        if isinstance(end, Finished):
            trail = [
                AuditLogEntry.model_validate(entry)
                for entry in control_plane.audit
                if entry["execution_run_id"] == run.id
            ]
            keep_report(end.state, trail, archive.path_of(end.state.run_id).with_suffix(".html"))
        indexes = tuple(index.name for index in server.indexes(TABLE).values())
        seen.append(RunSeen(change=change, run=run, end=end, indexes=indexes))
    texts = {query.digest: query.text for query in QUERIES}
    return Account(engine="the fakes", rows=ORDERS, runs=tuple(seen), texts=texts, worker_id=WORKER)
