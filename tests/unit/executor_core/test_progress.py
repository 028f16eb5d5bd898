"""When a build would be done, told from two looks at its progress."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.executor_core.facts import NOON, after, seconds

from executor_core.progress import LEAST_DONE, Progress


def progress(seen_s: float, first: float, done: float) -> Progress:
    return Progress.begun(NOON, first).seen(after(seen_s), done)


def test_a_build_goes_on_at_the_pace_that_was_seen() -> None:
    assert progress(30, 0.1, 0.4).expected_end() == after(90)


@pytest.mark.parametrize(("seen_s", "first", "done"), [(4.9, 0.1, 0.9), (60, 0.1, 0.11), (60, 0.5, 0.4)])
def test_looks_that_are_too_close_tell_nothing(seen_s: float, first: float, done: float) -> None:
    assert progress(seen_s, first, done).expected_end() is None
    assert not progress(seen_s, first, done).would_break(seconds(1), NOON)


@pytest.mark.parametrize(("limit_s", "breaks"), [(40, True), (59, True), (61, False), (90, False)])
def test_a_limit_is_broken_by_a_clear_margin_only(limit_s: float, breaks: bool) -> None:
    assert progress(30, 0.1, 0.4).would_break(seconds(limit_s), NOON) is breaks


def test_what_the_build_took_before_it_was_seen_counts() -> None:
    assert progress(30, 0.1, 0.4).would_break(seconds(61), after(-10))


def written(first: int | None, now: int | None, done: float = 0.4) -> float | None:
    return Progress.begun(NOON, 0.1, first).seen(after(30), done, now).written_by_end()


def test_rows_come_and_go_at_the_pace_that_was_seen() -> None:
    assert written(1000, 1300) == 900


@pytest.mark.parametrize(
    ("first", "now", "done"),
    [(None, 1300, 0.4), (1000, None, 0.4), (1000, 999, 0.4), (1000, 1300, 0.11)],
    ids=["not at first", "not now", "counted anew", "without an end in sight"],
)
def test_how_many_rows_come_and_go_is_not_always_known(first: int | None, now: int | None, done: float) -> None:
    assert written(first, now, done) is None


@given(seen_s=st.floats(5, 1e5), first=st.floats(0, 0.5), gained=st.floats(LEAST_DONE * 1.01, 0.5))
def test_a_build_is_never_done_before_the_latest_look(seen_s: float, first: float, gained: float) -> None:
    end = progress(seen_s, first, first + gained).expected_end()
    assert end is not None
    assert end >= after(seen_s)
