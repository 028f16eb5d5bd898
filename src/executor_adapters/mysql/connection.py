"""Connections to the target: every wait bounded, every session in the same predictable state, no reconnecting.

A connection is used by one thread at a time. One that failed half-way is discarded by whoever holds it; nothing
here opens it again behind somebody's back, since its locks and session variables would be gone.
"""

import math
import socket
import ssl
import struct
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pymysql

from executor_adapters.mysql.errors import Reaction, StatementFailed
from executor_adapters.mysql.flavor import Dialect, dialect_of
from executor_adapters.mysql.url import MySQLUrl, TlsMode
from executor_core.errors import InvalidInput, Refused, Unavailable

Row = tuple[Any, ...]

# Strict, so that nothing is truncated silently; without NO_ZERO_DATE, under which an ALTER is refused for a
# zero default that the table had all along.
SQL_MODE = "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION"
READER_IDLE_LIMIT_S = 600
CHANGER_IDLE_LIMIT_S = 30
"""A process that is stopped while it holds a table's lock must not hold it for ever, nor send anything much later."""
KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 6}
PROGRAM = "executor"

# What PyMySQL raises besides its own errors when a connection breaks or is closed under it.
_DRIVER_FAILURES = (OSError, ValueError, AttributeError, IndexError, RuntimeError, struct.error)
_SSL_NOT_SUPPORTED = 2026
_AUTH_PLUGIN_MISSING = 2059


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLimits:
    """How long anything may take: to connect, to wait for one answer (or write one request), to run one reading."""

    connect: timedelta = timedelta(seconds=5)
    read: timedelta = timedelta(seconds=15)
    statement: timedelta = timedelta(seconds=10)

    def __post_init__(self) -> None:
        if min(self.connect, self.read, self.statement) <= timedelta():
            raise InvalidInput("the time-outs of MySQL connections must be longer than 0")


class _Wire(pymysql.Connection):
    """PyMySQL's connection, whose read time-out may be lifted after the handshake; it has no setting for that."""

    _read_timeout: float | None
    server_thread_id: tuple[int]

    def lift_read_timeout(self) -> None:
        self._read_timeout = None

    @property
    def greeted_as(self) -> int:
        """The connection id of the server's greeting."""
        return int(self.server_thread_id[0])


