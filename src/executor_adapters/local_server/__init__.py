"""A private MySQL or MariaDB for a demonstration, a test or a trial run: found, started, and gone afterwards.

    with LocalServer(find_server(ServerRequest.parse("mariadb-10.11"))) as server:
        connect(server.url("shop"))

Nothing is installed, nothing of the machine's own servers is read or touched, and the server listens on
127.0.0.1 alone. Needs a POSIX system.
"""

from executor_adapters.local_server.discover import find_server
from executor_adapters.local_server.installation import (
    DockerImage,
    Installation,
    NativeInstallation,
    ServerFailedError,
    ServerNotFoundError,
)
from executor_adapters.local_server.request import ServerKind, ServerRequest
from executor_adapters.local_server.server import LocalServer

__all__ = [
    "DockerImage",
    "Installation",
    "LocalServer",
    "NativeInstallation",
    "ServerFailedError",
    "ServerKind",
    "ServerNotFoundError",
    "ServerRequest",
    "find_server",
]
