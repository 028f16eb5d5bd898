"""Bad luck in the middle of a run, on real servers: each ends in one status, and the message says what is left.

Elsewhere: connections, workers and servers that die in a build (`test_crashes_in_builds.py`, `test_mysql_target.py`),
the sentinel's own connection (`test_sentinel.py`), lost control planes (`test_lost_contact.py`).
"""

import subprocess
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from tests.integration.conftest import Database, Server, _schema
from tests.integration.crash_stage import RUNNING_BUILDS, Stage, finish_killed, stage
from tests.integration.shop import Command, create, finish, indexes, wait_for
from tests.integration.test_crashes_in_builds import build_held_at_its_beginning, build_held_at_its_end, held_up

from executor_adapters.local_server import LocalServer
from executor_adapters.testing.six_calls import Call, SixCallsServer
from executor_core.model import ExecutionRun

pytestmark = pytest.mark.integration


def at(played: Stage, action: str, strike: Callable[[], object]) -> None:
    """Have something happen once, when `action` is audited and before that is answered."""
    struck: list[bool] = []

    def heard(call: Call) -> None:
        if call.body["action"] == action and not struck:
            struck.append(True)
            strike()

    played.server.on("audit", heard)


def sql(database: Database, *statements: str) -> Callable[[], object]:
    return lambda: [database.execute(statement) for statement in statements]


# --- the table ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("statement", ["DROP TABLE test_orders", "RENAME TABLE test_orders TO elsewhere"])
@pytest.mark.parametrize("moment", ["baseline_metrics_collected", "index_added"])
def test_a_table_that_goes_away_ends_the_run_as_failed(
    server: Server, tmp_path: Path, statement: str, moment: str
) -> None:
    with stage(server, tmp_path / "run") as played:
        played.workload.stop()
        at(played, moment, sql(played.database, statement))
        ended = finish(played.command.start(played.run))
        assert ended.result["status"] == "failed", ended
        built = moment == "index_added"
        assert ended.result["fail_reason"] == ("verification_failed" if built else "execution_error")
        assert ("is gone" if built else "was not built") in ended.result["message"]
        left = (
            {row["Key_name"] for row in played.database.execute("SHOW INDEX FROM elsewhere")}
            if (statement.startswith("RENAME"))
            else set[str]()
        )
        assert (played.run.index_name in left) == (built and statement.startswith("RENAME"))


def test_a_column_that_goes_away_before_the_build_ends_the_run_as_failed(server: Server, tmp_path: Path) -> None:
    with stage(server, tmp_path / "run") as played:
        played.workload.stop()
        at(
            played,
            "baseline_metrics_collected",
            sql(played.database, "ALTER TABLE test_orders DROP COLUMN customer_id"),
        )
        ended = finish(played.command.start(played.run))
        assert (ended.result["status"], ended.result["fail_reason"]) == ("failed", "execution_error")
        assert "1072" in ended.result["error_message"]
        assert not played.index_is_there()


@pytest.mark.parametrize(
    "comment", ["somebody else's", "executor:run=another-run;attempt=1"], ids=["a person's", "another run's"]
)
def test_an_index_that_somebody_replaces_is_left_alone(server: Server, tmp_path: Path, comment: str) -> None:
    with stage(server, tmp_path / "run") as played:
        name = played.run.index_name
        replaced = (
            f"ALTER TABLE test_orders DROP INDEX {name}",
            f"ALTER TABLE test_orders ADD INDEX {name} (customer_id) COMMENT '{comment.replace(chr(39), chr(39) * 2)}'",
        )
        at(played, "index_added", sql(played.database, *replaced))
        ended = finish(played.command.start(played.run))
        assert (ended.result["status"], ended.result["fail_reason"]) == ("failed", "execution_error")
        assert "was changed" in ended.result["message"]
        assert played.index_is_there()


