"""What a server can be started from, and the two ways in which that fails."""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from executor_adapters.local_server.request import ServerKind, ServerRequest


class ServerNotFoundError(Exception):
    """No server could be had; the message names every way that was tried, one sentence for each."""

    def __init__(self, sentences: Sequence[str]) -> None:
        super().__init__(" ".join(sentences))
        self.sentences = tuple(sentences)


class ServerFailedError(Exception):
    """A server was there but did not start or answer; the message ends with the last lines of its log."""


@dataclass(frozen=True)
class NativeInstallation:
    """A server program on this machine.

    `command` is the program with whatever must stand before it (an unpacked one runs under its own dynamic
    linker), `basedir` the folder that holds its `share`, `version` the server's own text, such as
    `10.11.18-MariaDB-0+deb12u1`.
    """

    kind: ServerKind
    version: str
    command: tuple[str, ...]
    basedir: Path

    def __str__(self) -> str:
        return f"{self.kind} {self.version} at {self.command[-1]}"

    @property
    def share(self) -> Path | None:
        """The folder of error messages and system tables, or None where the program must know it itself."""
        folders = (
            self.basedir / "share" / "mysql",
            self.basedir / "share" / "mariadb",
            self.basedir / "share",
        )
        return next((folder for folder in folders if (folder / "english" / "errmsg.sys").exists()), None)


@dataclass(frozen=True)
class DockerImage:
    """A server image that Docker fetches and runs."""

    kind: ServerKind
    image: str

    def __str__(self) -> str:
        return f"Docker image {self.image}"


Installation = NativeInstallation | DockerImage


def examine(request: ServerRequest, command: tuple[str, ...], basedir: Path) -> NativeInstallation:
    """Ask a server program its version; ServerNotFoundError if it can't run or isn't what was asked for."""
    program = command[-1]
    try:
        answer = subprocess.run(  # noqa: S603 - the program was looked up, not given by a user
            [*command, "--no-defaults", "--version"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ServerNotFoundError([f"{program} cannot be run ({error})."]) from error
    match = re.search(r"Ver ((\d+)\.(\d+)\.(\d+)\S*)", answer.stdout)
    if answer.returncode != 0 or match is None:
        reason = (answer.stderr or answer.stdout).strip().splitlines()[-1:] or ["it says nothing"]
        raise ServerNotFoundError([f"{program} does not tell its version ({reason[0]})."])
    kind = ServerKind.MARIADB if "MariaDB" in answer.stdout else ServerKind.MYSQL
    text, *numbers = match.groups()
    if not request.accepts(kind, tuple(int(number) for number in numbers)):
        raise ServerNotFoundError([f"{program} is {kind} {text}, not {request}."])
    return NativeInstallation(kind=kind, version=text, command=command, basedir=basedir)
