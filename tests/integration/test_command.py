"""The command from outside: wrong input, signals, many runs at once, and what it keeps secret."""

import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import pytest
from tests.integration.shop import HELPED, Workload, blocking, create, digest_of, indexes, wait_for

from executor_adapters.clock import SystemClock
from executor_adapters.command.main import main
from executor_adapters.control_plane.server import ControlPlaneServer
from executor_adapters.local_server import LocalServer
from executor_adapters.testing.six_calls import SixCallsServer

pytestmark = [pytest.mark.integration, pytest.mark.mysql]

BEFORE = {"PRIMARY", "idx_tenant"}
RUN: dict[str, Any] = {
    "id": "run-1",
    "connection_id": "conn-1",
    "action": "ADD_INDEX",
    "table_name": "test_orders",
    "index_name": "idx_customer",
    "columns": ["customer_id"],
    "query_digests": [],
}
SHORT = ("--baseline-window", "2s", "--after-window", "2s", "--extended-window", "0s", "--api-timeout", "10s")
PASSWORD = "s3cr@t/pass%word"
ENCODED = "s3cr%40t%2Fpass%25word"
LOCK_WAIT_S = 30
TOKEN = "t0ken-that-nobody-may-see"


@dataclass(frozen=True)
class Said:
    """What a call printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def result(self) -> dict[str, Any]:
        """The one JSON object on the standard output."""
        document: dict[str, Any] = json.loads(self.out)
        return document


@dataclass
class Caller:
    """Calls the command as a shell would, with an environment of its own."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def state_dir(self) -> Path:
        return self.folder / "state"

    def variables(self, more: Mapping[str, str]) -> dict[str, str]:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("EXECUTOR_", "SAAS_"))}
        own = {"EXECUTOR_STATE_DIR": str(self.state_dir), "EXECUTOR_KILL_SWITCH_INTERVAL": "1s"}
        return {**inherited, **own, **self.environment, **more}

    def start(self, *arguments: str, name: str = "call", **variables: str) -> "Started":
        """Begin a call, as a process of its own."""
        out, err = self.folder / f"{name}.out", self.folder / f"{name}.err"
        with out.open("w") as stdout, err.open("w") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", "executor_adapters.command.main", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env=self.variables(variables),
            )
        return Started(process, out, err)

    def call(self, *arguments: str, **variables: str) -> Said:
        return self.start(*arguments, **variables).finish()

    def run(self, run: Mapping[str, Any] | str, *options: str, **variables: str) -> Said:
        """Carry a run in this process, which is quicker than to start one for each wrong input."""
        out, err = io.StringIO(), io.StringIO()
        with patch.dict(os.environ, self.variables(variables), clear=True), redirect_stdout(out), redirect_stderr(err):
            code = main(["run", self.document(run), "--json", *SHORT, *options])
        return Said(code, out.getvalue(), err.getvalue())

    def document(self, run: Mapping[str, Any] | str) -> str:
        file = self.folder / "run.json"
        file.write_text(run if isinstance(run, str) else json.dumps(run))
        return str(file)


@dataclass
class Started:
    """A call under way."""

    process: "subprocess.Popen[bytes]"
    out: Path
    err: Path

    def finish(self, *, seconds: float = 240) -> Said:
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"it did not end: {self.err.read_text()}") from None
        return Said(code, self.out.read_text(), self.err.read_text())

    def says(self, text: str) -> None:
        """Wait until it has said so on its standard error."""
        wait_for(lambda: self.process.poll() is not None or text in self.err.read_text(), f"it says {text!r}")
        assert text in self.err.read_text()


@dataclass
class House:
    """A small table, an API with just the six calls, and the command."""

    database: Any
    api: SixCallsServer
    caller: Caller

    def untouched(self) -> bool:
        """Whether neither the API nor the table has heard of the call."""
        return not self.api.calls and indexes(self.database) == BEFORE


@pytest.fixture
def house(mysql_database: Any, tmp_path: Path) -> Iterator[House]:
    create(mysql_database, rows=400)
    with SixCallsServer() as api:
        api.add_run(RUN)
        environment = {"EXECUTOR_MYSQL_URL": mysql_database.url, "SAAS_API_URL": api.base_url}
        yield House(mysql_database, api, Caller(tmp_path, environment))


