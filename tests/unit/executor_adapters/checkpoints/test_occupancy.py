"""One worker of a name on a state directory."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from executor_adapters.checkpoints.occupancy import occupied
from executor_adapters.checkpoints.sqlite import SqliteJournal
from executor_core.errors import InvalidInput, Unavailable
from executor_core.model import RunId

HOLDING = """
import sys
from pathlib import Path
from executor_adapters.checkpoints.occupancy import occupied
with occupied(Path(sys.argv[1]), "worker-1"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_worker_of_the_same_name_is_refused_and_another_name_is_not(tmp_path: Path) -> None:
    with occupied(tmp_path, "worker-1"):
        taken = r"a worker 'worker-1' is at work on the state directory .* already"
        with pytest.raises(InvalidInput, match=taken), occupied(tmp_path, "worker-1"):
            raise AssertionError("two of them")
        with occupied(tmp_path, "worker-2"):
            pass
    with occupied(tmp_path, "worker-1"):
        pass


def test_a_worker_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    with pytest.raises(InvalidInput), occupied(tmp_path, "worker-1"):
        raise AssertionError("two of them")
    other.send_signal(signal.SIGKILL)
    other.communicate()
    with occupied(tmp_path, "worker-1"):
        pass


def test_what_goes_wrong_inside_is_not_mistaken_for_the_lock(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="inside"), occupied(tmp_path, "worker-1"):
        raise OSError("inside")


def test_a_directory_that_can_not_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    state = tmp_path / "file" / "state"
    with pytest.raises(Unavailable, match=r"the state directory .* can't be used"), occupied(state, "worker-1"):
        raise AssertionError("no such directory")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="users have no numbers here")
def test_a_state_directory_of_another_user_is_refused(tmp_path: Path, mocker: MockerFixture) -> None:
    mocker.patch("os.geteuid", return_value=os.geteuid() + 1)
    theirs = r"belongs to another user \(uid \d+\): give --state-dir one of your own"
    with pytest.raises(InvalidInput, match=theirs), occupied(tmp_path, "worker-1"):
        raise AssertionError("not ours")
    with pytest.raises(InvalidInput, match="belongs to another user"):
        SqliteJournal(tmp_path).load(RunId("run-1"))
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_can_not_be_had_for_another_reason_is_unavailable(tmp_path: Path) -> None:
    with occupied(tmp_path, "worker-1"):
        pass
    (lock,) = tmp_path.glob("worker-*.lock")
    lock.unlink()
    lock.mkdir()
    with pytest.raises(Unavailable, match=r"the state directory .* can't be used"), occupied(tmp_path, "worker-1"):
        raise AssertionError("a directory is in the way")
