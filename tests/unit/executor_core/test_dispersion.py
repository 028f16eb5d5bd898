"""Noise beyond what single executions explain."""

import math

import pytest

from executor_core.dispersion import NO_EXCESS, Batches, Excess, Noise, batches, excess, pool, slope, welch_degrees


def test_batches_of_one_interval_or_of_nothing_show_nothing() -> None:
    assert batches([5.0], [1.0]) == Batches(1, mean=5.0)
    assert batches([0.0, 0.0], [1.0, 1.0]) == Batches(2)


def test_batch_variance_is_that_of_the_mean() -> None:
    seen = batches([90.0, 110.0], [1.0, 1.0])
    assert seen.variance == pytest.approx(0.1**2)  # sd of an interval 0.1·√2, over √2 intervals
    assert seen.lag == pytest.approx(-0.005)
    assert seen.mean == 100.0
    assert batches([90.0, 110.0], [1.0, 1.0], absolute=True).variance == pytest.approx(10.0**2)


def test_excess_is_what_the_executions_do_not_explain() -> None:
    side = Batches(4, 0.01, 0.002)
    seen = excess(side, side, explained_before=0.004, explained_after=0.004)
    assert (seen.per_interval, seen.lag, seen.degrees, seen.intervals) == pytest.approx((0.024, 0.008, 6, 4.0))
    assert excess(Batches(1), Batches(1), explained_before=0.0, explained_after=0.0) == NO_EXCESS


def test_pooled_noise() -> None:
    assert pool([]) == Noise(0.0, 2.0)
    assert pool([Excess(0.04, 0.0, 6, 4.0)]) == Noise(0.04, 2.0)
    assert pool([Excess(-0.04, 0.0, 58, 30.0)]) == Noise(0.0, 1.0)
    correlated = pool([Excess(0.04, 0.02, 58, 30.0)])
    phi = 0.5 * (1 + 2 / 30)
    assert correlated.inflation == pytest.approx((1 + phi) / (1 - phi))
    assert pool([Excess(0.04, 0.04, 58, 30.0)]).inflation == pytest.approx(1.85 / 0.15)
    assert correlated.of(NO_EXCESS, 30, 30) == pytest.approx(0.04 * correlated.inflation / 15)


def test_degrees_of_freedom() -> None:
    assert welch_degrees([(1.0, 10.0)]) == pytest.approx(10.0)
    assert welch_degrees([(1.0, 10.0), (1.0, 10.0)]) == pytest.approx(20.0)
    assert welch_degrees([(1.0, math.inf)]) == math.inf


def test_slopes() -> None:
    assert slope([(0.0, 1.0), (1.0, 2.0)]) == (0.0, 0.0)
    assert slope([(0.0, 1.0), (1.0, 3.0), (2.0, 5.0), (3.0, 7.0)]) == pytest.approx((2.0, 0.0))
