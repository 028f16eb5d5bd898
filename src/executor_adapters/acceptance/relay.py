"""The relay between the executor under test and the API: it passes everything on, writes it down, and makes faults.

Every case goes through it, so that the log can show what the API was told and what it answered, whatever else the API
has beside its six calls. A fault that the API can't be told to make, such as its own failure, is made here.
"""

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import urlencode

from executor_adapters.acceptance.documents import as_object
from executor_adapters.clock import SystemClock
from executor_adapters.saas.base_url import BaseUrl
from executor_adapters.saas.transport import Transport
from executor_adapters.testing.listener import Call, CallName, Listener, Reply
from executor_core.errors import Unavailable

Fault = Literal["500", "timeout", "refused"]
PASSED_ON = ("authorization", "content-type", "idempotency-key", "x-fencing-token")
LIMIT = timedelta(seconds=15)
POLL_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One call as it went through: `status` is None where the API gave no answer, `fault` names one that was made."""

    at: datetime
    call: CallName | None
    run_id: str | None
    method: str
    path: str
    body: Any
    status: int | None
    answer: Any = None
    fault: Fault | None = None

    @property
    def accepted(self) -> bool:
        """Whether the API said yes."""
        return self.status is not None and 200 <= self.status < 300

    def line(self) -> str:
        """Return the exchange in one line."""
        body = "" if self.body is None else f" {json.dumps(self.body, ensure_ascii=False)}"
        came = f"fault made by the relay: {self.fault}" if self.fault else (self.status or "no answer")
        answer = "" if self.answer in (None, {}, "") else f" {json.dumps(self.answer, ensure_ascii=False)}"
        return f"{self.method} {self.path}{body} → {came}{answer}"


@dataclass(slots=True)
class _Orders:
    """What the relay is to do beside passing on."""

    fault: Fault | None = None
    released: threading.Event = field(default_factory=threading.Event)
    listeners: list[tuple[str, str, Callable[[], None]]] = field(
        default_factory=list[tuple[str, str, Callable[[], None]]]
    )
    deaf_after_claim: timedelta | None = None


class Relay:
    """Listens on a loopback port for as long as its context lasts, and passes calls on to `api_url`."""

    def __init__(self, api_url: str) -> None:
        base = BaseUrl.parse(api_url)
        self._upstream = base.text
        self._transport = Transport(LIMIT, {}, environment=not base.is_loopback)
        self._clock = SystemClock()
        self._lock = threading.RLock()
        self._exchanges: list[Exchange] = []
        self._orders = _Orders()
        self._ended = threading.Event()
        self._port = 0
        self._listener: Listener | None = None
        self._thread: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        """Where the relay listens."""
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self.heal()
        self._stop_listening()
        self._transport.close()

    # --- what it is told to do ---------------------------------------------------------------------------------------

    def break_kill_switch(self, fault: Fault) -> None:
        """Let every reading of the kill switch fail from now on: answered 500, not answered, or not even connected.

        For the last, nothing can connect for some seconds once a claim was granted; readings after that are cut off.
        """
        with self._lock:
            self._orders.fault = fault
            self._orders.deaf_after_claim = timedelta(seconds=4) if fault == "refused" else None

    def when_audited(self, run_id: str, action: str, then: Callable[[], None]) -> None:
        """Call `then`, once, when the API has taken such an audit entry, before the executor hears so."""
        with self._lock:
            self._orders.listeners.append((run_id, action, then))

    def heal(self) -> None:
        """Forget every fault and every listener."""
        with self._lock:
            orders, self._orders = self._orders, _Orders()
        orders.released.set()

    def forget(self) -> None:
        """Begin a new page: what went through so far is not shown any more."""
        with self._lock:
            self._exchanges = []

    # --- what it saw -------------------------------------------------------------------------------------------------

    def exchanges(self, *run_ids: str, call: CallName | None = None) -> Sequence[Exchange]:
        """Return what went through, in order: of all runs or of some, of all calls or of one."""
        with self._lock:
            return [
                each
                for each in self._exchanges
                if (not run_ids or each.run_id in run_ids) and (call is None or each.call == call)
            ]

    # --- inside ------------------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        listener = Listener(self._port, self._respond, self._clock)
        self._port = int(listener.server_address[1])
        thread = threading.Thread(
            target=listener.serve_forever, kwargs={"poll_interval": POLL_S}, name="relay", daemon=True
        )
        thread.start()
        self._listener, self._thread = listener, thread

    def _stop_listening(self) -> None:
        with self._lock:
            listener, thread = self._listener, self._thread
            self._listener = self._thread = None
        if listener is not None and thread is not None:
            listener.shutdown()
            thread.join()
            listener.server_close()

    def _listen_again_after(self, pause: timedelta) -> None:
        if not self._ended.wait(pause.total_seconds()):
            self._listen()

    def _respond(self, call: Call) -> Reply | None:
        with self._lock:
            orders = self._orders
        if call.call == "kill_switch" and orders.fault is not None:
            return self._fail(call, orders)
        try:
            status, media_type, body = self._pass_on(call)
        except Unavailable:
            self._write_down(call, None)
            return None
        answer = _read(body)
        self._write_down(call, status, answer=answer)
        if 200 <= status < 300:
            self._heard(call, orders)
            if call.call == "claim" and orders.deaf_after_claim is not None:
                self._go_deaf(orders)
        text = body.decode("utf-8", "replace").replace(self._upstream, self.base_url)
        return Reply(status=status, body=text, media_type=media_type)

    def _pass_on(self, call: Call) -> tuple[int, str, bytes]:
        query = f"?{urlencode(call.query)}" if call.query else ""
        answer = self._transport.exchange(
            call.method,
            f"{self._upstream}{call.path}{query}",
            headers={name: call.headers[name] for name in PASSED_ON if name in call.headers},
            content=call.content or None,
        )
        return answer.status, answer.content_type or "application/json", answer.body

    def _fail(self, call: Call, orders: _Orders) -> Reply | None:
        self._write_down(call, 500 if orders.fault == "500" else None, fault=orders.fault)
        if orders.fault == "500":
            return Reply(status=500, body='{"error": "a fault made by the relay"}')
        if orders.fault == "timeout":
            orders.released.wait()
        return None

    def _go_deaf(self, orders: _Orders) -> None:
        """Let nobody connect for a while. The answer to the claim still goes out on its own connection."""
        pause, orders.deaf_after_claim = orders.deaf_after_claim, None
        if pause is not None:
            self._stop_listening()
            threading.Thread(target=self._listen_again_after, args=(pause,), daemon=True).start()

    def _heard(self, call: Call, orders: _Orders) -> None:
        if call.call != "audit":
            return
        body = as_object(call.body)
        with self._lock:
            due = [each for each in orders.listeners if each[:2] == (body.get("execution_run_id"), body.get("action"))]
            for each in due:
                orders.listeners.remove(each)
        for _, _, then in due:
            then()

    def _write_down(self, call: Call, status: int | None, *, answer: Any = None, fault: Fault | None = None) -> None:
        told = as_object(call.body).get("execution_run_id")
        run_id = told if call.run_id is None and isinstance(told, str) else call.run_id
        path = f"{call.path}?{urlencode(call.query)}" if call.query else call.path
        exchange = Exchange(
            at=call.at,
            call=call.call,
            run_id=run_id,
            method=call.method,
            path=path,
            body=call.body,
            status=status,
            answer=answer,
            fault=fault,
        )
        with self._lock:
            self._exchanges.append(exchange)


def _read(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")[:200]
