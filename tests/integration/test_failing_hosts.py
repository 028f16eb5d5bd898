"""Hosts that fail under a run: a control plane that is killed, a disk that is full, a clock that is set.

The crashes of the database server itself are in ``test_crashes_in_builds.py``.
"""

import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from tests.integration.conftest import Server
from tests.integration.crash_stage import Stage, stage
from tests.integration.shop import finish, wait_for
from tests.integration.test_lost_contact import free_port

from executor_adapters.clock import SystemClock
from executor_adapters.container import production
from executor_adapters.driving import carry
from executor_adapters.settings import Settings
from executor_core.carrying import Finished
from executor_core.ports import Notice

pytestmark = [pytest.mark.integration, pytest.mark.mysql]

INTERRUPTED = 7


@contextmanager
def serving(folder: Path, port: int) -> Iterator["subprocess.Popen[str]"]:
    """The reference control plane as a process, on the same database and port each time; it is killed in the end."""
    command = [sys.executable, "-m", "executor_adapters.command.main", "serve", "--port", str(port)]
    process = subprocess.Popen([*command, "--db", f"sqlite:///{folder}/c.db"], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    with process, process.stderr:
        assert "control plane at" in process.stderr.readline()
        yield process
        process.kill()


@pytest.mark.parametrize("harmful", [False, True], ids=["helpful", "harmful"])
def test_the_control_plane_is_killed_and_started_again(mysql_server: Server, tmp_path: Path, harmful: bool) -> None:
    port = free_port()
    with stage(mysql_server, tmp_path / "run", harmful=harmful) as played:
        played.command.api_url = f"http://127.0.0.1:{port}"

        def asked(path: str) -> object:
            return httpx.get(f"{played.command.api_url}/api/executions/{played.run.id}{path}", timeout=10).json()

        with serving(tmp_path, port):
            answer = httpx.post(
                f"{played.command.api_url}/api/executions",
                json=played.run.model_dump(mode="json", exclude_none=True),
                timeout=10,
            )
            assert answer.status_code == 201, answer.text
            worker = played.command.start(played.run)
            wait_for(played.index_is_there, "the index is there")
        with serving(tmp_path, port):
            ended = finish(worker)
            expected = "rolled_back" if harmful else "completed"
            assert (ended.result["status"], ended.result["undelivered"]) == (expected, 0), ended.errors[-2000:]
            trail = [entry["action"] for entry in asked("/audit")]  # type: ignore[attr-defined]
            run = asked("")
            assert isinstance(run, dict)
            assert run["status"] == expected
        assert played.index_is_there() is not harmful
        assert [trail.count(name) for name in ("index_added", "verification_completed")] == [1, 1]
        assert played.builds() == 1


def fill_the_disk(worker: "subprocess.Popen[str]") -> None:
    """Let no file of the process grow any more, as on a full disk."""
    _, most = resource.prlimit(worker.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (1, most))


@pytest.mark.parametrize("moment", ["claimed", "index_added"])
def test_the_disk_of_the_state_directory_is_full(mysql_server: Server, tmp_path: Path, moment: str) -> None:
    """Nothing is done that could not be recorded: the run is left, and goes on where there is room."""
    with stage(mysql_server, tmp_path / "run", harmful=True) as played:
        worker = played.command.start(played.run)
        if moment == "claimed":
            wait_for(lambda: bool(played.server.claims), "it is claimed")
        else:
            wait_for(lambda: played.actions()["index_added"] == 1, "the index is there")
        fill_the_disk(worker)
        ended = finish(worker)
        assert ended.code == INTERRUPTED, ended
        assert played.statuses() in ([], ["running"])
        assert played.problems(played.go_on(), "rolled_back") == []


class UnsteadyClock(SystemClock):
    """A clock whose wall time somebody sets by a day, forth and back, whenever a phase is entered."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong_by = timedelta()
        self.phases: list[str] = []

    def now(self) -> datetime:
        return super().now() + self.wrong_by

    def notice(self, notice: Notice) -> None:
        if notice.name == "phase.entered":
            self.phases.append(str(notice.fields["phase"]))
            self.wrong_by = timedelta(days=1) * (-1 if len(self.phases) % 2 else 1)


def settings_of(played: Stage) -> Settings:
    """The stage's command as settings."""
    return Settings(
        mysql_url=SecretStr(played.command.mysql_url),
        api_url=played.command.api_url,
        state_dir=played.command.state_dir,
        baseline_window="2s",
        after_window="2s",
        extended_window="0s",
    )


@pytest.mark.parametrize("harmful", [False, True], ids=["helpful", "harmful"])
def test_the_workers_clock_is_set_back_and_forth(mysql_server: Server, tmp_path: Path, harmful: bool) -> None:
    with stage(mysql_server, tmp_path / "run", harmful=harmful, lease=timedelta(minutes=1)) as played:
        clock = UnsteadyClock()
        with production(settings_of(played), clock) as container:
            container.clock.override(clock)
            end = carry(container.engine(), played.run, clock)
        assert isinstance(end, Finished), end
        assert len(clock.phases) > 4
        status = end.state.status
        evidence = end.state.verdict
        assert played.statuses() == ["running", status]
        assert played.index_is_there() == (status == "completed")
        assert played.builds() == 1
        assert evidence is not None
        assert status in ("completed", "rolled_back")
        assert status == "completed" or harmful
