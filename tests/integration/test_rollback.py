"""`executor rollback`: a person takes the index of a run back that has ended, on a real server."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.integration.control_planes import Reference, SixCalls
from tests.integration.shop import HELPED, Command, Ended, Workload, create, digest_of, indexes

from executor_adapters.control_plane.server import ControlPlaneServer
from executor_adapters.testing.six_calls import SixCallsServer
from executor_core.model import ExecutionRun

pytestmark = pytest.mark.integration

BEFORE = {"PRIMARY", "idx_tenant"}
INDEX = "idx_customer"


@dataclass
class Bench:
    """A run that completed, on a real server."""

    database: Any
    api: SixCalls | Reference
    command: Command
    run: ExecutionRun

    def roll_back(self, *options: str, **environment: str) -> Ended:
        return self.call("rollback", self.run.id, "--reason", "customers complain", *options, **environment)

    def call(self, *words: str, **environment: str) -> Ended:
        variables = {
            "EXECUTOR_MYSQL_URL": self.command.mysql_url,
            "SAAS_API_URL": self.api.base_url,
            "EXECUTOR_STATE_DIR": str(self.command.state_dir),
            "EXECUTOR_ROLLBACK_PATIENCE": "30s",
        }
        done = subprocess.run(
            [sys.executable, "-m", "executor_adapters.command.main", *words, "--json"],
            env={**os.environ, **variables, **environment},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        return Ended(done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr)

    def indexes(self) -> set[str]:
        return indexes(self.database)


@pytest.fixture(params=["six-calls", "reference"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(
    params=[
        pytest.param("mysql", marks=pytest.mark.mysql),
        pytest.param("mariadb", marks=pytest.mark.mariadb),
    ]
)
def database(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(f"{request.param}_database")


@pytest.fixture
def bench(kind: str, database: Any, tmp_path: Path) -> Iterator[Bench]:
    create(database)
    run = ExecutionRun(
        id="run-1",
        connection_id="conn-1",
        action="ADD_INDEX",
        table_name="test_orders",
        index_name=INDEX,
        columns=("customer_id",),
        query_digests=(digest_of(database, HELPED),),
    )
    if kind == "six-calls":
        with SixCallsServer() as server:
            yield _completed(database, SixCalls(server), tmp_path, run)
    else:
        with ControlPlaneServer(f"sqlite:///{tmp_path / 'api.db'}") as reference, Reference(reference) as api:
            yield _completed(database, api, tmp_path, run)


def _completed(database: Any, api: SixCalls | Reference, folder: Path, run: ExecutionRun) -> Bench:
    command = Command(database.url, api.base_url, folder / "state")
    api.schedule(run)
    with Workload(database, [HELPED]):
        assert command.run(run).code == 0
    assert indexes(database) == BEFORE | {INDEX}
    return Bench(database, api, command, run)


def test_the_index_of_a_completed_run_is_taken_back_once(bench: Bench) -> None:
    bench.api.kill(active=True)
    first, second = bench.roll_back(), bench.roll_back()
    for ended in (first, second):
        assert (ended.code, ended.result["status"]) == (3, "rolled_back"), ended
        assert ended.result["rollback"]["rollback_type"] == "manual"
        assert (ended.result["undelivered"], ended.result["refused"]) == (0, 0)
    assert bench.indexes() == BEFORE
    (record,) = bench.api.rollbacks(bench.run.id)
    assert (record["rollback_type"], record["status"]) == ("manual", "completed")
    assert record["trigger_reason"] == "customers complain"
    assert bench.api.statuses(bench.run.id) == ["running", "completed", "rolled_back"]
    assert bench.api.actions(bench.run.id)[-3:] == ["rollback_started", "index_dropped", "status_change"]


def test_on_another_machine_the_control_plane_is_asked_or_the_state_directory_is(bench: Bench, tmp_path: Path) -> None:
    ended = bench.roll_back("--state-dir", str(tmp_path / "elsewhere"))
    if isinstance(bench.api, SixCalls):
        assert (ended.code, ended.result) == (2, {})
        assert "give the --state-dir of the worker" in ended.errors
        assert ended.errors.count("\n") == 1
        assert bench.indexes() == BEFORE | {INDEX}
    else:
        assert (ended.code, ended.result["status"]) == (3, "rolled_back"), ended
        assert bench.indexes() == BEFORE
        assert bench.api.last(bench.run.id)["status"] == "rolled_back"


def test_an_index_that_somebody_else_made_in_its_place_is_left_alone(bench: Bench) -> None:
    bench.database.execute(f"ALTER TABLE test_orders DROP INDEX {INDEX}, ADD INDEX {INDEX} (customer_id)")
    ended = bench.roll_back()
    assert (ended.code, ended.result) == (2, {})
    assert "left alone" in ended.errors
    assert bench.indexes() == BEFORE | {INDEX}
    assert bench.api.rollbacks(bench.run.id) == []


def test_a_drop_that_is_denied_leaves_the_run_completed(bench: Bench) -> None:
    user = f"u_{bench.database.name[-12:]}"
    bench.database.execute(f"CREATE USER {user}@'%%' IDENTIFIED BY 'pw'", ())
    for schema in (bench.database.name, "performance_schema"):
        bench.database.execute(f"GRANT SELECT ON {schema}.* TO {user}@'%%'", ())
    try:
        ended = bench.roll_back(EXECUTOR_MYSQL_URL=bench.database.url.replace("//root@", f"//{user}:pw@"))
    finally:
        bench.database.execute(f"DROP USER {user}@'%%'", ())
    assert (ended.code, ended.result["status"]) == (4, "completed"), ended
    assert ended.result["rollback"]["status"] == "failed"
    assert "still there" in ended.result["message"]
    assert bench.indexes() == BEFORE | {INDEX}
    assert [record["status"] for record in bench.api.rollbacks(bench.run.id)] == ["failed"]
    assert bench.roll_back().code == 3
    assert bench.indexes() == BEFORE


@pytest.mark.parametrize("kind", ["reference"])
@pytest.mark.parametrize("elsewhere", [False, True], ids=["where-it-was-carried", "on-another-machine"])
def test_a_worker_takes_back_what_somebody_asked_for_at_the_control_plane(
    bench: Bench, tmp_path: Path, *, elsewhere: bool
) -> None:
    assert isinstance(bench.api, Reference)
    bench.api.request_rollback(bench.run.id, "customers complain")
    options = ("--state-dir", str(tmp_path / "elsewhere")) if elsewhere else ()
    bench.api.kill(active=True)
    held_up = bench.call("worker", "--once", *options)
    assert bench.indexes() == BEFORE | {INDEX}, held_up
    assert bench.api.rollback_requests(bench.run.id)[0]["settled_at"] is None
    bench.api.kill(active=False)
    done = bench.call("worker", "--once", *options)
    (result,) = done.result["runs"]
    assert (done.code, result["status"], result["undelivered"], result["refused"]) == (0, "rolled_back", 0, 0), done
    assert bench.indexes() == BEFORE
    (record,) = bench.api.rollbacks(bench.run.id)
    assert (record["rollback_type"], record["status"]) == ("manual", "completed")
    assert record["trigger_reason"] == "customers complain"
    assert bench.api.rollback_requests(bench.run.id)[0]["settled_at"] is not None
    assert bench.api.last(bench.run.id)["status"] == "rolled_back"
    assert bench.api.actions(bench.run.id)[-3:] == ["rollback_started", "index_dropped", "status_change"]
