"""What others do to the table meanwhile: an open transaction at a bad moment, or a DDL of their own."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pymysql
from bench.change.table import connect, execute

from executor_adapters.mysql import MySQLUrl

BLOCKED_S = 10.0
DEADLOCK = 1213
NONE = "none"
AT_THE_START = "transaction-at-the-start"
AT_THE_COMMIT = "transaction-at-the-commit"
RENAME = "rename"
DISTURBANCES = (NONE, AT_THE_START, AT_THE_COMMIT, RENAME)

BEFORE_THE_COMMIT = 0.6
"""When the transaction at the commit begins, as a share of the time that the change takes undisturbed."""
IN_THE_MIDDLE = 0.3


def _hold(url: MySQLUrl, began: threading.Event, after_s: float) -> None:
    time.sleep(after_s)
    with connect(url) as connection:
        execute(connection, "START TRANSACTION", "SELECT note FROM orders WHERE id = 1")
        began.set()
        time.sleep(BLOCKED_S)
        execute(connection, "COMMIT")


def _rename(url: MySQLUrl, after_s: float) -> None:
    time.sleep(after_s)
    with connect(url) as connection:
        execute(connection, "RENAME TABLE orders TO orders_moved")
        while True:
            try:
                execute(connection, "RENAME TABLE orders_moved TO orders")
            except pymysql.err.OperationalError as error:
                if error.args[0] != DEADLOCK:
                    raise
            else:
                return


@contextmanager
def disturbed(url: MySQLUrl, disturbance: str, expected_s: float) -> Iterator[None]:
    """Let `disturbance` happen inside the `with`, to a change that takes `expected_s` undisturbed."""
    if disturbance == NONE:
        yield
        return
    began = threading.Event()
    if disturbance == RENAME:
        thread = threading.Thread(target=_rename, args=(url, expected_s * IN_THE_MIDDLE))
    else:
        after_s = expected_s * BEFORE_THE_COMMIT if disturbance == AT_THE_COMMIT else 0.0
        thread = threading.Thread(target=_hold, args=(url, began, after_s))
    thread.start()
    if disturbance == AT_THE_START:
        began.wait()
    yield
    thread.join()
