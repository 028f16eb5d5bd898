"""When our statement begins, and when it gives way: samples in, decisions out."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor_adapters.mysql.stall import LEAST_LOST, CalmWatch, Sample, StallWatch, Waiter
from executor_core.tolerance import Tolerance

BUDGET = timedelta(milliseconds=250)
CEILING = timedelta(milliseconds=500)
APP, OTHER = Waiter(7, 1), Waiter(8, 1)


def ms(number: float) -> timedelta:
    return timedelta(milliseconds=number)


def sample(at: float, *queue: Waiter, waiting: bool = True) -> Sample:
    return Sample(at=ms(at), waiting=waiting, queue=frozenset(queue))


def watch(budget: timedelta = BUDGET) -> StallWatch:
    return StallWatch(Tolerance(budget=budget, ceiling=CEILING))


def test_a_table_is_free_when_two_looks_in_a_row_find_nobody() -> None:
    calm = CalmWatch()
    looks = [calm.is_free(frozenset(locks)) for locks in ([], [(1, 1)], [], [])]
    assert looks == [False, False, False, True]


def test_who_stays_is_told_from_those_who_come_and_go() -> None:
    calm = CalmWatch()
    for number in range(3):
        calm.is_free(frozenset({(1, 1), (2, number), (3, number % 2)}))
    assert calm.stayed == {(1, 1)}


def test_only_what_has_worked_and_waits_is_lost_at_its_commit() -> None:
    one = watch()
    assert not one.at_commit
    one.judge(sample(0, waiting=False))
    one.judge(sample(LEAST_LOST / ms(1) - 1))
    assert not one.at_commit
    one.judge(sample(200, waiting=False))
    one.judge(sample(1000, waiting=False))
    assert not one.at_commit
    one.judge(sample(1010))
    assert one.at_commit


def test_nobody_waits() -> None:
    one = watch()
    assert [one.judge(sample(at)) for at in (0, 100, 10_000)] == [None, None, None]


def test_a_wait_within_the_budget_is_let_be_and_a_longer_one_is_not() -> None:
    one = watch()
    assert one.judge(sample(0, APP)) is None
    assert one.judge(sample(250, APP)) is None
    overdue = one.judge(sample(251, APP, OTHER))
    assert overdue is not None
    assert (overdue.waiters, overdue.longest, overdue.allowed) == (2, ms(251), BUDGET)


@pytest.mark.parametrize("another", [OTHER, Waiter(7, 2)])
def test_short_waits_one_after_another_are_not_one_long_wait(another: Waiter) -> None:
    one = watch()
    assert one.judge(sample(0, APP)) is None
    assert one.judge(sample(200, another)) is None
    assert one.judge(sample(400, APP)) is None
    assert one.judge(sample(600, APP)) is None


def test_it_matters_to_nobody_whether_our_own_statement_waits_while_others_do() -> None:
    """Behind somebody's FLUSH TABLES or RENAME they wait for our build, which doesn't wait at all."""
    one = watch()
    assert one.judge(sample(0, APP, waiting=False)) is None
    assert one.judge(sample(300, APP, waiting=False)) is not None


def test_a_long_build_is_worth_a_longer_wait_at_its_commit_up_to_the_ceiling() -> None:
    one = watch()
    one.judge(sample(0, waiting=False))
    assert one.judge(sample(40_000, APP)) is None
    assert one.judge(sample(40_400, APP)) is None
    overdue = one.judge(sample(40_401, APP))
    assert overdue is not None
    assert overdue.allowed == ms(400)


def test_waiting_is_no_work() -> None:
    one = watch()
    one.judge(sample(0))
    one.judge(sample(60_000, APP))
    overdue = one.judge(sample(60_251, APP))
    assert overdue is not None
    assert overdue.allowed == BUDGET


def test_a_long_build_is_worth_nothing_to_those_who_would_wait_for_its_rest() -> None:
    one = watch()
    one.judge(sample(0, waiting=False))
    one.judge(sample(60_000, APP, waiting=False))
    assert one.judge(sample(60_251, APP, waiting=False)) is not None


BUDGETS = st.timedeltas(ms(1), timedelta(minutes=1))
STEPS = st.lists(
    st.tuples(
        st.timedeltas(timedelta(), timedelta(seconds=5)),
        st.booleans(),
        st.frozensets(st.builds(Waiter, st.integers(1, 4), st.integers(1, 2)), max_size=5),
    ),
    max_size=40,
)


@given(budget=BUDGETS, steps=STEPS)
def test_who_is_overdue_has_been_there_for_longer_than_was_allowed(
    budget: timedelta, steps: list[tuple[timedelta, bool, frozenset[Waiter]]]
) -> None:
    one, at = watch(budget), timedelta()
    seen: list[Sample] = []
    for step, waiting, queue in steps:
        at += step
        seen.append(Sample(at=at, waiting=waiting, queue=queue))
        overdue = one.judge(seen[-1])
        stays = {waiter: _there_since(seen, waiter) for waiter in queue}
        longest = max((at - since for since in stays.values()), default=timedelta())
        if overdue is None:
            assert longest <= max(budget, CEILING)
            assert waiting or longest <= budget
        else:
            assert (overdue.longest, overdue.waiters) == (longest, len(queue))
            assert budget <= overdue.allowed < longest
            assert overdue.allowed <= max(budget, CEILING)


def _there_since(seen: list[Sample], waiter: Waiter) -> timedelta:
    since = seen[-1].at
    for each in reversed(seen):
        if waiter not in each.queue:
            break
        since = each.at
    return since
