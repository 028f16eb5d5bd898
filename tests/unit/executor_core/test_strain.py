"""How much longer statements take during a build than before it."""

import pytest
from tests.unit.executor_core.facts import NOON, after

from executor_core.metrics import DigestKey, DigestRow, Snapshot
from executor_core.strain import LEAST_EXECUTIONS, Strain, usual_times

MS = 10**9
USUAL = {DigestKey("shop", "a"): 10.0 * MS, DigestKey("shop", "b"): 0.01 * MS}


def row(digest: str, executions: int, ms: float) -> DigestRow:
    return DigestRow(schema_name="shop", digest=digest, count_star=executions, sum_timer_wait_ps=int(ms * MS))


def snapshot(*rows: DigestRow) -> Snapshot:
    return Snapshot(taken_at=NOON, digests=rows)


def strain(*looks: Snapshot) -> Strain:
    felt = Strain(usual=USUAL, at=NOON, latest=looks[0])
    for number, look in enumerate(looks[1:]):
        felt = felt.seen(after(5 * number), look)
    return felt


def test_the_usual_time_is_the_mean_over_the_window_before() -> None:
    first, last = snapshot(row("a", 100, 7.0), row("b", 5, 1.0)), snapshot(row("a", 110, 107.0), row("b", 5, 1.0))
    assert usual_times([first, snapshot(), last]) == {DigestKey("shop", "a"): 10.0 * MS}
    assert usual_times([]) == {}


def test_a_slowdown_lasts_when_both_of_the_latest_stretches_show_it() -> None:
    looks = [snapshot(row("a", 100, 1000)), snapshot(row("a", 200, 4000)), snapshot(row("a", 300, 9000))]
    assert strain(*looks[:2]).lasting is None
    assert strain(*looks).lasting == 3.0
    assert strain(*looks, snapshot(row("a", 400, 10_000))).lasting == 1.0


def test_each_execution_counts_the_same_and_none_is_felt_within_a_millisecond() -> None:
    looks = [snapshot(row("a", n, n * 10), row("b", 3 * n, 3 * n * 5)) for n in (0, 100, 200)]
    assert strain(*looks).lasting == (1 + 3 * 5) / 4
    looks = [snapshot(row("b", n, n * 1.0)) for n in (0, 100, 200)]
    assert strain(*looks).lasting == 1.0


@pytest.mark.parametrize(
    "later",
    [
        row("a", 100 + LEAST_EXECUTIONS - 1, 90_000),
        row("a", 90, 90_000),
        row("a", 200, 900),
        row("new", 200, 90_000),
    ],
    ids=["too few", "counted anew", "timed anew", "not seen before the build"],
)
def test_what_is_not_known_is_no_slowdown(later: DigestRow) -> None:
    first = snapshot(row("a", 100, 1000), row("new", 0, 0))
    felt = strain(first, snapshot(later), snapshot(later))
    assert felt.slowdowns == (None, None)
    assert felt.lasting is None


@pytest.mark.parametrize(("later_s", "due"), [(4.9, False), (5, True)])
def test_looks_are_some_seconds_apart(later_s: float, due: bool) -> None:
    assert strain(snapshot()).is_due(after(later_s)) is due
