"""What happens when the other end of the wire is not what it should be: never an error of the driver's own."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from executor_adapters.mysql.connection import Connector, TimeLimits
from executor_adapters.mysql.url import MySQLUrl
from executor_core.errors import InvalidInput, Refused, Unavailable

LIMITS = TimeLimits(connect=timedelta(seconds=5), read=timedelta(seconds=5))


def packet(payload: bytes) -> bytes:
    return struct.pack("<I", len(payload))[:3] + b"\x00" + payload


def error_packet(number: int, text: str) -> bytes:
    return packet(b"\xff" + struct.pack("<H", number) + text.encode())


@pytest.fixture
def answering() -> Iterator[Callable[[bytes], MySQLUrl]]:
    """Makes a listener that greets its first visitor with the given bytes and hangs up."""
    listeners: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def make(greeting: bytes) -> MySQLUrl:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def greet() -> None:
            visitor, _ = listener.accept()
            with visitor:
                visitor.sendall(greeting)

        threads.append(threading.Thread(target=greet, daemon=True))
        threads[-1].start()
        return MySQLUrl.parse(f"mysql://app:secret@127.0.0.1:{listener.getsockname()[1]}/shop")

    yield make
    for thread in threads:
        thread.join(timeout=10)
    for listener in listeners:
        listener.close()


@pytest.mark.parametrize(
    "greeting",
    [
        b"",
        b"\x01",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        packet(b""),
        packet(b"\x0a"),
        packet(b"\x0a9.7.4\x00"),
        packet(b"\x0anot a number\x00" + b"\x00" * 40),
        error_packet(1040, "Too many connections"),
        error_packet(1053, "Server shutdown in progress"),
    ],
)
def test_a_server_that_greets_wrongly_or_takes_nobody_is_unavailable(answering, greeting):
    with pytest.raises(Unavailable) as raised:
        Connector(answering(greeting), LIMITS).open_reading()
    assert "secret" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_server_that_does_not_let_us_in_refuses_with_its_number(answering):
    with pytest.raises(Refused, match="not allowed") as raised:
        Connector(answering(error_packet(1130, "Host is not allowed to connect")), LIMITS).open_reading()
    assert raised.value.number == 1130


@pytest.mark.parametrize("wrong", ["connect", "read", "statement"])
def test_every_time_limit_must_be_a_time(wrong):
    with pytest.raises(InvalidInput, match="longer than 0"):
        TimeLimits(**{wrong: timedelta()})


def test_a_certificate_file_that_holds_none_is_wrong_input(tmp_path):
    path = tmp_path / "ca.pem"
    path.write_text("no certificate")
    for ssl_ca in (path, tmp_path / "missing.pem"):
        with pytest.raises(InvalidInput, match="ssl_ca") as raised:
            Connector(MySQLUrl.parse(f"mysql://app:secret@127.0.0.1/shop?ssl_ca={ssl_ca}"), LIMITS)
        assert "secret" not in str(raised.value)