def test_an_index_that_a_foreign_key_needs_by_now_is_left_hidden_to_a_person(server: Server, tmp_path: Path) -> None:
    with stage(server, tmp_path / "run") as played:
        needed = (
            "CREATE TABLE customers (id INT PRIMARY KEY)",
            "INSERT INTO customers SELECT DISTINCT customer_id FROM test_orders",
            "ALTER TABLE test_orders ADD CONSTRAINT needs FOREIGN KEY (customer_id) REFERENCES customers (id)",
        )

        def strike() -> None:
            sql(played.database, *needed)()
            played.server.kill_switch(global_active=True)

        at(played, "index_published", strike)
        ended = finish(played.command.start(played.run))
        assert (ended.result["status"], ended.result["fail_reason"]) == ("requires_manual", "execution_error")
        assert "1553" in ended.result["error_message"]
        assert "hidden from the optimizer" in ended.result["message"]
        assert ended.result["rollback"]["status"] == "failed"
        assert played.actions()["rollback_failed"] == 1
        (row,) = played.database.execute("SHOW INDEX FROM test_orders WHERE Key_name = %s", (played.run.index_name,))
        assert row.get("Visible") == "NO" or row.get("Ignored") == "YES"


# --- the server's means -------------------------------------------------------------------------------------------


def test_without_the_performance_schema_nothing_is_begun(server: Server, tmp_path: Path) -> None:
    if server.local is None:
        pytest.skip("the server is given by a URL and not ours to start")
    with ExitStack() as opened:
        local = opened.enter_context(LocalServer(server.local.installation, flags=["--performance-schema=OFF"]))
        without = Server(local.url().removesuffix("/"), local.kind, local.version, local)
        database = opened.enter_context(contextmanager(_schema)(without))
        create(database, rows=100)
        api = opened.enter_context(SixCallsServer())
        run = ExecutionRun(
            id="run-1",
            connection_id="conn-1",
            action="ADD_INDEX",
            table_name="test_orders",
            index_name="idx_customer",
            columns=("customer_id",),
            query_digests=(),
        )
        api.add_run(run.model_dump(mode="json", exclude_none=True))
        ended = Command(database.url, api.base_url, tmp_path / "state").run(run)
        assert (ended.result["status"], ended.result["fail_reason"]) == ("failed", "execution_error")
        assert "performance_schema is off" in ended.result["message"]
        assert indexes(database) == {"PRIMARY", "idx_tenant"}


def test_without_statement_statistics_nothing_is_begun(server: Server, tmp_path: Path) -> None:
    with stage(server, tmp_path / "run") as played:
        played.workload.stop()
        played.database.execute(
            "UPDATE performance_schema.setup_consumers SET ENABLED = 'NO' WHERE NAME = 'statements_digest'"
        )
        try:
            ended = finish(played.command.start(played.run))
        finally:
            played.database.execute(
                "UPDATE performance_schema.setup_consumers SET ENABLED = 'YES' WHERE NAME = 'statements_digest'"
            )
        assert (ended.result["status"], ended.result["fail_reason"]) == ("failed", "execution_error")
        assert "statements_digest" in ended.result["message"]
        assert not played.index_is_there()


def test_statistics_that_are_switched_off_half_way_make_the_verdict_inconclusive(
    server: Server, tmp_path: Path
) -> None:
    switch = "UPDATE performance_schema.setup_consumers SET ENABLED = '{}' WHERE NAME = 'statements_digest'"
    with stage(server, tmp_path / "run") as played:
        at(played, "index_published", sql(played.database, switch.format("NO")))
        try:
            ended = finish(played.command.start(played.run))
        finally:
            played.database.execute(switch.format("YES"))
        assert (ended.result["status"], ended.result["fail_reason"]) == ("completed", None)
        assert ended.result["verification"]["status"] == "inconclusive"
        assert played.index_is_there()


