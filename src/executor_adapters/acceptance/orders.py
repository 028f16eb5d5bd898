"""The table ``test_orders`` of the cases, in a schema of its own: made, kept busy, looked at and removed.

Nothing else on the server is touched. What a killed predecessor left is known by the table's comment and removed; a
``test_orders`` of somebody else's is set aside meanwhile and comes back at the end.
"""

import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

from executor_adapters.clock import SystemClock
from executor_adapters.mysql.connection import Connection, Connector, Row, TimeLimits
from executor_adapters.mysql.errors import Reaction, StatementFailed
from executor_adapters.mysql.url import MySQLUrl
from executor_core.ddl import quote_identifier, quote_text
from executor_core.errors import ExecutorError, InvalidInput, Refused, Unavailable
from executor_core.flavor import Flavor

SCHEMA = "executor_test"
TABLE = "test_orders"
PLAIN_TABLE = "test_orders_plain"
"""On MariaDB: a table whose engine can't build an index online. There, every index that Executor makes can be."""
SET_ASIDE = "test_orders_set_aside"
NO_TABLE = "test_orders_never_made"
"""Dropped before anything is made: where the account may drop nothing it says so, table or not."""
COMMENT = "made by executor acceptance"
ROWS = 20_000
BUSY_TENANT = 3

LIMITS = TimeLimits(read=timedelta(seconds=60))
LOCK_WAIT = timedelta(seconds=5)
TRIES = 6
PAUSE_S = 0.004
STOP_LIMIT_S = 30
PRIVILEGES = "ALTER, CREATE, DROP, INSERT, SELECT"
_ANY_DATABASE = "information_schema"

HELPED = "SELECT id, status FROM test_orders WHERE customer_id = {n}"
"""Scans the table until there is an index on `customer_id`."""
MISLED = f"SELECT id, note FROM test_orders WHERE tenant = {BUSY_TENANT} ORDER BY order_date LIMIT 5"  # noqa: S608
"""Quick, until an index on `order_date` makes the optimizer walk all orders for the newest tenant's."""
RARE = "SELECT id, tenant, note FROM test_orders WHERE status = '{n}'"
"""Executed once, and so too rarely for any verdict."""

_TABLE = f"""
CREATE TABLE {TABLE} (
  id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  customer_id INT NOT NULL,
  status VARCHAR(20) NOT NULL,
  order_date DATETIME NOT NULL,
  tenant INT NOT NULL,
  place POINT NOT NULL,
  note TEXT,
  KEY idx_tenant (tenant)
) ENGINE=InnoDB COMMENT=%s
"""
_FILLING = f"""
INSERT INTO {TABLE} (customer_id, status, order_date, tenant, place, note)
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 199)
SELECT (a.i * 200 + b.i) %% 2000, 'open', '2026-01-01' + INTERVAL (a.i * 200 + b.i) SECOND,
  IF(a.i * 200 + b.i >= %s, %s, 10 + (a.i * 200 + b.i) %% 50), POINT(1, 1), REPEAT('x', 100)
FROM n a JOIN n b WHERE a.i * 200 + b.i < %s
"""  # noqa: S608 -- constants of this module
_PLAIN_TABLE = f"CREATE TABLE {PLAIN_TABLE} (id INT PRIMARY KEY, customer_id INT NOT NULL) ENGINE=Aria COMMENT=%s"


