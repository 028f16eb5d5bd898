"""The target database on real servers: builds, drops, what is read, and everything that gets in their way.

A statement that has to be under way while the test does something else waits for a metadata lock that the test
holds: that is as long as the test wants, and no longer.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from executor_adapters.clock import SystemClock
from executor_adapters.local_server import ServerKind
from executor_adapters.mysql import MySQLTarget, MySQLUrl
from executor_adapters.mysql.connection import Connector, TimeLimits
from executor_adapters.mysql.errors import Reaction, StatementFailed
from executor_core import ddl
from executor_core.ddl import Marker
from executor_core.errors import InvalidInput, OutcomeUnknown, Refused, StillNeeded, Unavailable
from executor_core.flavor import Flavor
from executor_core.index_definition import IndexDefinition, KeyPart, parse_index_definition
from executor_core.metrics import DigestKey, DigestRole
from executor_core.model import RunId
from executor_core.target import BuildOrder, BuildOutcome, BuildReport, RunningChange

pytestmark = pytest.mark.integration

RUN = RunId("run-7")
MARKER = Marker(RUN, 2)
INDEX = parse_index_definition("orders", "ix_customer", ["customer_id", "note(10)"])
SHORT = timedelta(seconds=1)
LONG = timedelta(seconds=60)
PASSWORD = "s3cr:t/é@"
RIVALS = 6
LOOKS = 3


def wait_for(condition: Callable[[], Any], seconds: float = 90) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert found, "what was waited for did not happen"
    return found


def target_of(url: str, **options: Any) -> MySQLTarget:
    return MySQLTarget(MySQLUrl.parse(url), clock=SystemClock(), **options)


@pytest.fixture
def target(database) -> Iterator[MySQLTarget]:
    database.execute(
        "CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, customer_id INT NOT NULL, note VARCHAR(40))"
    )
    values = ", ".join(f"({number % 100}, 'note {number}')" for number in range(2000))
    database.execute(f"INSERT INTO orders (customer_id, note) VALUES {values}")
    # The table of digests has an end, and every test brings statements of its own.
    database.execute("TRUNCATE TABLE performance_schema.events_statements_summary_by_digest")
    target = target_of(database.url)
    yield target
    target.close()


def order(
    database, index: IndexDefinition = INDEX, marker: Marker = MARKER, lock_wait: timedelta = SHORT
) -> BuildOrder:
    return BuildOrder(schema_name=database.name, index=index, marker=marker, lock_wait=lock_wait)


def ended(target: MySQLTarget, index: IndexDefinition = INDEX) -> BuildReport:
    report = wait_for(lambda: target.build_report(index))
    assert isinstance(report, BuildReport)
    return report


def build(target: MySQLTarget, database, index: IndexDefinition = INDEX) -> BuildReport:
    target.start_build(order(database, index))
    return ended(target, index)


def index_named(target: MySQLTarget, name: str = INDEX.index_name, index: IndexDefinition = INDEX):
    table = target.inspect(index).table
    assert table is not None
    return table.index_named(name)


@contextmanager
def blocked(database, table: str = "orders") -> Iterator[None]:
    """Hold a metadata lock on the table, as any open transaction that read it does."""
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("START TRANSACTION")
        cursor.execute(f"SELECT COUNT(*) FROM {table}")
        cursor.fetchall()
        yield
        cursor.execute("ROLLBACK")


def holder(target: MySQLTarget) -> RunningChange:
    """Wait until the build's statement is under way."""

    def running() -> RunningChange | None:
        change = target.running_change(INDEX)
        return change if change is not None and change.marker is not None else None

    change = wait_for(running)
    assert isinstance(change, RunningChange)
    return change


# Building


def test_a_build_leaves_the_index_asked_for_marked_as_ours(target, database):
    report = build(target, database)
    assert (report.outcome, report.error_number, report.error) == (BuildOutcome.DONE, None, None)
    assert report.elapsed > timedelta()
    built = index_named(target)
    assert built.is_built_by(RUN, INDEX)
    assert (built.comment, built.visible, built.unique, built.kind) == (str(MARKER), True, False, "BTREE")
    assert target.running_change(INDEX) is None
    assert target.build_report(INDEX) == report


def test_names_and_columns_are_quoted(target, database):
    database.execute("CREATE TABLE `a``b %s` (`x``y %d` INT)")
    index = IndexDefinition("a`b %s", "i`'x", (KeyPart("x`y %d"),))
    assert build(target, database, index).outcome is BuildOutcome.DONE
    built = index_named(target, index.index_name, index)
    assert built.is_built_by(RUN, index)
    target.drop_index(index, RUN, SHORT)
    assert index_named(target, index.index_name, index) is None


def test_no_build_was_started(target):
    with pytest.raises(Refused, match="no build"):
        target.build_report(INDEX)


