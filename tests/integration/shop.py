"""A table under load, and the command run against it as a process of its own."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymysql

from executor_adapters.clock import SystemClock
from executor_core.model import ExecutionRun

ROWS = 20_000
BUSY_TENANT = 3
TABLE = """
CREATE TABLE test_orders (
  id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  customer_id INT NOT NULL,
  status VARCHAR(20) NOT NULL,
  order_date DATETIME NOT NULL,
  tenant INT NOT NULL,
  place POINT NOT NULL,
  note TEXT,
  KEY idx_tenant (tenant)
) ENGINE=InnoDB
"""
HELPED = "SELECT id, status FROM test_orders WHERE customer_id = {n}"
MISLED = "SELECT id, note FROM test_orders WHERE tenant = 3 ORDER BY order_date LIMIT 1"


def create(database: Any, *, rows: int = ROWS) -> None:
    """Create ``test_orders``: customers spread evenly; the newest rows are all the busy tenant's."""
    database.execute(TABLE)
    busy = rows - rows // 40
    database.execute(
        "INSERT INTO test_orders (customer_id, status, order_date, tenant, place, note) "
        "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 199) "
        "SELECT (a.i * 200 + b.i) %% 2000, 'open', '2026-01-01' + INTERVAL (a.i * 200 + b.i) SECOND, "
        f"IF(a.i * 200 + b.i >= {busy}, {BUSY_TENANT}, 10 + (a.i * 200 + b.i) %% 50), POINT(1, 1), REPEAT('x', 100) "
        f"FROM n a JOIN n b WHERE a.i * 200 + b.i < {rows}",
        (),
    )
    database.execute("ANALYZE TABLE test_orders")


class Workload:
    """Queries from a thread of its own, a few milliseconds apart, until it is stopped."""

    def __init__(self, database: Any, queries: Sequence[str], *, pause: float = 0.004) -> None:
        self._database = database
        self._queries = queries
        self._pause = pause
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self.errors: list[Exception] = []

    def __enter__(self) -> "Workload":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the load and its connection; ending it twice is no error."""
        self._stopped.set()
        self._thread.join()

    def _work(self) -> None:
        with self._database.connect() as connection, connection.cursor() as cursor:
            n = 0
            while not self._stopped.wait(self._pause):
                n += 1
                try:
                    cursor.execute(self._queries[n % len(self._queries)].format(n=n % 2000))
                    cursor.fetchall()
                except pymysql.MySQLError as error:
                    self.errors.append(error)
                    return


def digest_of(database: Any, query: str) -> str:
    """Run `query` once, and return the digest that the server files it under."""
    text = query.format(n=1)
    database.execute(text)
    rows = database.execute(
        "SELECT DIGEST FROM performance_schema.events_statements_summary_by_digest "
        "WHERE SCHEMA_NAME = %s AND DIGEST_TEXT LIKE %s ORDER BY LAST_SEEN DESC LIMIT 1",
        (
            database.name,
            text.split(" WHERE ")[0].replace("SELECT ", "SELECT%").replace(", ", "%").replace(" ", "%") + "%",
        ),
    )
    return str(rows[0]["DIGEST"])


def indexes(database: Any, table: str = "test_orders") -> set[str]:
    """The names of the table's indexes, by the server's own word."""
    return {row["Key_name"] for row in database.execute(f"SHOW INDEX FROM {table}")}


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code and the one JSON object that it printed."""

    code: int
    result: dict[str, Any]
    errors: str


@dataclass
class Command:
    """``executor run`` against one database and one control plane, with short windows."""

    mysql_url: str
    api_url: str
    state_dir: Path
    options: Mapping[str, str] = field(default_factory=dict)

    def start(self, run: ExecutionRun, **options: str) -> "subprocess.Popen[str]":
        """Start the command; the run goes in on standard input."""
        short = {"baseline_window": "3s", "after_window": "3s", "extended_window": "0s", "api_timeout": "10s"}
        named = {**short, **self.options, **options}
        arguments = [part for name, value in named.items() for part in (f"--{name.replace('_', '-')}", value)]
        environment = {
            **os.environ,
            "EXECUTOR_MYSQL_URL": self.mysql_url,
            "SAAS_API_URL": self.api_url,
            "EXECUTOR_STATE_DIR": str(self.state_dir),
            "EXECUTOR_KILL_SWITCH_INTERVAL": "1s",
            "EXECUTOR_ROLLBACK_PATIENCE": "30s",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "executor_adapters.command.main", "run", "-", "--json", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert process.stdin is not None
        process.stdin.write(run.model_dump_json(exclude_none=True))
        process.stdin.close()
        process.stdin = None
        return process

    def run(self, run: ExecutionRun, **options: str) -> Ended:
        """Carry the run to its end."""
        return finish(self.start(run, **options))


def finish(process: "subprocess.Popen[str]") -> Ended:
    """Wait for the command; its output must be exactly one JSON object, or nothing."""
    out, errors = process.communicate(timeout=600)
    return Ended(process.returncode, json.loads(out) if out.strip() else {}, errors)


def wait_for(condition: Callable[[], bool], what: str, *, seconds: float = 180, every: float = 0.02) -> None:
    """Wait until `condition` holds, looking `every` so many seconds."""
    clock = SystemClock()
    until = clock.monotonic().total_seconds() + seconds
    pause = threading.Event()
    while not condition():
        assert clock.monotonic().total_seconds() < until, f"waited in vain until {what}"
        pause.wait(every)


@contextmanager
def blocking(database: Any, sql: str) -> Iterator[None]:
    """Keep a transaction open that has run `sql`."""
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("START TRANSACTION")
        cursor.execute(sql)
        cursor.fetchall()
        yield
        connection.rollback()
