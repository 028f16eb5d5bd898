"""A container is published on the loopback address, keeps its data over a kill, and is removed at the end."""

import pytest

from executor_adapters.local_server import DockerImage, LocalServer, ServerFailedError, ServerKind
from executor_adapters.local_server.docker import ContainerServer


@pytest.fixture
def docker(monkeypatch, tmp_path, fake_program):
    """A `docker` that writes down how it is called, one call a line, and says that the container runs."""
    program = fake_program("docker", "")
    calls = tmp_path / "calls"
    answers = 'case "$2" in *Running*) echo true;; *Pid*) echo 4711;; --tail*) echo last words;; esac'
    program.write_text(f'#!/bin/sh\necho "$@" >> {calls}\n{answers}\n')
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return lambda: [line.split() for line in calls.read_text().splitlines()] if calls.exists() else []


@pytest.mark.parametrize(
    ("kind", "image", "empty_password", "root_host"),
    [
        (ServerKind.MYSQL, "mysql:8.4", "MYSQL_ALLOW_EMPTY_PASSWORD=yes", "MYSQL_ROOT_HOST=%"),
        (ServerKind.MARIADB, "mariadb:11.8", "MARIADB_ALLOW_EMPTY_ROOT_PASSWORD=1", "MARIADB_ROOT_HOST=%"),
    ],
)
def test_the_container_listens_on_the_loopback_address_only(docker, kind, image, empty_password, root_host):
    ContainerServer(DockerImage(kind, image), ["--max-connections=17"]).launch(3399)
    ((command, *arguments),) = docker()
    assert command == "run"
    assert "--publish=127.0.0.1:3399:3306" in arguments
    assert {f"--env={empty_password}", f"--env={root_host}"} <= set(arguments)
    assert image in arguments
    assert arguments[-1] == "--max-connections=17"


def test_it_is_killed_and_started_again_as_the_same_container(docker):
    server = ContainerServer(DockerImage(ServerKind.MYSQL, "mysql:8.4"), [])
    server.launch(3399)
    server.kill()
    server.launch(3399)
    server.stop()
    server.discard()
    server.discard()
    (name,) = {word.removeprefix("--name=") for call in docker() for word in call if word.startswith("--name=")}
    changes = [(call[0], call[-1]) for call in docker()[1:] if call[0] != "inspect"]
    assert changes == [("kill", name), ("start", name), ("stop", name), ("rm", name)]


def test_before_its_launch_there_is_nothing_to_ask_or_end(docker):
    server = ContainerServer(DockerImage(ServerKind.MYSQL, "mysql:8.4"), [])
    assert (server.pid, server.exited(), server.log_tail()) == (None, False, "")
    server.stop()
    server.kill()
    server.discard()
    assert docker() == []


def test_it_tells_its_process_and_its_log(docker):
    server = ContainerServer(DockerImage(ServerKind.MYSQL, "mysql:8.4"), [])
    server.launch(3399)
    assert (server.pid, server.exited(), server.log_tail()) == (4711, False, "last words")


def test_what_docker_refuses_is_quoted(monkeypatch, fake_program):
    program = fake_program("docker", "no such image", code=125)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    with pytest.raises(ServerFailedError, match=r"^docker run failed: no such image$"):
        ContainerServer(DockerImage(ServerKind.MYSQL, "mysql:8.4"), []).launch(3399)


def test_a_container_has_no_data_folder_of_the_caller(tmp_path):
    with pytest.raises(ServerFailedError, match="cannot run on a given data folder"):
        LocalServer(DockerImage(ServerKind.MYSQL, "mysql:8.4"), datadir=tmp_path)
