"""A private server on 127.0.0.1: started, killed, started again on its data, and gone at the end."""

import os
import socket
import weakref
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import quote

import pymysql

from executor_adapters.local_server.docker import ContainerServer
from executor_adapters.local_server.installation import Installation, NativeInstallation, ServerFailedError
from executor_adapters.local_server.native import NativeServer
from executor_adapters.local_server.request import ServerKind
from executor_adapters.local_server.waiting import wait_until

START_LIMIT = timedelta(seconds=180)
PORTS_TRIED = 3
ANSWER_TIMEOUT_S = 5


class Running(Protocol):
    """What runs the server: a process of this machine or a container."""

    def launch(self, port: int) -> None:
        """Start it, on the data of the last time if any; ServerFailedError if that can't even begin."""
        ...

    @property
    def pid(self) -> int | None:
        """The server's process, while there is one."""
        ...

    def exited(self) -> bool:
        """Say whether it was launched and has ended by itself."""
        ...

    def owns(self, datadir: str, /) -> bool:
        """Say whether the server that answers with this data folder is the one that was launched."""
        ...

    def log_tail(self) -> str:
        """Give the end of its log."""
        ...

    def stop(self) -> None:
        """End it in order and keep its data; nothing if it is not running."""
        ...

    def kill(self) -> None:
        """End it at once, as a crash would, and keep its data; nothing if it is not running."""
        ...

    def discard(self) -> None:
        """End it and delete what it left behind; may be called twice."""
        ...


class LocalServer:
    """A server of our own, running between `start` and `stop`, or for the length of a `with`.

    `root` has no password, and the server listens on 127.0.0.1 only. The port stays the same from one start
    to the next. With `datadir` (native servers only) that folder is used, made if it is not there, and kept;
    otherwise the data go with the server. `flags` come last and so override the small-memory defaults; the
    performance schema is on, the binary log off. However this process ends, the server ends with it (a
    container ends at a normal exit only).
    """

    def __init__(self, installation: Installation, *, flags: Sequence[str] = (), datadir: Path | None = None) -> None:
        self.installation = installation
        self._running: Running
        if isinstance(installation, NativeInstallation):
            self._running = NativeServer(installation, flags, datadir)
        elif datadir is None:
            self._running = ContainerServer(installation, flags)
        else:
            raise ServerFailedError(f"{installation} cannot run on a given data folder.")
        self._version = ""
        self.port = 0
        # Also at exit and when the object is forgotten: nothing is left running.
        self._discard = weakref.finalize(self, _discard_in, os.getpid(), self._running)

    @property
    def kind(self) -> ServerKind:
        """MySQL or MariaDB."""
        return self.installation.kind

    @property
    def version(self) -> str:
        """The server's own `VERSION()`; empty before the first start."""
        return self._version

    @property
    def pid(self) -> int | None:
        """The number of the server's process, or None while there is none."""
        return self._running.pid

    def url(self, database: str = "", *, user: str = "root", password: str = "") -> str:
        """Give the address of a database on this server, for the account of `root` if no other is named."""
        account = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
        return f"mysql://{account}@127.0.0.1:{self.port}/{quote(database, safe='')}"

    def start(self) -> None:
        """Start the server and wait for its answer; ServerFailedError ends with the last lines of its log."""
        if self.pid is not None:
            return
        for _ in range(1 if self.port else PORTS_TRIED):
            port = self.port or _free_port()
            if self._answers_after_launch(port):
                self.port = port
                return
            if not _taken(port):
                break
        tail = self._running.log_tail()
        self._running.kill()
        raise ServerFailedError(f"{self.installation} did not start; the end of its log:\n{tail}")

    def stop(self) -> None:
        """End the server in order; `start` brings it back with its data."""
        self._running.stop()

    def kill(self) -> None:
        """End the server at once, as a crash would; `start` brings it back with what was committed."""
        self._running.kill()

    def close(self) -> None:
        """End the server for good and delete its data, unless the data folder was given."""
        self._discard()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _answers_after_launch(self, port: int) -> bool:
        self._running.launch(port)
        answered = False

        def settled() -> bool:
            nonlocal answered
            answered = self._answers(port)
            return answered or self._running.exited()

        wait_until(settled, limit=START_LIMIT)
        return answered

    def _answers(self, port: int) -> bool:
        try:
            connection = pymysql.connect(
                host="127.0.0.1",
                port=port,
                user="root",
                connect_timeout=ANSWER_TIMEOUT_S,
                read_timeout=ANSWER_TIMEOUT_S,
                write_timeout=ANSWER_TIMEOUT_S,
            )
        except (pymysql.MySQLError, OSError):
            return False
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT VERSION(), @@datadir")
                row = cursor.fetchone()
        except (pymysql.MySQLError, OSError):
            return False
        finally:
            connection.close()
        # Somebody else may have taken the port between our choosing it and the server's opening it.
        if row is None or not self._running.owns(str(row[1])):
            return False
        self._version = str(row[0])
        return True


def _discard_in(owner: int, running: Running) -> None:
    if os.getpid() == owner:  # a forked child forgets the server, it does not end it
        running.discard()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
