"""The reference control plane as a program of its own."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_program_cleanly(tmp_path: Path, number: int) -> None:
    program = (
        "from executor_adapters.control_plane.server import serve\n"
        f"serve('sqlite:///{tmp_path}/c.db', host='127.0.0.1', port=0, announce=lambda u: print(u, flush=True))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process, process.stdout:
        base_url = process.stdout.readline().strip()
        assert httpx.get(f"{base_url}/livez").status_code == 200
        process.send_signal(number)
        assert process.wait(20) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["c.db"]


def test_the_six_calls_run_as_a_program_of_their_own() -> None:
    command = [sys.executable, "-m", "executor_adapters.testing.six_calls", "--port", "0", "--lease", "60"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process, process.stdout:
        base_url = json.loads(process.stdout.readline())["base_url"]
        statuses = [
            httpx.post(f"{base_url}/api/executions/r/claim", json={"worker_id": worker}).status_code
            for worker in ("w1", "w2")
        ]
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    assert statuses == [200, 409]
