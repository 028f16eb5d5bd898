"""Processes of the executor under test: here a small program that stands for it."""

import sys
from pathlib import Path

import pytest

from executor_adapters.acceptance.processes import Executor
from executor_core.errors import Unavailable
from executor_core.model import ExecutionRun

STAND_IN = """
import json, os, sys
if sys.argv[1:] == ["--version"]:
    print("executor 9.9")
    sys.exit(int(os.environ.get("VERSION_CODE", 0)))
run = json.load(sys.stdin)
print("password s3cret", file=sys.stderr)
names = ("EXECUTOR_WORKER_ID", "EXECUTOR_STATE_DIR", "EXECUTOR_SETTLE", "EXECUTOR_LOCK_WAIT")
if os.environ.get("HANG"):
    import time
    time.sleep(600)
print(json.dumps({"id": run["id"], **{name: os.environ.get(name) for name in names}}))
sys.exit(3)
"""
RUN = ExecutionRun(
    id="test-tc01-001",
    connection_id="conn-001",
    action="ADD_INDEX",
    table_name="test_orders",
    index_name="idx_tc01_customer",
    columns=("customer_id",),
    query_digests=(),
)


@pytest.fixture
def executor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Executor:
    script = tmp_path / "stand_in.py"
    script.write_text(STAND_IN)
    monkeypatch.setenv("EXECUTOR_SETTLE", "1h")
    return Executor(
        {"EXECUTOR_LOCK_WAIT": "1s"},
        tmp_path,
        lambda text: text.replace("s3cret", "***"),
        (sys.executable, str(script)),
    )


def test_a_run_goes_in_and_its_result_comes_out(executor: Executor) -> None:
    ended = executor.finish(executor.start(RUN, "worker-1"))
    assert (ended.code, ended.result["id"], ended.result["EXECUTOR_WORKER_ID"]) == (3, RUN.id, "worker-1")
    assert ended.result["EXECUTOR_LOCK_WAIT"] == "1s"
    assert ended.result["EXECUTOR_SETTLE"] is None  # what is set for real work does not bear on the cases


def test_two_workers_have_nothing_in_common(executor: Executor) -> None:
    first, second = (executor.finish(executor.start(RUN, name)).result for name in ("a", "b"))
    assert first["EXECUTOR_STATE_DIR"] != second["EXECUTOR_STATE_DIR"]


def test_secrets_are_taken_out_of_the_log_that_is_kept(executor: Executor) -> None:
    ended = executor.finish(executor.start(RUN, "worker-1"))
    assert ended.log.read_text() == "password ***\n"
    assert ended.last_words == "password ***"


def test_a_killed_worker_has_no_time_for_anything(executor: Executor) -> None:
    executor.environment = {"HANG": "1"}
    worker = executor.start(RUN, "worker-1")
    worker.kill()
    assert worker.process.returncode == -9


def test_whatever_is_still_there_is_ended(executor: Executor) -> None:
    executor.environment = {"HANG": "1"}
    worker = executor.start(RUN, "worker-1")
    executor.end_all()
    assert worker.process.returncode == -15
    assert worker.log.exists()
    assert not worker.out.exists()
    executor.end_all()


def test_a_check_that_raises_ends_the_wait(executor: Executor) -> None:
    executor.environment = {"HANG": "1"}
    worker = executor.start(RUN, "worker-1")

    def check() -> None:
        raise Unavailable("the load broke off")

    with pytest.raises(Unavailable, match="broke off"):
        executor.finish(worker, check)
    executor.end_all()


def test_the_version_is_what_the_command_says(executor: Executor) -> None:
    assert executor.version() == "executor 9.9"


@pytest.mark.parametrize("command", [("/nowhere/at/all",), (sys.executable, "-c", "raise SystemExit('s3cret gone')")])
def test_a_command_that_can_not_be_started_is_unavailable(executor: Executor, command: tuple[str, ...]) -> None:
    executor.command = command
    with pytest.raises(Unavailable, match="can't be started") as error:
        executor.version()
    assert "s3cret" not in str(error.value)
