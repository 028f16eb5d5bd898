"""What goes on around a table, seen on real servers: each thing that a check rests on, there and not there."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.integration.shop import wait_for

from executor_adapters.clock import SystemClock
from executor_adapters.local_server import ServerKind
from executor_adapters.mysql import MySQLTarget, MySQLUrl, survey
from executor_core.change_plan import ChangePlan, plan_run
from executor_core.index_definition import parse_index_definition
from executor_core.model import ExecutionRun
from executor_core.surroundings import Privilege, Surroundings

pytestmark = pytest.mark.integration

INDEX = parse_index_definition("orders", "ix", ["customer_id"])


@pytest.fixture
def target(database: Any) -> Iterator[MySQLTarget]:
    database.execute(
        "CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, customer_id INT NOT NULL, email VARCHAR(255))"
    )
    rows = ", ".join(f"({n % 100}, '{'x' * (10 + n % 3)}')" for n in range(1000))
    database.execute(f"INSERT INTO orders (customer_id, email) VALUES {rows}")
    database.execute("ANALYZE TABLE orders")
    target = MySQLTarget(MySQLUrl.parse(database.url), clock=SystemClock())
    yield target
    target.close()


def planned(target: MySQLTarget, *columns: str, table: str = "orders", index: str = "ix_new") -> ChangePlan:
    run = ExecutionRun(
        id="run-1",
        connection_id="any",
        action="ADD_INDEX",
        table_name=table,
        index_name=index,
        columns=columns,
        query_digests=(),
    )
    return plan_run(run, target)


def codes(plan: ChangePlan) -> set[str]:
    return {finding.code for finding in plan.findings}


def look(target: MySQLTarget) -> Surroundings:
    return target.survey(INDEX)


def test_a_quiet_table_is_seen_whole(target: MySQLTarget) -> None:
    seen = look(target)
    assert seen.account is not None
    assert not any(seen.account.lacks(privilege) for privilege in Privilege)
    assert (seen.proxied, seen.cluster, seen.replicas, seen.prepared_xa, seen.changes) == (False, None, 0, 0, ())
    assert seen.writes_per_second is not None
    assert seen.arithmetic is not None
    assert seen.data_folder
    assert seen.sort_folder


def test_lengths_of_texts_are_averages(target: MySQLTarget) -> None:
    seen = target.survey(parse_index_definition("orders", "ix", ["Email", "customer_id"]))
    assert dict(seen.text_bytes) == {"email": pytest.approx(11, abs=0.1)}


def test_our_own_reading_is_no_digest_of_the_application(target: MySQLTarget, database: Any) -> None:
    index = parse_index_definition("orders", "ix", ["email"])
    target.survey(index)
    rows: list[dict[str, Any]] = []

    def counted() -> bool:
        rows[:] = database.execute(
            "SELECT DIGEST FROM performance_schema.events_statements_summary_by_digest"
            " WHERE SCHEMA_NAME = %s AND DIGEST_TEXT LIKE '%%executor_sample%%'",
            (database.name,),
        )
        return bool(rows)

    wait_for(counted, "the statement is counted", seconds=30)
    assert len(rows) == 1
    assert rows[0]["DIGEST"] not in {watched.key.digest for watched in target.choose_digests(index, [])}


@contextmanager
def prepared_transaction(database: Any) -> Iterator[None]:
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"XA START '{database.name}'")
        cursor.execute("INSERT INTO orders (customer_id) VALUES (1)")
        cursor.execute(f"XA END '{database.name}'")
        cursor.execute(f"XA PREPARE '{database.name}'")
        yield
        cursor.execute(f"XA ROLLBACK '{database.name}'")


def test_a_prepared_transaction_is_seen(target: MySQLTarget, database: Any) -> None:
    with prepared_transaction(database):
        assert look(target).prepared_xa == 1
        assert "prepared_xa" in codes(planned(target, "customer_id"))


def test_a_long_transaction_is_seen(target: MySQLTarget, database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "LONG_S", 1)
    assert look(target).long_transactions == ()
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        cursor.execute("SELECT COUNT(*) FROM orders")
        # MariaDB fills its list of transactions anew only when nobody has read it for 100 ms.
        wait_for(lambda: look(target).long_transactions != (), "it is long", every=0.3)
        (words,) = look(target).long_transactions or ()
        assert f"connection {connection.thread_id()}" in words
        if database.server.kind == ServerKind.MYSQL:
            (holder,) = look(target).lock_holders or ()
            assert str(connection.thread_id()) in holder
        cursor.execute("ROLLBACK")


def test_a_change_of_somebody_else_is_seen(target: MySQLTarget, database: Any) -> None:
    def alter() -> None:
        with database.connect() as connection, connection.cursor() as cursor:
            cursor.execute("ALTER TABLE orders ADD COLUMN more INT")

    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("START TRANSACTION")
        cursor.execute("SELECT COUNT(*) FROM orders")
        thread = threading.Thread(target=alter)
        thread.start()
        wait_for(lambda: look(target).changes != (), "the change is seen")
        (words,) = look(target).changes or ()
        assert words.startswith("ALTER of root@")
        cursor.execute("ROLLBACK")
    thread.join()


TABLES = {
    "prefix_needed": ("a TEXT", "a"),
    "prefix_of_a_number": ("a INT", "a(3)"),
    "prefix_too_long": ("a VARCHAR(10)", "a(10)"),
    "key_too_long": ("a VARCHAR(769) CHARACTER SET utf8mb4", "a"),
    "column_missing": ("a INT", "b"),
    "foreign_key_index_displaced": ("a INT, FOREIGN KEY (a) REFERENCES orders (id)", "a"),
    "already_served": ("a INT, KEY other (a, id)", "a"),
    "makes_redundant": ("a INT, b INT, KEY other (a)", "a, b"),
}


@pytest.mark.parametrize("code", TABLES)
def test_what_stands_in_the_way_of_an_index_is_seen_in_the_catalogue(
    target: MySQLTarget, database: Any, code: str
) -> None:
    columns, wanted = TABLES[code]
    database.execute(f"CREATE TABLE made (id INT PRIMARY KEY, {columns})")
    plan = planned(target, *wanted.split(", "), table="made")
    assert code in codes(plan)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ("ENGINE=MyISAM", "engine"),
        ("ROW_FORMAT=COMPRESSED", "compressed"),
        ("PARTITION BY HASH (id) PARTITIONS 2", "partitioned"),
    ],
)
def test_what_kind_of_table_it_is_is_seen(target: MySQLTarget, database: Any, options: str, code: str) -> None:
    database.execute(f"CREATE TABLE made (id INT PRIMARY KEY, a INT) {options}")
    assert code in codes(planned(target, "a", table="made"))


@pytest.mark.parametrize("row_format", ["DYNAMIC", "COMPACT", "REDUNDANT"])
@pytest.mark.parametrize(
    "columns",
    [
        "a VARCHAR(191)",
        "a VARCHAR(192)",
        "a VARCHAR(768)",
        "a VARCHAR(769)",
        "a VARCHAR(384), b VARCHAR(384)",
        "a VARCHAR(400), b VARCHAR(400)",
    ],
)
def test_a_key_is_too_long_for_us_when_it_is_for_the_server(
    target: MySQLTarget, database: Any, row_format: str, columns: str
) -> None:
    database.execute(f"CREATE TABLE made (id INT PRIMARY KEY, {columns}) CHARSET utf8mb4 ROW_FORMAT={row_format}")
    names = [column.split()[0] for column in columns.split(", ")]
    refused = "key_too_long" in codes(planned(target, *names, table="made"))
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET SESSION sql_mode = 'STRICT_ALL_TABLES'")
        try:
            cursor.execute(f"ALTER TABLE made ADD INDEX ix ({', '.join(names)}), ALGORITHM=INPLACE, LOCK=NONE")
        except Exception:
            whole = False
        else:
            cursor.execute("SHOW INDEX FROM made WHERE Key_name = 'ix' AND Sub_part IS NOT NULL")
            whole = not cursor.fetchall()
    assert refused is not whole


def test_a_view_is_no_table(target: MySQLTarget, database: Any) -> None:
    database.execute("CREATE VIEW seen AS SELECT * FROM orders")
    assert "not_a_table" in codes(planned(target, "id", table="seen"))


@pytest.mark.mysql
@pytest.mark.parametrize(("column", "code"), [("p POINT NOT NULL", "geometry"), ("p JSON", "json")])
def test_what_mysql_alone_refuses(mysql_database: Any, column: str, code: str) -> None:
    mysql_database.execute(f"CREATE TABLE made (id INT PRIMARY KEY, {column})")
    target = MySQLTarget(MySQLUrl.parse(mysql_database.url), clock=SystemClock())
    assert code in codes(planned(target, "p", table="made"))
    target.close()


def test_a_plan_leaves_no_trace(target: MySQLTarget, database: Any) -> None:
    (before,) = database.execute("SHOW CREATE TABLE orders")
    plan = planned(target, "email", "customer_id")
    assert plan.refusal is None
    assert plan.forecast is not None
    assert database.execute("SHOW CREATE TABLE orders") == [before]
    assert [row[f"Tables_in_{database.name}"] for row in database.execute("SHOW TABLES")] == ["orders"]
