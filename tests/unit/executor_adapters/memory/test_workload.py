import math
from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor_adapters.memory import Cost, FakeClock, FakeDatabase, FakeServer, Query
from executor_adapters.memory.workload import bucket_of
from executor_core.index_definition import parse_index_definition
from executor_core.metrics import DigestRole, DigestRow, Snapshot

INDEX = parse_index_definition("orders", "idx", ["customer_id"])
SLOW = Cost(latency=timedelta(milliseconds=50), rows_examined=1000, rows_sent=3, full_scan=True)
FAST = Cost(latency=timedelta(milliseconds=1), rows_examined=5, rows_sent=3)
READ = Query(text="SELECT ...", per_second=3, cost=SLOW, table="orders", indexed={"Customer_ID": FAST})


def world(*queries: Query) -> tuple[FakeClock, FakeServer, FakeDatabase]:
    clock = FakeClock()
    server = FakeServer(clock)
    server.add_table("orders", {"id": "int", "customer_id": "int"})
    for query in queries:
        server.add_query(query)
    return clock, server, FakeDatabase(server)


def snapshot(database: FakeDatabase) -> Snapshot:
    digests = [query.digest for query in database.server.queries()]
    return database.snapshot(INDEX, database.choose_digests(INDEX, digests))


def row_of(database: FakeDatabase) -> DigestRow:
    (row,) = snapshot(database).digests
    return row


def test_the_counters_are_those_of_the_work_done() -> None:
    clock, _, database = world(READ)
    clock.advance(timedelta(seconds=10))
    row = row_of(database)
    assert (row.count_star, row.sum_rows_examined, row.sum_rows_sent) == (30, 30_000, 90)
    assert (row.sum_no_index_used, row.sum_select_scan, row.sum_timer_wait_ps) == (30, 30, 30 * 50 * 10**9)
    assert row.max_timer_wait_ps == 50 * 10**9


def test_an_index_changes_what_comes_after_it() -> None:
    clock, server, database = world(READ)
    clock.advance(timedelta(seconds=10))
    server.add_index("orders", "idx", ["customer_id"])
    clock.advance(timedelta(seconds=10))
    row = row_of(database)
    assert (row.count_star, row.sum_rows_examined, row.sum_no_index_used) == (60, 30_150, 30)
    usage = snapshot(database).index_usage
    assert usage == {"PRIMARY": {"count_fetch": 0}, "idx": {"count_fetch": 150}}


def test_a_digest_has_no_row_before_its_first_execution() -> None:
    clock, _, database = world(Query(text="SELECT ...", per_second=0.5, cost=FAST, table="orders"))
    clock.advance(timedelta(seconds=1))
    assert snapshot(database).digests == ()
    clock.advance(timedelta(seconds=1))
    assert row_of(database).count_star == 1


@given(st.lists(st.integers(0, 3_000_000), max_size=20))
def test_looking_more_often_changes_nothing(pauses: Sequence[int]) -> None:
    watched, once = world(READ), world(READ)
    for pause in pauses:
        watched[0].advance(timedelta(microseconds=pause))
        snapshot(watched[2])
    once[0].advance(timedelta(microseconds=sum(pauses)))
    often = [(row.count_star, row.sum_timer_wait_ps, row.histogram) for row in snapshot(watched[2]).digests]
    assert often == [(row.count_star, row.sum_timer_wait_ps, row.histogram) for row in snapshot(once[2]).digests]


def test_the_table_s_other_digests_and_reads_of_other_tables_are_watched_too() -> None:
    write = Query(text="INSERT ...", per_second=1, cost=FAST, table="orders", writes=True)
    other_read = Query(text="SELECT 2 ...", per_second=1, cost=FAST, table="orders")
    control = Query(text="SELECT 3 ...", per_second=1, cost=FAST)
    clock, _, database = world(control, other_read, READ, write)
    clock.advance(timedelta(seconds=2))
    watched = database.choose_digests(INDEX, ["unknown", READ.digest])
    assert [(each.key.digest, each.role) for each in watched] == [
        (READ.digest, DigestRole.TARGET),
        (other_read.digest, DigestRole.TARGET),
        (write.digest, DigestRole.WRITE),
        (control.digest, DigestRole.CONTROL),
    ]


def test_a_restart_begins_the_counters_and_the_uptime_anew() -> None:
    clock, server, database = world(READ)
    clock.advance(timedelta(seconds=100))
    before = snapshot(database)
    server.restart()
    clock.advance(timedelta(seconds=10))
    after = snapshot(database)
    assert (before.uptime_s, after.uptime_s) == (100, 10)
    assert after.digests[0].count_star == 30
    assert (after.digests[0].first_seen or before.taken_at) > before.taken_at


def test_the_server_s_clock_is_its_own() -> None:
    clock, _, database = world(READ)
    before = snapshot(database).taken_at
    clock.set_wall_clock(before - timedelta(days=1))
    clock.advance(timedelta(seconds=1))
    assert snapshot(database).taken_at == before + timedelta(seconds=1)


@pytest.mark.parametrize("latency_ps", [1, 9_999_999, 10_000_000, 12_345_678, 10**9, 3 * 10**12, 10**17])
def test_latencies_fall_into_the_server_s_buckets(latency_ps: int) -> None:
    bucket = bucket_of(latency_ps)
    lower = 0 if bucket == 0 else 10 ** (7 + (bucket - 1) / 50)
    upper = math.inf if bucket == 449 else 10 ** (7 + bucket / 50)
    assert lower <= latency_ps < upper
