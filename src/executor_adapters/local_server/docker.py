"""Runs a server in a container, published on the loopback address only."""

import secrets
import shutil
import subprocess
from collections.abc import Sequence

from executor_adapters.local_server.installation import DockerImage, ServerFailedError
from executor_adapters.local_server.request import ServerKind

PULL_TIMEOUT_S = 900
COMMAND_TIMEOUT_S = 90

SMALL = (
    "--innodb-buffer-pool-size=64M",
    "--max-connections=60",
    "--performance-schema=ON",
    "--skip-log-bin",
)


class ContainerServer:
    """One container, made at the first launch and started again after that, so that its data stay."""

    def __init__(self, image: DockerImage, flags: Sequence[str]) -> None:
        self._image = image
        self._flags = tuple(flags)
        self._name = f"executor-{secrets.token_hex(6)}"
        self._made = False
        self._docker = shutil.which("docker") or "docker"

    def launch(self, port: int) -> None:
        """Start the container; it answers later, or exits."""
        if self._made:
            self._run("start", self._name)
            return
        prefix = "MARIADB" if self._image.kind is ServerKind.MARIADB else "MYSQL"
        empty_password = {
            ServerKind.MYSQL: "MYSQL_ALLOW_EMPTY_PASSWORD=yes",
            ServerKind.MARIADB: "MARIADB_ALLOW_EMPTY_ROOT_PASSWORD=1",
        }[self._image.kind]
        self._made = True  # also if the next line fails half-way: what there is must be removed
        self._run(
            "run",
            "--detach",
            f"--name={self._name}",
            f"--publish=127.0.0.1:{port}:3306",
            f"--env={empty_password}",
            f"--env={prefix}_ROOT_HOST=%",
            self._image.image,
            *SMALL,
            *self._flags,
            timeout=PULL_TIMEOUT_S,
        )

    @property
    def pid(self) -> int | None:
        """The server's process as the daemon sees it, while there is one."""
        number = int(self._run("inspect", "--format={{.State.Pid}}", self._name)) if self._made else 0
        return number or None

    def exited(self) -> bool:
        """Say whether the container has come to its end by itself."""
        return self._made and self._run("inspect", "--format={{.State.Running}}", self._name) != "true"

    def owns(self, _datadir: str, /) -> bool:
        """Say yes: nothing but the container answers on a port that Docker has published."""
        return True

    def log_tail(self) -> str:
        """Give the last lines of the container's log."""
        return self._run("logs", "--tail=40", self._name) if self._made else ""

    def stop(self) -> None:
        """End the server in order."""
        if self._made:
            self._run("stop", "-t=60", self._name)

    def kill(self) -> None:
        """End the server at once, as a crash would."""
        if self._made and not self.exited():
            self._run("kill", self._name)

    def discard(self) -> None:
        """Remove the container and its data."""
        if self._made:
            self._run("rm", "--force", "--volumes", self._name)
            self._made = False

    def _run(self, *arguments: str, timeout: float = COMMAND_TIMEOUT_S) -> str:
        try:
            done = subprocess.run(  # noqa: S603 - the program was looked up on PATH; the arguments are ours
                [self._docker, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=timeout,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ServerFailedError(f"docker {arguments[0]} failed: {error}") from error
        if done.returncode != 0:
            raise ServerFailedError(f"docker {arguments[0]} failed: {done.stdout.strip()[-2000:]}")
        return done.stdout.strip()
