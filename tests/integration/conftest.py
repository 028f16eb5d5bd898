"""Servers and databases for the integration tests: real ones, given by a URL or started here."""

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import quote, unquote, urlsplit

import psycopg
import pymysql
import pytest
from psycopg.sql import SQL, Identifier
from pymysql.cursors import DictCursor
from tests.integration.postgres_server import PostgresServer

from executor_adapters.local_server import (
    LocalServer,
    ServerKind,
    ServerNotFoundError,
    ServerRequest,
    find_server,
)

TIMEOUT_S = 60
URL_VARIABLES = {
    "mysql": "EXECUTOR_TEST_MYSQL_URL",
    "mariadb-10.11": "EXECUTOR_TEST_MARIADB_URL",
    "mariadb-11.8": "EXECUTOR_TEST_MARIADB_118_URL",
}


@dataclass(frozen=True)
class Server:
    """A server that tests may use: its address without a database, and what it is.

    `local` is the server if it was started here, and so may be stopped and killed.
    """

    base_url: str
    kind: ServerKind
    version: str
    local: LocalServer | None = None

    def url(self, database: str) -> str:
        """Give the address of a database on this server."""
        return f"{self.base_url}/{quote(database, safe='')}"

    def connect(self, database: str | None = None) -> "pymysql.Connection[DictCursor]":
        """Open a connection in autocommit, whose rows are dicts."""
        return _connect(self.base_url, database)


@dataclass(frozen=True)
class Database:
    """A fresh, empty schema of one test, dropped after it."""

    name: str
    server: Server

    @property
    def url(self) -> str:
        """Give the address of this schema."""
        return self.server.url(self.name)

    def connect(self) -> "pymysql.Connection[DictCursor]":
        """Open a connection to this schema in autocommit, whose rows are dicts."""
        return self.server.connect(self.name)

    def execute(self, sql: str, args: Sequence[object] | Mapping[str, object] | None = None) -> list[dict[str, Any]]:
        """Run one statement on a connection of its own and return its rows; the server has counted it by then."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(sql, args)
            rows = list(cursor.fetchall())
            # A server files a statement after it has answered it, and takes the next command after that.
            connection.ping(reconnect=False)
            return rows


def _connect(base_url: str, database: str | None) -> "pymysql.Connection[DictCursor]":
    address = urlsplit(base_url)
    return pymysql.connect(
        host=address.hostname or "127.0.0.1",
        port=address.port or 3306,
        user=unquote(address.username or "root"),
        password=unquote(address.password or ""),
        database=database,
        charset="utf8mb4",
        autocommit=True,
        cursorclass=DictCursor,
        connect_timeout=TIMEOUT_S,
        read_timeout=TIMEOUT_S,
        write_timeout=TIMEOUT_S,
    )


def _serve(name: str) -> Iterator[Server]:
    variable = URL_VARIABLES[name]
    if given := os.environ.get(variable):
        address = urlsplit(given)
        base_url = f"{address.scheme}://{address.netloc}"
        with _connect(base_url, None) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT VERSION() AS version")
            (row,) = cursor.fetchall()
        version = str(row["version"])
        yield Server(base_url, ServerKind.MARIADB if "MariaDB" in version else ServerKind.MYSQL, version)
        return
    try:
        installation = find_server(ServerRequest.parse(name))
    except ServerNotFoundError as error:
        _not_there(f"{error} Or set {variable} to the URL of one.")
    # Each test has a schema of its own, and the digests of all of them stay until the server ends.
    with LocalServer(installation, flags=["--performance-schema-digests-size=30000"]) as local:
        yield Server(local.url().removesuffix("/"), local.kind, local.version, local)


def _not_there(message: str) -> NoReturn:
    if os.environ.get("CI") or os.environ.get("EXECUTOR_REQUIRE_SERVERS") == "1":
        pytest.fail(message)  # where servers are expected, a skipped test must not look like a good one
    pytest.skip(message)


@pytest.fixture(scope="session")
def mysql_server() -> Iterator[Server]:
    """A MySQL."""
    yield from _serve("mysql")


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[Server]:
    """A MariaDB 10.11."""
    yield from _serve("mariadb-10.11")


@pytest.fixture(scope="session")
def mariadb_118_server() -> Iterator[Server]:
    """A MariaDB 11.8."""
    yield from _serve("mariadb-11.8")


ONE_OF_EACH_FAMILY = (
    pytest.param("mysql_server", marks=pytest.mark.mysql, id="mysql"),
    pytest.param("mariadb_server", marks=pytest.mark.mariadb, id="mariadb-10.11"),
)
ANOTHER = pytest.param("mariadb_118_server", marks=pytest.mark.mariadb, id="mariadb-11.8")


def _named(request: pytest.FixtureRequest) -> Server:
    server = request.getfixturevalue(request.param)
    assert isinstance(server, Server)
    return server


@pytest.fixture(params=[*ONE_OF_EACH_FAMILY, ANOTHER])
def any_server(request: pytest.FixtureRequest) -> Server:
    """Each of the three servers in turn."""
    return _named(request)


@pytest.fixture(params=ONE_OF_EACH_FAMILY)
def server(request: pytest.FixtureRequest) -> Server:
    """A server of each family."""
    return _named(request)


@pytest.fixture
def database(any_server: Server) -> Iterator[Database]:
    """A fresh schema on each of the three servers; tests of one server alone use its own `..._database`."""
    yield from _schema(any_server)


@pytest.fixture
def mysql_database(mysql_server: Server) -> Iterator[Database]:
    """A fresh schema on MySQL."""
    yield from _schema(mysql_server)


@pytest.fixture
def mariadb_database(mariadb_server: Server) -> Iterator[Database]:
    """A fresh schema on MariaDB 10.11."""
    yield from _schema(mariadb_server)


@pytest.fixture(scope="session")
def postgres_server_url() -> Iterator[str]:
    """The address of a PostgreSQL: the one given, or one started here."""
    if given := os.environ.get("EXECUTOR_TEST_POSTGRES_URL"):
        yield given
        return
    try:
        server = PostgresServer()
    except ServerNotFoundError as error:
        _not_there(f"{error} Or set EXECUTOR_TEST_POSTGRES_URL to the URL of an empty database.")
    with server:
        yield server.url


@pytest.fixture
def postgres_url(postgres_server_url: str) -> Iterator[str]:
    """A fresh schema on PostgreSQL, dropped after the test: the address by which it is the only one seen."""
    schema = f"executor_test_{secrets.token_hex(6)}"
    with psycopg.connect(postgres_server_url, autocommit=True) as connection:
        connection.execute(SQL("CREATE SCHEMA {}").format(Identifier(schema)))
        yield f"{postgres_server_url}{'&' if '?' in postgres_server_url else '?'}options=-csearch_path%3D{schema}"
        connection.execute(SQL("DROP SCHEMA {} CASCADE").format(Identifier(schema)))


def _schema(server: Server) -> Iterator[Database]:
    name = f"executor_test_{secrets.token_hex(6)}"
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
    yield Database(name, server)
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS `{name}`")