@contextmanager
def account(database: Any, name: str, *privileges: str) -> Iterator[str]:
    """A URL for an account with a password, and with `privileges` on the database."""
    user = f"{name}_{database.name[-8:]}"
    database.execute(f"CREATE USER '{user}'@'%%' IDENTIFIED BY '{PASSWORD.replace('%', '%%')}'", ())
    try:
        for privilege in privileges:
            database.execute(f"GRANT {privilege} TO '{user}'@'%%'", ())
        yield re.sub(r"//[^@]*@", f"//{user}:{ENCODED}@", database.url)
    finally:
        database.execute(f"DROP USER '{user}'@'%%'", ())


def of_table(database: Any, privileges: str) -> str:
    return f"{privileges} ON `{database.name}`.*"


def refused_call(said: Said, sentence: str) -> None:
    """Exit code 2, nothing on standard output, and one line on standard error."""
    assert (said.code, said.out) == (2, ""), said
    assert said.err.startswith("executor: "), said
    assert said.err.count("\n") == 1, said
    assert sentence in said.err, said


# --- a wrong call: nothing is touched --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "options", "sentence"),
    [
        ("{not json", (), "run.json: Invalid JSON"),
        ({**RUN, "columns": None}, (), "columns: Input should be a valid"),
        ({"id": "run-1"}, (), "connection_id: Field required (and 5 more)"),
        (RUN, ("--after-window", "0s"), "the after window must be longer than zero"),
        (RUN, ("--settle", "-1s"), "expected one argument"),
        (RUN, ("--speed", "11"), "unrecognized arguments: --speed 11"),
        (RUN, ("--connections", "/nowhere.toml"), "/nowhere.toml can't be read"),
        (RUN, ("--state-dir", "/proc/version/state"), "can't be used"),
        (RUN, ("--api-url", "localhost:3000"), "must begin with http://"),
        (RUN, ("--mysql-url", f"mysql://root:{ENCODED}@127.0.0.1:3306"), "names no database"),
        (RUN, ("--mysql-url", f"mysql://root:{ENCODED}@127.0.0.1:9/shop"), "127.0.0.1:9 can't be reached"),
    ],
)
def test_a_wrong_call_touches_nothing(
    house: House, document: dict[str, Any] | str, options: tuple[str, ...], sentence: str
) -> None:
    said = house.caller.run(document, *options)
    refused_call(said, sentence)
    assert house.untouched()
    assert ENCODED not in said.err


def test_a_wrong_account_or_database_touches_nothing(house: House) -> None:
    for url, sentence in (
        (re.sub(r"//[^@]*@", f"//nobody:{ENCODED}@", house.database.url), "1045"),
        (house.database.server.url("there_is_none"), "1049"),
    ):
        said = house.caller.run(RUN, "--mysql-url", url)
        refused_call(said, sentence)
        assert PASSWORD not in said.err
        assert ENCODED not in said.err
    assert house.untouched()


def test_a_connection_that_is_not_configured_touches_nothing(house: House) -> None:
    file = house.caller.folder / "connections.toml"
    file.write_text(f'other = "{house.database.url}"\n')
    said = house.caller.run(RUN, "--connections", str(file), EXECUTOR_MYSQL_URL="")
    refused_call(said, "'conn-1' is not configured: give --mysql-url, or name it in --connections")
    assert house.untouched()


def test_a_record_of_another_run_under_the_same_id_is_refused(house: House) -> None:
    assert house.caller.run({**RUN, "action": "DROP_INDEX"}).code == 4
    refused_call(house.caller.run(RUN), "give the new run an id of its own")
    assert indexes(house.database) == BEFORE