@pytest.mark.mysql
def test_transactions_that_can_t_be_seen_any_more_cost_the_index(mysql_server: Server, tmp_path: Path) -> None:
    switch = "UPDATE performance_schema.setup_consumers SET ENABLED = '{}' WHERE NAME = 'events_transactions_current'"
    with stage(mysql_server, tmp_path / "run") as played:
        at(played, "index_added", sql(played.database, switch.format("NO")))
        try:
            ended = finish(played.command.start(played.run))
        finally:
            played.database.execute(switch.format("YES"))
        assert (ended.result["status"], ended.result["fail_reason"]) == ("rolled_back", "execution_error")
        assert "can't be seen any more" in ended.result["message"]
        assert not played.index_is_there()


@pytest.mark.mysql
def test_an_online_log_that_is_too_small_leaves_nothing(mysql_server: Server, tmp_path: Path) -> None:
    if mysql_server.local is None:
        pytest.skip("the server is given by a URL, and its settings are not ours to change")
    # The log is written in blocks of the one size, and holds what the other allows: some four thousand changes.
    small = ["--innodb-sort-buffer-size=65536", "--innodb-online-alter-log-max-size=65536"]
    columns = "customer_id, status, order_date, tenant, place, note"
    with ExitStack() as opened, ExitStack() as held:
        local = opened.enter_context(LocalServer(mysql_server.local.installation, flags=small))
        server = Server(local.url().removesuffix("/"), local.kind, local.version, local)
        played = opened.enter_context(stage(server, tmp_path / "run", rows=40_000))
        for _ in range(2):
            played.database.execute(f"INSERT INTO test_orders ({columns}) SELECT {columns} FROM test_orders")
        worker = build_held_at_its_end(played, held, "UPDATE test_orders SET customer_id = customer_id + 1")
        held.close()
        ended = finish(worker)
        assert (ended.result["status"], ended.result["fail_reason"]) == ("failed", "execution_error")
        assert "1799" in ended.result["error_message"]
        assert not played.index_is_there()