class Connection:
    """One open, verified connection. Every failed statement raises `StatementFailed`."""

    def __init__(self, wire: _Wire) -> None:
        self._wire = wire
        version, database, case, thread = self.row(
            "SELECT VERSION(), DATABASE(), @@lower_case_table_names, CONNECTION_ID()"
        )
        self.version = str(version)
        self.dialect: Dialect = dialect_of(self.version)
        self.database = str(database)
        """The schema, as this server spells it."""
        self.connection_id = int(thread)
        """What the server calls this connection."""
        self.relayed = self.connection_id % 2**32 != wire.greeted_as
        """Whether another server than this one greeted us: a proxy, which numbers its connections by itself."""
        self._lower_case = case == 1

    def table_name(self, name: str) -> str:
        """Return a table's name as this server stores it."""
        return name.lower() if self._lower_case else name

    def rows(self, sql: str, *args: object) -> list[Row]:
        """Run one statement and return its rows; none for a statement that has no result."""
        try:
            with self._wire.cursor() as cursor:
                cursor.execute(sql, args or None)
                return list(cursor.fetchall())
        except pymysql.MySQLError as error:
            raise _failure(error) from None
        except _DRIVER_FAILURES as error:
            raise StatementFailed(None, type(error).__name__) from None

    def row(self, sql: str, *args: object) -> Row:
        """Run one statement and return its first row, which it always has."""
        return self.rows(sql, *args)[0]

    def set_session(self, variables: dict[str, object]) -> None:
        """Set session variables, in one statement."""
        if variables:
            assignments = ", ".join(f"SESSION {name} = %s" for name in variables)
            self.rows(f"SET {assignments}", *variables.values())

    def offer_session(self, name: str, value: object) -> None:
        """Set a session variable if this server has it and lets us."""
        try:
            self.set_session({name: value})
        except StatementFailed as failure:
            if failure.reaction is not Reaction.REFUSED:
                raise

    def try_lock(self, name: str, within: timedelta = timedelta()) -> bool:
        """Take an advisory lock, which may take so many whole seconds, and say whether it is ours now."""
        return bool(self.row("SELECT GET_LOCK(%s, %s)", name, within // timedelta(seconds=1))[0])

    def unlock(self, name: str) -> None:
        """Release an advisory lock; one that is not ours is left alone."""
        self.rows("DO RELEASE_LOCK(%s)", name)

    def lift_read_timeout(self) -> None:
        """Let the next statement take as long as it takes; a dead peer is still found by TCP's keep-alive."""
        self._wire.lift_read_timeout()

    def close(self) -> None:
        """Close it; closing twice, or after a loss, is no error."""
        try:
            self._wire.close()
        except (pymysql.MySQLError, *_DRIVER_FAILURES):
            pass

    def unlock_and_close(self, name: str) -> None:
        """Release an advisory lock and close: closing alone frees it only when the server gets round to it."""
        try:
            self.unlock(name)
        except StatementFailed:
            pass
        finally:
            self.close()


class Connector:
    """Opens connections to one target, for reading and for changing. Safe to use from any thread."""

    def __init__(self, url: MySQLUrl, limits: TimeLimits) -> None:
        self.url = url
        self.limits = limits
        self._tls = _tls_context(url)

    def open_reading(self) -> Connection:
        """Open a connection that can't write and whose statements end by themselves.

        Raises `Unavailable` when the server can't be reached or takes nobody now, `Refused` when it does not
        let us in.
        """
        connection = self._open(self.limits.read)
        try:
            limit, per_second = connection.dialect.statement_limit
            statement_s = self.limits.statement.total_seconds()
            connection.set_session(
                {
                    "sql_mode": SQL_MODE,
                    "time_zone": "+00:00",
                    "wait_timeout": READER_IDLE_LIMIT_S,
                    "lock_wait_timeout": max(1, int(statement_s)),
                    limit: max(1, int(statement_s * per_second)),
                    **connection.dialect.reading,
                }
            )
            connection.rows("SET SESSION TRANSACTION READ ONLY")
        except StatementFailed as failure:
            connection.close()
            raise failure.of_reading() from None
        return connection

    def open_changing(self, lock_wait: timedelta) -> Connection:
        """Open a connection for one change, which waits for locks no longer than `lock_wait` (at least 1 s).

        The server measures in whole seconds; shorter waits are the lock sentinel's. Raises what `open_reading`
        raises.
        """
        connection = self._open(self.limits.read + lock_wait)
        try:
            connection.rows("SET SESSION TRANSACTION READ WRITE")
            connection.set_session(
                {
                    "sql_mode": SQL_MODE,
                    "time_zone": "+00:00",
                    "wait_timeout": CHANGER_IDLE_LIMIT_S,
                    "lock_wait_timeout": max(1, math.ceil(lock_wait.total_seconds())),
                    "innodb_lock_wait_timeout": 1,
                    # Without it MariaDB would drop an index that a foreign key needs.
                    "foreign_key_checks": 1,
                    **connection.dialect.changing,
                }
            )
        except StatementFailed as failure:
            connection.close()
            raise failure.of_reading() from None
        return connection

    def _open(self, read: timedelta) -> Connection:
        wire = self._wire(read)
        try:
            wire.connect(self._reached())
        except pymysql.MySQLError as error:
            raise self._not_let_in(error) from None
        except _DRIVER_FAILURES as error:
            raise Unavailable(f"{self._where} broke off the handshake ({type(error).__name__})") from None
        try:
            return Connection(wire)
        except StatementFailed as failure:
            wire.close()
            raise failure.of_reading() from None
        except Refused:
            wire.close()
            raise

    @property
    def _where(self) -> str:
        return f"the MySQL server at {self.url.host}:{self.url.port}"

    def _reached(self) -> socket.socket:
        try:
            sock = socket.create_connection((self.url.host, self.url.port), self.limits.connect.total_seconds())
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise Unavailable(f"{self._where} can't be reached ({reason})") from None
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in KEEPALIVE.items():
            if hasattr(socket, option):  # not every platform lets them be set
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
        return sock

    def _wire(self, read: timedelta) -> _Wire:
        return _Wire(
            host=self.url.host,
            port=self.url.port,
            user=self.url.user,
            password=self.url.password.encode(),  # PyMySQL would send a str as Latin-1
            database=self.url.database,
            charset="utf8mb4",
            autocommit=True,
            local_infile=False,
            program_name=PROGRAM,
            connect_timeout=self.limits.connect.total_seconds(),
            # Per answer, and the only bound on the handshake.
            read_timeout=read.total_seconds(),
            write_timeout=self.limits.read.total_seconds(),
            ssl=self._tls,
            ssl_disabled=self.url.tls is TlsMode.DISABLED,
            defer_connect=True,
        )

    def _not_let_in(self, error: pymysql.MySQLError) -> Unavailable | Refused:
        failure = _failure(error)
        if failure.number in (_SSL_NOT_SUPPORTED, _AUTH_PLUGIN_MISSING):
            return Refused(f"{self._where}: {failure.text}", number=failure.number)
        cause: object = getattr(error, "original_exception", None)
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Refused(f"the certificate of {self._where} is not the one expected: {cause.verify_message}")
        if failure.reaction is Reaction.REFUSED:
            return Refused(f"{self._where} does not let us in: {failure.sentence}", number=failure.number)
        return Unavailable(f"{self._where} is not available: {failure.sentence}")


def _failure(error: pymysql.MySQLError) -> StatementFailed:
    """Return what PyMySQL raised as a number and a text; some of its own errors have only a text."""
    number, text = (*error.args, None, None)[:2]
    if isinstance(number, int):
        return StatementFailed(number or None, str(text or "connection closed"))
    return StatementFailed(None, str(number or type(error).__name__))


def _tls_context(url: MySQLUrl) -> ssl.SSLContext | None:
    """Return how to encrypt: verified with `ssl_ca`, merely encrypted when required, else up to the driver."""
    if url.ssl_ca is not None:
        try:
            context = ssl.create_default_context(cafile=url.ssl_ca)
        except (OSError, ValueError):
            raise InvalidInput("the file that ssl_ca names can't be read as PEM certificates") from None
        # MySQL's own certificates lack extensions that Python 3.13 and later ask for by default.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        return context
    if url.tls is not TlsMode.REQUIRED:
        return None
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
