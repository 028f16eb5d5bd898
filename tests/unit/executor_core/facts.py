"""Plain values for tests: a run that asks for an index on `orders`, its state, and what its target looks like."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from executor_core.ddl import Marker
from executor_core.finding import Case
from executor_core.flavor import Flavor
from executor_core.index_definition import IndexDefinition, parse_index_definition
from executor_core.lifecycle import Phase
from executor_core.metrics import DigestKey, DigestRole
from executor_core.model import ExecutionRun, FailReason, RunId, WorkerId
from executor_core.state import RunState, Stop, WindowPlan
from executor_core.surroundings import Surroundings
from executor_core.target import (
    ColumnFacts,
    IndexFacts,
    RunningChange,
    ServerFacts,
    TableFacts,
    TargetFacts,
    WatchedDigest,
)

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
RUN_ID = RunId("run-1")
WORKER = WorkerId("worker-1")
INDEX = parse_index_definition("orders", "idx_customer", ["customer_id", "note(10) DESC"])


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def after(number: float) -> datetime:
    """So many seconds after noon."""
    return NOON + seconds(number)


def run(**changes: Any) -> ExecutionRun:
    fields: dict[str, Any] = {
        "id": RUN_ID,
        "connection_id": "conn-001",
        "action": "ADD_INDEX",
        "table_name": INDEX.table_name,
        "index_name": INDEX.index_name,
        "columns": [str(part) for part in INDEX.key_parts],
        "query_digests": ["digest-1"],
    }
    return ExecutionRun(**(fields | changes))


def state(phase: Phase = Phase.SCHEDULED, **changes: Any) -> RunState:
    return RunState(**({"run": run(), "origin": "here", "worker_id": WORKER, "phase": phase} | changes))


def stop(reason: FailReason = FailReason.KILL_SWITCH) -> Stop:
    return Stop(reason=reason, sentence="somebody said so")


def window(*, next_in: float | None, assessed: bool = False, extended: bool = False) -> WindowPlan:
    """A window of five minutes that began at noon; `next_in` seconds after noon its next sample is due."""
    return WindowPlan(
        begins_at=NOON,
        ends_at=after(300),
        next_sample_at=None if next_in is None else after(next_in),
        assessed=assessed,
        extended=extended,
    )


def watched(digest: str, role: DigestRole = DigestRole.TARGET) -> WatchedDigest:
    return WatchedDigest(key=DigestKey("shop", digest), role=role)


def an_index(name: str = INDEX.index_name, *columns: str, comment: str = "", **changes: Any) -> IndexFacts:
    """An index as the server tells of it; without columns, of those that the run asks for."""
    definition = parse_index_definition("orders", "any", columns) if columns else INDEX
    fields: dict[str, Any] = {"unique": False, "kind": "BTREE"} | changes
    return IndexFacts(name=name, key_parts=definition.key_parts, comment=comment, **fields)


def our_index(attempt: int = 1) -> IndexFacts:
    return an_index(comment=str(Marker(RUN_ID, attempt)))


PRIMARY = an_index("PRIMARY", "id", unique=True)


def table(*indexes: IndexFacts, **changes: Any) -> TableFacts:
    """The table `orders`: its primary key, and `indexes`."""
    fields: dict[str, Any] = {
        "schema_name": "shop",
        "table_name": "orders",
        "base_table": True,
        "engine": "InnoDB",
        "rows": 200_000,
        "data_bytes": 30_000_000,
        "columns": (
            ColumnFacts(name="id", column_type="bigint"),
            ColumnFacts(name="customer_id", column_type="int"),
            ColumnFacts(name="note", column_type="varchar(200)", character_length=200),
        ),
        "indexes": (PRIMARY, *indexes),
    }
    return TableFacts(**(fields | changes))


def server(**changes: Any) -> ServerFacts:
    fields: dict[str, Any] = {
        "flavor": Flavor.MYSQL,
        "version": "9.7.4",
        "server_uuid": "6b1f0c6e",
        "read_only": False,
        "performance_schema": True,
        "statement_digests": True,
    }
    return ServerFacts(**(fields | changes))


def target(*indexes: IndexFacts, running: RunningChange | None = None, **changes: Any) -> TargetFacts:
    """One look at the target: `changes` are the table's."""
    return TargetFacts(server=server(), table=table(*indexes, **changes), running=running)


def surrounded(facts: TargetFacts | None = None, **around: Any) -> TargetFacts:
    """A target with what goes on around it."""
    return replace(facts or target(), surroundings=Surroundings(**around))


def case(facts: TargetFacts | None = None, index: IndexDefinition = INDEX, **changes: Any) -> Case:
    """What is to be done, where: in order unless `facts` say otherwise, and staged."""
    return Case(facts=facts or replace(target(), can_stage=True), index=index, run_id=RUN_ID, **changes)


def without_table(running: RunningChange | None = None) -> TargetFacts:
    return TargetFacts(server=server(), table=None, running=running)


def running(run_id: str | None = RUN_ID) -> RunningChange:
    """A statement that holds the table's advisory lock; None: nobody can tell whose."""
    return RunningChange(connection_id=7, marker=None if run_id is None else Marker(RunId(run_id), 1))


def definition(*columns: str, name: str = INDEX.index_name) -> IndexDefinition:
    return parse_index_definition("orders", name, columns)
