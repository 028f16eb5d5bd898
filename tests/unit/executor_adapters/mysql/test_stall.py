"""When our statement gives way: samples in, keep or kill out."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor_adapters.mysql.stall import Sample, StallWatch, Tolerance, Waiter

BUDGET = timedelta(milliseconds=250)
CEILING = timedelta(milliseconds=500)
APP, OTHER = Waiter(7, 1), Waiter(8, 1)


def ms(number: float) -> timedelta:
    return timedelta(milliseconds=number)


def sample(at: float, *queue: Waiter, waiting: bool = True) -> Sample:
    return Sample(at=ms(at), waiting=waiting, queue=frozenset(queue))


def watch(budget: timedelta = BUDGET) -> StallWatch:
    return StallWatch(Tolerance(budget=budget, ceiling=CEILING))


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
    assert Tolerance(budget=BUDGET, ceiling=CEILING).at_commit(timedelta(hours=3)) == CEILING


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


def test_a_budget_above_the_ceiling_is_kept() -> None:
    assert Tolerance(budget=timedelta(seconds=5), ceiling=CEILING).at_commit(timedelta(hours=3)) == timedelta(seconds=5)


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


@given(budget=BUDGETS, work=st.timedeltas(timedelta(), timedelta(days=2)), more=st.timedeltas(timedelta(), ms(9999)))
def test_more_work_never_shortens_what_is_allowed(budget: timedelta, work: timedelta, more: timedelta) -> None:
    tolerance = Tolerance(budget=budget, ceiling=CEILING)
    assert budget <= tolerance.at_commit(work) <= tolerance.at_commit(work + more) <= max(budget, CEILING)
