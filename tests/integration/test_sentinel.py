"""The lock sentinel on real servers: what an application suffers while an index is added to its table or dropped.

The stalls are asserted within wide bounds, so that a loaded machine fails nothing: what the sentinel itself says
of the moment at which it gave way is the sharper witness, and ``bench/change`` has the figures.
"""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pymysql
import pytest

from executor_adapters.clock import SystemClock
from executor_adapters.local_server import ServerKind
from executor_adapters.mysql import MySQLTarget, MySQLUrl
from executor_adapters.mysql import sentinel as sentinel_module
from executor_adapters.mysql.connection import Connector, TimeLimits
from executor_adapters.mysql.errors import StatementFailed
from executor_adapters.mysql.locks import (
    OWN_SESSIONS_ONLY,
    Guarded,
    LockView,
    MetadataLocks,
    ThreadStates,
    lock_view,
)
from executor_adapters.mysql.sentinel import GaveWay, Sentinel
from executor_core.ddl import Marker, add_index
from executor_core.errors import Unavailable
from executor_core.index_definition import parse_index_definition
from executor_core.model import RunId
from executor_core.target import BuildOrder, BuildOutcome, BuildReport
from executor_core.tolerance import Tolerance

pytestmark = pytest.mark.integration

RUN = RunId("run-7")
INDEX = parse_index_definition("orders", "ix_note", ["note", "customer_id"])
BUDGET = timedelta(milliseconds=250)
BLOCKED_S = 5.0
BOUND_S = BLOCKED_S / 2
OBEYED_S = 4.0
"""A server that builds takes a while to obey a kill, and a loaded one longer."""
ROWS = 2**17
SENT_ANYWAY = Tolerance(budget=timedelta(seconds=1))


class Application:
    """Reads and writes ``orders`` by primary key, on connections of its own, and remembers its longest wait.

    It may be one of another account, as most are.
    """

    def __init__(self, database: Any) -> None:
        self._database = database
        self._ended = threading.Event()
        self._guard = threading.Lock()
        self.longest_s = 0.0
        self.statements = 0
        self.errors: list[str] = []
        statements = ("SELECT note FROM orders WHERE id = 5", "UPDATE orders SET customer_id = 7 WHERE id = 6")
        self._threads = [threading.Thread(target=self._work, args=(statement,)) for statement in statements]

    def __enter__(self) -> "Application":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _work(self, statement: str) -> None:
        with self._database.connect() as connection, connection.cursor() as cursor:
            while not self._ended.wait(0.01):
                begun = time.monotonic()
                try:
                    cursor.execute(statement)
                except pymysql.MySQLError as error:
                    self.errors.append(str(error))
                with self._guard:
                    self.longest_s = max(self.longest_s, time.monotonic() - begun)
                    self.statements += 1


@pytest.fixture(
    params=[
        pytest.param("mysql_database", marks=pytest.mark.mysql, id="mysql"),
        pytest.param("mariadb_database", marks=pytest.mark.mariadb, id="mariadb-10.11"),
    ]
)
def database(request: pytest.FixtureRequest) -> Any:
    """A fresh schema on one server that shows its locks, and on one that does not."""
    database = request.getfixturevalue(request.param)
    database.execute(
        "CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, customer_id INT NOT NULL, note VARCHAR(100))"
    )
    database.execute("INSERT INTO orders (customer_id, note) VALUES (1, REPEAT('x', 90))")
    with database.connect() as connection, connection.cursor() as cursor:
        rows = 1
        while rows < ROWS:
            cursor.execute(
                "INSERT INTO orders (customer_id, note)"
                " SELECT 1000 * RAND(), CONCAT(RAND(), REPEAT('x', 60)) FROM orders"
            )
            rows *= 2
    return database


@pytest.fixture
def target(database: Any) -> Iterator[MySQLTarget]:
    target = MySQLTarget(MySQLUrl.parse(database.url), clock=SystemClock())
    yield target
    target.close()


