"""Addresses are URLs whatever the names in them; what does not start says why and leaves nothing."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from executor_adapters.local_server import LocalServer, NativeInstallation, ServerFailedError, ServerKind


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    server = LocalServer(NativeInstallation(ServerKind.MARIADB, "10.11.18", ("mariadbd",), tmp_path))
    server.port = 3399
    yield server
    server.close()


def test_root_without_a_password_is_the_usual_account(server):
    assert server.url("shop") == "mysql://root@127.0.0.1:3399/shop"
    assert server.url() == "mysql://root@127.0.0.1:3399/"


def test_names_are_quoted_so_that_they_read_back(server):
    address = urlsplit(server.url("a/b?", user="o@x", password="p:/@#"))
    assert (address.hostname, address.port) == ("127.0.0.1", 3399)
    assert [unquote(part) for part in (address.username, address.password, address.path)] == [
        "o@x",
        "p:/@#",
        "/a/b?",
    ]


def test_before_the_start_there_is_no_process_and_ending_does_nothing(server):
    assert (server.pid, server.version, server.kind) == (None, "", ServerKind.MARIADB)
    server.stop()
    server.kill()


def test_closing_deletes_the_folder_and_may_be_repeated(server, tmp_path):
    assert list(tmp_path.glob("executor-*"))
    server.close()
    server.close()
    assert not list(tmp_path.glob("executor-*"))


def test_a_program_that_ends_at_once_is_named_with_the_end_of_its_log(tmp_path, monkeypatch, fake_program):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    datadir = tmp_path / "data"
    datadir.mkdir()
    (datadir / "ibdata1").touch()
    program = fake_program("mysqld", "[ERROR] Cannot open that", code=1)
    installation = NativeInstallation(ServerKind.MYSQL, "9.7.4", (str(program),), Path(tmp_path))
    with (
        pytest.raises(ServerFailedError, match=r"(?s)mysql 9\.7\.4 at .* did not start.*Cannot open that"),
        LocalServer(installation, datadir=datadir),
    ):
        pytest.fail("it did not start, so there is nothing to do here")
    assert not list(tmp_path.glob("executor-*"))
