"""The table that is changed, and plain connections to it."""

import pymysql

from executor_adapters.mysql import MySQLUrl
from executor_core.index_definition import parse_index_definition

SCHEMA = "executor_bench"
INDEX = parse_index_definition("orders", "ix_customer_note", ["customer_id", "note"])
CUSTOMERS = 100_000
REGIONS = 1_000
ROW_BYTES = 700
"""About what a row takes on disk, with its part of the index that is there before."""


def connect(url: MySQLUrl, database: str | None = SCHEMA) -> pymysql.Connection:
    """Open a connection in autocommit, without any time-out."""
    return pymysql.connect(
        host=url.host, port=url.port, user=url.user, password=url.password or "", database=database, autocommit=True
    )


def execute(connection: pymysql.Connection, *statements: str) -> None:
    """Run statements and fetch what they return."""
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
            cursor.fetchall()


def fill(url: MySQLUrl, rows: int) -> None:
    """Make the schema anew, with `rows` rows in its table."""
    with connect(url, None) as connection:
        execute(
            connection,
            f"DROP DATABASE IF EXISTS {SCHEMA}",
            f"CREATE DATABASE {SCHEMA}",
            f"USE {SCHEMA}",
            "CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, region INT NOT NULL, customer_id INT NOT NULL,"
            " quantity INT NOT NULL, note VARCHAR(100) NOT NULL, address VARCHAR(600) NOT NULL,"
            " KEY ix_region (region))",
            "INSERT INTO orders (region, customer_id, quantity, note, address) VALUES (1, 1, 1, 'n', REPEAT('a', 500))",
        )
        there = 1
        while there < rows:
            more = min(there, rows - there, 50_000)
            execute(
                connection,
                "INSERT INTO orders (region, customer_id, quantity, note, address)"
                f" SELECT {REGIONS} * RAND(), {CUSTOMERS} * RAND(), 1, CONCAT(RAND(), REPEAT('x', 60)), address"
                f" FROM orders LIMIT {more}",
            )
            there += more
        execute(connection, "ANALYZE TABLE orders")


def drop_schema(url: MySQLUrl) -> None:
    """Take away what `fill` made."""
    with connect(url, None) as connection:
        execute(connection, f"DROP DATABASE IF EXISTS {SCHEMA}")


def drop_index_if_there(url: MySQLUrl) -> bool:
    """Drop the index that a way should have made; return whether it was there."""
    with connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW INDEX FROM orders WHERE Key_name = %s", INDEX.index_name)
        there = bool(cursor.fetchall())
        if there:
            cursor.execute(f"ALTER TABLE orders DROP INDEX {INDEX.index_name}")
    return there
