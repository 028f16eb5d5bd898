"""Windows: what happened between two readings, and when that can't be known."""

from datetime import timedelta

import pytest
from tests.unit.executor_core.loads import BORN, START, Load, steady

from executor_core.histogram import bucket_scale
from executor_core.metrics import COUNTER_MODULUS, DigestKey, DigestRow, Snapshot
from executor_core.window import IDLE, Delta, Series, difference, readings_of, window_of

SCALE = bucket_scale()
KEY = DigestKey(None, "q")


def row(n: int, **changes: object) -> DigestRow:
    return DigestRow(digest="q", count_star=n, sum_timer_wait_ps=n * 1000, **changes)  # type: ignore[arg-type]


def series(*rows: DigestRow | None, lost: tuple[int, ...] | None = None, restarted: int | None = None) -> Series:
    """The series of snapshots a minute apart, each with one row or none."""
    snapshots = [
        Snapshot(
            taken_at=START + timedelta(minutes=i),
            uptime_s=1000 + 60 * i if restarted is None or i < restarted else i,
            digests_lost=lost[i] if lost else 0,
            digests=() if each is None else (each,),
        )
        for i, each in enumerate(rows)
    ]
    return window_of(readings_of("after", snapshots), scale=SCALE, origin=START).series[KEY]


def test_consecutive_differences_add_up_to_the_whole() -> None:
    seen = series(row(5), row(7), row(17))
    assert [delta.executions for delta in seen.deltas] == [2, 10]
    assert (seen.total.executions, seen.total.time_ps, seen.unknown) == (12, 12_000, 0)


def test_a_row_made_in_between_counts_from_zero() -> None:
    born = START + timedelta(seconds=30)
    assert series(None, row(7, first_seen=born)).total.executions == 7


@pytest.mark.parametrize("born", [None, BORN])
def test_a_row_of_unknown_age_is_unknown(born: object) -> None:
    assert series(None, row(7, first_seen=born)).unknown == 1


def test_a_row_that_vanished_is_unknown() -> None:
    assert series(row(7), None).unknown == 1


def test_a_row_made_anew_costs_one_interval_and_a_wrong_reading_its_neighbours() -> None:
    reborn = START + timedelta(seconds=90)
    anew = series(
        row(5, first_seen=BORN), row(9, first_seen=BORN), row(9, first_seen=reborn), row(12, first_seen=reborn)
    )
    assert (anew.unknown, anew.total.executions) == (1, 7)
    assert series(row(5), row(9), row(1), row(12), row(13)).positions == (3,)


def test_absence_is_idleness_unless_the_table_overflowed() -> None:
    assert series(None, None, row(0), lost=(0, 0, 0)).deltas[0] == IDLE
    assert series(None, None, row(0), lost=(0, 1, 1)).positions == ()


def test_a_restart_makes_the_interval_unknown() -> None:
    assert series(row(1), row(2), row(3), row(4), restarted=2).positions == (0, 2)


def test_a_first_reading_that_contradicts_the_one_before_is_not_believed() -> None:
    readings = readings_of("after", steady(Load("q"), intervals=2))
    key = DigestKey("shop", "q")
    ahead = readings[0].rows[key].model_copy(update={"count_star": 10**9, "sum_errors": 0})
    preceding = readings_of("baseline", [readings[0].snapshot.model_copy(update={"digests": (ahead,)})])[0]
    window = window_of(readings, scale=SCALE, origin=START, preceding=preceding)
    assert window.series[key].positions == (1,)


def test_a_wrapped_sum_is_no_reset() -> None:
    before = row(5).model_copy(update={"sum_timer_wait_ps": COUNTER_MODULUS - 10})
    after = row(6).model_copy(update={"sum_timer_wait_ps": 20, "max_timer_wait_ps": 30})
    delta = difference(before, after, SCALE)
    assert delta is not None
    assert delta.time_ps == 30
    assert difference(before, after.model_copy(update={"max_timer_wait_ps": 29}), SCALE) is None
    assert difference(before, after.model_copy(update={"max_timer_wait_ps": None}), SCALE) is None


def test_time_without_an_execution_is_not_believed() -> None:
    assert difference(row(5), row(5), SCALE) == IDLE
    assert difference(row(5), row(5).model_copy(update={"sum_timer_wait_ps": 9000}), SCALE) is None


def test_what_a_difference_holds() -> None:
    before = row(1)
    after = row(
        3,
        sum_lock_time_ps=500,
        sum_rows_sent=4,
        sum_rows_affected=5,
        sum_rows_examined=6,
        sum_no_index_used=1,
        sum_select_full_join=2,
        sum_select_scan=7,
        sum_errors=9,
        sum_cpu_time_ps=8,
    )
    assert difference(before, after, SCALE) == Delta(2, 2000, 1500, 8, 6, 9, 2, 7, 2, None)


def test_a_window_of_one_snapshot_is_empty() -> None:
    window = window_of(readings_of("after", steady(Load("q"), intervals=1)[:1]), scale=SCALE, origin=START)
    assert window.middle == 0.0
    assert window.series[DigestKey("shop", "q")].total == IDLE
