"""A proxy that loses things: between a client and its server it cuts, stalls and repeats, at the message that is named.

It knows just enough of two protocols to tell one request from the next: MySQL's commands and HTTP/1.1's requests.
Everything else passes unseen. What is encrypted can't be told apart, so connect to it without TLS:

    with FaultProxy(("127.0.0.1", 3306), MySQLCommands) as proxy:
        proxy.strike(lambda text: text.startswith("ALTER TABLE"), Fault.CUT_AFTER)
        ...  # run against proxy.port
        assert proxy.struck == ["ALTER TABLE ..."]
"""

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self

CHUNK = 65_536
RESETTING = struct.pack("ii", 1, 0)
"""Linger for no time: closing then resets the connection."""


class Fault(StrEnum):
    """What happens to one request."""

    CUT_BEFORE = "the connection is closed instead of the request"
    CUT_DURING = "the request passes, and the connection is closed on both sides at once"
    CUT_AFTER = "the request is answered, and the connection is closed instead of the answer"
    HALF_ANSWER = "half of the answer's first piece passes, then the connection is closed"
    RESET = "the request is answered, and the connection is reset instead"
    STALL = "the request passes, and the answer never comes"
    TWICE = "the request passes twice: once aside, where its answer is lost, and once as it was sent"


class Messages(Protocol):
    """Splits what a client sends into whole requests."""

    def feed(self, received: bytes) -> list[bytes]:
        """Take what was received next, and return what can be passed on: pieces that are whole."""
        ...

    def text(self, piece: bytes) -> str | None:
        """What a piece asks for, or None where it is no request."""
        ...


class MySQLCommands:
    """MySQL's packets: a query is one that begins a sequence and carries COM_QUERY; its text is the statement."""

    _HEADER = 4
    _COM_QUERY = 3

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, received: bytes) -> list[bytes]:
        self._rest += received
        pieces: list[bytes] = []
        while len(self._rest) >= self._HEADER:
            length = self._HEADER + int.from_bytes(self._rest[:3], "little")
            if len(self._rest) < length:
                break
            pieces.append(self._rest[:length])
            self._rest = self._rest[length:]
        return pieces

    def text(self, piece: bytes) -> str | None:
        header, payload = piece[: self._HEADER], piece[self._HEADER :]
        if header[3] != 0 or payload[:1] != bytes([self._COM_QUERY]):
            return None
        return payload[1:].decode(errors="replace")


class HttpRequests:
    """HTTP/1.1 requests whose length is given; the text is the method, the path and the body."""

    _END = b"\r\n\r\n"

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, received: bytes) -> list[bytes]:
        self._rest += received
        pieces: list[bytes] = []
        while self._END in self._rest:
            head, _, body = self._rest.partition(self._END)
            length = self._length(head)
            if len(body) < length:
                break
            pieces.append(head + self._END + body[:length])
            self._rest = body[length:]
        return pieces

    def text(self, piece: bytes) -> str | None:
        head, _, body = piece.partition(self._END)
        asked = head.split(b"\r\n", 1)[0].rpartition(b" ")[0]
        return f"{asked.decode(errors='replace')} {body.decode(errors='replace')}".strip()

    @staticmethod
    def _length(head: bytes) -> int:
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-length":
                return int(value)
        return 0


@dataclass(slots=True)
class _Strike:
    when: Callable[[str], bool]
    fault: Fault
    times: int


