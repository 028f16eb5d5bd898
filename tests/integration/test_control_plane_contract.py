"""The control plane over real HTTP: against the reference server, and against one with the six calls only."""

import socket
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from executor_adapters.control_plane.server import ControlPlaneServer
from executor_adapters.memory import FakeClock
from executor_adapters.saas import HttpControlPlane
from executor_adapters.testing.contracts import BareControlPlaneContract, LeasingControlPlaneContract
from executor_adapters.testing.six_calls import SixCallsServer
from executor_core.model import ConnectionId, ExecutionRun, RunId

pytestmark = pytest.mark.integration

LEASE = timedelta(seconds=60)
TOKEN = "s3cret-token"


def switch(*, active: bool, connection_id: ConnectionId | None, reason: str | None) -> dict[str, Any]:
    return {"active": active, "connection_id": connection_id, "reason": reason}


def nobody() -> HttpControlPlane:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return HttpControlPlane(f"http://127.0.0.1:{port}", TOKEN)


class ReferenceBench:
    """The reference server with a clock that the test moves, and the client with a token."""

    def __init__(self, server: ControlPlaneServer, clock: FakeClock, http: httpx.Client) -> None:
        self.plane = HttpControlPlane(server.base_url, TOKEN)
        self._clock = clock
        self._http = http

    def unreachable(self) -> HttpControlPlane:
        return nobody()

    def schedule(self, run: ExecutionRun) -> None:
        self._http.post("/api/executions", json=run.model_dump(mode="json")).raise_for_status()

    def set_kill_switch(self, *, active: bool, connection_id: ConnectionId | None, reason: str | None) -> None:
        body = switch(active=active, connection_id=connection_id, reason=reason)
        self._http.post("/api/kill-switch", json=body).raise_for_status()

    def request_rollback(self, run_id: RunId, reason: str) -> None:
        path = f"/api/executions/{quote(run_id, safe='')}/rollback-requests"
        self._http.post(path, json={"reason": reason}).raise_for_status()

    def end_lease(self, run_id: RunId) -> None:
        self._clock.advance(LEASE)

    def status(self, run_id: RunId) -> str:
        return self._read(run_id, "")["status"]

    def audit(self, run_id: RunId) -> Sequence[dict[str, Any]]:
        return self._read(run_id, "/audit")

    def rollbacks(self, run_id: RunId) -> Sequence[dict[str, Any]]:
        return self._read(run_id, "/rollbacks")

    def _read(self, run_id: RunId, rest: str) -> Any:
        answer = self._http.get(f"/api/executions/{quote(run_id, safe='')}{rest}")
        return answer.raise_for_status().json()


class TestReferenceServer(LeasingControlPlaneContract):
    """One server for all tests, whose database is emptied before each."""

    @pytest.fixture(scope="class")
    @classmethod
    def clock(cls) -> FakeClock:
        return FakeClock()

    @pytest.fixture(scope="class")
    @classmethod
    def path(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return tmp_path_factory.mktemp("control-plane") / "c.db"

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, path: Path, clock: FakeClock) -> Iterator[ControlPlaneServer]:
        with ControlPlaneServer(f"sqlite:///{path}", token=TOKEN, clock=clock.now, default_lease=LEASE) as server:
            yield server

    @pytest.fixture
    def bench(self, server: ControlPlaneServer, clock: FakeClock, path: Path) -> Iterator[ReferenceBench]:
        empty(path)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with httpx.Client(base_url=server.base_url, headers=headers, trust_env=False) as http:
            bench = ReferenceBench(server, clock, http)
            yield bench
            bench.plane.close()


def empty(path: Path) -> None:
    """Delete every row of a SQLite file."""
    with closing(sqlite3.connect(path)) as connection, connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            connection.execute(f'DELETE FROM "{table}"')


class SixCallsBench:
    """A server with the six calls, whose claims answer nothing."""

    def __init__(self, server: SixCallsServer) -> None:
        self.plane = HttpControlPlane(server.base_url)
        self._server = server

    def unreachable(self) -> HttpControlPlane:
        return nobody()

    def schedule(self, run: ExecutionRun) -> None:
        self._server.add_run(run.model_dump(mode="json"))

    def set_kill_switch(self, *, active: bool, connection_id: ConnectionId | None, reason: str | None) -> None:
        body = switch(active=active, connection_id=connection_id, reason=reason)
        httpx.post(f"{self._server.base_url}/api/kill-switch", json=body, trust_env=False).raise_for_status()

    def end_lease(self, run_id: RunId) -> None:
        self._server.end_lease(run_id)

    def status(self, run_id: RunId) -> str:
        return self._server.runs[run_id]["status"]

    def audit(self, run_id: RunId) -> Sequence[dict[str, Any]]:
        return [entry for entry in self._server.audit if entry["execution_run_id"] == run_id]

    def rollbacks(self, run_id: RunId) -> Sequence[dict[str, Any]]:
        return [record for record in self._server.rollbacks if record["execution_run_id"] == run_id]


class TestSixCalls(BareControlPlaneContract):
    @pytest.fixture
    def bench(self) -> Iterator[SixCallsBench]:
        with SixCallsServer(lease=LEASE) as server:
            bench = SixCallsBench(server)
            yield bench
            bench.plane.close()
