"""Rivals for the same runs: as many processes as may be, and each run is had by one of them."""

import json
import os
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from executor_adapters.control_plane.server import ControlPlaneServer

pytestmark = pytest.mark.integration

PROCESSES = 20
RUNS = 200
SEED = int(os.environ.get("EXECUTOR_CRASH_SEED", "1"))


@pytest.mark.timeout(1200)
def test_twenty_processes_claim_two_hundred_runs_and_each_is_had_once(tmp_path: Path) -> None:
    lease = timedelta(hours=1)
    with ControlPlaneServer(f"sqlite:///{tmp_path}/c.db", default_lease=lease) as server:
        with httpx.Client(base_url=server.base_url, timeout=30) as client:
            for number in range(RUNS):
                run = {
                    "id": f"run-{number}",
                    "connection_id": "conn-1",
                    "action": "ADD_INDEX",
                    "table_name": "orders",
                    "index_name": f"idx_{number}",
                    "columns": ["customer_id"],
                    "query_digests": ["d"],
                }
                assert client.post("/api/executions", json=run).status_code == 201
        rivals = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.integration.claimant", server.base_url, f"w{n}", str(SEED + n)],
                stdout=subprocess.PIPE,
                text=True,
                cwd=Path(__file__).parents[2],
            )
            for n in range(PROCESSES)
        ]
        got = [json.loads(rival.communicate(timeout=1000)[0]) for rival in rivals]
        with httpx.Client(base_url=server.base_url, timeout=30) as client:
            holders = {
                f"run-{number}": client.get(f"/api/executions/run-{number}").json()["claimed_by"]
                for number in range(RUNS)
            }
    assert [rival.returncode for rival in rivals] == [0] * PROCESSES
    had = Counter(run_id for each in got for run_id in each)
    assert had == Counter(f"run-{number}" for number in range(RUNS))
    assert {run_id: f"w{n}" for n, each in enumerate(got) for run_id in each} == holders
    assert {token for each in got for token in each.values()} == {1}
