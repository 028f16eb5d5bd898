"""Workers that lose contact: with a control plane that goes away, and with time while they are stopped."""

import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.integration.conftest import Server
from tests.integration.control_planes import SHORT_LEASE, Reference
from tests.integration.crash_stage import Stage, stage
from tests.integration.shop import finish, wait_for

from executor_adapters.control_plane.server import ControlPlaneServer
from executor_core.authority import OVERSLEPT

pytestmark = [pytest.mark.integration, pytest.mark.mysql]

INTERRUPTED = 7
LONG = "20s"
"""A window of which nothing has been judged when the worker is stopped, soon after its beginning."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def control_plane_goes_away(played: Stage) -> "subprocess.Popen[str]":
    """Return a worker whose control plane ended after its index was added and the kill switch passed once more."""
    passed = threading.Event()

    def look(_: Any) -> None:
        if played.actions()["index_added"]:
            passed.set()

    played.server.on("kill_switch", look)
    worker = played.command.start(played.run)
    assert passed.wait(240)
    threading.Event().wait(0.2)
    played.server.__exit__(None, None, None)
    return worker


@pytest.mark.parametrize("again", ["the same run", "another run"])
def test_the_end_is_told_once_the_control_plane_is_back(mysql_server: Server, tmp_path: Path, again: str) -> None:
    with stage(mysql_server, tmp_path / "run", port=free_port()) as played:
        ended = finish(control_plane_goes_away(played))
        # Nobody can say that the switch is off: after its trust has run out, that counts as active.
        assert (ended.code, ended.result["fail_reason"]) == (3, "kill_switch"), ended
        assert ended.result["undelivered"] > 0
        assert played.statuses() == ["running"]
        played.server.__enter__()
        played.server.end_lease(played.run.id)
        heard = len(played.server.calls)
        if again == "the same run":
            second = played.command.run(played.run)
            assert played.problems(second, "rolled_back", whole_trail=False) == []
        else:
            # Out of scope, so nothing of it is ever begun; the backlog is told all the same.
            other = played.run.model_copy(update={"id": "another-run", "index_name": "PRIMARY"})
            second = played.command.run(other)
            assert second.result["fail_reason"] == "out_of_scope"
        calls = [call for call in played.server.calls[heard:] if "idempotency-key" in call.headers]
        ours = [call for call in calls if played.run.id in call.headers["idempotency-key"]]
        assert calls[: len(ours)] == ours, "the backlog comes first"
        keys = [call.headers["idempotency-key"] for call in ours]
        assert len(keys) == len(set(keys)) == ended.result["undelivered"]
        numbers = [int(key.rpartition(":")[2]) for key in keys]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "in the order in which they were made"
        assert [call.body["status"] for call in ours if call.call == "status"] == ["rolled_back"]
        told = played.actions()
        assert [told[name] for name in ("index_added", "rollback_started", "index_dropped")] == [1, 1, 1]


def claims(api: Reference, run_id: str) -> list[str]:
    return [action for action in api.actions(run_id) if action in ("run_claimed", "run_taken_over")]


@contextmanager
def stopped_in_the_window(played: Stage) -> Iterator["subprocess.Popen[str]"]:
    """A worker that is stopped soon after its index was added, and goes on afterwards."""
    worker = played.command.start(played.run, after_window=LONG)
    wait_for(played.index_is_there, "the index is there")
    threading.Event().wait(0.5)
    worker.send_signal(signal.SIGSTOP)
    yield worker
    worker.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("elsewhere", [False, True], ids=["same-state", "another-machine"])
def test_a_worker_that_outslept_its_lease_touches_nothing(
    mysql_server: Server, tmp_path: Path, elsewhere: bool
) -> None:
    """The control plane never said how long the lease is: on another machine, only having stood still is a sign."""
    with stage(mysql_server, tmp_path / "run", harmful=True, lease=timedelta(minutes=10)) as played:
        with stopped_in_the_window(played) as first:
            played.server.end_lease(played.run.id)
            successor = played.start_successor(elsewhere=elsewhere)
            if elsewhere:
                wait_for(lambda: len(played.server.claims) == 2, "the run is taken over")
                threading.Event().wait(OVERSLEPT.total_seconds() + 6)
            else:
                wait_for(lambda: played.actions()["run_taken_over"] == 1, "the run is taken over, and that on record")
        ended, outslept = finish(successor), finish(first)
        assert outslept.code == INTERRUPTED, outslept
        assert played.problems(ended, "completed" if elsewhere else "rolled_back", whole_trail=False) == []


@pytest.mark.parametrize("elsewhere", [False, True], ids=["same-state", "another-machine"])
def test_a_worker_that_outslept_its_lease_is_fenced(mysql_server: Server, tmp_path: Path, elsewhere: bool) -> None:
    short = SHORT_LEASE
    with ExitStack() as opened:
        played = opened.enter_context(stage(mysql_server, tmp_path / "run", harmful=True))
        reference = opened.enter_context(ControlPlaneServer(f"sqlite:///{tmp_path / 'api.db'}", default_lease=short))
        api = opened.enter_context(Reference(reference))
        api.schedule(played.run)
        played.command.api_url = api.base_url
        with stopped_in_the_window(played) as first:
            if elsewhere:
                played.command.state_dir = played.command.state_dir / "elsewhere"
            threading.Event().wait(short.total_seconds())
            successor = played.command.start(played.run)
            wait_for(lambda: len(claims(api, played.run.id)) == 2, "the run is taken over")
        ended, outslept = finish(successor), finish(first)
        assert outslept.code == INTERRUPTED, outslept
        assert ended.result["status"] == ("completed" if elsewhere else "rolled_back")
        assert played.index_is_there() == elsewhere
        assert api.statuses(played.run.id)[-1] == ended.result["status"]
        assert api.last(played.run.id)["status"] == ended.result["status"]
        assert api.actions(played.run.id).count("index_dropped") == (0 if elsewhere else 1)
