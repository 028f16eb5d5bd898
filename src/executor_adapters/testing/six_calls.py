"""A control plane that has the six calls and nothing else, to test a product against.

The reference control plane knows more, and so would hide that something depends on it. This one speaks real
HTTP on a loopback port, remembers everything it was told, and can be made to misbehave:

    with SixCallsServer() as server:
        server.fail(call="kill_switch", with_=500, times=1)
        server.on("audit", engage_once_the_index_is_there)
        ...  # run against server.base_url
        assert server.statuses == [("run-1", {"status": "running"}), ...]

It has no idempotency, no fencing, no renewal and checks no status change. What it does enforce is the claim:
a run that somebody else holds answers 409 until the lease ends.

As a program of its own: ``python -m executor_adapters.testing.six_calls --port 3000 --lease 5``.
"""

import argparse
import json
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import Any, Literal, Self, assert_never, cast

from executor_adapters.clock import SystemClock
from executor_adapters.testing.listener import Call, CallName, Listener, Reply

__all__ = ["Call", "CallName", "Misbehaviour", "Reply", "SixCallsServer"]

Misbehaviour = Literal["hang", "close", "html", "redirect", "garbage", "missing_fields"]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """Who holds a run, and until when on the server's monotonic clock."""

    worker_id: str
    until: timedelta


@dataclass(slots=True, kw_only=True)
class _Fault:
    with_: int | Misbehaviour
    after: int
    times: int | None

    def strikes(self) -> bool:
        """Whether this call is hit; each question counts as one call."""
        if self.after > 0:
            self.after -= 1
            return False
        if self.times is None:
            return True
        self.times -= 1
        return self.times >= 0


@dataclass(slots=True, kw_only=True)
class _Switches:
    global_active: bool = False
    connections: dict[str, bool] = field(default_factory=dict[str, bool])
    reason: str | None = None


