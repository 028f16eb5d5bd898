"""The connection to the control plane's own database: URL to engine, and its errors to ours.

A write transaction takes SQLite's write lock at its beginning. Taken later, after a read, SQLite would refuse
it at once when another writer came between, whatever the busy time-out.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from executor_adapters.control_plane.schema import bring_up_to_date
from executor_core.errors import ExecutorError, InvalidInput, Unavailable

_DRIVERS = {
    "sqlite": "sqlite+pysqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
_BUSY_TIMEOUT_MS = 10_000
_WRITES = "control_plane_writes"
_ATTEMPTS = 20

T = TypeVar("T")


class Database:
    """An engine whose transactions say whether they write.

    `url` is ``sqlite:///file.db``, ``postgresql://…`` or ``mysql://…``. Raises `InvalidInput` when it is none
    of these, `Unavailable` when the server can't be reached. The schema is brought
    up to date; raises `InvalidInput` when it is newer than this program. With `ours` False it is somebody else's:
    it is left as it is, and nothing is connected to yet.
    """

    def __init__(self, url: str, *, ours: bool = True) -> None:
        self._engine = _engine(url)
        self._writing_engine = self._engine.execution_options(**{_WRITES: True})
        if not ours:
            return
        try:
            with _translated():
                bring_up_to_date(self._engine, self._writing_engine)
        except ExecutorError:
            self._engine.dispose()
            raise

    @contextmanager
    def reading(self) -> Generator[Connection]:
        """Open a transaction that only reads. Raises `Unavailable` when the database is not there or busy."""
        with _translated(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Generator[Connection]:
        """Open a transaction that writes: committed at the end, undone by any exception.

        Raises `Unavailable` when the database is not there, busy, or undid it for another's sake; and
        `InvalidInput` when the database can't store a value.
        """
        with _translated(), self._writing_engine.begin() as connection:
            yield connection

    def until_done(self, attempt: Callable[[Connection], T | None]) -> T:
        """Repeat `attempt`, each in a transaction of its own, until it returns something.

        It returns None when another writer was faster. A broken uniqueness means the same: the row that was
        not there a moment ago is there now.
        """
        for _ in range(_ATTEMPTS):
            try:
                with self.writing() as connection:
                    outcome = attempt(connection)
            except IntegrityError:
                continue
            if outcome is not None:
                return outcome
        raise Unavailable("too many callers change this at once")

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise InvalidInput(
            "the database URL can't be read: give sqlite:///file.db, postgresql://… or mysql://…"
        ) from None
    if "+" not in parsed.drivername:
        driver = _DRIVERS.get(parsed.drivername)
        if driver is None:
            raise InvalidInput(f"no control plane on {parsed.drivername}: give an sqlite, postgresql or mysql URL")
        parsed = parsed.set(drivername=driver)
    backend = parsed.get_backend_name()
    options: dict[str, Any] = {}
    if backend != "sqlite":
        if not parsed.database:
            raise InvalidInput("the database URL names no database")
        options = {
            "pool_pre_ping": True,
            "pool_size": 10,
            "max_overflow": 30,
            "isolation_level": "READ COMMITTED",
        }
    elif parsed.database in {None, "", ":memory:"}:
        # A database in memory is its connection: one, which all threads take in turn.
        options = {
            "poolclass": QueuePool,
            "pool_size": 1,
            "max_overflow": 0,
            "connect_args": {"check_same_thread": False},
        }
    else:
        options = {"poolclass": QueuePool, "pool_size": 10, "max_overflow": 30}
    try:
        engine = create_engine(parsed, **options)
    except ModuleNotFoundError as missing:
        raise InvalidInput(f"this database URL needs the package {missing.name}, which is not installed") from None
    except (ArgumentError, TypeError):
        raise InvalidInput("the database URL can't be used: its options are not understood") from None
    if backend == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # this module begins transactions, not the driver
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _translated() -> Generator[None]:
    """Turn the driver's errors into ours. `IntegrityError` passes: the store reads a conflict from it."""
    try:
        yield
    except DataError:
        raise InvalidInput(
            "the database can't store one of these values: too long, or a character it refuses"
        ) from None
    except (OperationalError, PoolTimeout) as error:
        raise Unavailable("the control plane's database is busy or can't be reached") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise Unavailable("the connection to the control plane's database was lost") from error
        raise