def test_a_name_that_is_taken(target, database):
    database.execute("CREATE INDEX IX_customer ON orders (id)")
    report = build(target, database)
    assert (report.outcome, report.error_number) == (BuildOutcome.NAME_TAKEN, 1061)
    assert index_named(target).comment == ""


def test_a_table_that_can_t_be_changed_online(target, database):
    database.execute("CREATE TABLE old (a INT) ENGINE=MyISAM")
    report = build(target, database, parse_index_definition("old", "ix", ["a"]))
    assert (report.outcome, report.error_number) == (BuildOutcome.NOT_ONLINE, 1845)


@pytest.mark.mysql
def test_a_key_part_that_can_t_be_built_online(mysql_database):
    mysql_database.execute("CREATE TABLE places (p POINT NOT NULL SRID 0)")
    target = target_of(mysql_database.url)
    report = build(target, mysql_database, parse_index_definition("places", "ix", ["p"]))
    assert (report.outcome, report.error_number) == (BuildOutcome.NOT_ONLINE, 1846)
    target.close()


@pytest.mark.parametrize(
    ("table", "column", "number"), [("orders", "missing", 1072), ("missing", "a", 1146), ("orders", "note(41)", 1089)]
)
def test_a_statement_that_the_server_refuses(target, database, table, column, number):
    report = build(target, database, parse_index_definition(table, "ix", [column]))
    assert (report.outcome, report.error_number) == (BuildOutcome.REFUSED, number)
    assert report.error


def test_a_zero_default_of_the_table_is_no_obstacle(target, database):
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET SESSION sql_mode = ''")
        cursor.execute("CREATE TABLE dated (a INT, d DATETIME NOT NULL DEFAULT '0000-00-00 00:00:00')")
    assert build(target, database, parse_index_definition("dated", "ix", ["a"])).outcome is BuildOutcome.DONE


def test_an_open_transaction_makes_it_busy_and_leaves_the_table_clean(target, database):
    with blocked(database):
        report = build(target, database)
        # A server that shows who holds the lock is not even asked for it.
        sent = database.server.kind is ServerKind.MARIADB
        assert (report.outcome, report.error_number) == (BuildOutcome.BUSY, 1205 if sent else None)
        assert (SHORT if sent else timedelta()) <= report.elapsed < timedelta(seconds=20)
        assert index_named(target) is None
    assert target.running_change(INDEX) is None
    assert build(target, database).outcome is BuildOutcome.DONE


def test_a_build_that_is_stopped_says_so(target, database):
    with blocked(database):
        target.start_build(order(database, lock_wait=LONG))
        change = holder(target)
        assert change.marker == MARKER
        assert target.inspect(INDEX).running is not None
        assert target.build_report(INDEX) is None
        target.stop_build(change)
        report = ended(target)
        assert (report.outcome, report.error_number) == (BuildOutcome.STOPPED, 1317)
        target.stop_build(change)  # it is no longer there: no error
    assert index_named(target) is None
    assert target.running_change(INDEX) is None


def test_only_the_very_statement_is_stopped(target, database):
    with blocked(database):
        target.start_build(order(database, lock_wait=LONG))
        change = holder(target)
        for other in (
            RunningChange(connection_id=change.connection_id, marker=Marker(RUN, 1)),
            RunningChange(connection_id=change.connection_id, marker=None),
            RunningChange(connection_id=2**31 - 1, marker=MARKER),
        ):
            target.stop_build(other)
        assert target.running_change(INDEX) == change
    assert ended(target).outcome is BuildOutcome.DONE


def test_a_lost_connection_leaves_the_outcome_unknown_until_one_looks(target, database):
    with blocked(database):
        target.start_build(order(database, lock_wait=LONG))
        database.execute(f"KILL CONNECTION {holder(target).connection_id}")
        report = ended(target)
    assert report.outcome is BuildOutcome.UNKNOWN
    wait_for(lambda: target.running_change(INDEX) is None)
    assert index_named(target) is None


def test_two_workers_build_one_at_a_time_on_a_table(target, database):
    rival = target_of(database.url)
    database.execute("CREATE TABLE other (a INT)")
    other = parse_index_definition("other", "ix", ["a"])
    with blocked(database):
        target.start_build(order(database, lock_wait=LONG))
        holder(target)
        with pytest.raises(Unavailable, match="already runs"):
            target.start_build(order(database))
        rival.start_build(order(database, marker=Marker(RunId("rival"), 1)))
        assert ended(rival).outcome is BuildOutcome.BUSY
        assert build(target, database, other).outcome is BuildOutcome.DONE
    assert ended(target).outcome is BuildOutcome.DONE
    assert index_named(target).marker == MARKER
    rival.close()


def test_a_holder_that_runs_no_addition_has_no_marker(target, database):
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT GET_LOCK(%s, 0)", (ddl.advisory_lock(database.name, "orders"),))
        change = target.running_change(INDEX)
        assert change is not None
        assert (change.connection_id, change.marker) == (connection.thread_id(), None)
        target.start_build(order(database))
        assert ended(target).outcome is BuildOutcome.BUSY
        with pytest.raises(Unavailable, match="advisory lock"):
            target.drop_index(INDEX, RUN, SHORT)