def order(database: Any, attempt: int = 1, lock_wait: timedelta = BUDGET) -> BuildOrder:
    return BuildOrder(schema_name=database.name, index=INDEX, marker=Marker(RUN, attempt), lock_wait=lock_wait)


def ended(target: MySQLTarget) -> BuildReport:
    return wait_for(lambda: target.build_report(INDEX))


def wait_for(condition: Any, seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.005)
    return found


def built_at_last(target: MySQLTarget, database: Any) -> list[BuildReport]:
    """Try until it is built, as the engine does; return the reports of all tries."""
    reports: list[BuildReport] = []
    deadline = time.monotonic() + 120
    while not reports or reports[-1].outcome is BuildOutcome.BUSY:
        assert time.monotonic() < deadline, reports
        target.start_build(order(database, attempt=len(reports) + 1))
        reports.append(ended(target))
        time.sleep(0.1)
    return reports


def queued_s(sentence: str) -> float:
    """How long others had queued behind ours, by what is said of a statement that gave way."""
    found = re.search(r"of others had queued behind ours for (\d+\.\d+) s", sentence)
    assert found, sentence
    return float(found[1])


def dropped_at_last(target: MySQLTarget) -> None:
    """Try until it is dropped, as the engine does: where the machine holds the application up, a try gives way."""
    deadline = time.monotonic() + 120
    while True:
        try:
            target.drop_index(INDEX, RUN, BUDGET)
        except Unavailable:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return


def indexes(database: Any) -> set[str]:
    return {row["Key_name"] for row in database.execute("SHOW INDEX FROM orders")}


@contextmanager
def open_transaction(database: Any) -> Iterator[int]:
    """A transaction that has read the table and stays open; gives its connection's id."""
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("START TRANSACTION")
        cursor.execute("SELECT note FROM orders WHERE id = 1")
        yield connection.thread_id()
        cursor.execute("ROLLBACK")


@contextmanager
def transaction_of(database: Any, seconds: float) -> Iterator[None]:
    """A transaction that stays open for so long, whatever the test does meanwhile."""
    opened = threading.Event()

    def hold() -> None:
        with open_transaction(database):
            opened.set()
            time.sleep(seconds)

    thread = threading.Thread(target=hold)
    thread.start()
    opened.wait()
    yield
    thread.join()


def statement_of_ours(cursor: Any, schema_name: str) -> int | None:
    """Return the connection id of our statement that is under way and past its wait at the start."""
    cursor.execute("SHOW FULL PROCESSLIST")
    for row in cursor.fetchall():
        if str(row["Info"]).startswith("ALTER TABLE") and row["db"] == schema_name:
            state = str(row["State"])
            if state and not state.startswith(
                ("Waiting", "init", "Opening", "starting", "setup", "checking", "preparing")
            ):
                return int(row["Id"])
    return None


def building(target: MySQLTarget, cursor: Any) -> int | None:
    """Wait until the build is under way; return its connection's id, or None where it was over first."""
    found = wait_for(lambda: statement_of_ours(cursor, target.schema_name) or target.build_report(INDEX))
    return found if isinstance(found, int) else None


def begin_to_build(target: MySQLTarget, database: Any) -> None:
    with database.connect() as connection, connection.cursor() as cursor:
        target.start_build(order(database))
        building(target, cursor)


@contextmanager
def transaction_in_the_build(target: MySQLTarget, database: Any) -> Iterator[int]:
    """Begin a build, and while it is under way a transaction that keeps the table; gives its connection's id.

    The connection that watches is the one that keeps; a build that was quicker is taken back, and another begun.
    """
    with database.connect() as connection, connection.cursor() as cursor:
        for attempt in range(1, 21):
            target.start_build(order(database, attempt))
            building(target, cursor)
            cursor.execute("START TRANSACTION")
            cursor.execute("SELECT note FROM orders WHERE id = 1")
            if "ix_note" not in indexes(database):
                yield connection.thread_id()
                cursor.execute("ROLLBACK")
                return
            cursor.execute("ROLLBACK")
            ended(target)
            dropped_at_last(target)
    raise AssertionError("every build was over before a transaction could be opened")


