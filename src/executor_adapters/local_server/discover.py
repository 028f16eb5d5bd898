"""Finds a server: an installed one, then Docker, then packages unpacked into the cache."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from executor_adapters.local_server.installation import (
    DockerImage,
    Installation,
    NativeInstallation,
    ServerNotFoundError,
    examine,
)
from executor_adapters.local_server.packages import unpacked_server
from executor_adapters.local_server.request import ServerKind, ServerRequest

DOCKER_TIMEOUT_S = 15
USUAL_IMAGES = {ServerKind.MYSQL: "mysql:8.4", ServerKind.MARIADB: "mariadb:11.8"}

Way = Callable[[ServerRequest], Installation]


def find_server(request: ServerRequest, ways: Sequence[Way] | None = None) -> Installation:
    """Return the first server that one of the ways can offer, in their order.

    By default: a program installed on this machine, Docker where its daemon answers, packages of Debian or
    Ubuntu unpacked into the cache (this may download some 60 MB). ServerNotFoundError tells what became of
    each way.
    """
    sentences: list[str] = []
    for way in (installed_server, docker_server, unpacked_server) if ways is None else ways:
        try:
            return way(request)
        except ServerNotFoundError as error:
            sentences.extend(error.sentences)
    raise ServerNotFoundError([f"No {request} server was found.", *sentences])


def installed_server(request: ServerRequest, folders: Iterable[Path] | None = None) -> NativeInstallation:
    """Return the first `mysqld` or `mariadbd` of the usual folders that is what was asked for."""
    names = ("mariadbd", "mysqld") if request.kind is ServerKind.MARIADB else ("mysqld",)
    found = (
        shutil.which(name, path=str(folder))
        for folder in (_program_folders() if folders is None else folders)
        for name in names
    )
    # Resolved, since the same program is often in several folders and under both names.
    programs = dict.fromkeys(Path(program).resolve() for program in found if program is not None)
    sentences: list[str] = []
    for program in programs:
        try:
            return examine(request, (str(program),), basedir=program.parent.parent)
        except ServerNotFoundError as error:
            sentences.extend(error.sentences)
    raise ServerNotFoundError(sentences or [f"No {' or '.join(names)} is installed."])


def _program_folders() -> Iterator[Path]:
    yield from (Path(folder) for folder in os.get_exec_path())
    yield from (Path("/usr/sbin"), Path("/usr/local/mysql/bin"))
    for prefix in (Path("/opt/homebrew/opt"), Path("/usr/local/opt")):
        yield from sorted([*prefix.glob("mysql*/bin"), *prefix.glob("mariadb*/bin")])


def docker_server(request: ServerRequest) -> DockerImage:
    """Return the server's image if a Docker daemon answers; the command alone is often there without one."""
    docker = shutil.which("docker")
    if docker is None:
        raise ServerNotFoundError(["Docker is not installed."])
    try:
        answer = subprocess.run(  # noqa: S603 - the program was looked up on PATH
            [docker, "info", "--format", "{{.ServerVersion}}"],
            capture_output=True,
            text=True,
            timeout=DOCKER_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ServerNotFoundError(["Docker is installed, but its daemon does not answer."]) from error
    if answer.returncode != 0 or not answer.stdout.strip():
        raise ServerNotFoundError(["Docker is installed, but its daemon does not answer."])
    if request.release is None:
        return DockerImage(request.kind, USUAL_IMAGES[request.kind])
    major, minor = request.release
    return DockerImage(request.kind, f"{request.kind}:{major}.{minor}")