# --- a run that can't be: the right end, and the database as it was --------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"action": "DROP_TABLE"}, "'DROP_TABLE' is out of scope"),
        ({"columns": []}, "column"),
        ({"columns": ["customer_id", "CUSTOMER_ID"]}, "CUSTOMER_ID"),
        ({"columns": [""]}, "column"),
        ({"index_name": "i" * 65}, "65 characters; MySQL allows 64"),
        ({"index_name": "idx\0customer"}, "NUL"),
        ({"table_name": ""}, "table name"),
    ],
)
def test_what_is_out_of_scope_is_told_and_never_claimed(house: House, changes: dict[str, Any], sentence: str) -> None:
    said = house.caller.run({**RUN, **changes})
    assert said.code == 4, said
    assert (said.result["status"], said.result["fail_reason"]) == ("failed", "out_of_scope")
    assert sentence in said.result["error_message"]
    assert "\n" not in said.result["error_message"]
    assert house.api.claims == []
    assert house.api.runs["run-1"]["fail_reason"] == "out_of_scope"
    assert indexes(house.database) == BEFORE


def test_a_schema_of_the_servers_own_is_out_of_scope(house: House) -> None:
    said = house.caller.run({**RUN, "table_name": "user"}, "--mysql-url", house.database.server.url("mysql"))
    assert (said.code, said.result["fail_reason"]) == (4, "out_of_scope")
    assert "belongs to the server itself" in said.result["error_message"]
    assert house.api.claims == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"table_name": "nowhere"}, "there is no table 'nowhere'"),
        ({"table_name": "seen"}, "'seen' is a view"),
        ({"columns": ["colour"]}, "no column 'colour'"),
        ({"columns": ["customer_id; DROP TABLE test_orders"]}, "no column 'customer_id; DROP TABLE test_orders'"),
        ({"columns": ["note"]}, "index a prefix"),
        ({"query_digests": ["0" * 64]}, "has no statement digest"),
    ],
)
def test_what_can_not_be_indexed_fails_before_anything_is_changed(
    house: House, changes: dict[str, Any], sentence: str
) -> None:
    house.database.execute("CREATE VIEW seen AS SELECT * FROM test_orders")
    said = house.caller.run({**RUN, **changes})
    assert said.code == 4, said
    assert (said.result["status"], said.result["fail_reason"]) == ("failed", "execution_error")
    assert sentence in said.result["error_message"]
    assert (said.result["executed_sql"], said.result["rollback"]) == (None, None)
    assert [body["status"] for _, body in house.api.statuses] == ["running", "failed"]
    assert indexes(house.database) == BEFORE


def test_an_account_that_may_not_index_fails_and_changes_nothing(house: House) -> None:
    database = house.database
    with account(database, "reader", of_table(database, "SELECT"), "SELECT ON performance_schema.*") as url:
        said = house.caller.run(RUN, "--mysql-url", url)
    assert (said.code, said.result["fail_reason"]) == (4, "execution_error"), said
    assert "1142" in said.result["error_message"]
    assert indexes(database) == BEFORE
    assert PASSWORD not in said.out + said.err
    assert ENCODED not in said.out + said.err


def test_an_account_that_may_not_read_the_statistics_fails_and_changes_nothing(house: House) -> None:
    database = house.database
    with account(database, "indexer", of_table(database, "SELECT, INDEX, ALTER, INSERT, CREATE")) as url:
        said = house.caller.run(RUN, "--mysql-url", url)
    assert (said.code, said.result["fail_reason"]) == (4, "execution_error"), said
    assert "it needs GRANT SELECT ON performance_schema.*" in said.result["error_message"]
    assert said.result["executed_sql"] is None
    assert indexes(database) == BEFORE


