from datetime import UTC, datetime, timedelta

import pytest

from executor_adapters.memory import FakeClock


def test_it_moves_only_when_waited_on_or_told() -> None:
    clock = FakeClock()
    assert clock.now() == clock.now()
    before = clock.monotonic()
    clock.wait(timedelta(minutes=5))
    clock.advance(timedelta(minutes=1))
    assert clock.monotonic() - before == timedelta(minutes=6)


def test_setting_the_wall_clock_moves_the_wall_clock_alone() -> None:
    clock = FakeClock()
    before = clock.monotonic()
    clock.set_wall_clock(datetime(2020, 1, 1, tzinfo=UTC))
    assert clock.monotonic() == before
    clock.advance(timedelta(hours=1))
    assert clock.now() == datetime(2020, 1, 1, 1, tzinfo=UTC)


def test_time_does_not_go_back() -> None:
    with pytest.raises(ValueError, match="does not go back"):
        FakeClock().advance(-timedelta(microseconds=1))
