"""Crashes while the server builds: of the worker, whose build goes on without it, and of the server itself."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pymysql
import pytest
from tests.integration.conftest import Server
from tests.integration.crash_stage import Stage, finish_killed, stage
from tests.integration.shop import blocking, finish, wait_for

from executor_adapters.local_server import LocalServer
from executor_adapters.testing.six_calls import Call

pytestmark = [pytest.mark.integration, pytest.mark.mysql]

PATIENT = {"lock_wait": "60s"}
"""So that a build that is held up waits on, instead of being given up and tried again."""
QUEUED = (
    "SELECT id FROM information_schema.processlist WHERE db = %s AND state = 'Waiting for table metadata lock'"
    " AND info NOT LIKE 'ALTER TABLE%%'"
)


@contextmanager
def held_up(played: Stage) -> Iterator[None]:
    """Until the end, let no build begin or end in the stage's table; the server may die meanwhile."""
    with suppress(pymysql.MySQLError), blocking(played.database, "SELECT id FROM test_orders LIMIT 1"):
        yield


def build_held_at_its_beginning(played: Stage, held: ExitStack, **options: str) -> "subprocess.Popen[str]":
    """Return a worker whose statement was sent and waits for the table's metadata lock."""

    heard: list[Call] = []

    def hold(call: Call) -> None:
        if call.body["action"] == "baseline_metrics_collected" and not heard:  # it may be told again
            heard.append(call)
            held.enter_context(held_up(played))

    played.server.on("audit", hold)
    worker = played.command.start(played.run, **PATIENT, **options)
    wait_for(played.build_runs, "the server has the statement")
    return worker


def build_held_at_its_end(played: Stage, held: ExitStack, *written: str) -> "subprocess.Popen[str]":
    """Return a worker whose index was built while each of `written` ran, and can't be committed until `held` is closed.

    However quick the server is: a transaction and what is written queue behind the worker's statement while that waits
    at its beginning, and so have the table from the moment on at which the build begins. The load, which would queue
    there too, ends first; the verdict may be inconclusive.
    """
    played.workload.stop()
    cursor = held.enter_context(held.enter_context(played.database.connect()).cursor())
    cursor.execute("START TRANSACTION")
    with ThreadPoolExecutor() as threads:
        with ExitStack() as at_first:
            worker = build_held_at_its_beginning(played, at_first)
            queue = [
                threads.submit(cursor.execute, "SELECT id FROM test_orders LIMIT 1"),
                *(threads.submit(played.database.execute, sql) for sql in written),
            ]
            name = (played.database.name,)
            wait_for(lambda: len(played.database.execute(QUEUED, name)) == len(queue), "all queue behind the build")
        for each in queue:
            each.result()
    assert not played.index_is_there()
    return worker


Hold = Callable[[Stage, ExitStack], "subprocess.Popen[str]"]
WAITING, BUILDING = build_held_at_its_beginning, build_held_at_its_end


@pytest.mark.parametrize(
    ("hold", "elsewhere"),
    [
        pytest.param(WAITING, False, id="waiting-same-state"),
        pytest.param(BUILDING, True, id="building-another-machine"),
    ],
)
def test_the_orphaned_build_is_adopted(mysql_server: Server, tmp_path: Path, hold: Hold, elsewhere: bool) -> None:
    with stage(mysql_server, tmp_path / "run") as played, ExitStack() as held:
        finish_killed(hold(played, held))
        successor = played.start_successor(elsewhere=elsewhere)
        wait_for(lambda: len(played.server.claims) == 2, "it is claimed again")
        threading.Event().wait(1)
        assert played.build_runs(), "the orphan is still at work"
        held.close()
        problems = played.problems(finish(successor), "completed", whole_trail=False)
        assert problems == []
        assert played.actions()["index_adopted" if elsewhere else "index_added"] == 1


@pytest.mark.parametrize(
    ("hold", "elsewhere"),
    [
        pytest.param(WAITING, True, id="waiting-another-machine"),
        pytest.param(BUILDING, False, id="building-same-state"),
    ],
)
def test_the_orphaned_build_is_stopped_by_the_kill_switch(
    mysql_server: Server, tmp_path: Path, hold: Hold, elsewhere: bool
) -> None:
    with stage(mysql_server, tmp_path / "run") as played, ExitStack() as held:
        finish_killed(hold(played, held))
        played.server.kill_switch(global_active=True)
        ended = played.go_on(elsewhere=elsewhere)
        assert not played.build_runs()
        held.close()
        assert ended.result["fail_reason"] == "kill_switch"
        assert played.problems(ended, "failed", builds=0, whole_trail=False) == []
        assert played.actions()["build_stopped"] == 1


@pytest.fixture
def mortal_server(mysql_server: Server) -> Iterator[Server]:
    """A MySQL of one test's own, to be killed and started again on its data and its port."""
    if mysql_server.local is None:
        pytest.skip("the server is given by a URL and not ours to start")
    with LocalServer(mysql_server.local.installation) as local:
        yield Server(local.url().removesuffix("/"), local.kind, local.version, local)


def crash(server: Server) -> None:
    """Kill the server, and start it again on the same data and port."""
    assert server.local is not None
    server.local.kill()
    server.local.start()


def test_the_server_dies_in_the_build(mortal_server: Server, tmp_path: Path) -> None:
    with stage(mortal_server, tmp_path / "run") as played, ExitStack() as held:
        worker = build_held_at_its_beginning(played, held)
        crash(mortal_server)
        held.close()
        with played.load():
            ended = finish(worker)
        assert played.problems(ended, "completed", builds=1) == []
        assert ended.result["executed_sql"].count("attempt=2") == 1


@pytest.mark.parametrize("harmful", [False, True], ids=["helpful", "harmful"])
def test_the_server_dies_in_the_window_after_the_build(mortal_server: Server, tmp_path: Path, harmful: bool) -> None:
    with stage(mortal_server, tmp_path / "run", harmful=harmful) as played:
        worker = played.command.start(played.run)
        wait_for(lambda: played.actions()["index_added"] == 1, "the index is there")
        threading.Event().wait(0.5)
        crash(mortal_server)
        with played.load():
            ended = finish(worker)
        evidence = ended.result["verification"]
        expected = "rolled_back" if evidence["status"] == "failed" else "completed"
        assert harmful or expected == "completed", evidence
        assert played.problems(ended, expected, builds=0) == []  # the counters are gone with the server's memory
