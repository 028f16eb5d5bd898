"""Servers are looked for in a fixed order, and a search in vain tells what became of each way."""

import pytest

from executor_adapters.local_server import (
    DockerImage,
    NativeInstallation,
    ServerKind,
    ServerNotFoundError,
    ServerRequest,
    discover,
    find_server,
)
from executor_adapters.local_server.discover import docker_server, installed_server

MYSQL = ServerRequest.parse("mysql")
MYSQL_SAYS = "mysqld  Ver 8.4.3 for Linux on x86_64"
MARIADB_SAYS = "mariadbd  Ver 10.11.18-MariaDB for Linux on x86_64"


def refuse(sentence):
    def way(request):
        raise ServerNotFoundError([sentence])

    return way


def offer(installation):
    return lambda request: installation


def test_the_first_way_that_has_a_server_wins():
    first, second = DockerImage(ServerKind.MYSQL, "first"), DockerImage(ServerKind.MYSQL, "second")
    assert find_server(MYSQL, [refuse("Not here."), offer(first), offer(second)]) is first


def test_a_search_in_vain_names_every_way():
    with pytest.raises(ServerNotFoundError) as caught:
        find_server(MYSQL, [refuse("None is installed."), refuse("No Docker.")])
    assert str(caught.value) == "No mysql server was found. None is installed. No Docker."


@pytest.mark.parametrize(
    ("available", "asked"),
    [
        ("installed", ["installed"]),
        ("docker", ["installed", "docker"]),
        ("unpacked", ["installed", "docker", "unpacked"]),
    ],
)
def test_an_installed_server_goes_before_docker_and_docker_before_packages(monkeypatch, available, asked):
    calls = []

    def way(name):
        def look(request):
            calls.append(name)
            if name != available:
                raise ServerNotFoundError([f"Not {name}."])
            return DockerImage(request.kind, name)

        return look

    for name in ("installed", "docker", "unpacked"):
        monkeypatch.setattr(discover, f"{name}_server", way(name))
    assert find_server(MYSQL) == DockerImage(ServerKind.MYSQL, available)
    assert calls == asked


def test_an_installed_program_is_found_with_the_folder_it_belongs_to(fake_program, tmp_path):
    program = fake_program("mysqld", MYSQL_SAYS, folder=tmp_path / "opt" / "bin")
    assert installed_server(MYSQL, [tmp_path / "empty", program.parent]) == NativeInstallation(
        ServerKind.MYSQL, "8.4.3", (str(program),), tmp_path / "opt"
    )


def test_a_mariadb_under_the_name_mysqld_is_no_mysql(fake_program, tmp_path):
    other = fake_program("mysqld", MARIADB_SAYS, folder=tmp_path / "a")
    wanted = fake_program("mysqld", MYSQL_SAYS, folder=tmp_path / "b")
    found = installed_server(MYSQL, [other.parent, wanted.parent])
    assert found.command == (str(wanted),)
    with pytest.raises(ServerNotFoundError, match=r"is mariadb 10\.11\.18-MariaDB, not mysql\.$"):
        installed_server(MYSQL, [other.parent])


def test_a_program_with_two_names_is_asked_once(fake_program, tmp_path):
    program = fake_program("mariadbd", MARIADB_SAYS)
    (program.parent / "mysqld").symlink_to(program)
    with pytest.raises(ServerNotFoundError) as caught:
        installed_server(ServerRequest.parse("mariadb-11.8"), [program.parent, program.parent])
    assert caught.value.sentences == (f"{program} is mariadb 10.11.18-MariaDB, not mariadb-11.8.",)


@pytest.mark.parametrize(("name", "programs"), [("mysql", "mysqld"), ("mariadb", "mariadbd or mysqld")])
def test_nothing_installed_is_said_in_one_sentence(tmp_path, name, programs):
    with pytest.raises(ServerNotFoundError, match=f"^No {programs} is installed.$"):
        installed_server(ServerRequest.parse(name), [tmp_path])


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("mysql", "mysql:8.4"),
        ("mariadb", "mariadb:11.8"),
        ("mariadb-10.11", "mariadb:10.11"),
    ],
)
def test_a_docker_that_answers_offers_the_image(monkeypatch, fake_program, name, image):
    monkeypatch.setenv("PATH", f"{fake_program('docker', '28.0.1').parent}:/usr/bin:/bin")
    request = ServerRequest.parse(name)
    assert docker_server(request) == DockerImage(request.kind, image)


def test_a_docker_without_a_daemon_is_none(monkeypatch, fake_program):
    program = fake_program("docker", "Cannot connect to the Docker daemon", code=1)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    with pytest.raises(ServerNotFoundError, match=r"^Docker is installed, but its daemon does not answer\.$"):
        docker_server(MYSQL)


def test_no_docker_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServerNotFoundError, match=r"^Docker is not installed\.$"):
        docker_server(MYSQL)
