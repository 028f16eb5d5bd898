"""What buckets mean, and the moments of what happened between two histograms."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.executor_core.loads import bucket_of

from executor_core.histogram import Moments, bucket_scale, counts_between, merged, moments_between, quantile_bucket
from executor_core.metrics import BUCKETS

SCALE = bucket_scale()
HISTOGRAMS = st.dictionaries(st.integers(0, BUCKETS - 1), st.integers(0, 10**6), max_size=8)


def test_mysqls_buckets() -> None:
    assert len(SCALE.times) == len(SCALE.logs) == BUCKETS
    assert SCALE.times[0] == 50  # 5 µs
    assert SCALE.times[bucket_of(10.0)] == pytest.approx(10.0 * 1e4, rel=0.025)
    assert SCALE.times[BUCKETS - 1] == pytest.approx(9120e7, rel=1e-3)
    assert all(low < high for low, high in zip(SCALE.logs, SCALE.logs[1:], strict=False))


def test_one_bucket_alone() -> None:
    assert bucket_scale((2_000_000,)).times == (10,)


def test_the_moments_of_one_bucket_have_no_variance() -> None:
    moments = moments_between(SCALE, {100: 5}, {100: 25})
    assert moments is not None
    assert (moments.executions, moments.relative_variance, moments.log_variance) == (20, 0.0, 0.0)
    assert math.exp(moments.mean_log) == pytest.approx(SCALE.times[100] * 1e5, rel=1e-3)


def test_the_moments_of_two_buckets() -> None:
    moments = moments_between(SCALE, {}, {51: 10, 101: 10})
    assert moments is not None
    low, high = SCALE.times[51], SCALE.times[101]
    mean = (low + high) / 2
    assert moments.relative_variance == pytest.approx(((high - mean) / mean) ** 2)
    assert moments.log_variance == pytest.approx((math.log(10) / 2) ** 2, rel=1e-3)


@pytest.mark.parametrize(
    ("earlier", "later"), [({7: 5}, {7: 4}), ({7: 5}, {8: 9}), ({}, {3: 1}), ({7: 5}, {})], ids=str
)
def test_what_fell_or_is_unknown_has_no_moments(earlier: dict[int, int], later: dict[int, int]) -> None:
    scale = bucket_scale((1_000_000, 2_000_000)) if 3 in later else SCALE
    assert moments_between(scale, earlier, later) is None


def test_an_empty_bucket_may_be_left_out() -> None:
    assert moments_between(SCALE, {7: 0}, {8: 1}) == moments_between(SCALE, {}, {8: 1})


def test_nothing_between_nothing() -> None:
    empty = moments_between(SCALE, {}, {})
    assert empty == Moments(0, 0)
    assert empty is not None
    assert empty.relative_variance == 0.0


@given(HISTOGRAMS, HISTOGRAMS)
def test_windows_add_up_whatever_the_order(first: dict[int, int], second: dict[int, int]) -> None:
    both = {bucket: first.get(bucket, 0) + second.get(bucket, 0) for bucket in {**second, **first}}
    one, two, all_of_it = (
        moments_between(SCALE, {}, first),
        moments_between(SCALE, first, both),
        moments_between(SCALE, {}, dict(reversed(both.items()))),
    )
    assert one is not None
    assert two is not None
    assert merged([one, two]) == all_of_it


def test_counts_and_quantiles() -> None:
    assert counts_between({1: 5, 2: 5}, {1: 5, 2: 9, 3: 1}) == {2: 4, 3: 1}
    assert [quantile_bucket({2: 98, 9: 2}, share) for share in (0.5, 0.98, 0.99, 1.1)] == [2, 2, 9, 9]