def test_a_temporary_directory_that_is_full_leaves_nothing(server: Server, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=777", "tmpfs", full], capture_output=True)
    if server.local is None or mounted.returncode != 0:
        pytest.skip("a full disk takes a server of ours, and leave to mount one")
    with ExitStack() as made:
        made.callback(subprocess.run, ["umount", full], check=True)
        # What MySQL is told for one build, MariaDB has to be started with.
        flags = ["--innodb-sort-buffer-size=65536", f"--innodb-tmpdir={full}"]
        local = made.enter_context(LocalServer(server.local.installation, flags=flags))
        cramped = Server(local.url().removesuffix("/"), local.kind, local.version, local)
        played = made.enter_context(stage(cramped, tmp_path / "run", rows=40_000))
        ended = finish(played.command.start(played.run, build_memory="64K"))
        assert (ended.result["status"], ended.result["fail_reason"]) == ("failed", "execution_error")
        assert "1878" in ended.result["error_message"]
        assert not played.index_is_there()


# --- the statement ------------------------------------------------------------------------------------------------


def statement_of_ours(played: Stage) -> int:
    (row,) = played.database.execute(RUNNING_BUILDS, (played.database.name,))
    return int(next(iter(row.values())))


def test_a_connection_that_somebody_kills_costs_one_try(server: Server, tmp_path: Path) -> None:
    with stage(server, tmp_path / "run") as played, ExitStack() as held:
        worker = build_held_at_its_beginning(played, held)
        played.database.execute(f"KILL CONNECTION {statement_of_ours(played)}")
        wait_for(lambda: played.actions()["build_postponed"] == 1, "it is to be tried again")
        held.close()
        ended = finish(worker)
        assert played.problems(ended, "completed") == []
        assert ended.result["executed_sql"].count("attempt=2") == 1


def test_a_statement_that_somebody_kills_is_not_sent_again(server: Server, tmp_path: Path) -> None:
    with stage(server, tmp_path / "run") as played, ExitStack() as held:
        worker = build_held_at_its_beginning(played, held)
        played.database.execute(f"KILL QUERY {statement_of_ours(played)}")
        ended = finish(worker)
        held.close()
        assert (ended.result["status"], ended.result["fail_reason"]) == ("failed", "execution_error")
        assert "somebody ended our statement on the server" in ended.result["message"]
        assert played.problems(ended, "failed", builds=0, whole_trail=False) == []


def test_a_table_that_stays_locked_is_left_as_it_is(server: Server, tmp_path: Path) -> None:
    with stage(server, tmp_path / "run") as played, ExitStack() as held:
        at(played, "baseline_metrics_collected", lambda: held.enter_context(held_up(played)))
        ended = finish(played.command.start(played.run, build_patience="2s"))
        held.close()
        assert (ended.result["status"], ended.result["fail_reason"]) == ("failed", "execution_error")
        assert "was not built: " in ended.result["message"]
        assert "given up after 0:00:02" in ended.result["message"]
        assert played.problems(ended, "failed", builds=0, whole_trail=False) == []


def test_a_build_that_breaks_its_limit_leaves_nothing(server: Server, tmp_path: Path) -> None:
    with stage(server, tmp_path / "run") as played, ExitStack() as held:
        ended = finish(build_held_at_its_beginning(played, held, build_limit="10s"))
        assert not played.build_runs()
        held.close()
        assert (ended.result["status"], ended.result["fail_reason"]) == ("failed", "execution_error")
        assert "left no index and no lock behind: the build has taken longer than 0:00:10" in ended.result["message"]
        assert (played.actions()["build_given_up"], played.actions()["build_stopped"]) == (1, 1)
        assert played.problems(ended, "failed", builds=0, whole_trail=False) == []


# --- what may not be done -----------------------------------------------------------------------------------------


@pytest.mark.mysql
def test_a_kill_that_is_refused_is_answered_when_the_build_has_ended(mysql_server: Server, tmp_path: Path) -> None:
    """The statement is a dead worker's, of another account that this one may neither see whole nor end."""
    with stage(mysql_server, tmp_path / "run") as played, ExitStack() as made, ExitStack() as held:
        finish_killed(build_held_at_its_end(played, held))
        user = f"u_{played.database.name[-12:]}"
        played.database.execute(f"CREATE USER {user}@'%%' IDENTIFIED BY 'pw'", ())
        made.callback(played.database.execute, f"DROP USER {user}@'%%'", ())
        for grant in (f"ALTER, SELECT ON {played.database.name}.*", "SELECT ON performance_schema.*"):
            played.database.execute(f"GRANT {grant} TO {user}@'%%'", ())
        played.command.mysql_url = played.database.url.replace("//root@", f"//{user}:pw@")
        played.server.kill_switch(global_active=True)
        successor = played.start_successor()
        wait_for(lambda: played.actions()["kill_switch_engaged"] == 1, "the kill switch is seen")
        assert played.build_runs(), "nobody but its own account may end it"
        held.close()
        ended = finish(successor)
        assert (ended.result["status"], ended.result["fail_reason"]) == ("rolled_back", "kill_switch")
        assert not played.index_is_there()


@pytest.mark.mysql
def test_who_keeps_the_table_idle_is_ended_only_where_the_operator_says_so(
    mysql_server: Server, tmp_path: Path
) -> None:
    with stage(mysql_server, tmp_path / "run") as played:
        keeper = played.database.connect()
        with keeper.cursor() as cursor:
            cursor.execute("START TRANSACTION")
            cursor.execute("SELECT id FROM test_orders LIMIT 1")
        ended = finish(played.command.start(played.run, end_idle_transactions="1s"))
        assert played.problems(ended, "completed") == []
        sessions = [
            body["details"]["session"]
            for call, body in played.told()
            if call == "audit" and body["action"] == "idle_transaction_ended"
        ]
        assert len(sessions) == 1
        assert sessions[0].startswith("root@")
