"""Durations as policy, and pure backoff."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.executor_core.facts import seconds

from executor_core.errors import InvalidInput
from executor_core.pacing import EXTENDED_SAMPLE_INTERVAL, Pacing, backoff

FIRST, MOST = seconds(1), seconds(30)


def test_the_windows_are_the_specifications() -> None:
    pacing = Pacing()
    assert (pacing.baseline_window, pacing.after_window) == (timedelta(minutes=5), timedelta(minutes=5))
    assert pacing.longest(pacing.after_window) == timedelta(minutes=30)


@pytest.mark.parametrize("name", ["baseline_window", "after_window", "kill_switch_interval", "lock_wait", "build_poll"])
@pytest.mark.parametrize("length", [seconds(0), seconds(-1)])
def test_what_has_to_last_can_be_neither_zero_nor_negative(name: str, length: timedelta) -> None:
    with pytest.raises(InvalidInput) as refused:
        Pacing(**{name: length})
    assert str(refused.value) == f"the {name.replace('_', ' ')} must be longer than zero"


MAY_BE_ZERO = [
    "extended_window",
    "settle",
    "kill_switch_trust",
    "commit_lock_wait",
    "build_patience",
    "rollback_patience",
    "outage_patience",
]


@pytest.mark.parametrize("name", MAY_BE_ZERO)
def test_what_can_be_turned_off_may_be_zero_but_not_negative(name: str) -> None:
    assert getattr(Pacing(**{name: seconds(0)}), name) == seconds(0)
    with pytest.raises(InvalidInput) as refused:
        Pacing(**{name: seconds(-1)})
    assert str(refused.value) == f"the {name.replace('_', ' ')} must not be negative"


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"build_tries": 0}, "a build must be tried at least once"),
        ({"build_limit": seconds(0)}, "the build limit must be longer than zero"),
        ({"replica_lag_limit": seconds(-1)}, "the replica lag limit must be longer than zero"),
        ({"slowdown_limit": 1.0}, "the slowdown limit must be more than 1"),
        ({"slowdown_limit": float("nan")}, "the slowdown limit must be more than 1"),
        ({"end_idle_transactions": seconds(0.5)}, "idle for a second at least"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        Pacing(**wrong)


def test_nobody_is_ended_and_no_build_is_stopped_unless_the_operator_says_so() -> None:
    pacing = Pacing()
    assert (pacing.end_idle_transactions, pacing.build_limit) == (None, None)
    assert (pacing.replica_lag_limit, pacing.slowdown_limit) == (None, None)
    assert Pacing(end_idle_transactions=seconds(1), build_limit=seconds(1), build_tries=1).build_tries == 1


@pytest.mark.parametrize(
    ("window", "interval"),
    [
        (timedelta(minutes=5), 10),
        (timedelta(minutes=2), 10),
        (timedelta(minutes=1), 5),
        (seconds(30), 2.5),
        (seconds(12), 1),
        (seconds(2), 1),
    ],
)
def test_samples_are_closer_in_a_short_window(window: timedelta, interval: float) -> None:
    assert Pacing().sample_interval(window, extended=False) == seconds(interval)


def test_samples_of_an_extended_window_are_further_apart() -> None:
    assert Pacing().sample_interval(timedelta(minutes=30), extended=True) == EXTENDED_SAMPLE_INTERVAL
    assert Pacing().sample_interval(seconds(60), extended=True) == seconds(5)


@pytest.mark.parametrize(("tries", "wait"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 30), (7, 30), (10_000, 30)])
def test_a_wait_doubles_up_to_the_longest(tries: int, wait: float) -> None:
    assert backoff(tries, 1.0, first=FIRST, most=MOST) == seconds(wait)
    assert backoff(tries, 0.0, first=FIRST, most=MOST) == seconds(wait / 2)


@given(tries=st.integers(1, 1000), jitter=st.floats(0, 1, exclude_max=True))
def test_a_wait_is_never_shorter_than_half_and_never_longer_than_the_longest(tries: int, jitter: float) -> None:
    assert FIRST / 2 <= backoff(tries, jitter, first=FIRST, most=MOST) <= MOST


@given(tries=st.integers(1, 1000), jitter=st.floats(0, 1, exclude_max=True))
def test_a_wait_is_never_shorter_after_one_more_failure(tries: int, jitter: float) -> None:
    earlier = backoff(tries, jitter, first=FIRST, most=MOST)
    assert backoff(tries + 1, jitter, first=FIRST, most=MOST) >= earlier
