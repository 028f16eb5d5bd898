"""The target database on each of the servers does what its port promises."""

import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pymysql
import pytest

from executor_adapters.clock import SystemClock
from executor_adapters.mysql import MySQLTarget, MySQLUrl
from executor_adapters.testing.contracts import TargetDatabaseContract
from executor_core.ddl import advisory_lock, quote_identifier, quote_text

pytestmark = pytest.mark.integration


class ServerBench:
    """A schema on a real server, its application, and as many processes as the test asks for."""

    def __init__(self, database: Any) -> None:
        self._database = database
        self._targets: list[MySQLTarget] = []
        database.execute(
            "CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, customer_id INT NOT NULL,"
            " status VARCHAR(20) NOT NULL, note TEXT)"
        )
        rows = ", ".join(f"({number % 500}, 'status {number % 5}', 'note {number}')" for number in range(2000))
        database.execute(f"INSERT INTO orders (customer_id, status, note) VALUES {rows}")
        database.execute("CREATE TABLE customers (id INT PRIMARY KEY, name VARCHAR(20))")
        database.execute("ANALYZE TABLE orders")
        self.target = self.another_process()

    def close(self) -> None:
        for target in self._targets:
            target.close()

    def another_process(self) -> MySQLTarget:
        return self._open(self._database.url)

    def unreachable(self) -> MySQLTarget:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        return self._open(f"mysql://root@127.0.0.1:{port}/shop")

    def _open(self, url: str) -> MySQLTarget:
        target = MySQLTarget(MySQLUrl.parse(url), clock=SystemClock())
        self._targets.append(target)
        return target

    def wait(self, duration: timedelta) -> None:
        time.sleep(duration.total_seconds())

    def add_index(self, name: str, column: str, comment: str) -> None:
        self._database.execute(
            f"ALTER TABLE orders ADD INDEX {quote_identifier(name)} ({quote_identifier(column)})"
            f" COMMENT {quote_text(comment)}"
        )

    def indexes(self) -> Mapping[str, str]:
        rows = self._database.execute("SHOW INDEX FROM orders")
        return {row["Key_name"]: row["Index_comment"] for row in rows}

    @contextmanager
    def holding_lock(self) -> Iterator[None]:
        with self._database.connect() as connection, connection.cursor() as cursor:
            cursor.execute("START TRANSACTION")
            cursor.execute("SELECT COUNT(*) FROM orders")
            yield
            with suppress(pymysql.MySQLError):  # it may have been ended
                cursor.execute("ROLLBACK")

    @contextmanager
    def open_transaction(self) -> Iterator[None]:
        with self._database.connect() as connection, connection.cursor() as cursor:
            cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
            yield
            with suppress(pymysql.MySQLError):
                cursor.execute("ROLLBACK")

    def need_index(self) -> None:
        self._database.execute("INSERT INTO customers SELECT DISTINCT customer_id, '' FROM orders")
        self._database.execute(
            "ALTER TABLE orders ADD CONSTRAINT needs FOREIGN KEY (customer_id) REFERENCES customers (id)"
        )

    @contextmanager
    def holding_advisory_lock(self) -> Iterator[None]:
        lock = advisory_lock(self._database.name, "orders")
        with self._database.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT GET_LOCK(%s, 0)", (lock,))
            yield
            cursor.execute("SELECT RELEASE_LOCK(%s)", (lock,))

    def read_by_customer(self, times: int) -> str:
        self._run("SELECT id, note FROM orders WHERE customer_id = %s", times)
        return self._digest_like("SELECT%orders%customer_id%")

    def write(self, times: int) -> str:
        self._run("UPDATE orders SET note = 'new' WHERE id = %s", times)
        return self._digest_like("UPDATE%orders%")

    def insert(self, rows: int) -> None:
        self._run("INSERT INTO orders (customer_id, status) VALUES (%s, 'new')", rows)

    def read_another_table(self, times: int) -> str:
        self._run("SELECT name FROM customers WHERE id = %s", times)
        return self._digest_like("SELECT%name%customers%")

    def _run(self, statement: str, times: int) -> None:
        with self._database.connect() as connection, connection.cursor() as cursor:
            for number in range(times):
                cursor.execute(statement, (number,))

    def _digest_like(self, pattern: str) -> str:
        (row,) = self._database.execute(
            "SELECT DIGEST AS digest FROM performance_schema.events_statements_summary_by_digest"
            " WHERE SCHEMA_NAME = %s AND DIGEST_TEXT LIKE %s",
            (self._database.name, pattern),
        )
        return str(row["digest"])


class TestMySQLTarget(TargetDatabaseContract):
    @pytest.fixture
    def bench(self, database: Any) -> Iterator[ServerBench]:
        bench = ServerBench(database)
        yield bench
        bench.close()
