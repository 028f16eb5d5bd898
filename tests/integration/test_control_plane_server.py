"""The reference control plane as a program of its own."""

import json
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from executor_adapters.control_plane.server import ControlPlaneServer

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_program_cleanly(tmp_path: Path, number: int) -> None:
    program = (
        "from executor_adapters.control_plane.server import ControlPlaneServer, serve\n"
        f"serve(ControlPlaneServer('sqlite:///{tmp_path}/c.db'), announce=lambda u: print(u, flush=True))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process, process.stdout:
        base_url = process.stdout.readline().strip()
        assert httpx.get(f"{base_url}/livez", timeout=60).status_code == 200
        process.send_signal(number)
        assert process.wait(120) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["c.db"]


def test_the_six_calls_run_as_a_program_of_their_own() -> None:
    command = [sys.executable, "-m", "executor_adapters.testing.six_calls", "--port", "0", "--lease", "60"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process, process.stdout:
        base_url = json.loads(process.stdout.readline())["base_url"]
        statuses = [
            httpx.post(f"{base_url}/api/executions/r/claim", json={"worker_id": worker}, timeout=60).status_code
            for worker in ("w1", "w2")
        ]
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 0
    assert statuses == [200, 409]


def test_of_twenty_workers_at_once_over_http_one_gets_the_run(tmp_path: Path) -> None:
    run = {
        "id": "run-1",
        "connection_id": "conn-1",
        "action": "ADD_INDEX",
        "table_name": "orders",
        "index_name": "idx",
        "columns": ["a"],
        "query_digests": ["d"],
    }
    start = threading.Barrier(20)
    with ControlPlaneServer(f"sqlite:///{tmp_path}/c.db") as server, httpx.Client(timeout=120) as client:
        base = f"{server.base_url}/api/executions"
        assert client.post(base, json=run).status_code == 201

        def claim(number: int) -> int:
            start.wait()
            return client.post(f"{base}/run-1/claim", json={"worker_id": f"w{number}"}).status_code

        with ThreadPoolExecutor(20) as threads:
            statuses = list(threads.map(claim, range(20)))
        claims = client.get(f"{base}/run-1/claims").json()
    assert sorted(statuses) == [200] + [409] * 19
    assert [c["fencing_token"] for c in claims] == [1]
