"""One HTTP exchange with the control plane, bounded in time and size; the only module that knows httpx.

httpx limits each single wait for the network, and name resolution not at all: a server that sends a byte
every few seconds could hold a call for ever. So every exchange runs on a daemon thread of its own, and the
caller leaves when the *whole* exchange has taken `timeout`, having shut the connection down.

Every exchange opens its own connection. A kept connection that the server has just closed fails the next call
for no good reason, and the calls that must not be repeated (the claim, the kill switch) would pay for it.
"""

import socket
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as DeadlinePassed
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx

from executor_core.errors import InvalidInput, Unavailable

Network = httpx.BaseTransport
"""What carries requests; a test may put its own in place of the real network."""

MAX_BODY = 1_000_000
"""The longest answer that is read, in bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the server answered: its status, the three headers that matter, and the body as it was sent."""

    status: int
    content_type: str = ""
    date: str = ""
    retry_after: str = ""
    body: bytes = b""


@dataclass(slots=True)
class _Connection:
    """The socket of one exchange, so that the caller can end it from outside."""

    opened: list[socket.socket] = field(default_factory=list[socket.socket])
    abandoned: bool = False

    def watch(self, event: str, details: Mapping[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            self.opened.append(details["return_value"].get_extra_info("socket"))
            if self.abandoned:
                self.shut_down()

    def shut_down(self) -> None:
        self.abandoned = True
        for opened in self.opened:
            try:
                # The plain socket's own method: TLS must not be torn down under the thread that is using it.
                socket.socket.shutdown(opened, socket.SHUT_RDWR)
            except OSError:
                continue


def check_url(url: str) -> None:
    """Raise `InvalidInput` when nothing can ever be sent to `url`, such as to a host that is no name."""
    try:
        httpx.URL(url)
    except httpx.InvalidURL as error:
        raise InvalidInput(f"the control plane's URL is malformed: {error}") from None


class Transport:
    """Sends requests and returns whole answers, or raises `Unavailable`; safe for several threads.

    `timeout` limits connecting, sending, each read, and the exchange as a whole. Redirects are not followed,
    an answer longer than `MAX_BODY` or compressed against our wish is refused. TLS certificates are always
    checked. `environment` says whether proxies and certificates named in the environment are used. `mock`
    replaces the network in tests.
    """

    def __init__(
        self,
        timeout: timedelta,
        headers: Mapping[str, str],
        *,
        environment: bool,
        mock: Network | None = None,
    ) -> None:
        self._timeout = timeout.total_seconds()
        self._client = httpx.Client(
            headers={"Accept": "application/json", "Accept-Encoding": "identity", **headers},
            timeout=self._timeout,
            follow_redirects=False,
            limits=httpx.Limits(max_keepalive_connections=0),
            trust_env=environment,
            transport=mock,
        )

    def close(self) -> None:
        """Free what the client holds."""
        self._client.close()

    def exchange(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Answer:
        """Send one request, once, and return the answer; `Unavailable` says what went wrong instead."""
        connection = _Connection()

        def send() -> httpx.Response:
            trace = {"trace": connection.watch}
            request = self._client.build_request(
                method, url, params=params, headers=headers, content=content, extensions=trace
            )
            return self._client.send(request, stream=True)

        answer: Future[Answer] = Future()
        threading.Thread(
            target=self._perform, args=(send, connection, answer), name="executor-http", daemon=True
        ).start()
        try:
            return answer.result(self._timeout)
        except DeadlinePassed:
            connection.shut_down()
            raise Unavailable(f"no complete answer within {self._timeout:g} s") from None

    def _perform(self, send: Callable[[], httpx.Response], connection: _Connection, answer: "Future[Answer]") -> None:
        try:
            answer.set_result(self._read(send(), connection))
        except Unavailable as error:
            answer.set_exception(error)
        except httpx.TimeoutException:
            answer.set_exception(Unavailable(f"no answer within {self._timeout:g} s"))
        except httpx.ConnectError as error:
            answer.set_exception(Unavailable(f"no connection: {error}"))
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError) as error:
            # Only the class is told: some of these texts repeat header values.
            answer.set_exception(Unavailable(f"the exchange broke off ({type(error).__name__})"))
        except Exception as error:
            # Nothing may leave this thread but through the future, or its caller would wait in vain.
            answer.set_exception(Unavailable(f"the exchange failed ({type(error).__name__})"))

    def _read(self, response: httpx.Response, connection: _Connection) -> Answer:
        with closing(response):
            if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                raise Unavailable("the answer is compressed, which was not asked for")
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > MAX_BODY:
                    raise Unavailable(f"the answer is longer than {MAX_BODY} bytes")
                if connection.abandoned:
                    raise Unavailable(f"no complete answer within {self._timeout:g} s")
            return Answer(
                status=response.status_code,
                content_type=response.headers.get("Content-Type", ""),
                date=response.headers.get("Date", ""),
                retry_after=response.headers.get("Retry-After", ""),
                body=bytes(body),
            )
