"""Hosts that fail under a run: a control plane that is killed, a disk that is full, a clock that is set.

The crashes of the database server itself are in ``test_crashes_in_builds.py``.
"""

import resource
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from tests.integration.conftest import Server
from tests.integration.control_planes import Reference, serving
from tests.integration.crash_stage import Stage, stage
from tests.integration.shop import finish, wait_for

from executor_adapters.clock import SystemClock
from executor_adapters.container import production
from executor_adapters.driving import carry
from executor_adapters.settings import Settings
from executor_core.carrying import Finished
from executor_core.ports import Notice

pytestmark = [pytest.mark.integration, pytest.mark.mysql]

NOT_CLAIMED, INTERRUPTED = 6, 7


@pytest.mark.parametrize("harmful", [False, True], ids=["helpful", "harmful"])
def test_the_control_plane_is_killed_and_started_again(mysql_server: Server, tmp_path: Path, harmful: bool) -> None:
    """Whether the kill switch has to be asked afresh while nobody can answer is chance; either end is a good one."""
    with (
        stage(mysql_server, tmp_path / "run", harmful=harmful) as played,
        serving(f"sqlite:///{tmp_path}/c.db") as program,
        Reference(program) as api,
    ):
        api.schedule(played.run)
        played.command.api_url = program.base_url
        worker = played.command.start(played.run)
        wait_for(played.index_is_there, "the index is there")
        program.kill()
        program.start()
        ended = finish(worker)
        while ended.code in (NOT_CLAIMED, INTERRUPTED):  # the lease ended before the server was up again
            ended = played.command.run(played.run)
        status = ended.result["status"]
        assert status in ({"rolled_back"} if harmful else {"completed", "rolled_back"}), ended.errors[-2000:]
        told = played.command.run(played.run).result
        assert (told["status"], told["undelivered"], told["refused"]) == (status, 0, 0)
        assert api.last(played.run.id)["status"] == status
        assert api.statuses(played.run.id) == ["running", status]
        trail = api.actions(played.run.id)
        last = "index_dropped" if status == "rolled_back" else "verification_completed"
        assert [trail.count(name) for name in ("index_added", last)] == [1, 1]
        assert played.index_is_there() == (status == "completed")
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
    """A clock whose wall time somebody sets by a day or two, forth and back, whenever a phase is entered."""

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
        baseline_window="3s",
        after_window="8s",
        extended_window="0s",
    )


@pytest.mark.timeout(400)
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
        assert status == ("rolled_back" if harmful else "completed"), end.state.message
        assert played.statuses() == ["running", status]
        assert played.index_is_there() is not harmful
        assert played.builds() == 1