def test_a_server_that_can_not_verify_or_is_read_only_is_refused(mysql_server: Any, tmp_path: Path) -> None:
    if mysql_server.local is None:
        pytest.skip("the server was given by a URL: its flags are not ours to set")
    with (
        LocalServer(mysql_server.local.installation, flags=["--performance-schema=OFF"]) as server,
        SixCallsServer() as api,
    ):
        given = type(mysql_server)(server.url().removesuffix("/"), server.kind, server.version, server)
        with given.connect() as connection, connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE shop")
            cursor.execute("CREATE TABLE shop.test_orders (id INT PRIMARY KEY, customer_id INT)")
            caller = Caller(tmp_path, {"EXECUTOR_MYSQL_URL": server.url("shop"), "SAAS_API_URL": api.base_url})
            for run_id, statement, sentence in (
                ("run-1", None, "performance_schema is off"),
                ("run-2", "SET GLOBAL super_read_only = ON", "the server is read-only"),
            ):
                if statement is not None:
                    cursor.execute(statement)
                api.add_run({**RUN, "id": run_id})
                said = caller.run({**RUN, "id": run_id})
                assert (said.code, said.result["fail_reason"]) == (4, "execution_error"), said
                assert sentence in said.result["error_message"]
            cursor.execute("SHOW INDEX FROM shop.test_orders")
            assert [row["Key_name"] for row in cursor.fetchall()] == ["PRIMARY"]


# --- signals ---------------------------------------------------------------------------------------------------------


@contextmanager
def reference(tmp_path: Path, *runs: Mapping[str, Any]) -> Iterator[str]:
    """The reference control plane with some runs."""
    with ControlPlaneServer(f"sqlite:///{tmp_path / 'api.db'}") as server:
        for run in runs:
            assert httpx.post(f"{server.base_url}/api/executions", json=dict(run)).status_code == 201
        yield server.base_url


def interrupted(call: Started) -> Said:
    """Send SIGTERM: the call must end in order, and soon: long before a statement of ours has waited long enough."""
    clock = SystemClock()
    before = clock.monotonic()
    call.process.send_signal(signal.SIGTERM)
    said = call.finish()
    assert (clock.monotonic() - before).total_seconds() < LOCK_WAIT_S / 2
    assert said.code == 7, said
    assert "Traceback" not in said.err
    assert said.result["message"] == "stopped by a signal; another worker can go on"
    return said


