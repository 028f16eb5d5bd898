"""The demonstration as a person runs it: a process of its own, a real server, real windows (short ones)."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from executor_adapters.demo.server import own_server
from executor_adapters.demo.shop import ORDERS
from executor_adapters.local_server import ServerNotFoundError

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]

EXTENDED_S = 900
"""Each of the four windows may grow to a minute, and a slow machine fills the tables for another."""

COMMAND = (sys.executable, "-m", "executor_adapters.command.main")


def demo(*options):
    return subprocess.Popen(
        (*COMMAND, "demo", *options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )


def schemas_left(server):
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SHOW DATABASES LIKE 'executor\\_demo\\_%'")
        return cursor.fetchall()


@pytest.mark.parametrize(
    "fixture",
    [
        pytest.param("mysql_server", marks=pytest.mark.mysql),
        pytest.param("mariadb_server", marks=pytest.mark.mariadb),
    ],
)
def test_keeps_the_helpful_index_and_takes_the_harmful_one_back(fixture, request):
    server = request.getfixturevalue(fixture)

    process = demo("--mysql-url", server.base_url, "--window", "10s", "--json")
    output, progress = process.communicate(timeout=EXTENDED_S)

    assert process.returncode == 0, progress
    account = json.loads(output)
    assert account["ok"] is True
    assert account["rows"] == ORDERS
    helpful, harmful = account["runs"]
    assert (helpful["status"], helpful["verification"]["status"]) == ("completed", "success")
    assert helpful["index_name"] in helpful["indexes"]
    assert helpful["verification"]["metrics_comparison"]["rows_examined_change_percent"] < -99
    assert (harmful["status"], harmful["fail_reason"]) == ("rolled_back", "verification_failed")
    assert harmful["verification"]["status"] == "failed"
    assert harmful["rollback"]["status"] == "completed"
    assert harmful["index_name"] not in harmful["indexes"]
    assert helpful["index_name"] in harmful["indexes"]  # its own index went, and no other
    worst = max(digest["rows_examined_change_percent"] for digest in harmful["verification"]["digests"])
    assert worst > 5_000  # a thousand rows became a hundred thousand
    assert "measuring the same queries with the index" in progress
    assert not schemas_left(server)
    for run, code in ((helpful, 0), (harmful, 4)):
        again = subprocess.run((*COMMAND, "verify", run["evidence"], "--json"), capture_output=True, check=False)
        assert again.returncode == code
        assert json.loads(again.stdout)["status"] == run["verification"]["status"]
        Path(run["evidence"]).unlink()
        Path(run["report"]).unlink()
    Path(helpful["evidence"]).parent.rmdir()  # nothing but the evidence and the reports was kept


@pytest.mark.mysql
@pytest.mark.parametrize(
    ("number", "moment"),
    [(signal.SIGINT, "filling the table"), (signal.SIGTERM, "measuring the table's queries")],
)
def test_leaves_nothing_behind_when_a_signal_ends_it(number, moment, mysql_server):
    with demo("--mysql-url", mysql_server.base_url) as process:
        assert process.stderr is not None
        assert any(moment in line for line in process.stderr)
        process.send_signal(number)
        output, _ = process.communicate(timeout=240)

    assert (process.returncode, output) == (7, "")
    assert not schemas_left(mysql_server)


@pytest.mark.mysql
def test_starts_a_server_of_its_own_and_ends_it(mysql_server: object):
    said: list[str] = []
    try:
        with own_server(said.append) as url:
            assert url.startswith("mysql://root@127.0.0.1:")
    except ServerNotFoundError as error:
        pytest.skip(f"a server was given by its URL, and none can be started here: {error}")
    assert any("starting" in line for line in said)


def test_an_address_where_nobody_answers_is_told_in_one_line():
    process = demo("--mysql-url", "mysql://root@127.0.0.1:1/x")
    output, progress = process.communicate(timeout=240)

    assert (process.returncode, output) == (4, "")
    assert progress.splitlines()[-1].startswith("executor: the MySQL server at 127.0.0.1:1 can't be reached")
