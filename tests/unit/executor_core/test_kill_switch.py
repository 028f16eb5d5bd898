"""The kill switch: whatever is not a fresh and well-formed "off" means stop."""

import pytest
from tests.unit.executor_core.facts import NOON, after, seconds

from executor_core.kill_switch import KillSwitchAnswer, KillSwitchReading, must_stop

TRUST = seconds(15)


def said(*, everywhere: bool = False, connection: bool = False, reason: str | None = None) -> KillSwitchReading:
    answer = KillSwitchAnswer(global_active=everywhere, connection_active=connection, reason=reason)
    return KillSwitchReading(at=NOON, answer=answer)


FAILED = KillSwitchReading(at=NOON, answer=None, error="timed out after 5 s")


@pytest.mark.parametrize(
    ("reading", "engaged"),
    [
        (said(), False),
        (said(everywhere=True), True),
        (said(connection=True), True),
        (said(everywhere=True, connection=True), True),
        (FAILED, True),
        (KillSwitchReading(at=NOON, answer=None), True),
    ],
)
def test_only_an_answer_with_both_switches_off_is_off(reading: KillSwitchReading, engaged: bool) -> None:
    assert reading.engaged is engaged
    assert reading.said_off is not engaged


@pytest.mark.parametrize(
    ("reading", "sentence"),
    [
        (said(everywhere=True), "the global kill switch is active"),
        (said(everywhere=True, connection=True, reason="incident 7"), "the global kill switch is active: incident 7"),
        (said(connection=True), "the kill switch of this connection is active"),
        (said(connection=True, reason="maintenance"), "the kill switch of this connection is active: maintenance"),
        (FAILED, "the kill switch could not be read, so it counts as active: timed out after 5 s"),
    ],
)
def test_a_reading_that_means_stop_says_why(reading: KillSwitchReading, sentence: str) -> None:
    assert reading.sentence == sentence


@pytest.mark.parametrize("last_off", [None, NOON, after(-1), after(-3600), after(5)])
def test_an_answer_needs_no_trust(last_off: object) -> None:
    assert must_stop(said(everywhere=True), last_off, trust=TRUST)  # type: ignore[arg-type]
    assert not must_stop(said(), last_off, trust=TRUST)  # type: ignore[arg-type]


@pytest.mark.parametrize(("ago", "stop"), [(0, False), (14.999, False), (15, False), (15.001, True), (3600, True)])
def test_a_look_that_failed_is_bridged_by_the_last_off_while_that_is_trusted(ago: float, stop: bool) -> None:
    assert must_stop(FAILED, after(-ago), trust=TRUST) is stop


def test_a_look_that_failed_is_not_bridged_where_off_was_never_said() -> None:
    assert must_stop(FAILED, None, trust=TRUST)


def test_an_off_from_the_future_of_a_clock_that_was_set_back_bridges_nothing() -> None:
    assert must_stop(FAILED, after(0.001), trust=TRUST)


def test_without_trust_only_an_off_of_the_same_instant_bridges() -> None:
    assert not must_stop(FAILED, NOON, trust=seconds(0))
    assert must_stop(FAILED, after(-0.001), trust=seconds(0))