def third_party(database: Any, statement: str) -> threading.Thread:
    """Somebody else's statement, sent now."""

    def send() -> None:
        with database.connect() as connection, connection.cursor() as cursor:
            for each in statement.split(";"):
                cursor.execute(each)

    thread = threading.Thread(target=send)
    thread.start()
    return thread


# At the start


def test_a_transaction_that_is_open_at_the_start_costs_the_application_next_to_nothing(target, database):
    with Application(database) as application, transaction_of(database, BLOCKED_S):
        reports = built_at_last(target, database)
    *busy, done = reports
    assert busy
    assert done.outcome is BuildOutcome.DONE
    # One that the machine held up on its way to the lock looks as if it had worked.
    assert sum(report.lost_at_commit for report in busy) <= len(busy) // 3
    assert application.longest_s < BOUND_S
    assert application.errors == []
    assert indexes(database) == {"PRIMARY", "ix_note"}


# While it builds, and at the commit


def test_a_transaction_that_is_opened_during_the_build_costs_the_build_and_not_the_application(target, database):
    with Application(database) as application:
        with transaction_in_the_build(target, database):
            report = ended(target)
            assert indexes(database) == {"PRIMARY"}
            assert target.running_change(INDEX) is None
        assert report.outcome is BuildOutcome.BUSY
        assert report.lost_at_commit
        assert queued_s(report.error) >= BUDGET.total_seconds()
        assert built_at_last(target, database)[-1].outcome is BuildOutcome.DONE
    assert application.longest_s < OBEYED_S
    assert application.errors == []


@pytest.mark.parametrize(
    "statement",
    [
        "FLUSH TABLES orders",
        "RENAME TABLE orders TO moved; RENAME TABLE moved TO orders",
        "FLUSH TABLES WITH READ LOCK; UNLOCK TABLES",
    ],
)
def test_somebody_elses_statement_for_the_whole_table_does_not_stall_the_application_for_the_rest_of_the_build(
    target, database, statement
):
    with Application(database) as application:
        begin_to_build(target, database)
        other = third_party(database, statement)
        first = ended(target)
        other.join()
        if first.outcome is BuildOutcome.BUSY:
            assert queued_s(first.error) >= BUDGET.total_seconds()
            assert built_at_last(target, database)[-1].outcome is BuildOutcome.DONE
        else:  # it was over before the budget was
            assert first.outcome is BuildOutcome.DONE
    assert application.longest_s < OBEYED_S
    assert indexes(database) == {"PRIMARY", "ix_note"}


def test_a_build_in_nobodys_way_is_let_alone(target, database):
    with Application(database) as application:
        reports = built_at_last(target, database)
    assert (reports[-1].outcome, reports[-1].error) == (BuildOutcome.DONE, None)
    # Where the machine itself held somebody up behind it, it had to be tried again.
    assert len(reports) == 1 or application.longest_s >= BUDGET.total_seconds()
    assert application.errors == []


def test_somebody_elses_ddl_that_stalls_nobody_is_no_reason_to_give_way(target, database):
    begin_to_build(target, database)
    other = third_party(database, "ALTER TABLE orders COMMENT 'theirs'")
    assert ended(target).outcome is BuildOutcome.DONE
    other.join()


def test_a_kill_by_somebody_else_stays_a_stop(target, database):
    for _ in range(10):
        with database.connect() as connection, connection.cursor() as cursor:
            target.start_build(order(database))
            ours = building(target, cursor)
            with suppress(pymysql.err.OperationalError):  # it may be over, and its connection gone
                cursor.execute(f"KILL QUERY {ours or 0}")
        report = ended(target)
        if report.outcome is not BuildOutcome.DONE:  # a quick server may have built it before the kill came
            break
        dropped_at_last(target)
    assert (report.outcome, report.error_number) == (BuildOutcome.STOPPED, 1317)


