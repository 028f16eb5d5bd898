"""The contract of `Clock`."""

# ruff: noqa: S101 -- asserting is what a contract does

from datetime import UTC, timedelta

import pytest

from executor_core.ports import Clock

A_MOMENT = timedelta(milliseconds=20)


class ClockContract:
    """What every `Clock` must do."""

    @pytest.fixture
    def clock(self) -> Clock:
        """The clock under test."""
        raise NotImplementedError

    def test_now_is_an_aware_utc_datetime(self, clock: Clock) -> None:
        assert clock.now().tzinfo is UTC

    def test_a_wait_returns_when_the_duration_has_passed(self, clock: Clock) -> None:
        monotonic, now = clock.monotonic(), clock.now()
        clock.wait(A_MOMENT)
        assert clock.monotonic() - monotonic >= A_MOMENT
        assert clock.now() > now

    @pytest.mark.parametrize("duration", [timedelta(), -timedelta(hours=1), timedelta.min])
    def test_a_wait_for_nothing_returns_at_once(self, clock: Clock, duration: timedelta) -> None:
        before = clock.monotonic()
        clock.wait(duration)
        assert timedelta() <= clock.monotonic() - before < timedelta(seconds=5)

    def test_monotonic_never_goes_back(self, clock: Clock) -> None:
        readings = [clock.monotonic() for _ in range(100)]
        assert readings == sorted(readings)
