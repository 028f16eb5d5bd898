"""The deadline against servers on real sockets that never finish, each in its own way."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import httpx
import pytest

from executor_adapters.saas.transport import Transport
from executor_core.errors import Unavailable

HASTY, PATIENT = timedelta(milliseconds=300), timedelta(minutes=1)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextmanager
def server(talk: Callable[[socket.socket, threading.Event], None]) -> Iterator[str]:
    """A server that accepts one connection, reads the request and then talks as told until `stop` is set."""
    stop = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            try:
                talk(connection, stop)
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            stop.set()
            thread.join(30)
            assert not thread.is_alive()


def drip(prefix: bytes) -> Callable[[socket.socket, threading.Event], None]:
    def talk(connection: socket.socket, stop: threading.Event) -> None:
        connection.sendall(prefix)
        while not stop.wait(0.02):
            connection.sendall(b"x")

    return talk


def transport_of(timeout: timedelta) -> Iterator[Transport]:
    transport = Transport(timeout, {}, environment=False)
    yield transport
    transport.close()


@pytest.fixture
def transport() -> Iterator[Transport]:
    yield from transport_of(PATIENT)


@pytest.fixture
def hasty_transport() -> Iterator[Transport]:
    yield from transport_of(HASTY)


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(lambda connection, stop: stop.wait(60), id="silent"),
        pytest.param(drip(b"HTTP/1.1 200 OK\r\nX-Long: "), id="drips headers"),
        pytest.param(drip(HEAD + b"Content-Length: 100000\r\n\r\n"), id="drips its body"),
    ],
)
def test_no_server_holds_a_call_longer_than_the_deadline(hasty_transport: Transport, talk) -> None:
    with server(talk) as url:
        started = time.monotonic()
        with pytest.raises(Unavailable, match=r"within 0\.3 s"):
            hasty_transport.exchange("GET", url)
        assert time.monotonic() - started < 30
        wait_for_no_exchange()


def wait_for_no_exchange() -> None:
    """The abandoned thread ends too: its connection was shut down under it."""
    for thread in threading.enumerate():
        if thread.name == "executor-http":
            thread.join(30)
            assert not thread.is_alive()


def test_a_server_that_hangs_up(transport: Transport) -> None:
    with server(lambda connection, stop: None) as url, pytest.raises(Unavailable, match="broke off"):
        transport.exchange("GET", url)


def test_a_body_that_ends_too_early(transport: Transport) -> None:
    talk = lambda connection, stop: connection.sendall(HEAD + b"Content-Length: 100\r\n\r\n{}")  # noqa: E731
    with server(talk) as url, pytest.raises(Unavailable, match="broke off"):
        transport.exchange("GET", url)


def test_nobody_listens(transport: Transport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unavailable, match="no connection"):
        transport.exchange("GET", f"http://127.0.0.1:{port}/")


def test_an_answer_on_a_connection_of_its_own(transport: Transport) -> None:
    seen: list[bytes] = []

    def talk(connection: socket.socket, stop: threading.Event) -> None:
        seen.append(b"")
        connection.sendall(HEAD + b"Date: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: 2\r\n\r\n{}")
        stop.wait(5)

    with server(talk) as url:
        answer = transport.exchange("GET", url)
    assert (answer.status, answer.body, answer.content_type) == (200, b"{}", "application/json")
    assert answer.date == "Thu, 01 Jan 2026 00:00:00 GMT"


def test_many_threads_share_one_transport() -> None:
    transport = Transport(
        timedelta(seconds=5),
        {},
        environment=False,
        mock=httpx.MockTransport(lambda request: httpx.Response(200, content=request.url.path)),
    )
    bodies: dict[int, bytes] = {}

    def ask(number: int) -> None:
        bodies[number] = transport.exchange("GET", f"http://host/{number}").body

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bodies == {number: f"/{number}".encode() for number in range(16)}
