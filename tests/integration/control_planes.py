"""Control planes for tests: one with just the six calls, the reference server, and that as a program of its own."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import httpx
from tests.integration.shop import wait_for

from executor_adapters.control_plane.server import ControlPlaneServer
from executor_adapters.testing.six_calls import Call, SixCallsServer
from executor_core.model import ExecutionRun

LEASE = timedelta(minutes=1)
SHORT_LEASE = timedelta(seconds=8)
"""For those who wait for its end: whoever holds it may be held up for some seconds, and keeps it."""


class SixCalls:
    """The six calls and nothing else."""

    def __init__(self, server: SixCallsServer) -> None:
        self.server = server
        self.base_url = server.base_url

    def schedule(self, run: ExecutionRun) -> None:
        self.server.add_run(run.model_dump(mode="json", exclude_none=True))

    def kill(self, *, active: bool, connection_id: str | None = None) -> None:
        if connection_id is None:
            self.server.kill_switch(global_active=active)
        else:
            self.server.kill_switch(connections={connection_id: active})

    def when_audited(self, run_id: str, action: str, then: Callable[[], None]) -> None:
        """Call `then` when an audit entry comes in, before it is answered."""

        def look(call: Call) -> None:
            if (call.body["execution_run_id"], call.body["action"]) == (run_id, action):
                then()

        self.server.on("audit", look)

    def statuses(self, run_id: str) -> list[str]:
        return [body["status"] for told, body in self.server.statuses if told == run_id]

    def last(self, run_id: str) -> dict[str, Any]:
        return [body for told, body in self.server.statuses if told == run_id][-1]

    def actions(self, run_id: str) -> list[str]:
        return [entry["action"] for entry in self.audit(run_id)]

    def audit(self, run_id: str) -> list[dict[str, Any]]:
        return [entry for entry in self.server.audit if entry["execution_run_id"] == run_id]

    def rollbacks(self, run_id: str) -> list[dict[str, Any]]:
        return [record for record in self.server.rollbacks if record["execution_run_id"] == run_id]


class Reference:
    """The reference server, asked over HTTP like any other client would."""

    def __init__(self, server: "ControlPlaneServer | Program") -> None:
        self.base_url = server.base_url
        self._client = httpx.Client(base_url=server.base_url, timeout=60)

    def __enter__(self) -> "Reference":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def schedule(self, run: ExecutionRun) -> None:
        answer = self._client.post("/api/executions", json=run.model_dump(mode="json", exclude_none=True))
        assert answer.status_code == 201, answer.text

    def kill(self, *, active: bool, connection_id: str | None = None) -> None:
        body: dict[str, Any] = {"active": active, "reason": "a test"}
        if connection_id is not None:
            body["connection_id"] = connection_id
        assert self._client.post("/api/kill-switch", json=body).is_success

    def when_audited(self, run_id: str, action: str, then: Callable[[], None]) -> None:
        """Call `then` soon after an audit entry came in."""

        def watch() -> None:
            with suppress(httpx.TransportError):  # the server is gone: so is the test
                while action not in self.actions(run_id):
                    pause.wait(0.02)
                then()

        pause = threading.Event()
        threading.Thread(target=watch, daemon=True).start()

    def _read(self, path: str) -> Any:
        answer = self._client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def statuses(self, run_id: str) -> list[str]:
        return [entry["new_status"] for entry in self.audit(run_id) if entry["action"] == "status_change"]

    def last(self, run_id: str) -> dict[str, Any]:
        run: dict[str, Any] = self._read(f"/api/executions/{run_id}")
        return run

    def actions(self, run_id: str) -> list[str]:
        return [entry["action"] for entry in self.audit(run_id)]

    def audit(self, run_id: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self._read(f"/api/executions/{run_id}/audit")
        return entries

    def rollbacks(self, run_id: str) -> list[dict[str, Any]]:
        records: list[dict[str, Any]] = self._read(f"/api/executions/{run_id}/rollbacks")
        return records

    def request_rollback(self, run_id: str, reason: str) -> None:
        answer = self._client.post(f"/api/executions/{run_id}/rollback-requests", json={"reason": reason})
        assert answer.status_code == 202, answer.text

    def rollback_requests(self, run_id: str) -> list[dict[str, Any]]:
        requests: list[dict[str, Any]] = self._read(f"/api/executions/{run_id}/rollback-requests")
        return requests


class Program:
    """The server as a program of its own, on the same port and database from one start to the next."""

    def __init__(self, db_url: str) -> None:
        self._db_url = db_url
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.base_url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "executor_adapters.command.main", "serve"]
        process = subprocess.Popen(
            [*command, "--db", self._db_url, "--port", str(self.port)],
            env={name: value for name, value in os.environ.items() if name != "SAAS_API_TOKEN"},
        )
        self._process = process
        wait_for(lambda: self._ready() or process.poll() is not None, "the server answers", seconds=120)
        assert process.poll() is None, "the server did not start"

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.base_url}/readyz", timeout=30).is_success
        except httpx.TransportError:
            return False


@contextmanager
def serving(db_url: str) -> Iterator[Program]:
    """The server, started; it is killed in the end, and its port and database can be used again."""
    program = Program(db_url)
    program.start()
    try:
        yield program
    finally:
        program.kill()
