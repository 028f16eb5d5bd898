"""The shop's application: a few connections that run its statements at a steady, gentle pace."""

import heapq
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from random import Random

from executor_adapters.clock import SystemClock
from executor_adapters.demo.schema import Schema
from executor_adapters.demo.shop import CLIENTS, Statement
from executor_adapters.mysql.connection import Connection
from executor_adapters.mysql.errors import Reaction, StatementFailed
from executor_core.errors import ExecutorError, Unavailable

STOP_LIMIT_S = 30


@contextmanager
def busy(schema: Schema) -> Generator[Callable[[], None]]:
    """Keep `schema` busy while the block runs. The callable given raises `Unavailable` once a client gave up."""
    stopped = threading.Event()
    failures: list[ExecutorError] = []

    def check() -> None:
        if failures:
            raise Unavailable(f"the demonstration's workload broke off: {failures[0]}")

    threads = [
        threading.Thread(
            target=_client,
            args=(schema, statements, Random(number), stopped, failures),  # noqa: S311 -- spreads load, no secret
            name=f"shop-{number}",
            daemon=True,
        )
        for number, statements in enumerate(CLIENTS)
    ]
    for thread in threads:
        thread.start()
    try:
        yield check
    finally:
        stopped.set()
        for thread in threads:
            thread.join(STOP_LIMIT_S)


def _client(
    schema: Schema,
    statements: Sequence[Statement],
    random: Random,
    stopped: threading.Event,
    failures: list[ExecutorError],
) -> None:
    try:
        with schema.connection() as connection:
            _run(connection, statements, random, stopped)
    except ExecutorError as error:
        failures.append(error)


def _run(connection: Connection, statements: Sequence[Statement], random: Random, stopped: threading.Event) -> None:
    """Run each statement when it is due, until stopped. One that fell behind does not catch up: no stampedes."""
    clock = SystemClock()
    begun = clock.monotonic().total_seconds()
    due = [(begun + random.random() / statement.per_second, number) for number, statement in enumerate(statements)]
    heapq.heapify(due)
    while True:
        at, number = due[0]
        if stopped.wait(max(0.0, at - clock.monotonic().total_seconds())):
            return
        statement = statements[number]
        try:
            connection.rows(statement.sql, *statement.arguments(random))
        except StatementFailed as failure:
            if failure.reaction not in (Reaction.BUSY, Reaction.STOPPED):  # an application lives with those two
                raise
        # Somewhat uneven, so that clients don't fall into step with each other or with the samples.
        interval = random.uniform(0.5, 1.5) / statement.per_second
        heapq.heapreplace(due, (max(at + interval, clock.monotonic().total_seconds()), number))
