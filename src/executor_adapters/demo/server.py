"""A server for the demonstration where none was given: MySQL if it can be had, or else MariaDB."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from executor_adapters.local_server import (
    LocalServer,
    ServerFailedError,
    ServerKind,
    ServerNotFoundError,
    ServerRequest,
    find_server,
)


@contextmanager
def own_server(say: Callable[[str], None]) -> Generator[str]:
    """Start a server on a free port of this machine and give its URL; nothing of it is left at the end.

    Raises `ServerNotFoundError` with what became of every way when there is none.
    """
    with _started(say) as server:
        yield server.url()


def _started(say: Callable[[str], None]) -> LocalServer:
    failures: list[str] = []
    for kind in (ServerKind.MYSQL, ServerKind.MARIADB):
        say(f"looking for a {kind} server; one that must be fetched first is some 60 MB, and kept for the next time")
        try:
            server = LocalServer(find_server(ServerRequest(kind)))
            say(f"starting {server.installation} on a free port of 127.0.0.1")
            server.start()
        except (ServerNotFoundError, ServerFailedError) as error:
            failures.append(str(error))
        else:
            return server
    raise ServerNotFoundError(failures)
