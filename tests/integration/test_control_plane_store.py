"""The store on the servers that it supports beside SQLite: callers at once, ids to the letter, texts of any size."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, make_url, text

from executor_adapters.control_plane.database import Database
from executor_adapters.control_plane.rejections import (
    NoCheckpoint,
    Rejection,
    RollbackRequested,
    RunHeld,
    RunOver,
    StaleToken,
    UnknownRun,
)
from executor_adapters.control_plane.store import ControlPlaneStore
from executor_adapters.control_plane.tables import METADATA
from executor_core.errors import InvalidInput, Unavailable
from executor_core.lease import ClaimRow
from executor_core.model import AuditLogEntry, ExecutionRun, ExecutionStatus, RollbackRecord, StatusChange, WorkerId

pytestmark = pytest.mark.integration

NOW = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
LEASE = timedelta(seconds=30)
CALLERS = 12


class OnMySQL:
    """The three servers of the MySQL family."""

    @pytest.fixture
    def url(self, database: Any) -> str:
        return str(database.url)


class OnPostgres:
    """PostgreSQL."""

    @pytest.fixture
    def url(self, postgres_url: str) -> str:
        return postgres_url


def run(run_id: str = "run-1", **changed: Any) -> ExecutionRun:
    fields = {
        "id": run_id,
        "connection_id": "conn-1",
        "action": "ADD_INDEX",
        "table_name": "orders",
        "index_name": "idx",
        "columns": ["a", "b DESC"],
        "query_digests": ["d"],
    }
    return ExecutionRun.model_validate(fields | changed)


def entry(**details: Any) -> AuditLogEntry:
    return AuditLogEntry.model_validate(
        {"execution_run_id": "run-1", "action": "index_added", "timestamp": NOW, "details": details}
    )


ROLLBACK = RollbackRecord.model_validate(
    {
        "execution_run_id": "run-1",
        "rollback_type": "auto",
        "trigger_reason": "r",
        "rollback_sql": "s",
        "status": "completed",
        "created_at": NOW,
    }
)


def claim(store: ControlPlaneStore, worker: str, now: datetime = NOW) -> ClaimRow:
    return store.claim("run-1", WorkerId(worker), length=LEASE, now=now)[0]


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


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """Open a transaction on the database, beside the store."""
    drivers = {"mysql": "mysql+pymysql", "postgresql": "postgresql+psycopg"}
    engine = create_engine(make_url(url).set(drivername=drivers[make_url(url).drivername]))
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def differences(url: str) -> list[object]:
    """Return what a new migration would have to change, where the newest version is written down."""
    with connected(url) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert context.get_current_revision() == "0003"
        return list(compare_metadata(context, METADATA))


class StoreContract:
    """What holds on every server."""

    @pytest.fixture
    def store(self, url: str) -> Iterator[ControlPlaneStore]:
        store = ControlPlaneStore(Database(url))
        store.schedule(run(), now=NOW)
        yield store
        store.close()

    def test_of_many_workers_at_once_one_gets_the_run(self, store: ControlPlaneStore) -> None:
        for token in (1, 2):
            now = NOW + (token - 1) * LEASE
            outcomes = all_at_once(lambda number, now=now: claim(store, f"w{number}-{now.minute}", now))  # type: ignore[misc]
            granted = [outcome for outcome in outcomes if isinstance(outcome, ClaimRow)]
            assert [row.fencing_token for row in granted] == [token]
            assert [type(outcome) for outcome in outcomes].count(RunHeld) == CALLERS - 1
        assert [c.fencing_token for c in store.claims("run-1")] == [1, 2]

    def test_one_key_delivered_by_many_at_once_is_stored_once(self, store: ControlPlaneStore) -> None:
        outcomes = all_at_once(lambda _: store.add_audit(entry(), fencing_token=None, key="k", now=NOW))
        assert all(outcome == outcomes[0] for outcome in outcomes)
        assert len(store.audit_trail("run-1")) == 1

    def test_records_that_many_write_at_once_are_all_there(self, store: ControlPlaneStore) -> None:
        outcomes = all_at_once(
            lambda number: store.add_rollback(ROLLBACK, fencing_token=None, key=f"k{number}", now=NOW)
        )
        assert len({outcome["id"] for outcome in outcomes}) == CALLERS
        assert len(store.rollbacks("run-1")) == CALLERS

    def test_a_switch_that_many_set_at_once_is_set(self, store: ControlPlaneStore) -> None:
        all_at_once(lambda _: store.oversight.set_kill_switch("conn-1", active=True, reason=None, now=NOW))
        assert store.oversight.kill_switch("conn-1").connection_active
        store.oversight.set_kill_switch("conn-1", active=False, reason=None, now=NOW)
        store.oversight.set_kill_switch(None, active=True, reason="all", now=NOW)
        switches = store.oversight.kill_switch("conn-1")
        assert (switches.global_active, switches.connection_active, switches.reason) == (True, False, "all")

    def test_a_run_goes_its_way(self, store: ControlPlaneStore) -> None:
        assert claim(store, "w1").fencing_token == 1
        assert store.runs(limit=10, claimable_at=NOW) == []
        running = StatusChange(status=ExecutionStatus.RUNNING)
        store.change_status("run-1", running, fencing_token=1, key="s1", now=NOW)
        row, status = store.renew("run-1", WorkerId("w1"), fencing_token=1, length=2 * LEASE, now=NOW)
        assert (row.expires_at, status) == (NOW + 2 * LEASE, ExecutionStatus.RUNNING)
        store.save_checkpoint("run-1", '{"a":1}', fencing_token=1, now=NOW)
        store.save_checkpoint("run-1", '{"a":2}', fencing_token=1, now=NOW)
        assert store.checkpoint("run-1") == '{"a":2}'
        store.release("run-1", fencing_token=1, now=NOW)
        assert [r.id for r in store.runs(limit=10, claimable_at=NOW)] == ["run-1"]
        assert claim(store, "w2").fencing_token == 2
        with pytest.raises(StaleToken):
            store.change_status("run-1", running, fencing_token=1, key=None, now=NOW)
        over = StatusChange.model_validate({"status": "failed", "fail_reason": "kill_switch", "message": "ü" * 70_000})
        store.change_status("run-1", over, fencing_token=2, key=None, now=NOW)
        stored = store.run("run-1")
        assert (stored.fail_reason, stored.message) == (over.fail_reason, over.message)
        assert (stored.claimed_by, stored.started_at, stored.completed_at) == ("w2", NOW, NOW)
        with pytest.raises(RunOver):
            claim(store, "w2")

    def test_what_was_stored_is_read_to_the_letter(self, store: ControlPlaneStore) -> None:
        wanted = run("Run-2", table_name="Größe 表 🙂", columns=["a", "A", "`a`"], created_at=NOW)
        store.schedule(wanted, now=NOW)
        assert store.run("Run-2") == wanted.model_copy(update={"updated_at": NOW})
        details = {"z": 1, "a": [1.5, None, "🙂"], "large": "x" * 100_000}
        store.add_audit(entry(**details), fencing_token=7, key="k🗝".encode("ascii", "ignore").decode(), now=NOW)
        (stored,) = store.audit_trail("run-1")
        assert (stored.timestamp, stored.fencing_token) == (NOW, 7)
        assert list(stored.details.items()) == list(details.items())

    def test_ids_that_differ_in_case_are_two(self, store: ControlPlaneStore) -> None:
        with pytest.raises(UnknownRun):
            store.run("RUN-1")
        store.schedule(run("RUN-1"), now=NOW)
        assert claim(store, "w1").fencing_token == 1
        with pytest.raises(RunHeld):
            claim(store, "W1")

    def test_a_run_without_a_checkpoint_says_so(self, store: ControlPlaneStore) -> None:
        with pytest.raises(NoCheckpoint):
            store.checkpoint("run-1")

    def test_a_second_store_finds_what_the_first_made(self, store: ControlPlaneStore, url: str) -> None:
        second = ControlPlaneStore(Database(url))
        claim(store, "w1")
        with pytest.raises(RunHeld):
            claim(second, "w2")
        second.check()
        second.close()

    def test_many_stores_may_make_the_tables_at_once(self, url: str) -> None:
        databases = all_at_once(lambda _: Database(url))
        for database in databases:
            database.close()

    def test_the_migrations_make_the_tables_as_they_are(self, store: ControlPlaneStore, url: str) -> None:
        assert differences(url) == []

    def test_a_migration_that_died_half_way_is_finished_by_the_next_start(
        self, store: ControlPlaneStore, url: str
    ) -> None:
        with connected(url) as connection:
            connection.execute(text("DELETE FROM alembic_version"))
            connection.execute(text("DROP TABLE access_log"))
        all_at_once(lambda _: Database(url).close())
        assert differences(url) == []
        assert [run.id for run in store.runs(limit=9)] == ["run-1"]

    def test_a_newer_schema_is_refused(self, store: ControlPlaneStore, url: str) -> None:
        with connected(url) as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(InvalidInput, match="newer than this program"):
            Database(url)

    def test_pages_hold_every_run_once(self, store: ControlPlaneStore) -> None:
        for number in range(6):
            store.schedule(run(f"p{number}", created_at=NOW + timedelta(microseconds=number // 3)), now=NOW)
        for newest_first in (False, True):
            ids: list[str] = []
            while page := store.runs(limit=2, newest_first=newest_first, after=ids[-1] if ids else None):
                ids += [each.id for each in page]
            in_order = ["p0", "p1", "p2", "run-1", "p3", "p4", "p5"]
            assert ids == (in_order[::-1] if newest_first else in_order)

    def test_the_log_and_the_requests_are_kept(self, store: ControlPlaneStore) -> None:
        for status in ("running", "completed"):
            change = StatusChange.model_validate({"status": status})
            store.change_status("run-1", change, fencing_token=None, key=None, now=NOW)
        ada = store.on_behalf_of("ada")
        outcomes = all_at_once(lambda _: ada.oversight.request_rollback("run-1", "slow 🙂", now=NOW))
        assert [type(outcome) for outcome in outcomes].count(RollbackRequested) == CALLERS - 1
        (request,) = store.oversight.open_rollback_requests(connections={"conn-1"})
        assert request.run.id == "run-1"
        assert (request.reason, request.requested_by, request.requested_at) == ("slow 🙂", "ada", NOW)
        assert [entry.action for entry in store.oversight.log(limit=9, actor="ada")] == ["request_rollback"]
        assert store.oversight.open_rollback_requests(connections={"conn-2"}) == []
        assert store.oversight.asked_to_roll_back(["run-1", "run-2"]) == {"run-1"}
        claim = partial(store.claim, "run-1", length=LEASE, now=NOW, to_roll_back=True)
        claims = all_at_once(lambda number: claim(WorkerId(f"worker-{number}")))
        assert [type(claim) for claim in claims].count(RunHeld) == CALLERS - 1

    def test_a_wrong_password_is_unavailable_and_stays_secret(self, url: str) -> None:
        wrong = make_url(url).set(username="nobody", password="hunter2").render_as_string(hide_password=False)
        with pytest.raises(Unavailable) as refused:
            Database(wrong)
        assert "hunter2" not in str(refused.value)


class TestOnMySQL(OnMySQL, StoreContract):
    """MySQL and MariaDB."""


class TestOnPostgres(OnPostgres, StoreContract):
    """PostgreSQL."""

    def test_a_character_that_it_refuses_is_wrong_input(self, store: ControlPlaneStore) -> None:
        with pytest.raises(InvalidInput):
            store.schedule(run("run-2", index_name="a\x00b"), now=NOW)