# Dropping


def test_a_drop_gives_way_too(target, database):
    assert built_at_last(target, database)[-1].outcome is BuildOutcome.DONE
    with Application(database) as application:
        with open_transaction(database):
            time.sleep(0.3)
            with pytest.raises(Unavailable) as raised:
                target.drop_index(INDEX, RUN, BUDGET)
        assert ("was not sent" in str(raised.value)) is (database.server.kind is ServerKind.MYSQL)
        assert "ix_note" in indexes(database)
        dropped_at_last(target)
    assert indexes(database) == {"PRIMARY"}
    assert application.longest_s < BOUND_S


# The sentinel's own connection


def sessions(database: Any) -> set[int]:
    rows = database.execute(
        "SELECT ID AS id FROM information_schema.PROCESSLIST WHERE DB = %s AND ID <> CONNECTION_ID()", (database.name,)
    )
    return {int(row["id"]) for row in rows}


@contextmanager
def guarded_wait(database: Any, url: str, server_limit: timedelta) -> Iterator[tuple[int, Callable[[], Exception]]]:
    """A statement under a sentinel, waiting at its start; gives the sentinel's connection and a wait for its failure.

    It is sent although the table's lock is held: see `PATIENT_FROM`, which these tests make shorter.
    """
    connector = Connector(MySQLUrl.parse(url), TimeLimits())
    connection = connector.open_changing(server_limit)
    guarded = Guarded.table_of(connection, "orders")
    before = sessions(database)
    sentinel = Sentinel(connector, guarded, SENT_ANYWAY, SystemClock())
    # That of the question before this one may not have gone yet.
    (own,) = wait_for(lambda: len(new := sessions(database) - before) == 1 and new)
    failures: list[Exception] = []

    def run() -> None:
        try:
            sentinel.run(connection, add_index(database.name, INDEX, Marker(RUN, 1)))
        except (GaveWay, StatementFailed) as failure:
            failures.append(failure)

    def failure() -> Exception:
        thread.join()
        return failures[0]

    thread = threading.Thread(target=run)
    with open_transaction(database):
        thread.start()
        wait_for(
            lambda: database.execute(
                "SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = %s AND STATE LIKE 'Waiting for%%'",
                (connection.connection_id,),
            )
        )
        yield own, failure
        thread.join()
    connection.close()


