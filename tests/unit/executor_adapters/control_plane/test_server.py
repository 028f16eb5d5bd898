"""The reference control plane as a running server."""

import re
import socket
from pathlib import Path

import httpx
import pytest

from executor_adapters.control_plane.server import ControlPlaneServer
from executor_core.errors import InvalidInput, Unavailable


def test_it_serves_on_a_free_port_for_as_long_as_the_context_lasts(tmp_path: Path) -> None:
    with ControlPlaneServer(f"sqlite:///{tmp_path}/c.db", token="t") as server:
        base_url = server.base_url
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", base_url)
        assert httpx.get(f"{base_url}/readyz").status_code == 200
        assert httpx.get(f"{base_url}/api/executions").status_code == 401
    assert server.base_url == ""
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{base_url}/livez")


def test_what_it_was_told_is_there_when_it_runs_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/c.db"
    with ControlPlaneServer(url) as server:
        httpx.post(f"{server.base_url}/api/kill-switch", json={"active": True})
    with ControlPlaneServer(url) as server:
        answer = httpx.get(f"{server.base_url}/api/kill-switch", params={"connection_id": "c"})
        assert answer.json()["global_active"] is True


def test_a_port_that_is_taken_is_wrong_input(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InvalidInput, match=str(port)), ControlPlaneServer("sqlite://", port=port):
            pass


def test_a_database_that_is_away_leaves_no_socket_behind(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = ControlPlaneServer(f"sqlite:///{tmp_path}/no/dir/c.db", port=port)
    with pytest.raises(Unavailable), server:
        pass
    with ControlPlaneServer("sqlite://", port=port):
        pass


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "control-plane.example"])
def test_beyond_this_machine_it_wants_tokens(host: str) -> None:
    with pytest.raises(InvalidInput, match="--tokens"):
        ControlPlaneServer("sqlite://", host=host)
    ControlPlaneServer("sqlite://", host=host, token="t")
    ControlPlaneServer("sqlite://", host=host, allow_anyone=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_on_this_machine_it_needs_none(host: str) -> None:
    ControlPlaneServer("sqlite://", host=host)
