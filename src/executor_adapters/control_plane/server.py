"""The reference control plane as a running server: beside a program, or as a program of its own."""

import ipaddress
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

import uvicorn

from executor_adapters.clock import SystemClock
from executor_adapters.control_plane.api import create_app
from executor_adapters.control_plane.database import Database
from executor_adapters.control_plane.rate_limit import RateLimiter
from executor_adapters.control_plane.store import ControlPlaneStore
from executor_adapters.control_plane.tokens import Tokens
from executor_core.errors import InvalidInput
from executor_core.lease import DEFAULT_LEASE

_GRACE_SECONDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """The certificate, with those that vouch for it behind, and its key: both PEM."""

    certificate: Path
    key: Path


class ControlPlaneServer:
    """The reference control plane in a thread of this process, for as long as the context lasts.

    `db_url` is what `Database` takes. `token` allows everything; `tokens_file` names tokens, as `read_tokens` has it.
    With neither, anybody may call everything: that is refused beyond loopback, unless `allow_anyone`. `rate_limit`
    is how many requests a second one caller may make, `max_connections` how many connections there may be. Port 0
    takes a free port; `base_url` says which. The socket listens as soon as the context is entered, so that no
    request can come too early. Leaving it lets requests under way end, for some seconds, and closes the database.

    Raises `InvalidInput` for tokens that are wrong; entering does for an address that can't be listened on and a
    certificate that can't be used, and raises what `Database` does.
    """

    def __init__(
        self,
        db_url: str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        token: str | None = None,
        tokens_file: Path | None = None,
        allow_anyone: bool = False,
        tls: TlsFiles | None = None,
        rate_limit: float | None = None,
        max_connections: int | None = None,
        clock: Callable[[], datetime] | None = None,
        default_lease: timedelta = DEFAULT_LEASE,
    ) -> None:
        self._db_url = db_url
        self._address = (host, port)
        self._tokens = Tokens(single=token, file=tokens_file)
        if self._tokens.open and not allow_anyone and not _is_loopback(host):
            raise InvalidInput(
                f"anybody who reaches {host} could turn the kill switch off: give --tokens or SAAS_API_TOKEN, "
                "or --allow-anyone if nobody else can reach it"
            )
        self._tls = tls
        self._rate_limit = rate_limit
        self._max_connections = max_connections
        self._clock = clock
        self._default_lease = default_lease
        self._base_url = ""
        self._server: uvicorn.Server | None = None
        self._open = ExitStack()

    @property
    def base_url(self) -> str:
        """Where the server is, as ``http://host:port``. Empty outside the context."""
        return self._base_url

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            listener = opening.enter_context(_listener(*self._address))
            store = ControlPlaneStore(Database(self._db_url))
            opening.callback(store.close)
            server = self._server = uvicorn.Server(self._configuration(store))
            thread = threading.Thread(
                target=server.run, kwargs={"sockets": [listener]}, name="control-plane", daemon=True
            )
            thread.start()
            opening.callback(_stop, server, thread)
            self._base_url = _url(listener, encrypted=self._tls is not None)
            self._open = opening.pop_all()
        return self

    def _configuration(self, store: ControlPlaneStore) -> uvicorn.Config:
        limiter = None if self._rate_limit is None else RateLimiter(self._rate_limit, elapsed=SystemClock().monotonic)
        app = create_app(
            store,
            clock=self._clock,
            tokens=self._tokens,
            limiter=limiter,
            default_lease=self._default_lease,
            crowded=self._crowded,
        )
        configuration = uvicorn.Config(
            app,
            log_config=None,  # logging is the embedding program's to set up
            access_log=False,
            server_header=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=_GRACE_SECONDS,
            ssl_certfile=None if self._tls is None else self._tls.certificate,
            ssl_keyfile=None if self._tls is None else self._tls.key,
        )
        try:
            configuration.load()
        except OSError as error:  # those of TLS are OSErrors
            raise InvalidInput(f"the certificate or its key can't be used: {error.strerror or error}") from None
        return configuration

    def _crowded(self) -> bool:
        if self._max_connections is None or self._server is None:
            return False
        return len(self._server.server_state.connections) > self._max_connections

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._base_url = ""
        self._open.close()


def serve(server: ControlPlaneServer, *, announce: Callable[[str], None] = lambda _base_url: None) -> None:
    """Serve until SIGINT or SIGTERM, then end cleanly. To be called from the main thread.

    `announce` gets the base URL once the server listens. Raises what entering `server` does.
    """
    asked_to_end = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        asked_to_end.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with server:
            announce(server.base_url)
            asked_to_end.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except (OSError, OverflowError) as error:
        raise InvalidInput(f"can't listen on {host}, port {port}: {error}") from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _url(listener: socket.socket, *, encrypted: bool) -> str:
    host, port = listener.getsockname()[:2]
    return f"{'https' if encrypted else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def _stop(server: uvicorn.Server, thread: threading.Thread) -> None:
    server.should_exit = True
    thread.join()
