"""The application that suffers: processes of its own that read and write one table, and what each statement took.

Most clients work by primary key in autocommit. One in four reads in ``REPEATABLE READ`` transactions that stay open
for a while, with a statement whose plan takes the new index once there is one: what fails with error 1412.
"""

import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.synchronize import Event

import pymysql
from bench.change.table import CUSTOMERS, REGIONS, connect, execute

from executor_adapters.mysql import MySQLUrl

CLIENTS = 4
THINK_S = 0.002
TRANSACTION_S = (0.05, 0.5)
"""How long the transactions in REPEATABLE READ stay open, at least and at most."""


@dataclass(frozen=True, kw_only=True)
class Felt:
    """What the application felt: its statements' latencies in seconds, and its errors by number."""

    latencies: tuple[float, ...]
    errors: Counter[int]
    elapsed: float

    @property
    def longest(self) -> float:
        return max(self.latencies)

    @property
    def p99(self) -> float:
        return sorted(self.latencies)[int(len(self.latencies) * 0.99)]

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.elapsed


class _Client:
    """One client: it runs statements, times each, and counts those that fail."""

    def __init__(self, url: MySQLUrl, seed: int, rows: int) -> None:
        self.random = random.Random(seed)
        self.rows = rows
        self.latencies: list[float] = []
        self.errors: Counter[int] = Counter()
        self._connection = connect(url)

    def run(self, statement: str) -> None:
        begun = time.monotonic()
        try:
            execute(self._connection, statement)
        except pymysql.MySQLError as error:
            self.errors[error.args[0]] += 1
        self.latencies.append(time.monotonic() - begun)

    def work_by_key(self) -> None:
        key = self.random.randint(1, self.rows)
        if self.random.random() < 0.5:
            self.run(f"SELECT note FROM orders WHERE id = {key}")
        else:
            self.run(f"UPDATE orders SET quantity = quantity + 1 WHERE id = {key}")

    def work_in_a_transaction(self, ended: Event) -> None:
        until = time.monotonic() + self.random.uniform(*TRANSACTION_S)
        self.run("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        while time.monotonic() < until and not ended.is_set():
            region, customer = self.random.randrange(REGIONS), self.random.randrange(CUSTOMERS)
            self.run(f"SELECT quantity FROM orders WHERE region = {region} AND customer_id = {customer}")
            time.sleep(0.02)
        self.run("COMMIT")


def _client(
    url: MySQLUrl,
    number: int,
    rows: int,
    ended: Event,
    results: "multiprocessing.Queue[tuple[list[float], Counter[int]]]",
) -> None:
    client = _Client(url, number, rows)
    while not ended.is_set():
        if number % 4 == 3:
            client.work_in_a_transaction(ended)
        else:
            client.work_by_key()
            time.sleep(THINK_S)
    results.put((client.latencies, client.errors))


@contextmanager
def application(url: MySQLUrl, rows: int) -> Iterator[Callable[[], Felt]]:
    """Run the application; calling what is yielded ends it and returns what it felt."""
    ended = multiprocessing.Event()
    results: multiprocessing.Queue[tuple[list[float], Counter[int]]] = multiprocessing.Queue()
    clients = [
        multiprocessing.Process(target=_client, args=(url, number, rows, ended, results), daemon=True)
        for number in range(CLIENTS)
    ]
    for each in clients:
        each.start()
    begun = time.monotonic()

    def felt() -> Felt:
        ended.set()
        told = [results.get(timeout=120) for _ in clients]
        elapsed = time.monotonic() - begun
        return Felt(
            latencies=tuple(latency for latencies, _ in told for latency in latencies),
            errors=sum((errors for _, errors in told), Counter()),
            elapsed=elapsed,
        )

    try:
        yield felt
    finally:
        ended.set()
        for each in clients:
            each.join(timeout=30)
            each.terminate()