class SixCallsServer:
    """The six calls on ``127.0.0.1``, in threads of this process, for as long as the context lasts.

    `lease` is how long a claim keeps others out. With `answer_lease` the claim's answer names that length as
    ``lease_seconds``; without, it is `claim_answer` alone, which may be empty. The same worker may claim its
    run again and has it for another `lease` then; there is no other renewal.

    What it was told, in order of arrival, to be read at any time:

    - `calls`: every request, refused ones and those hit by a fault included;
    - `audit`, `rollbacks`: the bodies; `statuses`: pairs of run id and body;
    - `claims`: pairs of run id and worker id, granted ones only;
    - `runs`: for each run id the fields that the status calls set, over those given to `add_run`.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        lease: timedelta = timedelta(seconds=5),
        claim_answer: Json | None = None,
        answer_lease: bool = False,
    ) -> None:
        self.calls: list[Call] = []
        self.audit: list[Json] = []
        self.rollbacks: list[Json] = []
        self.statuses: list[tuple[str, Json]] = []
        self.claims: list[tuple[str, str]] = []
        self.runs: dict[str, Json] = {}
        self._lease = lease
        self._claim_answer = {} if claim_answer is None else claim_answer
        self._answer_lease = answer_lease
        self._known: set[str] = set()
        self._holders: dict[str, _Held] = {}
        self._switches = _Switches()
        self._faults: dict[CallName, list[_Fault]] = {}
        self._listeners: dict[CallName, list[Callable[[Call], None]]] = {}
        self._lock = threading.RLock()
        self._clock = SystemClock()
        self._ended = threading.Event()
        self._port = port
        self._server: Listener | None = None
        self._thread: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        """Where the server is, as ``http://127.0.0.1:port``."""
        if self._server is None:
            raise RuntimeError("the server runs inside its context only")
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._ended.clear()
        self._server = Listener(self._port, self._respond, self._clock)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="six-calls", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.hang_up()
            self._server.server_close()
        self._server = self._thread = None

    def fail(self, *, call: CallName, with_: int | Misbehaviour, times: int | None = None, after: int = 0) -> None:
        """Make `call` fail, `times` times (None: from then on), once it was called `after` more times.

        `with_` is a status to answer (nothing is stored or changed then), or:

        - ``"hang"``: no answer until the server ends; ``"close"``: the connection is closed without an answer;
        - ``"html"``: 200 and a page; ``"redirect"``: 302; ``"garbage"``: 200 and text that is no JSON;
        - ``"missing_fields"``: 200 and ``{}``, which says nothing wrong where no answer is promised.

        Faults of one call are looked at in the order in which they were set; the first that strikes is it.
        """
        with self._lock:
            self._faults.setdefault(call, []).append(_Fault(with_=with_, after=after, times=times))

    def heal(self) -> None:
        """Forget every fault."""
        with self._lock:
            self._faults.clear()

    def on(self, call: CallName, callback: Callable[[Call], None]) -> None:
        """Have `callback` called with each such request, after it took effect and before it is answered.

        It runs in the thread of the request, and may use every method of this object.
        """
        with self._lock:
            self._listeners.setdefault(call, []).append(callback)

    def kill_switch(
        self,
        *,
        global_active: bool = False,
        connections: Mapping[str, bool] | None = None,
        reason: str | None = None,
    ) -> None:
        """Set every switch at once: those that are not named are off."""
        with self._lock:
            self._switches = _Switches(global_active=global_active, connections=dict(connections or {}), reason=reason)

    def add_run(self, run: Json) -> None:
        """Make the server know a run. Once it knows any, claiming an unknown one answers 404."""
        with self._lock:
            self._known.add(run["id"])
            self.runs[run["id"]] = {"status": "scheduled", **run}

    def end_lease(self, run_id: str) -> None:
        """End the lease of the run now, as if its time were over."""
        with self._lock:
            self._holders.pop(run_id, None)

    def trail(self, run_id: str) -> list[str]:
        """Return the actions of the run's audit entries, in order of arrival."""
        with self._lock:
            return [entry["action"] for entry in self.audit if entry["execution_run_id"] == run_id]

    def _respond(self, call: Call) -> Reply | None:
        """Remember the request, let it take effect, and return the answer; None means to hang up instead."""
        with self._lock:
            self.calls.append(call)
            faults = self._faults.get(call.call, []) if call.call is not None else []
            fault: int | Misbehaviour | None = next((each.with_ for each in faults if each.strikes()), None)
        if fault is not None:
            return self._misbehave(fault)
        with self._lock:
            status, answer = self._take_effect(call)
            listeners = list(self._listeners.get(call.call, [])) if call.call is not None else []
        for listener in listeners:
            listener(call)
        return Reply(status=status, body=json.dumps(answer))

    def _misbehave(self, fault: int | Misbehaviour) -> Reply | None:
        match fault:
            case int():
                return Reply(status=fault, body=json.dumps({"error": f"asked to answer {fault}"}))
            case "hang":
                self._ended.wait()
                return None
            case "close":
                return None
            case "html":
                return Reply(status=200, body="<!doctype html><title>Sign in</title>", media_type="text/html")
            case "redirect":
                return Reply(status=302, body="", location="/sign-in")
            case "garbage":
                return Reply(status=200, body='{"global_active": fal')
            case "missing_fields":
                return Reply(status=200, body="{}")
            case _:
                assert_never(fault)

    def _take_effect(self, call: Call) -> tuple[int, Json]:
        if call.call is None:
            return 404, {"error": "this server has the six calls only"}
        if call.call == "kill_switch":
            return self._read_switches(call.query.get("connection_id"))
        if not isinstance(call.body, dict):
            return 400, {"error": "the body is not a JSON object"}
        body = cast("Json", call.body)
        match call.call:
            case "set_kill_switch":
                return self._set_switch(body)
            case "claim":
                return self._claim(call.run_id or "", body)
            case "status":
                return self._set_status(call.run_id or "", body)
            case "rollback":
                self.rollbacks.append(body)
                return 201, {}
            case "audit":
                self.audit.append(body)
                return 201, {}
            case _:
                assert_never(call.call)

    def _read_switches(self, connection_id: str | None) -> tuple[int, Json]:
        switches = self._switches
        if connection_id is None:
            return 400, {"error": "connection_id is missing"}
        answer: Json = {
            "global_active": switches.global_active,
            "connection_active": switches.connections.get(connection_id, False),
        }
        return 200, answer if switches.reason is None else {**answer, "reason": switches.reason}

    def _set_switch(self, body: Json) -> tuple[int, Json]:
        active = body.get("active")
        if not isinstance(active, bool):
            return 400, {"error": "active is not a boolean"}
        if body.get("connection_id") is None:
            self._switches.global_active = active
        else:
            self._switches.connections[body["connection_id"]] = active
        self._switches.reason = body.get("reason")
        return 200, {}

    def _claim(self, run_id: str, body: Json) -> tuple[int, Json]:
        worker_id = body.get("worker_id") or body.get("claimed_by")
        if not isinstance(worker_id, str):
            return 400, {"error": "worker_id is missing"}
        if self._known and run_id not in self._known:
            return 404, {"error": "there is no such run"}
        now = self._clock.monotonic()
        held = self._holders.get(run_id)
        if held is not None and held.worker_id != worker_id and now < held.until:
            return 409, {"error": "another worker holds the run"}
        self._holders[run_id] = _Held(worker_id=worker_id, until=now + self._lease)
        self.claims.append((run_id, worker_id))
        length = {"lease_seconds": self._lease.total_seconds()} if self._answer_lease else {}
        return 200, {**self._claim_answer, **length}

    def _set_status(self, run_id: str, body: Json) -> tuple[int, Json]:
        self.statuses.append((run_id, body))
        self.runs.setdefault(run_id, {}).update(body)
        return 200, {}


def main() -> None:
    """Serve until interrupted; the first line of standard output says where."""
    parser = argparse.ArgumentParser(description="A control plane that has the six calls and nothing else.")
    parser.add_argument("--port", type=int, default=3000, help="0 takes a free one")
    parser.add_argument("--lease", type=float, default=5.0, help="seconds that a claim keeps others out")
    parser.add_argument("--answer-lease", action="store_true", help="say the lease's length when a claim is granted")
    options = parser.parse_args()
    lease = timedelta(seconds=options.lease)
    with SixCallsServer(port=options.port, lease=lease, answer_lease=options.answer_lease) as server:
        sys.stdout.write(json.dumps({"base_url": server.base_url}) + "\n")
        sys.stdout.flush()
        with suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
