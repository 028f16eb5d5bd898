"""A private PostgreSQL for tests: an installed one or one unpacked into the cache, and gone afterwards."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Self

import psycopg

from executor_adapters.local_server import ServerNotFoundError
from executor_adapters.local_server.cache import cache_folder, make_once
from executor_adapters.local_server.native import LIFELINE
from executor_adapters.local_server.packages import Recipe, own_archive, unpack
from executor_adapters.local_server.waiting import wait_until

START_LIMIT = timedelta(seconds=60)
STOP_LIMIT_S = 60
NOT_NEEDED = ("*LLVM*", "llvm*", "perl*", "python*", "doc", "locale", "man", "bitcode")


class PostgresServer:
    """A PostgreSQL on 127.0.0.1 for the length of a `with`. It refuses to run as root, so root runs it as another."""

    def __init__(self) -> None:
        self._unpacked: Path | None = None
        try:
            self._programs = installed_programs()
        except ServerNotFoundError:
            self._unpacked = unpacked_root()
            self._programs = _programs_in(self._unpacked)
        self._user = _unprivileged() if os.geteuid() == 0 else None
        self._environment = dict(os.environ)
        self._open = ExitStack()
        self.port = 0

    @property
    def url(self) -> str:
        """The address of a database that is empty at first."""
        return f"postgresql://executor@127.0.0.1:{self.port}/postgres"

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            folder = Path(tempfile.mkdtemp(prefix="executor-"))
            opening.callback(shutil.rmtree, folder, ignore_errors=True)
            if self._unpacked is not None:
                self._use_unpacked(self._unpacked, folder)
            if self._user is not None:
                shutil.chown(folder, self._user)
            data = folder / "data"
            self._run("initdb", "-D", data, "-U", "executor", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
            self.port = _free_port()
            log = opening.enter_context((folder / "log").open("ab"))
            server = subprocess.Popen(
                [
                    *("/bin/sh", "-c", LIFELINE, folder, self._programs / "postgres", "-D", data, "-k", folder),
                    *("-h", "127.0.0.1", "-p", str(self.port), "-c", "fsync=off"),
                ],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=folder,
                env=self._environment,
                start_new_session=True,
                user=self._user,
            )
            opening.callback(_end, server)
            if not wait_until(lambda: self._answers() or server.poll() is not None, limit=START_LIMIT):
                raise TimeoutError(f"PostgreSQL does not answer:\n{(folder / 'log').read_text()[-2000:]}")
            if server.poll() is not None:
                raise ChildProcessError(f"PostgreSQL did not start:\n{(folder / 'log').read_text()[-2000:]}")
            self._open = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _use_unpacked(self, root: Path, folder: Path) -> None:
        """Run what was unpacked with the libraries beside it; as another user from a copy, since the cache is ours."""
        if self._user is not None:
            copy = folder / "root"
            shutil.copytree(root / "usr", copy / "usr", symlinks=True, ignore=shutil.ignore_patterns(*NOT_NEEDED))
            for libraries in root.glob("lib/*-linux-gnu"):
                shutil.copytree(libraries, copy / libraries.relative_to(root), symlinks=True)
            self._programs, root = _programs_in(copy), copy
        libraries = [*root.glob("usr/lib/*-linux-gnu"), *root.glob("lib/*-linux-gnu")]
        self._environment["LD_LIBRARY_PATH"] = ":".join(str(each) for each in libraries)

    def _run(self, program: str, *arguments: str | Path) -> None:
        command = [self._programs / program, *arguments]
        done = subprocess.run(
            command, cwd="/", env=self._environment, user=self._user, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True


def installed_programs() -> Path:
    """Return the folder of an installed PostgreSQL's programs; ServerNotFoundError if there is none."""
    for folder in (*_releases(Path("/")), *(Path(each) for each in os.get_exec_path())):
        if _has_programs(folder):
            return folder.resolve()
    raise ServerNotFoundError(["No PostgreSQL is installed."])


def unpacked_root() -> Path:
    """Return the folder into which the distribution's own PostgreSQL is unpacked, fetched first if need be.

    Of the machine's own release, so that its libraries get on with the machine's dynamic linker.
    """
    archive = own_archive()
    folder = cache_folder() / "servers" / f"postgresql-{archive.suite}"
    return make_once(folder, lambda root: unpack(Recipe(archive.suite, "postgresql"), archive, root))


def _programs_in(root: Path) -> Path:
    for folder in _releases(root):
        if _has_programs(folder):
            return folder
    raise ServerNotFoundError([f"{root} holds no PostgreSQL; delete that folder to have it fetched anew."])


def _releases(root: Path) -> list[Path]:
    """Return the folders of programs, that of the newest release first."""
    return sorted(root.glob("usr/lib/postgresql/*/bin"), key=lambda path: float(path.parent.name), reverse=True)


def _has_programs(folder: Path) -> bool:
    return all(os.access(folder / program, os.X_OK) for program in ("initdb", "postgres"))


def _unprivileged() -> str:
    names = {user.pw_name for user in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end(server: "subprocess.Popen[bytes]") -> None:
    server.send_signal(signal.SIGINT)  # to PostgreSQL: end every connection, and then in order
    try:
        server.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
    if server.stdin is not None:
        server.stdin.close()
