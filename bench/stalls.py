"""What an application suffers while an index is added: a plain ``ALTER TABLE``, and Executor's guarded build.

    python bench/stalls.py mysql://root@127.0.0.1:3306 --rows 500000 --rounds 3

The application reads and writes by primary key from processes of its own. The two ways take turns in each round,
under each disturbance, so that a load that comes and goes meets both. Told are the medians and ranges of the
application's longest statement, of its statements a second, and of the time until the index was there.
"""

import argparse
import multiprocessing
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from multiprocessing.synchronize import Event

import pymysql

from executor_adapters.clock import SystemClock
from executor_adapters.mysql import MySQLTarget, MySQLUrl
from executor_core.ddl import Marker, add_index, drop_index
from executor_core.index_definition import parse_index_definition
from executor_core.model import RunId
from executor_core.target import BuildOrder, BuildOutcome

SCHEMA = "executor_stalls"
INDEX = parse_index_definition("orders", "ix_note", ["note", "customer_id"])
MARKER = Marker(RunId("stalls"), 1)
CLIENTS = 2
THINK_S = 0.005
BLOCKED_S = 5.0
RETRY_S = 0.5
DISTURBANCES = ("none", "transaction at the start", "transaction at the commit", "RENAME", "FLUSH TABLES")


def connect(url: MySQLUrl, database: str | None = SCHEMA) -> pymysql.Connection:
    return pymysql.connect(
        host=url.host, port=url.port, user=url.user, password=url.password, database=database, autocommit=True
    )


def execute(connection: pymysql.Connection, *statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def fill(url: MySQLUrl, rows: int) -> None:
    with connect(url, None) as connection:
        execute(
            connection,
            f"DROP DATABASE IF EXISTS {SCHEMA}",
            f"CREATE DATABASE {SCHEMA}",
            f"USE {SCHEMA}",
            "CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, customer_id INT NOT NULL, note VARCHAR(100))",
            "INSERT INTO orders (customer_id, note) VALUES (1, REPEAT('x', 90))",
        )
        there = 1
        while there < rows:
            more = min(there, rows - there)
            execute(
                connection,
                "INSERT INTO orders (customer_id, note)"
                f" SELECT 1000 * RAND(), CONCAT(RAND(), REPEAT('x', 60)) FROM orders LIMIT {more}",
            )
            there += more


def client(url: MySQLUrl, ended: Event, results: "multiprocessing.Queue[tuple[float, int]]") -> None:
    """One client of the application: its longest statement in seconds, and how many it ran, go to `results`."""
    longest, count = 0.0, 0
    with connect(url) as connection:
        while not ended.is_set():
            statement = (
                "SELECT note FROM orders WHERE id = 5"
                if count % 2
                else "UPDATE orders SET customer_id = 7 WHERE id = 6"
            )
            begun = time.monotonic()
            with suppress(pymysql.MySQLError):  # while it is renamed, the table is not there
                execute(connection, statement)
            longest, count = max(longest, time.monotonic() - begun), count + 1
            time.sleep(THINK_S)
    results.put((longest, count))


@contextmanager
def application(url: MySQLUrl) -> Iterator[Callable[[], tuple[float, int]]]:
    ended = multiprocessing.Event()
    results: multiprocessing.Queue[tuple[float, int]] = multiprocessing.Queue()
    clients = [multiprocessing.Process(target=client, args=(url, ended, results)) for _ in range(CLIENTS)]
    for each in clients:
        each.start()
    time.sleep(0.5)

    def told() -> tuple[float, int]:
        ended.set()
        both = [results.get() for _ in clients]
        return max(longest for longest, _ in both), sum(count for _, count in both)

    yield told
    for each in clients:
        each.join()


def plain(url: MySQLUrl) -> None:
    with connect(url) as connection:
        execute(connection, "SET SESSION lock_wait_timeout = 3600", add_index(SCHEMA, INDEX, MARKER))


def guarded(url: MySQLUrl) -> None:
    target = MySQLTarget(url, clock=SystemClock())
    order = BuildOrder(schema_name=SCHEMA, index=INDEX, marker=MARKER, lock_wait=timedelta(milliseconds=250))
    while True:
        target.start_build(order)
        while (report := target.build_report(INDEX)) is None:
            time.sleep(0.02)
        if report.outcome is not BuildOutcome.BUSY:
            target.close()
            assert report.outcome is BuildOutcome.DONE, report
            return
        time.sleep(RETRY_S)


def disturb(url: MySQLUrl, disturbance: str, begins: threading.Event, build_s: float) -> None:
    """Do what the disturbance is called, at its time; `build_s` is how long the build takes undisturbed."""
    with connect(url) as connection:
        if disturbance.startswith("transaction"):
            if disturbance.endswith("commit"):
                begins.wait()
                time.sleep(build_s * 0.6)
            execute(connection, "START TRANSACTION", "SELECT note FROM orders WHERE id = 1")
            begins.set()
            time.sleep(BLOCKED_S)
            execute(connection, "COMMIT")
            return
        begins.wait()
        time.sleep(build_s * 0.3)
        if disturbance == "RENAME":
            execute(connection, "RENAME TABLE orders TO moved", "RENAME TABLE moved TO orders")
        elif disturbance == "FLUSH TABLES":
            execute(connection, "FLUSH TABLES orders")


def measure(
    url: MySQLUrl, way: Callable[[MySQLUrl], None], disturbance: str, build_s: float
) -> tuple[float, float, float]:
    """Return the application's longest statement and the time until the index was there, in seconds, and the rate."""
    with application(url) as told:
        begins = threading.Event()
        disturber = threading.Thread(target=disturb, args=(url, disturbance, begins, build_s))
        disturber.start()
        if disturbance.endswith("start"):
            begins.wait()
            time.sleep(0.3)
        begun = time.monotonic()
        begins.set()
        way(url)
        total = time.monotonic() - begun
        disturber.join()
        longest, count = told()
        rate = count / (time.monotonic() - begun)
    with connect(url) as connection:
        execute(connection, drop_index(SCHEMA, INDEX.table_name, INDEX.index_name))
    return longest, total, rate


def told(values: list[float]) -> str:
    return f"{statistics.median(values):7.2f} ({min(values):.2f} to {max(values):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="a server, as mysql://user:password@host:port; a schema is made there and dropped")
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    url = MySQLUrl.parse(f"{arguments.url.rstrip('/')}/{SCHEMA}")
    fill(url, arguments.rows)
    ways = {"plain": plain, "guarded": guarded}
    _, build_s, _ = measure(url, plain, "none", 0.0)
    found = {(disturbance, way): list[tuple[float, float, float]]() for disturbance in DISTURBANCES for way in ways}
    for _ in range(arguments.rounds):
        for disturbance, way in found:
            found[disturbance, way].append(measure(url, ways[way], disturbance, build_s))
    print(f"{'disturbance':26}{'way':9}{'longest statement, s':>28}{'until it was there, s':>28}{'statements/s':>28}")
    for (disturbance, way), results in found.items():
        print(
            f"{disturbance:26}{way:9}" + "".join(f"{told(list(column)):>28}" for column in zip(*results, strict=True))
        )
    with connect(url, None) as connection:
        execute(connection, f"DROP DATABASE {SCHEMA}")


if __name__ == "__main__":
    main()
