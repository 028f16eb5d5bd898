"""The six calls as they come in over HTTP: read as records, handed to a callable, answered with what it returns."""

import json
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, cast
from urllib.parse import parse_qs, unquote, urlsplit

from executor_adapters.clock import SystemClock

CallName = Literal["kill_switch", "set_kill_switch", "claim", "status", "rollback", "audit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request as it came in. `call` is None for a request that is none of the six."""

    at: datetime
    method: str
    path: str
    call: CallName | None
    run_id: str | None
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    content: bytes = b""
    """The body as it came, whether it could be read or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer as it goes out."""

    status: int
    body: str
    media_type: str = "application/json"
    location: str | None = None


class Listener(ThreadingHTTPServer):
    """Accepts connections on a loopback port, hands each request to `respond`, and ends what is open with itself.

    None from `respond` closes the connection without an answer. Each request has a thread of its own.
    """

    daemon_threads = True
    request_queue_size = 128  # the default of 5 makes one of many callers at once wait a second
    block_on_close = False  # a request that hangs must not keep the server from ending

    def __init__(self, port: int, respond: Callable[[Call], Reply | None], clock: SystemClock) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.respond = respond
        self.clock = clock
        self._connections: set[socket.socket] = set()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._connections.add(connection)
        return connection, address

    def close_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away; of anything else, what the base class says."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    def hang_up(self) -> None:
        """End every connection."""
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    """Reads a request as a `Call` and writes the `Reply`."""

    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        listener = cast("Listener", self.server)
        reply = listener.respond(self._read(listener.clock.now()))
        if reply is None:
            self.close_connection = True
            return
        body = b"" if reply.status in {204, 304} else reply.body.encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.media_type)
        self.send_header("Content-Length", str(len(body)))
        if reply.location is not None:
            self.send_header("Location", reply.location)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PATCH = do_PUT = do_DELETE = do_GET  # noqa: N815 -- the base class looks for these names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base class's name
        """Write nothing: `calls` is the log."""

    def _read(self, at: datetime) -> Call:
        parts = urlsplit(self.path)
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            body = json.loads(text) if text else None
        except ValueError:
            body = None
        name, run_id = recognise(self.command, parts.path)
        return Call(
            at=at,
            method=self.command,
            path=parts.path,
            call=name,
            run_id=run_id,
            query={key: values[-1] for key, values in parse_qs(parts.query).items()},
            headers={key.lower(): value for key, value in self.headers.items()},
            body=body,
            content=text,
        )


def recognise(method: str, path: str) -> tuple[CallName | None, str | None]:
    """Return which of the six calls this is, and of which run."""
    match method, path.split("/")[1:]:
        case "GET", ["api", "kill-switch"]:
            return "kill_switch", None
        case "POST", ["api", "kill-switch"]:
            return "set_kill_switch", None
        case "POST", ["api", "executions", run_id, "claim"]:
            return "claim", unquote(run_id)
        case "PATCH", ["api", "executions", run_id, "status"]:
            return "status", unquote(run_id)
        case "POST", ["api", "rollbacks"]:
            return "rollback", None
        case "POST", ["api", "audit"]:
            return "audit", None
        case _:
            return None, None
