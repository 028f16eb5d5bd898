"""The reference control plane as a running server."""

import re
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from executor_adapters.control_plane.server import ControlPlaneServer, TlsFiles
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


@pytest.fixture
def tls(tmp_path: Path) -> TlsFiles:
    """A certificate for this machine, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = TlsFiles(certificate=tmp_path / "cert.pem", key=tmp_path / "key.pem")
    files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


def test_with_a_certificate_it_serves_https_alone(tls: TlsFiles) -> None:
    with ControlPlaneServer("sqlite://", tls=tls) as server:
        assert server.base_url.startswith("https://127.0.0.1:")
        address = server.base_url.replace("127.0.0.1", "localhost")
        trusted = ssl.create_default_context(cafile=tls.certificate)
        assert httpx.get(f"{address}/readyz", verify=trusted).json() == {"status": "ok"}
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"{address.replace('https', 'http')}/readyz")
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{address}/readyz")


def test_a_certificate_that_is_none_is_wrong_input_and_leaves_no_socket_behind(tls: TlsFiles, tmp_path: Path) -> None:
    for wrong in (tmp_path / "none.pem", tls.key):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        files = TlsFiles(certificate=wrong, key=tls.key)
        with pytest.raises(InvalidInput, match="certificate"), ControlPlaneServer("sqlite://", port=port, tls=files):
            pass
        with ControlPlaneServer("sqlite://", port=port):
            pass


def test_a_body_of_ten_megabytes_is_refused_and_nothing_is_lost(tmp_path: Path) -> None:
    body = b'{"details": "' + b"x" * 10_000_000 + b'"}'
    with ControlPlaneServer(f"sqlite:///{tmp_path}/c.db") as server, httpx.Client(timeout=30) as client:
        for content in (body, iter([body[:5_000_000], body[5_000_000:]])):
            headers = {"Content-Type": "application/json"}
            answer = client.post(f"{server.base_url}/api/audit", content=content, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (413, "request_entity_too_large")
        assert client.get(f"{server.base_url}/readyz").status_code == 200


def test_more_connections_than_it_may_have_are_turned_away() -> None:
    with ControlPlaneServer("sqlite://", max_connections=2) as server:
        address = httpx.URL(server.base_url)
        held = [socket.create_connection((address.host, address.port or 0)) for _ in range(2)]
        try:
            answer = httpx.get(f"{server.base_url}/api/kill-switch")
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert answer.headers["content-type"] == "application/problem+json"
            assert (answer.headers["retry-after"], answer.headers["connection"]) == ("1", "close")
            assert answer.headers["x-content-type-options"] == "nosniff"
        finally:
            for each in held:
                each.close()
