"""Which database a run's connection id means: one URL for all, or a TOML file that maps ids to URLs."""

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from typing import cast

from executor_adapters.mysql.database import MySQLTarget
from executor_adapters.mysql.url import MySQLUrl
from executor_core.errors import InvalidInput
from executor_core.model import ConnectionId


def read_connections(path: Path) -> dict[str, str]:
    """Return the URLs of a TOML file by connection id; raise `InvalidInput` with what is wrong with it.

    A line is ``conn-001 = "mysql://…"``; the table ``[connections]`` around them is optional.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(f"the connections file {path} can't be read: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the connections file {path} is not TOML: {error}") from None
    table: object = document.get("connections", document)
    if not isinstance(table, dict) or not table:
        raise InvalidInput(f'the connections file {path} names no connections: write  conn-001 = "mysql://…"')
    urls: dict[str, str] = {}
    for connection_id, url in cast(dict[str, object], table).items():
        if not isinstance(url, str):
            raise InvalidInput(f"the connections file {path}: the URL of {connection_id!r} is not text")
        urls[connection_id] = url
    return urls


def _parsed(connection_id: str, url: str) -> MySQLUrl:
    try:
        return MySQLUrl.parse(url)
    except InvalidInput as error:
        raise InvalidInput(f"the connection {connection_id!r}: {error}") from None


class Connections:
    """The configured databases by connection id; each is opened on first use.

    `default` serves ids that the mapping does not have; without it they are refused. Raises `InvalidInput` for a
    URL that is wrong, before anything is opened.
    """

    def __init__(
        self,
        urls: Mapping[str, str],
        *,
        default: str | None = None,
        open_target: Callable[[MySQLUrl], MySQLTarget],
    ) -> None:
        self._urls = {connection_id: _parsed(connection_id, url) for connection_id, url in urls.items()}
        self._default = None if default is None else MySQLUrl.parse(default)
        self._open = open_target
        self._targets: dict[MySQLUrl, MySQLTarget] = {}
        self._lock = Lock()

    def __call__(self, connection_id: ConnectionId) -> MySQLTarget:
        """Return the database of `connection_id`; raise `InvalidInput` when it is not configured."""
        url = self._urls.get(connection_id, self._default)
        if url is None:
            raise InvalidInput(
                f"the connection {connection_id!r} is not configured: give --mysql-url, or name it in --connections"
            )
        with self._lock:
            if url not in self._targets:
                self._targets[url] = self._open(url)
            return self._targets[url]

    def close(self) -> None:
        """Close every connection that is open."""
        with self._lock:
            for target in self._targets.values():
                target.close()
            self._targets.clear()
