"""The proxy that loses things: what passes it, what does not, and what the server behind it has heard."""

import socket
from collections.abc import Iterator

import httpx
import pytest

from executor_adapters.testing.fault_proxy import Fault, FaultProxy, HttpRequests, MySQLCommands
from executor_adapters.testing.six_calls import SixCallsServer

AUDIT = {"execution_run_id": "run-1", "action": "index_added"}


@pytest.fixture
def server() -> Iterator[SixCallsServer]:
    with SixCallsServer() as server:
        yield server


@pytest.fixture
def proxy(server: SixCallsServer) -> Iterator[FaultProxy]:
    address = httpx.URL(server.base_url)
    assert address.port is not None
    with FaultProxy((address.host, address.port), HttpRequests) as proxy:
        yield proxy


@pytest.fixture
def client(proxy: FaultProxy) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{proxy.port}", timeout=30) as client:
        yield client


def tell(client: httpx.Client) -> int:
    return client.post("/api/audit", json=AUDIT).status_code


def index_added(text: str) -> bool:
    return "index_added" in text


def test_everything_passes_where_nothing_is_to_be_struck(
    server: SixCallsServer, proxy: FaultProxy, client: httpx.Client
) -> None:
    assert [tell(client), tell(client)] == [201, 201]
    assert server.audit == [AUDIT, AUDIT]
    assert [text.split(" {")[0] for text in proxy.seen] == ["POST /api/audit"] * 2
    assert proxy.struck == []


@pytest.mark.parametrize(
    ("fault", "heard", "error"),
    [
        (Fault.CUT_BEFORE, 0, httpx.RemoteProtocolError),
        (Fault.CUT_AFTER, 1, httpx.RemoteProtocolError),
        (Fault.HALF_ANSWER, 1, httpx.RemoteProtocolError),
        (Fault.RESET, 1, httpx.ReadError),
        (Fault.STALL, 1, httpx.ReadTimeout),
    ],
)
def test_an_answer_is_lost_once(
    server: SixCallsServer,
    proxy: FaultProxy,
    client: httpx.Client,
    fault: Fault,
    heard: int,
    error: type[httpx.TransportError],
) -> None:
    proxy.strike(index_added, fault)
    assert client.get("/api/kill-switch?connection_id=c").status_code == 200
    client.timeout = 1 if fault is Fault.STALL else 30
    with pytest.raises(error):
        tell(client)
    client.timeout = 30
    assert len(server.audit) == heard
    assert tell(client) == 201
    assert len(proxy.struck) == 1


def test_a_connection_that_is_cut_at_once_has_passed_the_request_on(proxy: FaultProxy, client: httpx.Client) -> None:
    proxy.strike(index_added, Fault.CUT_DURING)
    with pytest.raises(httpx.TransportError):
        tell(client)
    assert len(proxy.struck) == 1


def test_a_request_that_passes_twice_is_answered_once(
    server: SixCallsServer, proxy: FaultProxy, client: httpx.Client
) -> None:
    proxy.strike(index_added, Fault.TWICE)
    assert tell(client) == 201
    assert server.audit == [AUDIT, AUDIT]


def test_while_it_is_down_nothing_passes(proxy: FaultProxy, client: httpx.Client) -> None:
    assert tell(client) == 201
    proxy.go_down()
    for _ in range(2):
        with pytest.raises(httpx.TransportError):
            tell(client)
    proxy.come_up()
    assert tell(client) == 201


def test_without_a_server_it_resets() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with FaultProxy(("127.0.0.1", port), HttpRequests) as proxy, pytest.raises(httpx.TransportError):
        httpx.get(f"http://127.0.0.1:{proxy.port}", timeout=5)


def test_outside_its_context_there_is_no_port() -> None:
    with pytest.raises(RuntimeError):
        _ = FaultProxy(("127.0.0.1", 1), HttpRequests).port


def packet(number: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "little") + bytes([number]) + payload


def test_the_packets_of_mysql_are_told_apart_however_they_come() -> None:
    login, query, quit_ = packet(1, b"\x03login"), packet(0, b"\x03DO 1"), packet(0, b"\x01")
    stream = login + query + quit_
    commands = MySQLCommands()
    pieces = [piece for byte in stream for piece in commands.feed(bytes([byte]))]
    assert pieces == MySQLCommands().feed(stream) == [login, query, quit_]
    assert [commands.text(piece) for piece in pieces] == [None, "DO 1", None]


def test_the_requests_of_http_are_told_apart_however_they_come() -> None:
    get = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
    post = b"POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
    requests = HttpRequests()
    pieces = [piece for byte in get + post for piece in requests.feed(bytes([byte]))]
    assert pieces == HttpRequests().feed(get + post) == [get, post]
    assert [requests.text(piece) for piece in pieces] == ["GET /a", "POST /b body"]