BUILDER = """
import sys, time
from datetime import timedelta
from executor_adapters.clock import SystemClock
from executor_adapters.mysql import MySQLTarget, MySQLUrl
from executor_core.ddl import Marker
from executor_core.index_definition import parse_index_definition
from executor_core.model import RunId
from executor_core.target import BuildOrder

url = MySQLUrl.parse(sys.argv[1])
index = parse_index_definition("orders", "ix_customer", ["customer_id", "note(10)"])
MySQLTarget(url, clock=SystemClock()).start_build(BuildOrder(
    schema_name=url.database, index=index, marker=Marker(RunId("run-7"), 2), lock_wait=timedelta(seconds=60)
))
print("begun", flush=True)
time.sleep(120)
"""


@contextmanager
def killed_builder(database, target: MySQLTarget) -> Iterator[RunningChange]:
    """A process that begins a build and is killed while the statement is under way."""
    process = subprocess.Popen([sys.executable, "-c", BUILDER, database.url], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        change = holder(target)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    yield change


def test_the_build_of_a_killed_process_is_found_and_can_be_stopped(target, database):
    with blocked(database), killed_builder(database, target) as change:
        assert target.running_change(INDEX) == change
        assert change.marker == MARKER
        target.stop_build(change)
        wait_for(lambda: target.running_change(INDEX) is None)
    assert index_named(target) is None


def test_the_build_of_a_killed_process_ends_by_itself(target, database):
    with blocked(database), killed_builder(database, target):
        pass
    wait_for(lambda: target.running_change(INDEX) is None)
    assert index_named(target).is_built_by(RUN, INDEX)


def test_a_build_tells_its_progress_and_is_stopped_half_way(target, database):
    def half_way() -> RunningChange | BuildReport | None:
        change = target.running_change(INDEX)
        under_way = change is not None and change.progress is not None and 0 < change.progress < 1
        return change if under_way else target.build_report(INDEX)

    outcome = None
    with database.connect() as connection, connection.cursor() as cursor:
        for _ in range(8):
            cursor.execute("INSERT INTO orders (customer_id, note) SELECT customer_id, note FROM orders")
    database.execute(
        "UPDATE performance_schema.setup_consumers SET ENABLED = 'YES' WHERE NAME = 'events_stages_current'"
    )
    try:
        for _ in range(20):  # a quick server may have built it before it is seen, or before it is stopped
            target.start_build(order(database))
            seen = wait_for(half_way)
            if isinstance(seen, RunningChange):
                target.stop_build(seen)
                if (outcome := ended(target).outcome) is not BuildOutcome.DONE:
                    break
            target.drop_index(INDEX, RUN, LONG)
        assert isinstance(seen, RunningChange)
        assert seen.stage
        assert "stage/" not in seen.stage
        assert outcome is BuildOutcome.STOPPED
        assert index_named(target) is None
    finally:
        database.execute(
            "UPDATE performance_schema.setup_consumers SET ENABLED = 'NO' WHERE NAME = 'events_stages_current'"
        )


# Dropping


def test_the_index_of_the_run_is_dropped_once(target, database):
    build(target, database)
    target.drop_index(INDEX, RUN, SHORT)
    assert index_named(target) is None
    target.drop_index(INDEX, RUN, SHORT)
    database.execute("DROP TABLE orders")
    target.drop_index(INDEX, RUN, SHORT)


@pytest.mark.parametrize(
    "definition",
    [
        "(customer_id, note(10))",
        "(customer_id, note(10)) COMMENT 'executor:run=run-8;attempt=2'",
        "(customer_id, note(10)) COMMENT 'executor:run=run-7;attempt=2 altered'",
        "(note(10), customer_id) COMMENT 'executor:run=run-7;attempt=2'",
    ],
)
def test_an_index_that_is_not_ours_is_left_alone(target, database, definition):
    database.execute(f"CREATE INDEX ix_customer ON orders {definition}")
    with pytest.raises(Refused, match="left alone") as raised:
        target.drop_index(INDEX, RUN, SHORT)
    assert raised.value.number is None
    assert index_named(target) is not None


def test_an_index_that_a_foreign_key_needs_is_not_dropped(target, database):
    database.execute("CREATE TABLE customers (id INT PRIMARY KEY)")
    database.execute("INSERT INTO customers SELECT DISTINCT customer_id FROM orders")
    build(target, database)
    database.execute("ALTER TABLE orders ADD CONSTRAINT f FOREIGN KEY (customer_id) REFERENCES customers (id)")
    with pytest.raises(StillNeeded) as raised:
        target.drop_index(INDEX, RUN, SHORT)
    assert raised.value.number == 1553
    assert index_named(target) is not None


def test_a_drop_does_not_wait_longer_than_it_may(target, database):
    build(target, database)
    with blocked(database), pytest.raises(Unavailable):
        target.drop_index(INDEX, RUN, SHORT)
    target.drop_index(INDEX, RUN, SHORT)
    assert index_named(target) is None


def test_a_drop_whose_connection_is_lost_may_have_happened(target, database):
    build(target, database)
    raised: list[Exception] = []

    def drop() -> None:
        try:
            target.drop_index(INDEX, RUN, LONG)
        except Exception as error:
            raised.append(error)

    with blocked(database):
        thread = threading.Thread(target=drop)
        thread.start()
        change = wait_for(lambda: target.running_change(INDEX))
        assert change.marker is None
        wait_for(
            lambda: [
                row
                for row in database.execute("SHOW FULL PROCESSLIST")
                if row["Id"] == change.connection_id and "ALTER TABLE" in (row["Info"] or "")
            ]
        )
        database.execute(f"KILL CONNECTION {change.connection_id}")
        thread.join()
    assert [type(error) for error in raised] == [OutcomeUnknown]


# Looking


def test_a_table_is_described_as_the_server_has_it(target, database):
    database.execute("CREATE TABLE customers (id INT PRIMARY KEY)")
    database.execute(
        "CREATE TABLE Facts (a INT NOT NULL, b VARCHAR(30), c TEXT, PRIMARY KEY (a), UNIQUE u (b), KEY p (c(7), a),"
        " FULLTEXT f (c), CONSTRAINT r FOREIGN KEY (a) REFERENCES customers (id))"
    )
    facts = target.inspect(parse_index_definition("Facts", "ix", ["a"])).table
    assert (facts.schema_name, facts.table_name, facts.base_table, facts.engine) == (
        database.name,
        "Facts",
        True,
        "InnoDB",
    )
    assert [(column.name, column.character_length) for column in facts.columns][:2] == [("a", None), ("b", 30)]
    assert [(key.name, key.columns) for key in facts.foreign_keys] == [("r", ("a",))]
    assert facts.index_named("primary").unique
    assert facts.index_named("u").unique
    assert facts.index_named("f").kind == "FULLTEXT"
    assert facts.index_named("p").key_parts == (KeyPart("c", 7), KeyPart("a"))
    assert not facts.index_named("p").unique


def test_a_hidden_index_is_not_visible(target, database, any_server):
    hidden = "INVISIBLE" if any_server.kind is ServerKind.MYSQL else "IGNORED"
    database.execute(f"ALTER TABLE orders ADD INDEX h (note) {hidden}")
    assert not index_named(target, "h").visible


@pytest.mark.mysql
def test_descending_and_functional_key_parts(mysql_database):
    mysql_database.execute("CREATE TABLE t (a INT, b INT, KEY d (a DESC, b), KEY f ((a + b), a))")
    target = target_of(mysql_database.url)
    facts = target.inspect(parse_index_definition("t", "ix", ["a"])).table
    assert facts.index_named("d").key_parts == (KeyPart("a", descending=True), KeyPart("b"))
    assert facts.index_named("f").key_parts == (None, KeyPart("a"))
    target.close()


def test_a_view_is_no_base_table_and_a_missing_table_none(target, database):
    database.execute("CREATE VIEW v AS SELECT * FROM orders")
    assert not target.inspect(parse_index_definition("v", "ix", ["id"])).table.base_table
    assert target.inspect(parse_index_definition("missing", "ix", ["id"])).table is None


def test_the_row_count_is_that_of_now(target, database):
    assert target.inspect(INDEX).table.rows > 1000
    database.execute("TRUNCATE TABLE orders")
    assert wait_for(lambda: target.inspect(INDEX).table.rows < 10)


def test_processes_that_look_at_the_open_transactions_at_once_all_see_them(database):
    begun = threading.Barrier(RIVALS)

    def look_often(rival: MySQLTarget) -> None:
        begun.wait()
        for _ in range(LOOKS):
            rival.open_transactions()

    rivals = [target_of(database.url) for _ in range(RIVALS)]
    with ThreadPoolExecutor(RIVALS) as pool:
        looked = [pool.submit(look_often, rival) for rival in rivals]
    for rival in rivals:
        rival.close()
    assert [future.exception() for future in looked] == [None] * RIVALS


def test_the_server_is_told_from_others_and_stays_itself(target, any_server):
    facts = target.inspect(INDEX).server
    assert facts.flavor is (Flavor.MYSQL if any_server.kind is ServerKind.MYSQL else Flavor.MARIADB)
    assert facts.version == any_server.version
    assert (facts.read_only, facts.performance_schema, facts.statement_digests) == (False, True, True)
    assert len(facts.server_uuid) >= 32
    assert target.inspect(INDEX).server == facts


# Accounts


@pytest.fixture
def account(database, any_server) -> Iterator[Callable[..., MySQLTarget]]:
    """Makes a target as an account of its own, with the given grants and no others."""
    user = f"u_{database.name[-12:]}"
    database.execute(f"CREATE USER '{user}'@'127.0.0.1' IDENTIFIED BY %s", (PASSWORD,))
    database.execute(f"CREATE USER '{user}'@'localhost' IDENTIFIED BY %s", (PASSWORD,))
    made: list[MySQLTarget] = []

    def make(*grants: str, password: str = PASSWORD, schema: str | None = None) -> MySQLTarget:
        for grant in grants:
            for host in ("127.0.0.1", "localhost"):
                database.execute(f"GRANT {grant} TO '{user}'@'{host}'")
        place = any_server.base_url.rpartition("@")[2]
        made.append(target_of(f"mysql://{user}:{quote(password, safe='')}@{place}/{schema or database.name}"))
        return made[-1]

    yield make
    for target in made:
        target.close()
    for host in ("127.0.0.1", "localhost"):
        database.execute(f"DROP USER '{user}'@'{host}'")


def test_few_privileges_are_enough(target, database, account):
    small = account(
        f"ALTER, SELECT ON `{database.name}`.orders",
        "SELECT ON performance_schema.*",
    )
    small.check()
    with blocked(database):
        small.start_build(order(database, lock_wait=LONG))
        change = holder(small)
        assert change.marker == MARKER
        small.stop_build(change)
        assert ended(small).outcome is BuildOutcome.STOPPED
    assert build(small, database).outcome is BuildOutcome.DONE
    database.execute("SELECT * FROM orders WHERE customer_id = 7")
    digest = digest_of(database, "SELECT * FROM `orders` WHERE `customer_id` = ?")
    watched = small.choose_digests(INDEX, [digest])
    assert small.snapshot(INDEX, watched).digests[0].count_star == 1
    small.drop_index(INDEX, RUN, SHORT)
    assert index_named(small) is None


def test_a_missing_privilege_is_named(target, database, account):
    small = account(f"SELECT ON `{database.name}`.orders")
    with pytest.raises(Refused, match=r"GRANT SELECT ON performance_schema\.\*") as raised:
        small.inspect(INDEX)
    assert raised.value.number == 1142
    report = build(small, database)
    assert (report.outcome, report.error_number) == (BuildOutcome.REFUSED, 1142)


def test_the_build_of_another_account_is_seen_as_far_as_the_account_may_look(target, database, account):
    small = account(f"SELECT ON `{database.name}`.orders")  # now: a grant waits for the table's metadata lock too
    with blocked(database):
        target.start_build(order(database, lock_wait=LONG))
        change = holder(target)
        assert small.running_change(INDEX) == RunningChange(connection_id=change.connection_id, marker=None)
        seeing = account("SELECT ON performance_schema.*")
        seen = seeing.running_change(INDEX)
        assert seen is not None
        assert (seen.connection_id, seen.marker) == (change.connection_id, MARKER)
        with pytest.raises(Refused) as raised:
            seeing.stop_build(seen)
        assert raised.value.number == 1095
        assert target.build_report(INDEX) is None
    assert ended(target).outcome is BuildOutcome.DONE


def test_a_read_only_server_binds_those_without_the_privilege(target, database, account):
    small = account(f"ALTER ON `{database.name}`.orders", "SELECT ON performance_schema.*")
    assert not small.inspect(INDEX).server.read_only
    database.execute("SET GLOBAL read_only = 1")
    try:
        assert small.inspect(INDEX).server.read_only
        assert not target.inspect(INDEX).server.read_only
        assert build(small, database).error_number == 1290
    finally:
        database.execute("SET GLOBAL read_only = 0")


@pytest.mark.mysql
def test_a_super_read_only_server_binds_everybody(mysql_database):
    target = target_of(mysql_database.url)
    mysql_database.execute("SET GLOBAL super_read_only = 1")
    try:
        assert target.inspect(INDEX).server.read_only
    finally:
        mysql_database.execute("SET GLOBAL super_read_only = 0")
        mysql_database.execute("SET GLOBAL read_only = 0")
        target.close()


def test_a_wrong_password_and_an_unknown_database_are_wrong_input(target, database, account):
    grant = f"SELECT ON `{database.name}`.*"
    for wrong in (account(grant, password="wr0ng"), account(schema="no_such_schema"), target_of(database.url + "x")):
        with pytest.raises(InvalidInput) as raised:
            wrong.check()
        assert "\n" not in str(raised.value)
        assert "wr0ng" not in str(raised.value)
        assert "mysql://" not in str(raised.value)


def test_a_host_that_is_not_there_is_unavailable():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        with pytest.raises(Unavailable, match=f"127.0.0.1:{port} can't be reached"):
            target_of(f"mysql://app:secret@127.0.0.1:{port}/shop").check()
    with pytest.raises(Unavailable, match="can't be reached"):
        target_of("mysql://app:secret@host.invalid/shop").check()


def test_a_host_that_says_nothing_is_unavailable_in_time():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        target = target_of(
            f"mysql://app:secret@127.0.0.1:{silent.getsockname()[1]}/shop", read_timeout=timedelta(seconds=0.5)
        )
        started = time.monotonic()
        with pytest.raises(Unavailable):
            target.check()
        assert time.monotonic() - started < 10  # the usual limit is longer


def test_a_reading_that_lost_its_connection_can_be_repeated(target, database):
    target.check()

    def idle() -> list[int]:
        rows = database.execute("SHOW FULL PROCESSLIST")
        return [row["Id"] for row in rows if row["db"] == database.name and row["Command"] == "Sleep"]

    # Those of earlier questions may not have gone yet.
    (reader,) = wait_for(lambda: len(found := idle()) == 1 and found)
    database.execute(f"KILL CONNECTION {reader}")
    with pytest.raises(Unavailable):
        target.inspect(INDEX)
    assert target.inspect(INDEX).table is not None
    target.close()
    assert target.inspect(INDEX).table is not None


def test_the_read_timeout_ends_a_wait_unless_it_was_lifted(database):
    connector = Connector(MySQLUrl.parse(database.url), TimeLimits(read=timedelta(seconds=2)))
    patient = connector.open_changing(timedelta())
    patient.lift_read_timeout()
    assert patient.row("SELECT SLEEP(3)") == (0,)
    patient.close()
    patient.close()
    hasty = connector.open_changing(timedelta())
    with pytest.raises(StatementFailed) as raised:
        hasty.rows("SELECT SLEEP(20)")
    assert raised.value.reaction is Reaction.LOST
    with pytest.raises(StatementFailed) as raised:
        hasty.rows("SELECT 1")
    assert raised.value.reaction is Reaction.LOST
    hasty.close()


def test_a_reading_can_t_write_and_ends_by_itself(target, database):
    connector = Connector(MySQLUrl.parse(database.url), TimeLimits(statement=timedelta(seconds=1)))
    reading = connector.open_reading()
    with pytest.raises(StatementFailed) as raised:
        reading.rows("DELETE FROM orders")
    assert raised.value.number == 1792
    with pytest.raises(StatementFailed) as raised:
        reading.rows("SELECT COUNT(*) FROM orders a, orders b, orders c WHERE a.note <> b.note OR b.note <> c.note")
    assert raised.value.reaction is Reaction.STOPPED
    reading.close()


@pytest.mark.mysql
def test_encryption_is_asked_for_and_the_server_s_name_verified(mysql_database, mysql_server):
    def cipher(options: str) -> str:
        connection = Connector(MySQLUrl.parse(mysql_database.url + options), TimeLimits()).open_reading()
        value = connection.row("SHOW SESSION STATUS LIKE 'Ssl_cipher'")[1]
        connection.close()
        return str(value)

    assert cipher("?ssl=disabled") == ""
    assert cipher("?ssl=required") != ""
    if mysql_server.local is None:
        pytest.skip("the server is given by a URL, and its certificates are out of reach")
    (row,) = mysql_database.execute("SELECT @@datadir AS folder")
    with pytest.raises(Refused, match="certificate"):
        cipher(f"?ssl_ca={row['folder']}ca.pem")  # signed by it, but not for this host
    with pytest.raises(InvalidInput, match="ssl_ca"):
        cipher("?ssl_ca=/no/such/file.pem")


@pytest.mark.mariadb
def test_encryption_that_the_server_does_not_have_is_refused(mariadb_database):
    (row,) = mariadb_database.execute("SELECT @@have_ssl AS have_ssl")
    if row["have_ssl"] == "YES":
        pytest.skip("this server has TLS")
    with pytest.raises(Refused):
        target_of(mariadb_database.url + "?ssl=required").check()
    target = target_of(mariadb_database.url + "?ssl=preferred")
    target.check()
    target.close()


# Statistics


def digest_of(database, text: str) -> str:
    rows = database.execute(
        "SELECT DISTINCT DIGEST FROM performance_schema.events_statements_summary_by_digest"
        " WHERE SCHEMA_NAME = %s AND TRIM(DIGEST_TEXT) = %s",
        (database.name, text),
    )
    assert len(rows) == 1
    return str(rows[0]["DIGEST"])


BY_CUSTOMER = "SELECT * FROM `orders` WHERE `customer_id` = ?"


@pytest.fixture
def busy(target, database) -> str:
    """A server on which an application has worked; returns the digest of its reading by customer."""
    database.execute("CREATE TABLE customers (id INT PRIMARY KEY)")
    database.execute("CREATE VIEW big_orders AS SELECT * FROM orders WHERE customer_id > 50")
    with database.connect() as connection, connection.cursor() as cursor:
        for number in range(3):
            cursor.execute("SELECT * FROM orders WHERE customer_id = %s", (number,))
            cursor.execute("UPDATE orders SET note = 'x' WHERE id = %s", (number,))
            cursor.execute("SELECT * FROM customers WHERE id = %s", (number,))
            cursor.execute("SELECT * FROM big_orders WHERE id = %s", (number,))
        connection.ping(reconnect=False)  # the last one is counted when the next command is taken
    return digest_of(database, BY_CUSTOMER)


def test_digests_are_chosen_by_the_part_that_they_play(target, database, busy):
    watched = target.choose_digests(INDEX, ["0" * 64, busy.upper()])
    assert (watched[0].key, watched[0].role) == (DigestKey(database.name, busy), DigestRole.TARGET)
    snapshot = target.snapshot(INDEX, watched)
    texts = {
        role: [(row.digest_text or "").split(" WHERE ")[0].strip() for row in snapshot.digests if row.role is role]
        for role in DigestRole
    }
    assert "UPDATE `orders` SET `note` = ?" in texts[DigestRole.WRITE]
    assert all("`orders`" in text for text in texts[DigestRole.WRITE])
    assert "SELECT * FROM `customers`" in texts[DigestRole.CONTROL]
    assert not any("orders" in text for text in texts[DigestRole.CONTROL])


def test_a_difference_of_snapshots_counts_what_ran_between(target, database, busy):
    watched = target.choose_digests(INDEX, [busy])[:1]
    before = target.snapshot(INDEX, watched)
    for number in range(7):
        database.execute("SELECT * FROM orders WHERE customer_id = %s", (number,))
    database.execute("SELECT * FROM customers WHERE id = 1")
    after = target.snapshot(INDEX, watched)
    (old,), (new,) = before.digests, after.digests
    assert new.count_star - old.count_star == 7
    assert new.sum_rows_examined - old.sum_rows_examined == 7 * 2000
    assert new.sum_rows_sent - old.sum_rows_sent == 7 * 20
    assert new.sum_no_index_used - old.sum_no_index_used == 7
    assert new.sum_timer_wait_ps > old.sum_timer_wait_ps
    assert new.sum_cpu_time_ps is None
    assert old.first_seen == new.first_seen <= new.last_seen
    assert abs(after.taken_at - new.last_seen) < timedelta(minutes=1)
    assert before.taken_at < after.taken_at
    assert after.server_uuid == target.inspect(INDEX).server.server_uuid
    assert 0 <= before.uptime_s <= after.uptime_s
    assert after.digests_lost == 0


def test_one_digest_in_two_schemas_is_two_rows(target, database, any_server, busy):
    other = database.name + "_2"
    database.execute(f"CREATE DATABASE `{other}`")
    try:
        with any_server.connect(other) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE orders (id INT PRIMARY KEY, customer_id INT)")
            cursor.execute("SELECT * FROM orders WHERE customer_id = 1")
            connection.ping(reconnect=False)  # it is counted when the next command is taken
        watched = target.choose_digests(INDEX, [busy])
        snapshot = target.snapshot(INDEX, watched)
        assert [(row.key, row.count_star) for row in snapshot.digests if row.digest == busy] == [
            (DigestKey(database.name, busy), 3)
        ]
        elsewhere = [type(watched[0])(key=DigestKey(schema, busy), role=DigestRole.TARGET) for schema in (other, None)]
        snapshot = target.snapshot(INDEX, [*elsewhere, watched[0]])
        assert [(row.schema_name, row.count_star) for row in snapshot.digests] == [(other, 1), (database.name, 3)]
    finally:
        database.execute(f"DROP DATABASE `{other}`")


def test_a_statement_without_a_default_schema_is_still_a_target(target, database, any_server):
    with any_server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT note FROM `{database.name}`.orders WHERE customer_id = 1")
        cursor.execute(
            "SELECT DIGEST FROM performance_schema.events_statements_summary_by_digest"
            " WHERE SCHEMA_NAME IS NULL AND DIGEST_TEXT LIKE %s",
            (f"SELECT `note` FROM `{database.name}`%",),
        )
        (row,) = cursor.fetchall()
    watched = target.choose_digests(INDEX, [row["DIGEST"]])
    assert (watched[0].key, watched[0].role) == (DigestKey(None, row["DIGEST"]), DigestRole.TARGET)
    assert target.snapshot(INDEX, watched).digests[0].count_star == 1


def test_histograms_count_every_execution_where_the_server_has_them(target, busy, any_server):
    watched = target.choose_digests(INDEX, [busy])
    rows = target.snapshot(INDEX, watched).digests
    bounds = target.histogram_upper_bounds_ps()
    if any_server.kind is ServerKind.MARIADB:
        assert bounds == ()
        assert {row.histogram for row in rows} == {None}
        return
    assert len(bounds) == 450
    assert list(bounds) == sorted(bounds)
    assert bounds[0] == 10_000_000
    (row,) = [row for row in rows if row.digest == busy]
    assert sum(row.histogram.values()) == row.count_star == 3
    slowest = max(row.histogram)
    assert (bounds[slowest - 1] if slowest else 0) <= row.max_timer_wait_ps <= bounds[slowest]


def test_a_digest_that_is_forgotten_has_no_row(target, busy):
    watched = target.choose_digests(INDEX, [busy])
    unknown = type(watched[0])(key=DigestKey("nowhere", "0" * 64), role=DigestRole.TARGET)
    assert [row.digest for row in target.snapshot(INDEX, [unknown, watched[0]]).digests] == [busy]
    assert target.snapshot(INDEX, []).digests == ()


def test_many_digests_are_read_in_one_scan(target, database, busy):
    watched = target.choose_digests(INDEX, [busy])
    fillers = [type(watched[0])(key=DigestKey(database.name, f"{n:064x}"), role=DigestRole.CONTROL) for n in range(30)]
    rows = target.snapshot(INDEX, [*fillers, *watched]).digests
    assert [row.key for row in rows] == [each.key for each in watched]


def test_the_use_of_an_index_is_counted(target, database, busy):
    build(target, database)
    watched = target.choose_digests(INDEX, [busy])
    before = target.snapshot(INDEX, watched).index_usage or {}
    database.execute("SELECT * FROM orders FORCE INDEX (ix_customer) WHERE customer_id = 7")
    after = target.snapshot(INDEX, watched).index_usage
    fetched = before.get("ix_customer", {}).get("count_fetch", 0)
    assert after["ix_customer"]["count_fetch"] - fetched >= 20
    assert after["ix_customer"]["sum_timer_fetch_ps"] > 0
    assert set(after) == {"PRIMARY", "ix_customer"}


@pytest.mark.mysql
def test_cpu_time_is_told_while_it_is_measured(mysql_database):
    database = mysql_database
    consumer = "UPDATE performance_schema.setup_consumers SET ENABLED = %s WHERE NAME = 'events_statements_cpu'"
    database.execute("CREATE TABLE orders (id INT PRIMARY KEY)")
    target = target_of(database.url)
    database.execute(consumer, ("YES",))
    try:
        database.execute("SELECT BENCHMARK(100000, SHA2('x', 256)) FROM orders RIGHT JOIN (SELECT 1) one ON TRUE")
        (row,) = database.execute(
            "SELECT DIGEST FROM performance_schema.events_statements_summary_by_digest"
            " WHERE SCHEMA_NAME = %s AND DIGEST_TEXT LIKE 'SELECT `BENCHMARK`%%'",
            (database.name,),
        )
        watched = target.choose_digests(INDEX, [row["DIGEST"]])[:1]
        assert target.snapshot(INDEX, watched).digests[0].sum_cpu_time_ps > 0
    finally:
        database.execute(consumer, ("NO",))
        target.close()


# Plans


def test_plans_that_use_the_index_are_told_where_there_are_samples(target, database, busy, any_server):
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id FROM orders o WHERE o.customer_id = 3 AND o.note = 'note 3'")
        cursor.execute("SELECT COUNT(*) FROM orders")
        cursor.execute("SELECT id FROM orders WHERE note IN (" + ", ".join(f"'{n:030}'" for n in range(60)) + ")")
        connection.ping(reconnect=False)
    by_note = (
        digest_of(database, "SELECT `id` FROM `orders` `o` WHERE `o` . `customer_id` = ? AND `o` . `note` = ?")
        if (any_server.kind is ServerKind.MYSQL)
        else busy
    )
    watched = target.choose_digests(INDEX, [busy, by_note])
    before = target.plans_using(INDEX, watched)
    if any_server.kind is ServerKind.MARIADB:
        assert before == {}
        return
    assert before[busy] is before[by_note] is False
    build(target, database)
    after = target.plans_using(INDEX, watched)
    assert after[busy] is after[by_note] is True
    writes = [each.key.digest for each in watched if each.role is DigestRole.WRITE]
    assert writes
    assert not set(writes) & set(after)


@pytest.mark.mysql
def test_a_plan_under_an_alias_tells_nothing_where_another_table_has_the_index_s_name(mysql_database):
    database = mysql_database
    for table in ("orders", "other"):
        database.execute(
            f"CREATE TABLE {table} (id INT PRIMARY KEY, customer_id INT, note TEXT, KEY ix_customer (customer_id))"
        )
        database.execute(f"INSERT INTO {table} VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c')")
    database.execute("SELECT * FROM orders WHERE customer_id = 1")
    database.execute("SELECT * FROM other x WHERE customer_id = 1")
    plain = digest_of(database, BY_CUSTOMER)
    aliased = digest_of(database, "SELECT * FROM `other` `x` WHERE `customer_id` = ?")
    target = target_of(database.url)
    watched = target.choose_digests(INDEX, [plain, aliased])
    assert target.plans_using(INDEX, watched) == {plain: True}
    target.close()
