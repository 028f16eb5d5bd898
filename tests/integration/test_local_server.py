"""The servers that tests and the demonstration run on really start, crash, come back and go."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pymysql
import pytest

from executor_adapters.local_server import (
    LocalServer,
    NativeInstallation,
    ServerFailedError,
    ServerKind,
)

pytestmark = pytest.mark.integration


def query(server: LocalServer, sql: str) -> tuple[tuple[object, ...], ...]:
    with (
        pymysql.connect(host="127.0.0.1", port=server.port, user="root", autocommit=True) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)
        return cursor.fetchall()


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.fixture
def installation(any_server):
    if any_server.local is None:
        pytest.skip("the server is given by a URL and not ours to start")
    return any_server.local.installation


def test_committed_rows_survive_a_kill_and_a_stop(installation):
    with LocalServer(installation) as server:
        port = server.port
        query(server, "CREATE DATABASE d")
        query(server, "CREATE TABLE d.t (a INT PRIMARY KEY)")
        query(server, "INSERT INTO d.t VALUES (7)")

        server.kill()
        assert server.pid is None
        server.start()
        assert (server.port, query(server, "SELECT a FROM d.t")) == (port, ((7,),))

        server.stop()
        server.start()
        assert (server.port, query(server, "SELECT a FROM d.t")) == (port, ((7,),))
        pid = server.pid
        server.start()
        assert server.pid == pid
    assert pid is not None
    assert not runs(pid)


def test_a_server_that_died_by_itself_is_started_again(installation):
    if not isinstance(installation, NativeInstallation):
        pytest.skip("the server is not a process of ours")
    with LocalServer(installation) as server:
        query(server, "CREATE DATABASE kept")
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        assert wait_for(lambda: server.pid is None)
        server.start()
        assert query(server, "SHOW DATABASES LIKE 'kept'") == (("kept",),)


def test_the_server_is_private_and_measures(any_server):
    if any_server.local is None:
        pytest.skip("the server is given by a URL and not ours to judge")
    server = any_server.local
    assert query(server, "SELECT @@bind_address, @@performance_schema, @@log_bin") == (("127.0.0.1", 1, 0),)
    assert query(server, "SELECT @@port") == ((server.port,),)
    assert (server.kind is ServerKind.MARIADB) == ("MariaDB" in server.version)


def test_flags_override_the_defaults(installation):
    with LocalServer(installation, flags=["--max-connections=17"]) as server:
        assert query(server, "SELECT @@max_connections") == ((17,),)


def test_a_data_folder_that_was_given_is_kept(installation, tmp_path):
    if not isinstance(installation, NativeInstallation):
        pytest.skip("a container keeps its own data")
    datadir = tmp_path / "new" / "data"
    with LocalServer(installation, datadir=datadir) as server:
        query(server, "CREATE DATABASE kept")
    with LocalServer(installation, datadir=datadir) as server:
        assert query(server, "SHOW DATABASES LIKE 'kept'") == (("kept",),)


def test_a_server_that_does_not_start_shows_its_log(installation):
    with pytest.raises(ServerFailedError, match="no-such-flag"):
        LocalServer(installation, flags=["--no-such-flag"]).start()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_server_dies_with_the_process_that_started_it(any_server, how, tmp_path):
    if any_server.local is None or not isinstance(any_server.local.installation, NativeInstallation):
        pytest.skip("the server is not a process of ours")
    script = """if True:
        import sys
        from executor_adapters.local_server import LocalServer, ServerRequest, find_server
        server = LocalServer(find_server(ServerRequest.parse(sys.argv[1])))
        server.start()
        print(server.pid, flush=True)
        sys.stdin.read()
    """
    major, minor = any_server.version.split(".")[:2]
    name = "mysql" if any_server.kind is ServerKind.MYSQL else f"mariadb-{major}.{minor}"
    with subprocess.Popen(
        [sys.executable, "-c", script, name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert runs(pid)
        parent.send_signal(how)
        parent.wait()
    assert wait_for(lambda: not runs(pid))
    assert wait_for(lambda: not list(tmp_path.iterdir()))