class FaultProxy:
    """Listens on a loopback port for as long as the context lasts, and passes everything on but what is to be struck.

    `struck` holds the text of each request that was; `seen` that of every request, whatever came of it.
    """

    def __init__(self, upstream: tuple[str, int], messages: Callable[[], Messages]) -> None:
        self.struck: list[str] = []
        self.seen: list[str] = []
        self._upstream = upstream
        self._messages = messages
        self._strikes: list[_Strike] = []
        self._lock = threading.RLock()
        self._down = False
        self._connections: set[_Passage] = set()
        self._listener: socket.socket | None = None

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""
        if self._listener is None:
            raise RuntimeError("the proxy runs inside its context only")
        port: int = self._listener.getsockname()[1]
        return port

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, args=(self._listener,), name="fault-proxy", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # ends the thread that waits in accept
            listener.close()
        self.go_down()

    def strike(self, when: Callable[[str], bool], fault: Fault, *, times: int = 1) -> None:
        """Let `fault` happen to the next requests whose text `when` is true of, `times` times.

        `when` is asked before the request passes, and may use every method of this object.
        """
        with self._lock:
            self._strikes.append(_Strike(when, fault, times))

    def go_down(self) -> None:
        """Reset every connection, and each new one, until `come_up`."""
        with self._lock:
            self._down = True
            connections = list(self._connections)
        for connection in connections:
            connection.hang_up(reset=True)

    def come_up(self) -> None:
        """Let connections through again."""
        self._down = False

    # --- inside ------------------------------------------------------------------------------------------------------

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return  # closed: the context has ended
            try:
                server = None if self._down else socket.create_connection(self._upstream, 10)
            except OSError:
                server = None
            if server is None:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESETTING)
                client.close()
                continue
            server.settimeout(None)
            for side in (client, server):
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            passage = _Passage(client, server, self._messages(), self.fault_of, self._send_aside)
            with self._lock:
                self._connections.add(passage)
            passage.open(self._closed)

    def _closed(self, passage: "_Passage") -> None:
        with self._lock:
            self._connections.discard(passage)

    def fault_of(self, text: str) -> Fault | None:
        """Return what is to happen to a request, and count it."""
        with self._lock:
            self.seen.append(text)
            for strike in self._strikes:
                if strike.times > 0 and strike.when(text):
                    strike.times -= 1
                    self.struck.append(text)
                    return strike.fault
        return None

    def _send_aside(self, piece: bytes) -> None:
        with suppress(OSError), socket.create_connection(self._upstream, 10) as aside:
            aside.sendall(piece)
            aside.recv(CHUNK)


class _Passage:
    """One connection through the proxy: a thread for each direction."""

    def __init__(
        self,
        client: socket.socket,
        server: socket.socket,
        messages: Messages,
        fault_of: Callable[[str], Fault | None],
        send_aside: Callable[[bytes], None],
    ) -> None:
        self._client = client
        self._server = server
        self._messages = messages
        self._fault_of = fault_of
        self._send_aside = send_aside
        self._fault: Fault | None = None
        self._hung_up = False
        self._lock = threading.Lock()

    def open(self, closed: Callable[["_Passage"], None]) -> None:
        """Begin to pass things on; `closed` hears of the end."""

        def requests() -> None:
            with suppress(OSError):
                self._pass_requests()
            self.hang_up()
            closed(self)

        def answers() -> None:
            with suppress(OSError):
                self._pass_answers()
            self.hang_up()

        for way in (requests, answers):
            threading.Thread(target=way, name="fault-proxy-passage", daemon=True).start()

    def hang_up(self, *, reset: bool = False) -> None:
        """Close both sides; only the first call does anything."""
        with self._lock:
            if self._hung_up:
                return
            self._hung_up = True
        with suppress(OSError):
            if reset:
                self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESETTING)
        for side in (self._client, self._server):
            with suppress(OSError):
                # It wakes the other thread, which would keep the socket open; the peer hears nothing of SHUT_RD.
                side.shutdown(socket.SHUT_RD if reset and side is self._client else socket.SHUT_RDWR)
            side.close()

    def _pass_requests(self) -> None:
        while received := self._client.recv(CHUNK):
            for piece in self._messages.feed(received):
                text = self._messages.text(piece)
                fault = None if text is None else self._fault_of(text)
                if fault is Fault.CUT_BEFORE:
                    return
                if fault is Fault.TWICE:
                    self._send_aside(piece)
                    fault = None
                self._fault = fault or self._fault
                self._server.sendall(piece)
                if fault is Fault.CUT_DURING:
                    return

    def _pass_answers(self) -> None:
        while received := self._server.recv(CHUNK):
            match self._fault:
                case None:
                    self._client.sendall(received)
                case Fault.STALL:
                    continue
                case Fault.HALF_ANSWER:
                    self._client.sendall(received[: max(1, len(received) // 2)])
                    return
                case Fault.RESET:
                    self.hang_up(reset=True)
                    return
                case _:
                    return