@pytest.fixture
def patient_sentinel(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sentinel that sends its statement whoever holds the lock, if its budget is a second."""
    monkeypatch.setattr(sentinel_module, "PATIENT_FROM", SENT_ANYWAY.budget)


@pytest.mark.usefixtures("patient_sentinel")
def test_a_sentinel_that_loses_its_connection_comes_back(database):
    limit = timedelta(seconds=30)
    with guarded_wait(database, database.url, limit) as (own, failure), Application(database) as application:
        database.execute(f"KILL {own}")
        lost = failure()
    assert isinstance(lost, GaveWay)
    assert queued_s(lost.sentence) >= SENT_ANYWAY.budget.total_seconds()
    assert application.longest_s < limit.total_seconds() / 3
    wait_for(lambda: not sessions(database))


@pytest.fixture
def account(database: Any) -> Iterator[Callable[..., str]]:
    """Makes the URL of an account of its own, with the given grants and no others."""
    user = f"u_{database.name[-12:]}"
    places = ("127.0.0.1", "localhost")

    def make(*grants: str) -> str:
        for place in places:
            database.execute(f"CREATE USER '{user}'@'{place}' IDENTIFIED BY 'secret'")
            for grant in grants:
                database.execute(f"GRANT {grant} TO '{user}'@'{place}'")
        address = database.server.base_url.rpartition("@")[2]
        return f"mysql://{user}:secret@{address}/{database.name}"

    yield make
    for place in places:
        database.execute(f"DROP USER IF EXISTS '{user}'@'{place}'")


@pytest.mark.usefixtures("patient_sentinel")
def test_a_sentinel_that_can_t_come_back_leaves_the_servers_own_limit_and_says_so(database, account):
    url = account(f"ALTER, SELECT ON `{database.name}`.*")
    user = MySQLUrl.parse(url).user
    limit = timedelta(seconds=8)
    with guarded_wait(database, url, limit) as (own, failure):
        for place in ("127.0.0.1", "localhost"):
            database.execute(f"ALTER USER '{user}'@'{place}' ACCOUNT LOCK")
        database.execute(f"KILL {own}")
        lost = failure()
    assert isinstance(lost, StatementFailed)
    assert lost.number == 1205
    assert "it was unguarded, since the sentinel could not connect" in lost.text


def test_a_statement_on_another_server_is_not_guarded_and_so_not_sent(database):
    elsewhere = Guarded(connection_id=2**31 - 1, schema_name=database.name, table_name="orders")
    connector = Connector(MySQLUrl.parse(database.url), TimeLimits())
    with pytest.raises(Unavailable, match="does not see"):
        Sentinel(connector, elsewhere, Tolerance(budget=BUDGET), SystemClock())
    wait_for(lambda: not sessions(database))


# What may be seen


def test_what_may_be_seen_is_used_and_what_may_not_is_said(database, account):
    url = account(f"ALTER ON `{database.name}`.*")
    user = MySQLUrl.parse(url).user

    def view() -> LockView:
        connection = Connector(MySQLUrl.parse(url), TimeLimits()).open_reading()
        try:
            return lock_view(connection)
        finally:
            connection.close()

    def grant(what: str) -> None:
        for place in ("127.0.0.1", "localhost"):
            database.execute(f"GRANT {what} TO '{user}'@'{place}'")

    assert isinstance(view(), ThreadStates)
    assert view().blind_spot == OWN_SESSIONS_ONLY
    grant("PROCESS ON *.*")
    assert isinstance(view(), ThreadStates)
    assert view().blind_spot is None
    grant("SELECT ON performance_schema.*")
    assert isinstance(view(), MetadataLocks) is (database.server.kind is ServerKind.MYSQL)
    assert view().blind_spot is None


def test_an_account_that_sees_only_itself_is_told_so_when_it_matters(database, account):
    target = MySQLTarget(MySQLUrl.parse(account(f"ALTER ON `{database.name}`.*")), clock=SystemClock())
    with Application(database) as application, open_transaction(database):
        target.start_build(order(database))
        report = ended(target)
    assert (report.outcome, report.error_number) == (BuildOutcome.BUSY, 1205)
    assert report.error.endswith(OWN_SESSIONS_ONLY)
    assert application.longest_s < OBEYED_S
    target.close()


def test_locks_are_seen_as_well_as_states_where_the_instrument_is_switched_on(database, target):
    """MariaDB has it, switched off; MySQL has it on."""
    database.execute("UPDATE performance_schema.setup_instruments SET ENABLED = 'YES' WHERE NAME LIKE '%/sql/mdl'")
    try:
        with open_transaction(database) as keeper:
            time.sleep(0.3)
            target.start_build(order(database))
            report = ended(target)
        assert report.error.startswith("the statement was not sent: the table's lock was held by root@")
        assert f"(connection {keeper}, for " in report.error
        assert "SELECT" not in report.error
        with Application(database) as application, transaction_in_the_build(target, database) as keeper:
            report = ended(target)
        assert report.outcome is BuildOutcome.BUSY
        assert f"(connection {keeper}, for " in report.error
        assert application.longest_s < OBEYED_S
    finally:
        if database.server.kind is ServerKind.MARIADB:
            database.execute(
                "UPDATE performance_schema.setup_instruments SET ENABLED = 'NO' WHERE NAME LIKE '%/sql/mdl'"
            )
