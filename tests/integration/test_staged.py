"""Staged exposure on real servers: running REPEATABLE READ transactions are not broken, and what it needs.

The same transactions are broken by the direct exposure: else these tests would prove nothing.
"""

import threading
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pymysql
import pytest
from tests.integration.conftest import Server
from tests.integration.crash_stage import Stage, stage
from tests.integration.shop import finish, wait_for

from executor_adapters.testing.six_calls import Call

pytestmark = pytest.mark.integration

OPENED_AT = ("baseline_metrics_collected", "build_started")
AT_EACH = 3
TABLE_CHANGED = 1412


class OldTransactions:
    """Transactions whose snapshots are older than the index, and that have not touched its table yet."""

    def __init__(self, played: Stage) -> None:
        self._played = played
        self._connections: list[Any] = []
        self._opened_at: set[str] = set()
        played.server.on("audit", self._open)

    def _open(self, call: Call) -> None:
        action = call.body["action"]
        if action in OPENED_AT and action not in self._opened_at:  # what was told twice was told once
            self._opened_at.add(action)
            for _ in range(AT_EACH):
                connection = self._played.database.connect()
                self._connections.append(connection)
                with connection.cursor() as cursor:
                    cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                    cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")

    def read(self) -> list[int | None]:
        """Run the query that takes the new index in each of them; return each one's error, or None."""
        assert len(self._connections) == AT_EACH * len(OPENED_AT)
        return [self._error_of(connection) for connection in self._connections]

    def _error_of(self, connection: Any) -> int | None:
        with connection.cursor() as cursor:
            try:
                cursor.execute(self._played.query.format(n=7))
                cursor.fetchall()
            except pymysql.MySQLError as error:
                return int(error.args[0])
        return None

    def end(self) -> None:
        """End them all."""
        while self._connections:
            self._connections.pop().close()


@contextmanager
def old_transactions(played: Stage) -> Generator[OldTransactions]:
    transactions = OldTransactions(played)
    try:
        yield transactions
    finally:
        transactions.end()


def hidden(played: Stage) -> bool:
    """Whether the run's index is there, out of the optimizer's sight."""
    (row,) = played.database.execute("SHOW INDEX FROM test_orders WHERE Key_name = %s", (played.run.index_name,))
    return row.get("Visible") == "NO" or row.get("Ignored") == "YES"


def test_staged_exposure_breaks_no_transaction_and_waits_for_each(server: Server, tmp_path: Path) -> None:
    with stage(server, tmp_path / "run") as played, old_transactions(played) as transactions:
        worker = played.command.start(played.run, exposure="staged")
        wait_for(lambda: played.actions()["drain_started"] == 1, "the drain has begun")
        threading.Event().wait(2.5)
        assert hidden(played)
        assert played.actions()["index_published"] == 0
        assert transactions.read() == [None] * AT_EACH * len(OPENED_AT)
        transactions.end()
        wait_for(lambda: played.actions()["index_published"] == 1, "the index is published")
        assert not hidden(played)
        assert played.problems(finish(worker), "completed") == []


def test_direct_exposure_breaks_them(server: Server, tmp_path: Path) -> None:
    with stage(server, tmp_path / "run") as played, old_transactions(played) as transactions:
        worker = played.command.start(played.run, exposure="direct")
        wait_for(lambda: played.actions()["index_added"] == 1, "the index is there")
        assert TABLE_CHANGED in transactions.read()
        transactions.end()
        assert played.problems(finish(worker), "completed") == []
        assert (played.actions()["drain_started"], played.actions()["index_published"]) == (0, 0)


def test_transactions_that_stay_for_too_long_cost_the_index(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXECUTOR_DRAIN_PATIENCE", "3s")
    with stage(server, tmp_path / "run") as played, old_transactions(played) as transactions:
        ended = finish(played.command.start(played.run))
        assert transactions.read() == [None] * AT_EACH * len(OPENED_AT)
        transactions.end()
        assert played.problems(ended, "rolled_back") == [
            f"audited 0 times: {action}" for action in ("after_metrics_collected", "verification_completed")
        ]
        assert ended.result["fail_reason"] == "execution_error"
        assert "REPEATABLE READ of root@" in ended.result["message"]


@pytest.mark.mysql
def test_an_index_that_no_statement_would_use_is_never_published(mysql_server: Server, tmp_path: Path) -> None:
    with stage(mysql_server, tmp_path / "run") as played:
        played.run = played.run.model_copy(update={"columns": ("order_date",), "id": "crash-useless"})
        played.server.add_run(played.run.model_dump(mode="json", exclude_none=True))
        ended = finish(played.command.start(played.run))
        assert (ended.result["status"], ended.result["fail_reason"]) == ("rolled_back", "verification_failed")
        assert "an index that nobody uses only costs" in ended.result["message"]
        assert played.actions()["index_published"] == 0
        assert not played.index_is_there()


# Without what staged exposure needs, but with all else that a run does.
FEWER = {
    "mysql": [
        f"SELECT ON performance_schema.{table}"
        for table in (
            "setup_consumers",
            "events_statements_summary_by_digest",
            "events_statements_histogram_by_digest",
            "table_io_waits_summary_by_index_usage",
        )
    ],
    "mariadb": ["SELECT ON performance_schema.*"],
}
ENOUGH = {
    "mysql": ["SELECT ON performance_schema.*"],
    "mariadb": ["SELECT ON performance_schema.*", "PROCESS ON *.*"],
}


@contextmanager
def account(played: Stage, grants: list[str]) -> Generator[None]:
    """Let the command work as a user of its own."""
    user = f"u_{played.database.name[-12:]}"
    everything = [f"ALTER, SELECT ON {played.database.name}.*", *grants]
    with ExitStack() as opened:
        played.database.execute(f"CREATE USER {user}@'%%' IDENTIFIED BY 'pw'", ())
        opened.callback(played.database.execute, f"DROP USER {user}@'%%'", ())
        for grant in everything:
            played.database.execute(f"GRANT {grant} TO {user}@'%%'", ())
        played.command.mysql_url = played.database.url.replace("//root@", f"//{user}:pw@")
        yield


def test_an_account_that_sees_no_transactions_of_others_falls_back_to_direct(server: Server, tmp_path: Path) -> None:
    with stage(server, tmp_path / "run") as played, account(played, FEWER[server.kind]):
        ended = finish(played.command.start(played.run))
        assert played.problems(ended, "completed") == []
        assert played.actions()["drain_started"] == 0
        warnings = [
            body["details"] for call, body in played.told() if call == "audit" and body["action"] == "preflight_warning"
        ]
        assert "direct_exposure" in {warning["code"] for warning in warnings}


def test_the_documented_grants_are_enough_for_staged_exposure(server: Server, tmp_path: Path) -> None:
    with stage(server, tmp_path / "run") as played, account(played, ENOUGH[server.kind]):
        assert played.problems(finish(played.command.start(played.run)), "completed") == []
        assert (played.actions()["drain_started"], played.actions()["index_published"]) == (1, 1)
