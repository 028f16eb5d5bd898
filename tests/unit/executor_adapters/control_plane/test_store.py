"""The store on its own: callers at once, and the databases it takes."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from executor_adapters.control_plane.database import Database
from executor_adapters.control_plane.rejections import KeyReused, Rejection, RunHeld
from executor_adapters.control_plane.store import ControlPlaneStore
from executor_core.errors import InvalidInput, Unavailable
from executor_core.lease import ClaimRow
from executor_core.model import AuditAction, AuditLogEntry, ExecutionRun, RollbackRecord, WorkerId

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
LEASE = timedelta(seconds=30)
CALLERS = 20


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ControlPlaneStore]:
    store = ControlPlaneStore(Database(f"sqlite:///{tmp_path}/control-plane.db"))
    yield store
    store.close()


def run(run_id: str = "run-1") -> ExecutionRun:
    return ExecutionRun(
        id=run_id,
        connection_id="conn-1",
        action="ADD_INDEX",
        table_name="orders",
        index_name="idx",
        columns=("a",),
        query_digests=("d",),
    )


def all_at_once(call: Callable[[int], Any]) -> list[Any]:
    """Return what `call` returned, or how it was rejected, in `CALLERS` threads that begin together."""
    start = threading.Barrier(CALLERS)

    def one(number: int) -> Any:
        start.wait()
        try:
            return call(number)
        except Rejection as rejection:
            return rejection

    with ThreadPoolExecutor(CALLERS) as threads:
        return list(threads.map(one, range(CALLERS)))


def claim(store: ControlPlaneStore, worker: int, now: datetime = NOW) -> ClaimRow:
    return store.claim("run-1", WorkerId(f"w{worker}"), length=LEASE, now=now)[0]


def test_of_many_workers_at_once_one_gets_the_run(store: ControlPlaneStore) -> None:
    store.schedule(run(), now=NOW)
    outcomes = all_at_once(lambda number: claim(store, number))
    granted = [outcome for outcome in outcomes if isinstance(outcome, ClaimRow)]
    assert len(granted) == 1
    assert [type(outcome) for outcome in outcomes].count(RunHeld) == CALLERS - 1
    assert [c.claimed_by for c in store.claims("run-1")] == [granted[0].claimed_by]


def test_of_many_workers_at_once_one_takes_an_ended_lease(store: ControlPlaneStore) -> None:
    store.schedule(run(), now=NOW)
    claim(store, 99)
    outcomes = all_at_once(lambda number: claim(store, number, NOW + LEASE))
    granted = [outcome for outcome in outcomes if isinstance(outcome, ClaimRow)]
    assert [row.fencing_token for row in granted] == [2]
    assert [c.fencing_token for c in store.claims("run-1")] == [1, 2]


def test_two_stores_on_one_file_keep_one_truth(store: ControlPlaneStore, tmp_path: Path) -> None:
    other = ControlPlaneStore(Database(f"sqlite:///{tmp_path}/control-plane.db"))
    store.schedule(run(), now=NOW)
    outcomes = all_at_once(lambda number: claim((store, other)[number % 2], number))
    assert sum(isinstance(outcome, ClaimRow) for outcome in outcomes) == 1
    other.close()


def test_one_key_delivered_by_many_at_once_is_stored_once(store: ControlPlaneStore) -> None:
    entry = AuditLogEntry(execution_run_id="run-1", action=AuditAction.INDEX_ADDED, timestamp=NOW)
    outcomes = all_at_once(lambda _: store.add_audit(entry, fencing_token=None, key="k", now=NOW))
    assert all(outcome == outcomes[0] for outcome in outcomes)
    assert len(store.audit_trail("run-1")) == 1


def test_records_that_many_write_at_once_are_all_there(store: ControlPlaneStore) -> None:
    store.schedule(run(), now=NOW)
    record = RollbackRecord.model_validate(
        {
            "execution_run_id": "run-1",
            "rollback_type": "manual",
            "trigger_reason": "r",
            "rollback_sql": "s",
            "status": "pending",
            "created_at": NOW,
        }
    )
    all_at_once(lambda number: store.add_rollback(record, fencing_token=None, key=f"k{number}", now=NOW))
    assert len(store.rollbacks("run-1")) == CALLERS


def test_a_switch_that_many_set_at_once_is_set(store: ControlPlaneStore) -> None:
    all_at_once(lambda _: store.oversight.set_kill_switch("conn-1", active=True, reason=None, now=NOW))
    assert store.oversight.kill_switch("conn-1").connection_active


def test_a_key_used_for_two_things_at_once_serves_one(store: ControlPlaneStore) -> None:
    def deliver(number: int) -> Any:
        entry = AuditLogEntry(
            execution_run_id="run-1", action=AuditAction.INDEX_ADDED, timestamp=NOW, details={"n": number}
        )
        return store.add_audit(entry, fencing_token=None, key="k", now=NOW)

    outcomes = all_at_once(deliver)
    assert sum(isinstance(outcome, KeyReused) for outcome in outcomes) == CALLERS - 1
    assert len(store.audit_trail("run-1")) == 1


def test_the_tables_can_be_read_as_the_acceptance_cases_do(store: ControlPlaneStore, tmp_path: Path) -> None:
    store.schedule(run(), now=NOW)
    claim(store, 1)
    entry = AuditLogEntry(execution_run_id="run-1", action=AuditAction.INDEX_ADDED, timestamp=NOW)
    store.add_audit(entry, fencing_token=None, key=None, now=NOW)
    engine = create_engine(f"sqlite:///{tmp_path}/control-plane.db")
    with engine.connect() as connection:

        def rows(query: str) -> list[tuple[Any, ...]]:
            return [tuple(row) for row in connection.execute(text(query))]

        assert rows(
            "SELECT id, status, fail_reason, error_message, message, claimed_by, claimed_at, lease_expires_at "
            "FROM execution_runs WHERE id = 'run-1'"
        ) == [
            (
                "run-1",
                "scheduled",
                None,
                None,
                None,
                "w1",
                "2026-01-01 12:00:00.000000",
                "2026-01-01 12:00:30.000000",
            )
        ]
        assert rows("SELECT claimed_by FROM execution_claims WHERE execution_run_id = 'run-1'") == [("w1",)]
        assert rows("SELECT * FROM rollbacks WHERE execution_run_id = 'run-1'") == []
        assert rows("SELECT 1 FROM audit_logs WHERE resource_id = 'run-1' AND action = 'index_added'") == [(1,)]
        assert rows("SELECT * FROM kill_switches") == []
    engine.dispose()


def test_a_database_in_memory_is_one_for_all_threads() -> None:
    store = ControlPlaneStore(Database("sqlite://"))
    store.schedule(run(), now=NOW)
    outcomes = all_at_once(lambda number: claim(store, number))
    assert sum(isinstance(outcome, ClaimRow) for outcome in outcomes) == 1
    store.close()


@pytest.mark.parametrize(
    "url",
    ["", "control-plane.db", "oracle://h/d", "mysql://u:hunter2@h", "postgresql://h:x/d"],
)
def test_a_url_that_is_none_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Database(url)
    assert "hunter2" not in str(refused.value)


def test_a_database_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        Database(f"sqlite:///{tmp_path}/no/such/directory/file.db")
