"""How long others may queue behind a statement of ours."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor_core.tolerance import Tolerance


def ms(number: float) -> timedelta:
    return timedelta(milliseconds=number)


BUDGET, CEILING = ms(250), ms(1500)
BUDGETS = st.timedeltas(ms(1), timedelta(minutes=1))
WORK = st.timedeltas(timedelta(), timedelta(days=2))
LOST = st.integers(0, 10_000)


def test_a_long_build_is_worth_the_ceiling_and_no_more() -> None:
    assert Tolerance(budget=BUDGET, ceiling=CEILING).at_commit(timedelta(hours=3)) == CEILING


@pytest.mark.parametrize(("lost", "allowed"), [(0, 250), (1, 500), (2, 1000), (3, 1500), (9999, 1500)])
def test_each_build_that_was_lost_doubles_what_the_next_commit_is_worth(lost: int, allowed: float) -> None:
    tolerance = Tolerance(budget=BUDGET, ceiling=CEILING, lost_builds=lost)
    assert tolerance.at_commit(timedelta()) == ms(allowed)
    assert tolerance.grows is (allowed < 1500)


def test_a_budget_above_the_ceiling_is_kept() -> None:
    tolerance = Tolerance(budget=timedelta(seconds=5), ceiling=CEILING, lost_builds=3)
    assert tolerance.at_commit(timedelta(hours=3)) == timedelta(seconds=5)
    assert not tolerance.grows


@given(budget=BUDGETS, work=WORK, more=st.timedeltas(timedelta(), ms(9999)), lost=LOST)
def test_neither_more_work_nor_a_loss_shortens_what_is_allowed(
    budget: timedelta, work: timedelta, more: timedelta, lost: int
) -> None:
    def allowed(work: timedelta, lost: int) -> timedelta:
        return Tolerance(budget=budget, ceiling=CEILING, lost_builds=lost).at_commit(work)

    assert budget <= allowed(work, lost) <= allowed(work + more, lost + 1) <= max(budget, CEILING)