class Orders:
    """The table, on one server. See the module's docstring."""

    def __init__(self, url: MySQLUrl, address: str, outside: Connector, *, created_schema: bool) -> None:
        self._connector = Connector(url, LIMITS)
        self._outside = outside
        self.address = address
        """The URL by which the executor reaches the schema. It has the password; never show it."""
        self.shown_address = url.masked()
        self.schema = url.database
        self._created_schema = created_schema
        with self.connection() as connection:
            self.version = connection.version
            self.flavor = connection.dialect.flavor
        self.set_aside = False

    @contextmanager
    def connection(self) -> Generator[Connection]:
        """Lend a connection that may write. Raises `Unavailable` and `Refused`."""
        with _connected(self._connector) as connection:
            yield connection

    # --- making and removing -----------------------------------------------------------------------------------------

    def make(self) -> None:
        """Make the table anew, and fill it; raises `Unavailable` and `Refused`."""
        with self.connection() as connection:
            comment = COMMENT + (", with its schema" if self._created_schema else "")
            connection.rows(_TABLE, comment)
            connection.rows(_FILLING, ROWS - ROWS // 20, BUSY_TENANT, ROWS)
            connection.rows(f"ANALYZE TABLE {TABLE}")
            if self.flavor is Flavor.MARIADB:
                connection.rows(_PLAIN_TABLE, comment)

    def clear(self) -> None:
        """Remove what a predecessor left, and set a table aside that is not ours."""
        with self.connection() as connection:
            connection.rows(f"DROP TABLE IF EXISTS {NO_TABLE}")
            tables = _tables(connection)
            if SET_ASIDE in tables and COMMENT not in tables.get(TABLE, COMMENT):
                raise Refused(
                    f"both {TABLE} and {SET_ASIDE} of the schema {self.schema} are somebody's own: rename one of them"
                )
            self._created_schema |= tables.get(TABLE, "").endswith("with its schema")
            self._drop_ours(connection, tables)
            if TABLE in tables and not tables[TABLE].startswith(COMMENT):
                connection.rows(f"RENAME TABLE {TABLE} TO {SET_ASIDE}")
                tables[SET_ASIDE] = ""
            self.set_aside = SET_ASIDE in tables

    def remove(self) -> None:
        """Remove the table, and the schema if it was made for it; bring back what was set aside."""
        with self.connection() as connection:
            tables = _tables(connection)
            self._drop_ours(connection, tables)
            if SET_ASIDE in tables:
                connection.rows(f"RENAME TABLE {SET_ASIDE} TO {TABLE}")
            empty = not _tables(connection)
        if self._created_schema and empty:
            with _connected(self._outside) as connection:
                connection.rows(f"DROP DATABASE {quote_identifier(self.schema)}")

    def _drop_ours(self, connection: Connection, tables: dict[str, str]) -> None:
        for name in (TABLE, PLAIN_TABLE):
            if tables.get(name, "").startswith(COMMENT):
                _until_free(lambda name=name: connection.rows(f"DROP TABLE {name}"))  # type: ignore[misc]

    def drop_indexes(self) -> None:
        """Drop every index of the cases, ``idx_tc…``, whoever made it."""
        with self.connection() as connection:
            for name in self._indexes(connection):
                if name.startswith("idx_tc"):
                    sql = f"ALTER TABLE {TABLE} DROP INDEX {quote_identifier(name)}"
                    _until_free(lambda sql=sql: connection.rows(sql))  # type: ignore[misc]

    def add_index(self, name: str, column: str) -> None:
        """Make an index that is nobody's run's."""
        with self.connection() as connection:
            connection.rows(f"ALTER TABLE {TABLE} ADD INDEX {quote_identifier(name)} ({quote_identifier(column)})")

    # --- looking -----------------------------------------------------------------------------------------------------

    def has_index(self, name: str) -> bool:
        """Return whether the table has the index, by the server's own word."""
        with self.connection() as connection:
            return name in self._indexes(connection)

    def index_columns(self, name: str) -> str | None:
        """Return the columns of an index, or None."""
        with self.connection() as connection:
            return self._indexes(connection).get(name)

    def shown_index(self, name: str, table: str = TABLE) -> tuple[str, tuple[str, ...]]:
        """Return the statement that asks for the index, and the server's answer in lines."""
        sql = f"SHOW INDEX FROM {table} WHERE Key_name = {quote_text(name)}"
        with self.connection() as connection:
            rows = connection.rows(sql.replace("%", "%%"))
        return sql, tuple(f"Key_name={row[2]} Seq_in_index={row[3]} Column_name={row[4]}" for row in rows)

    def digest(self, query: str) -> str:
        """Run `query` once and return the digest that the server counts it under; `Refused` if it counts none."""
        text = query.format(n=1)
        pattern = text.split(" WHERE ")[0].replace("SELECT ", "SELECT%").replace(", ", "%").replace(" ", "%") + "%"
        with self.connection() as connection:
            connection.rows(text.replace("%", "%%"))
            rows = connection.rows(
                "SELECT DIGEST FROM performance_schema.events_statements_summary_by_digest"
                " WHERE SCHEMA_NAME = %s AND DIGEST_TEXT LIKE %s ORDER BY LAST_SEEN DESC LIMIT 1",
                self.schema,
                pattern,
            )
        if not rows:
            raise Refused(
                "the server counts no statements: performance_schema and its consumer statements_digest must be on, "
                "and the account needs SELECT on performance_schema"
            )
        return str(rows[0][0])

    def read_only(self) -> bool:
        """Return whether the server takes no changes."""
        with self.connection() as connection:
            return bool(connection.row("SELECT @@global.read_only")[0])

    def _indexes(self, connection: Connection) -> dict[str, str]:
        columns: dict[str, list[str]] = {}
        for row in connection.rows(f"SHOW INDEX FROM {TABLE}"):
            columns.setdefault(str(row[2]), []).append(str(row[4]))
        return {name: ", ".join(parts) for name, parts in columns.items()}

    # --- standing in the way -----------------------------------------------------------------------------------------

    def transaction(self) -> "OpenTransaction":
        """Return a transaction that can be left open on the table, so that no index of it can be dropped."""
        return OpenTransaction(self._connector)

    @contextmanager
    def busy(self, queries: Sequence[str] = (HELPED, MISLED)) -> Generator[Callable[[], None]]:
        """Run `queries` in turn, some milliseconds apart. The callable given raises `Unavailable` once that broke."""
        stopped = threading.Event()
        failures: list[ExecutorError] = []

        def check() -> None:
            if failures:
                raise Unavailable(f"the load on {TABLE} broke off: {failures[0]}")

        thread = threading.Thread(target=self._work, args=(queries, stopped, failures), name="orders", daemon=True)
        thread.start()
        try:
            yield check
        finally:
            stopped.set()
            thread.join(STOP_LIMIT_S)

    def _work(self, queries: Sequence[str], stopped: threading.Event, failures: list[ExecutorError]) -> None:
        number = 0
        try:
            with self.connection() as connection:
                while not stopped.wait(PAUSE_S):
                    number += 1
                    with _let_be():
                        connection.rows(queries[number % len(queries)].format(n=number % 2000))
        except ExecutorError as error:
            failures.append(error)


class OpenTransaction:
    """A transaction that has read the table and is left open until it is closed; opening is safe from any thread."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._connection: Connection | None = None

    def open(self) -> None:
        """Begin it, and read one row."""
        connection = self._connector.open_changing(LOCK_WAIT)
        self._connection = connection
        try:
            connection.rows("START TRANSACTION")
            connection.rows(f"SELECT id FROM {TABLE} LIMIT 1")  # noqa: S608 -- a constant of this module
        except StatementFailed as failure:
            raise failure.of_reading() from None

    def close(self) -> None:
        """End it; without one, this does nothing."""
        if self._connection is not None:
            self._connection.close()


@contextmanager
def opened_orders(url: str) -> Generator[Orders]:
    """Open the schema for the cases on the server of `url`, and remove everything of theirs at the end.

    A database of the URL whose name begins with ``executor_test`` is used; else ``executor_test`` on that server, which
    is made where it is missing. Raises `InvalidInput`, `Unavailable` and `Refused`.
    """
    given = urlsplit(url.strip())
    named = given.path.strip("/")
    schema = named if named.startswith(SCHEMA) else SCHEMA
    inside = MySQLUrl.parse(given._replace(path=f"/{schema}").geturl())
    outside = Connector(replace(inside, database=_ANY_DATABASE), LIMITS)
    with ExitStack() as house:
        keeper = house.enter_context(_connected(outside))
        if not keeper.try_lock(f"executor-acceptance:{schema}"):
            raise InvalidInput(f"another acceptance uses the schema {schema} of this server: wait until it has ended")
        there = bool(keeper.rows("SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s", schema))
        if not there:
            _make_schema(keeper, schema)
        address = given._replace(path=f"/{schema}").geturl()
        orders = Orders(inside, address, outside, created_schema=not there)
        house.callback(orders.remove)
        yield orders


def _make_schema(connection: Connection, schema: str) -> None:
    try:
        connection.rows(f"CREATE DATABASE {quote_identifier(schema)} CHARACTER SET utf8mb4")
    except StatementFailed as failure:
        if failure.reaction is not Reaction.REFUSED:
            raise
        raise Refused(
            f"the schema {schema} is not there, and this account may not make it ({failure.number}): CREATE DATABASE "
            f"{schema}; GRANT {PRIVILEGES} ON {schema}.* TO the account; GRANT SELECT ON performance_schema.* TO it",
            number=failure.number,
        ) from None


@contextmanager
def _let_be() -> Generator[None]:
    """Let a statement be that found its table busy or was ended: an application lives with both."""
    try:
        yield
    except StatementFailed as failure:
        if failure.reaction not in (Reaction.BUSY, Reaction.STOPPED):
            raise


def _until_free(change: Callable[[], object]) -> None:
    """Repeat a change that finds its table busy, such as with a build of an executor that has just been killed."""
    for left in reversed(range(TRIES)):
        try:
            change()
        except StatementFailed as failure:
            if failure.reaction is not Reaction.BUSY or not left:
                raise
            SystemClock().wait_anyway(timedelta(milliseconds=200))
        else:
            return


def _tables(connection: Connection) -> dict[str, str]:
    rows: list[Row] = connection.rows(
        "SELECT TABLE_NAME, TABLE_COMMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()"
    )
    return {str(name): str(comment or "") for name, comment in rows}


@contextmanager
def _connected(connector: Connector) -> Generator[Connection]:
    connection = connector.open_changing(LOCK_WAIT)
    try:
        yield connection
    except StatementFailed as failure:
        raise failure.of_reading() from None
    finally:
        with suppress(ExecutorError):
            connection.close()
