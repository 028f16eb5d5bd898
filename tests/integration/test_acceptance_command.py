"""`executor acceptance` from outside: the log and its decision, an executor that fails open, Ctrl-C and kills."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.integration.shop import wait_for

from executor_adapters.acceptance.words import Language, Words
from executor_adapters.command import acceptance as command
from executor_adapters.command import main
from executor_adapters.testing.six_calls import Call, SixCallsServer

pytestmark = [pytest.mark.integration, pytest.mark.mysql, pytest.mark.timeout(1200)]

FAILS_OPEN = """
import sys
from executor_core.kill_switch import KillSwitchReading
KillSwitchReading.engaged = property(lambda reading: False)
from executor_adapters.command.main import main
sys.exit(main())
"""


@dataclass
class Ended:
    """A call that has ended: its exit code, and the log that it wrote."""

    code: int
    out: Path

    @property
    def log(self) -> dict[str, Any]:
        log: dict[str, Any] = json.loads((self.out / "result-log.json").read_text())
        return log

    @property
    def statuses(self) -> dict[str, str]:
        return {case["case"]: case["status"] for case in self.log["cases"] if case["status"] != "NOT SELECTED"}

    def failed(self, case: str) -> set[str]:
        (found,) = [each for each in self.log["cases"] if each["case"] == case]
        return {check["field"] for check in found["checks"] if not check["holds"]}


def accept(*arguments: str, out: Path, executor: tuple[str, ...] | None = None) -> Ended:
    parsed = main._parser().parse_args(["acceptance", "--out", str(out), *arguments])
    code = command.acceptance(parsed) if executor is None else command.acceptance(parsed, executor)
    return Ended(int(code), out)


def tables(database: Any) -> set[str]:
    return {next(iter(row.values())) for row in database.execute("SHOW TABLES")}


def test_an_executor_that_does_what_it_must_is_approved(mysql_database: Any, tmp_path: Path) -> None:
    ended = accept("--embedded", "--mysql-url", mysql_database.url, "--window", "6s", "--lang", "th", out=tmp_path)
    assert ended.statuses == {f"TC-{number:02}": "PASS" for number in range(1, 11)}, (
        tmp_path / "result-log.md"
    ).read_text()
    assert (ended.code, ended.log["decision"]) == (0, "APPROVED")
    words = Words(Language.TH)
    for name in ("result-log.md", "result-log.html"):
        text = (tmp_path / name).read_text()
        for section in (
            "run",
            "checklist",
            "results",
            "cases",
            "summary",
            "blockers",
            "decision",
            "cleanup",
            "sign_off",
        ):
            assert words(f"section.{section}") in text
        assert "SELECT id, status, fail_reason" in text
        assert "SHOW INDEX FROM test_orders" in text
    cases = {case["case"]: case for case in ended.log["cases"]}
    assert [note["key"] for note in cases["TC-10"]["observations"]] == ["index_found", "lease_waited"]
    assert len(cases["TC-09"]["run_ids"]) == 3
    for case in ("TC-01", "TC-06", "TC-07", "TC-08"):
        assert cases[case]["windows"][0]["after"], case
    assert tables(mysql_database) == set()


@pytest.mark.mariadb
def test_an_executor_that_does_what_it_must_is_approved_on_mariadb_too(mariadb_database: Any, tmp_path: Path) -> None:
    ended = accept("--embedded", "--mysql-url", mariadb_database.url, "--window", "6s", out=tmp_path)
    assert ended.statuses == {f"TC-{number:02}": "PASS" for number in range(1, 11)}, (
        tmp_path / "result-log.md"
    ).read_text()
    assert (ended.code, ended.log["decision"]) == (0, "APPROVED")
    assert tables(mariadb_database) == set()


def test_an_executor_that_fails_open_is_blocked(mysql_database: Any, tmp_path: Path) -> None:
    script = tmp_path / "fails_open.py"
    script.write_text(FAILS_OPEN)
    ended = accept(
        *("--embedded", "--mysql-url", mysql_database.url, "--window", "2s", "--cases", "TC-02,TC-09"),
        out=tmp_path,
        executor=(sys.executable, str(script)),
    )
    assert ended.statuses == {"TC-02": "FAIL", "TC-09": "FAIL"}
    assert (ended.code, ended.log["decision"]) == (11, "BLOCKED")
    # Whether the index is still there depends on the verdict that such an executor goes on to reach.
    assert {"status", "fail_reason", "api_status", "executions"} <= ended.failed("TC-02")
    assert {"status", "fail_reason", "api_status", "executions"} <= ended.failed("TC-09")
    assert "stop" in (tmp_path / "result-log.md").read_text().partition("## 9. ")[2]


@contextmanager
def started(*arguments: str, out: Path) -> Iterator["subprocess.Popen[str]"]:
    """Start the command as a process of its own; its progress goes to a file."""
    with (out / "progress").open("w") as progress:
        process = subprocess.Popen(
            [sys.executable, "-m", "executor_adapters.command.main", "acceptance", "--out", str(out), *arguments],
            stdout=subprocess.DEVNULL,
            stderr=progress,
            text=True,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def children_of(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in listed.stdout.split()]


def test_ctrl_c_leaves_nothing_behind(mysql_database: Any, tmp_path: Path) -> None:
    with SixCallsServer() as api:
        options = ("--api-url", api.base_url, "--mysql-url", mysql_database.url, "--cases", "TC-03")
        with started(*options, "--window", "10m", out=tmp_path) as process:
            wait_for(lambda: api.statuses != [], "TC-03 runs", seconds=300)
            workers = children_of(process.pid)
            process.send_signal(signal.SIGINT)
            assert process.wait(120) == 7
        assert not any(Path(f"/proc/{pid}").exists() for pid in workers if pid != os.getpid())
        assert tables(mysql_database) == set()
        assert {run_id: body["status"] for run_id, body in api.statuses}["test-tc03-001"] == "failed"
        assert not any(api._switches.connections.values())


def test_after_a_kill_the_next_one_clears_up_and_gives_back_what_it_set_aside(
    mysql_database: Any, tmp_path: Path
) -> None:
    mysql_database.execute("CREATE TABLE test_orders (id INT PRIMARY KEY, mine INT)")
    mysql_database.execute("INSERT INTO test_orders VALUES (1, 2)")
    with SixCallsServer(lease=command.LEASE) as api:
        options = ("--api-url", api.base_url, "--mysql-url", mysql_database.url, "--window", "2s")
        switched, killed = threading.Event(), threading.Event()

        def hold(call: Call) -> None:
            if call.body == call.body | {"connection_id": "conn-002", "active": True}:
                switched.set()
                killed.wait(60)

        api.on("set_kill_switch", hold)
        with started(*options, "--cases", "TC-02", out=tmp_path) as process:
            assert switched.wait(300), (tmp_path / "progress").read_text()
            process.kill()
            process.wait()
            killed.set()
        assert "test_orders_set_aside" in tables(mysql_database)
        ended = accept(*options, "--cases", "TC-02,TC-03", "--run-number", "2", out=tmp_path)
        assert ended.statuses == {"TC-02": "PASS", "TC-03": "PASS"}
        assert ended.log["checklist"][6]["state"] == "TO CONFIRM"
        assert "test-tc03-002" in (tmp_path / "result-log.md").read_text()
        assert not any(api._switches.connections.values())
    assert tables(mysql_database) == {"test_orders"}
    assert mysql_database.execute("SELECT * FROM test_orders") == [{"id": 1, "mine": 2}]


def test_what_is_missing_is_listed_and_nothing_begins(
    mysql_database: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with SixCallsServer() as api:
        api.kill_switch(global_active=True)
        parsed = ["acceptance", "--api-url", api.base_url, "--mysql-url", mysql_database.url, "--out", str(tmp_path)]
        assert main.main(parsed) == 2
        assert api.claims == []
    said = capsys.readouterr().err
    assert "6. The kill switch is off: on: global" in said
    assert main.main([*parsed, "--api-url", "http://127.0.0.1:9"]) == 2
    said = capsys.readouterr().err
    assert "1. The API can be reached: no connection" in said
    assert not (tmp_path / "result-log.json").exists()
    assert tables(mysql_database) == set()
