"""Many workers at one control plane that is killed and started again: nothing is lost, nothing is there twice."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.integration.control_planes import serving
from tests.integration.shop import wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]

RUNS = 30
WORKERS = 6
KILLED_AFTER = (4, 15)
"""How many runs are over when the server is killed, in the middle of the requests of all workers."""


@dataclass
class Crowd:
    """Workers that compete for every run, and repeat what was not answered, as a worker does."""

    base_url: str
    granted: list[tuple[str, int, str]] = field(default_factory=list)
    over: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)

    def work(self, number: int) -> None:
        worker = f"w{number}"
        with httpx.Client(base_url=self.base_url, timeout=120) as client:
            while len(self.over) < RUNS and not self.failures:
                listed = self._answered(client, "GET", "/api/executions?claimable=true&limit=5").json()
                for run in listed:
                    self._carry(client, worker, run["id"])

    def _carry(self, client: httpx.Client, worker: str, run_id: str) -> None:
        path = f"/api/executions/{run_id}"
        wanted = {"worker_id": worker, "lease_seconds": 3600}  # however slow the machine is, none ends here
        claim = self._answered(client, "POST", f"{path}/claim", json=wanted)
        if claim.status_code == 409:
            return
        token = claim.json()["fencing_token"]
        self.granted.append((run_id, token, worker))
        for step, (method, to, body) in enumerate(
            [
                ("PATCH", f"{path}/status", {"status": "running"}),
                ("POST", "/api/audit", _entry(run_id, worker)),
                ("PUT", f"{path}/checkpoint", {"by": worker}),
                ("PATCH", f"{path}/status", {"status": "completed"}),
            ]
        ):
            headers = {"X-Fencing-Token": str(token), "Idempotency-Key": f"{worker}-{step}"}
            answer = self._answered(client, method, to, json=body, headers=headers)
            if not answer.is_success:
                self.failures.append(f"{worker} {method} {to}: {answer.text}")
                return
        self.over.add(run_id)

    def _answered(self, client: httpx.Client, method: str, path: str, **more: Any) -> httpx.Response:
        """Repeat a request until there is an answer: who died may have done it, or not."""
        while True:
            try:
                answer = client.request(method, path, **more)
            except httpx.TransportError:
                PAUSE.wait(0.05)
                continue
            if answer.status_code != 503:
                return answer


PAUSE = threading.Event()


def _until_over(crowd: Crowd, enough: int) -> None:
    wait_for(lambda: len(crowd.over) >= enough or bool(crowd.failures), f"{enough} runs are over", seconds=400)


def _entry(run_id: str, worker: str) -> dict[str, Any]:
    moment = "2026-01-01T00:00:00Z"
    return {"execution_run_id": run_id, "action": "index_added", "timestamp": moment, "details": {"by": worker}}


@pytest.fixture(params=["sqlite", "postgresql", pytest.param("mysql", marks=pytest.mark.mysql)])
def db_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/control-plane.db"
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return str(request.getfixturevalue("mysql_database").url)


def test_a_server_that_is_killed_under_contention_loses_nothing_and_grants_nothing_twice(db_url: str) -> None:
    with serving(db_url) as program, httpx.Client(base_url=program.base_url, timeout=30) as client:
        for number in range(RUNS):
            run = {
                "id": f"run-{number}",
                "connection_id": f"conn-{number % 3}",
                "action": "ADD_INDEX",
                "table_name": "t",
                "index_name": "i",
                "columns": ["a"],
                "query_digests": [],
            }
            assert client.post("/api/executions", json=run).status_code == 201
        crowd = Crowd(program.base_url)
        with ThreadPoolExecutor(WORKERS) as threads:
            working = [threads.submit(crowd.work, number) for number in range(WORKERS)]
            for enough in KILLED_AFTER:
                _until_over(crowd, enough)
                program.kill()
                program.start()
            for each in working:
                each.result(400)
        assert crowd.failures == []

        holders: dict[tuple[str, int], set[str]] = {}
        for run_id, token, worker in crowd.granted:
            holders.setdefault((run_id, token), set()).add(worker)
        assert all(len(workers) == 1 for workers in holders.values()), "a token was granted to two workers"
        for number in range(RUNS):
            path = f"/api/executions/run-{number}"
            assert client.get(path).json()["status"] == "completed"
            claims = client.get(f"{path}/claims").json()
            assert [claim["fencing_token"] for claim in claims] == [1], "a run that was held was granted again"
            by = claims[0]["claimed_by"]
            assert [entry["details"]["by"] for entry in client.get(f"{path}/audit").json()] == [by]
            assert client.get(f"{path}/checkpoint").json() == {"by": by}
            log = client.get("/api/log", params={"resource": f"run-{number}"}).json()
            decided = [entry["action"] for entry in reversed(log)]
            assert decided == ["schedule", "claim", "change_status", "change_status"]
