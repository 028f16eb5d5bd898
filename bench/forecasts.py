"""How right the plan is: size and time of builds on a table of a server, expected and measured.

    python -m bench.forecasts mysql://root@127.0.0.1:3306 --rows 1000000

A schema of its own is made there and dropped again.
"""

import argparse
import time
from datetime import timedelta

import pymysql
from bench.change.table import connect

from executor_adapters.clock import SystemClock
from executor_adapters.mysql import MySQLTarget, MySQLUrl
from executor_core.change_plan import plan_run
from executor_core.ddl import Marker
from executor_core.index_definition import parse_index_definition
from executor_core.model import ExecutionRun, RunId
from executor_core.target import BuildOrder

SCHEMA = "executor_bench_forecasts"
TABLES = {
    "narrow": "id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, customer_id INT NOT NULL, total DECIMAL(10,2) NOT NULL,"
    " created_at DATETIME NOT NULL",
    "orders": "id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, customer_id INT NOT NULL, status VARCHAR(20) NOT NULL,"
    " email VARCHAR(255) NOT NULL, note TEXT",
}
VALUES = {
    "narrow": "customer_id, total, created_at) SELECT FLOOR(RAND(1) * 100000), FLOOR(RAND(2) * 100000) / 100,"
    " '2026-01-01' + INTERVAL FLOOR(RAND(3) * 10000000) SECOND",
    "orders": "customer_id, status, email, note) SELECT FLOOR(RAND(1) * 100000),"
    " ELT(1 + FLOOR(RAND(2) * 4), 'new', 'paid', 'shipped', 'cancelled'),"
    " CONCAT('user', FLOOR(RAND(3) * 1000000), '@example.com'), REPEAT('x', 20 + FLOOR(RAND(4) * 100))",
}
INDEXES = {
    "narrow": (["customer_id"], ["customer_id", "created_at"], ["total"]),
    "orders": (["customer_id"], ["status"], ["email"], ["email", "status", "customer_id"], ["note(20)"]),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="How right the plan is.")
    parser.add_argument("server", help="mysql://user:password@host:port")
    parser.add_argument("--rows", type=int, default=1_000_000)
    arguments = parser.parse_args()
    url = MySQLUrl.parse(f"{arguments.server.rstrip('/')}/{SCHEMA}")
    with connect(url, None) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {SCHEMA}")
        cursor.execute(f"CREATE DATABASE {SCHEMA} CHARACTER SET utf8mb4")
        cursor.execute(f"USE {SCHEMA}")
        target = MySQLTarget(url, clock=SystemClock())
        print("| table | index | size expected | built | ratio | time expected | taken | ratio | plan | arithmetic |")
        print("|---|---|---|---|---|---|---|---|---|---|")
        try:
            for name in TABLES:
                fill(cursor, name, arguments.rows)
                for number, columns in enumerate(INDEXES[name]):
                    measure(cursor, target, name, f"ix_{number}", columns)
        finally:
            target.close()
            cursor.execute(f"DROP DATABASE {SCHEMA}")


def fill(cursor: pymysql.cursors.Cursor, name: str, rows: int) -> None:
    cursor.execute(f"CREATE TABLE {name} ({TABLES[name]})")
    numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)"
    for done in range(0, rows, 100_000):
        cursor.execute(
            f"INSERT INTO {name} ({VALUES[name]} FROM ({numbers} SELECT a.i FROM n a JOIN n b"
            f" WHERE b.i <= {min(100_000, rows - done) // 1000}) made"
        )
    cursor.execute(f"ANALYZE TABLE {name}")


def measure(
    cursor: pymysql.cursors.Cursor, target: MySQLTarget, table: str, index_name: str, columns: list[str]
) -> None:
    run = ExecutionRun(
        id="bench",
        connection_id="bench",
        action="ADD_INDEX",
        table_name=table,
        index_name=index_name,
        columns=tuple(columns),
        query_digests=(),
    )
    index = parse_index_definition(table, index_name, columns)
    began = time.monotonic()
    plan = plan_run(run, target)
    expected, arithmetic = plan.forecast, target.survey(index).arithmetic
    planned_s = time.monotonic() - began
    assert expected is not None
    marker = Marker(RunId("bench"), 1)
    target.start_build(
        BuildOrder(schema_name=SCHEMA, index=index, marker=marker, lock_wait=timedelta(milliseconds=250))
    )
    while (report := target.build_report(index)) is None:
        time.sleep(0.01)
    assert report.error is None, report
    cursor.execute(f"ANALYZE TABLE {table}")
    cursor.execute(
        "SELECT stat_value * @@innodb_page_size FROM mysql.innodb_index_stats"
        " WHERE database_name = %s AND table_name = %s AND index_name = %s AND stat_name = 'size'",
        (SCHEMA, table, index_name),
    )
    (size,) = cursor.fetchone() or (0,)
    cursor.execute(f"DROP INDEX {index_name} ON {table}")
    expected_s, took_s = expected.build_time.total_seconds(), report.elapsed.total_seconds()
    print(
        f"| {table} | {', '.join(columns)} | {expected.index_bytes / 1e6:.1f} MB | {size / 1e6:.1f} MB |"
        f" {expected.index_bytes / float(size):.2f} | {expected_s:.1f} s | {took_s:.1f} s | {expected_s / took_s:.2f} |"
        f" {planned_s:.2f} s | {0 if arithmetic is None else arithmetic.total_seconds():.3f} s |",
        flush=True,
    )


if __name__ == "__main__":
    main()