def changes_under_way(database: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = database.execute(
        "SELECT id, info FROM information_schema.processlist WHERE db = %s AND info LIKE 'ALTER%%'", (database.name,)
    )
    return rows


@pytest.mark.parametrize("phase", ["before", "build", "with"])
def test_after_sigterm_another_call_carries_on_at_once(mysql_database: Any, tmp_path: Path, phase: str) -> None:
    create(mysql_database, rows=400)
    with reference(tmp_path, RUN) as api_url:
        caller = Caller(tmp_path, {"EXECUTOR_MYSQL_URL": mysql_database.url, "SAAS_API_URL": api_url})
        # The window in which the signal comes is long enough for one that comes late.
        window = {"before": ("--baseline-window", "8s"), "build": (), "with": ("--after-window", "8s")}[phase]
        arguments = ("run", caller.document(RUN), "--json", *SHORT, *window, "--lock-wait", f"{LOCK_WAIT_S}s")
        if phase == "build":
            with blocking(mysql_database, "SELECT * FROM test_orders LIMIT 1"):
                first = caller.start(*arguments, name="first")
                wait_for(lambda: bool(changes_under_way(mysql_database)), "the build waits for its lock")
                interrupted(first)
                wait_for(lambda: changes_under_way(mysql_database) == [], "it has gone", seconds=LOCK_WAIT_S / 4)
            assert indexes(mysql_database) == BEFORE
        else:
            first = caller.start(*arguments, name="first")
            first.says("before the change" if phase == "before" else "with the index")
            interrupted(first)
            assert ("idx_customer" in indexes(mysql_database)) is (phase == "with")
        lock = f"executor:{mysql_database.name}.test_orders"
        free = [{"free": 1}]  # a server takes a moment to see that a connection has gone
        wait_for(lambda: mysql_database.execute("SELECT IS_FREE_LOCK(%s) AS free", (lock,)) == free, "the lock is free")
        second = caller.call(*arguments, name="second")
        assert (second.code, second.result["status"]) == (0, "completed"), second
        assert indexes(mysql_database) == BEFORE | {"idx_customer"}
        trail = httpx.get(f"{api_url}/api/executions/run-1/audit").json()
        actions = [entry["action"] for entry in trail]
        assert "run_taken_over" in actions
        assert actions.count("index_added") == 1


# --- many runs, a server of our own, and no secret anywhere ----------------------------------------------------------


def test_serve_and_worker_carry_three_runs_and_tell_no_secret(mysql_database: Any, tmp_path: Path) -> None:
    database = mysql_database
    create(database)
    database.execute("CREATE TABLE test_items (id INT PRIMARY KEY, item_id INT)")
    digest = digest_of(database, HELPED)
    runs = [
        {**RUN, "query_digests": [digest]},
        {**RUN, "id": "run-2", "index_name": "idx_status", "columns": ["status"]},
        {**RUN, "id": "run-3", "table_name": "test_items", "index_name": "idx_item", "columns": ["item_id"]},
    ]
    caller = Caller(tmp_path, {"SAAS_API_TOKEN": TOKEN, "EXECUTOR_LOG_LEVEL": "DEBUG"})
    serving = caller.start("serve", "--db", f"sqlite:///{tmp_path / 'api.db'}", "--port", "0", name="serve")
    privileges = (of_table(database, "SELECT, INDEX, ALTER, INSERT, CREATE"), "SELECT ON performance_schema.*")
    try:
        serving.says("/docs")
        found = re.search(r"control plane at (\S+),", serving.err.read_text())
        assert found is not None
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with (
            httpx.Client(base_url=found[1], headers=headers) as api,
            account(database, "worker", *privileges) as url,
            Workload(database, [HELPED]),
        ):
            assert httpx.get(f"{found[1]}/api/executions").status_code == 401
            for run in runs:
                assert api.post("/api/executions", json=run).status_code == 201
            file = tmp_path / "connections.toml"
            file.write_text(f'conn-1 = "{url}"\n')
            arguments = ("worker", "--once", "--json", "--connections", str(file), "--api-url", found[1], *SHORT)
            arguments += ("--after-window", "5s")  # so that a success stays one on a machine that halts for a moment
            said = caller.start(*arguments, name="worker").finish()
            ends = {run["id"]: api.get(f"/api/executions/{run['id']}").json()["status"] for run in runs}
    finally:
        serving.process.send_signal(signal.SIGTERM)
        served = serving.finish()
    assert served.code == 0, served
    assert said.code == 0, said
    assert ends == dict.fromkeys(("run-1", "run-2", "run-3"), "completed"), said
    results = {result["id"]: result for result in said.result["runs"]}
    assert {result["status"] for result in results.values()} == {"completed"}
    assert results["run-1"]["verification"]["status"] == "success"
    assert indexes(database) == BEFORE | {"idx_customer", "idx_status"}
    assert indexes(database, "test_items") == {"PRIMARY", "idx_item"}

    again = caller.call("verify", results["run-1"]["evidence"], "--json")
    assert (again.code, again.result["status"]) == (0, "success")
    assert again.result["message"] == results["run-1"]["verification"]["message"]

    file.unlink()  # the one place where the password belongs
    kept = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert any(path.suffix == ".sqlite3" for path in kept)
    for secret in (PASSWORD, ENCODED, TOKEN):
        assert [path for path, content in kept.items() if secret.encode() in content] == []


def test_a_worker_whose_control_plane_is_not_there_or_lists_nothing_says_so(house: House) -> None:
    said = house.caller.call("worker", "--once", "--json")
    refused_call(said, "lists no scheduled runs")
    said = house.caller.call("worker", "--once", "--json", "--api-url", "http://127.0.0.1:9")
    assert said.code == 6, said
    assert said.result["runs"] == []
    assert said.err.count("\n") == 1


def test_a_disk_that_can_not_be_written_any_more_interrupts_the_run(house: House) -> None:
    (house.caller.state_dir / "evidence").parent.mkdir()
    (house.caller.state_dir / "evidence").write_text("a file where a folder should be")
    said = house.caller.run(RUN)
    assert said.code == 7, said
    assert "the evidence can't be written" in said.result["message"]
    assert "Traceback" not in said.err
    (house.caller.state_dir / "evidence").unlink()
    house.api.end_lease("run-1")
    assert house.caller.run(RUN).code == 0
    assert indexes(house.database) == BEFORE | {"idx_customer"}
