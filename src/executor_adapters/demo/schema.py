"""A schema of the demonstration's own on a server: made, filled, looked at, and dropped again."""

import secrets
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import urlsplit

from executor_adapters.demo import shop
from executor_adapters.demo.plan import TABLE
from executor_adapters.mysql.connection import Connection, Connector, TimeLimits
from executor_adapters.mysql.errors import StatementFailed
from executor_adapters.mysql.url import MySQLUrl
from executor_core.ddl import quote_identifier

LIMITS = TimeLimits(read=timedelta(seconds=60))
LOCK_WAIT = timedelta(seconds=5)
_ANY_DATABASE = "information_schema"
"""Every server has it and every account may use it: where to connect before there is a schema."""


@dataclass(frozen=True, slots=True)
class Schema:
    """The demonstration's schema. `url` has the password; never show it."""

    name: str
    url: str
    version: str
    connector: Connector

    @contextmanager
    def connection(self) -> Generator[Connection]:
        """Lend a connection that may write. Raises `Unavailable` and `Refused`."""
        connection = self.connector.open_changing(LOCK_WAIT)
        try:
            yield connection
        except StatementFailed as failure:
            raise failure.of_reading() from None
        finally:
            connection.close()

    def fill(self, progress: Callable[[int], None]) -> None:
        """Make and fill the tables; `progress` hears how many orders are there."""
        with self.connection() as connection:
            for sql in shop.TABLES:
                connection.rows(sql)
            for sql, first, orders in shop.filling():
                connection.rows(sql, first)
                progress(orders)
            for sql in shop.FINISHING:
                connection.rows(sql)

    def digest_texts(self) -> Mapping[str, str]:
        """Return the text of each digest that the server has counted for this schema's statements."""
        with self.connection() as connection:
            rows = connection.rows(
                "SELECT DIGEST, DIGEST_TEXT FROM performance_schema.events_statements_summary_by_digest"
                " WHERE SCHEMA_NAME = %s AND DIGEST_TEXT IS NOT NULL",
                self.name,
            )
        return {str(digest): str(text) for digest, text in rows}

    def indexes(self) -> tuple[str, ...]:
        """Return the names of the indexes that the server says the table has."""
        with self.connection() as connection:
            rows = connection.rows(f"SHOW INDEX FROM {quote_identifier(TABLE)}")
        return tuple(dict.fromkeys(str(row[2]) for row in rows))


@contextmanager
def own_schema(url: str) -> Generator[Schema]:
    """Make a schema with a name of its own on the server of `url`, and drop it at the end.

    Nothing else on that server is touched; a database that the URL names is not looked at. Raises
    `InvalidInput` for a URL that can't be read, `Unavailable` and `Refused` when the server can't be used.
    """
    given = urlsplit(url)
    address = MySQLUrl.parse(given._replace(path=f"/{_ANY_DATABASE}").geturl())
    name = f"executor_demo_{secrets.token_hex(4)}"
    outside = Schema(name, url, "", Connector(address, LIMITS))
    with outside.connection() as connection:
        connection.rows(f"CREATE DATABASE {quote_identifier(name)} CHARACTER SET utf8mb4")
        version = connection.version
    try:
        inside = Connector(replace(address, database=name), LIMITS)
        yield Schema(name, given._replace(path=f"/{name}").geturl(), version, inside)
    finally:
        with outside.connection() as connection:
            connection.rows(f"DROP DATABASE {quote_identifier(name)}")
