"""The statistics against values known from tables and from exact counting."""

import math
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor_core.inference import (
    fisher_increase,
    median,
    regularised_beta,
    spread,
    t_quantile,
    t_tail,
    weighted_holm,
    winsorised_mean,
)


@pytest.mark.parametrize(
    ("statistic", "degrees", "tail"),
    [
        (6.313752, 1, 0.05),
        (2.919986, 2, 0.05),
        (1.812461, 10, 0.05),
        (2.763769, 10, 0.01),
        (2.326348, math.inf, 0.01),
        (2.326348, 2e6, 0.01),
        (0.0, 7, 0.5),
        (-1.812461, 10, 0.95),
        (math.inf, 3, 0.0),
    ],
)
def test_t_tail_agrees_with_the_tables(statistic: float, degrees: float, tail: float) -> None:
    assert t_tail(statistic, degrees) == pytest.approx(tail, abs=1e-6)


@given(st.floats(-50, 50), st.floats(0.5, 1e5))
def test_t_tail_is_a_chance_and_symmetric(statistic: float, degrees: float) -> None:
    tail = t_tail(statistic, degrees)
    assert 0.0 <= tail <= 1.0
    assert t_tail(-statistic, degrees) == pytest.approx(1.0 - tail, abs=1e-9)


@given(st.floats(1e-6, 0.49), st.floats(1.0, 1e7))
def test_t_quantile_inverts_the_tail(tail: float, degrees: float) -> None:
    assert t_tail(t_quantile(tail, degrees), degrees) == pytest.approx(tail, rel=1e-6)


@pytest.mark.parametrize(("x", "expected"), [(-1.0, 0.0), (0.0, 0.0), (0.5, 0.5), (1.0, 1.0), (2.0, 1.0)])
def test_the_beta_function_at_its_ends_and_middle(x: float, expected: float) -> None:
    assert regularised_beta(x, 2.0, 2.0) == pytest.approx(expected)


def counted(before_hits: int, before: int, after_hits: int, after: int) -> float:
    """Fisher's tail by listing every way the hits may fall."""
    hits = before_hits + after_hits
    ways = [sum(i >= before for i in chosen) for chosen in combinations(range(before + after), hits)]
    return sum(n >= after_hits for n in ways) / len(ways)


@given(st.integers(1, 6), st.integers(1, 6), st.data())
def test_fisher_counts_exactly(before: int, after: int, data: st.DataObject) -> None:
    before_hits, after_hits = data.draw(st.integers(0, before)), data.draw(st.integers(0, after))
    expected = counted(before_hits, before, after_hits, after)
    if after_hits * before <= before_hits * after:
        expected = 1.0
    assert fisher_increase(before_hits, before, after_hits, after) == pytest.approx(expected)


def test_fishers_limit_meets_the_exact_test() -> None:
    exact, limit = fisher_increase(100, 9_990, 150, 9_990), fisher_increase(100, 10_010, 150, 10_010)
    assert limit == pytest.approx(exact, rel=0.1)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((0, 0, 5, 10), 1.0),
        ((5, 10, 0, 0), 1.0),
        ((0, 2**63, 2**63, 2**63), 0.0),
        ((0, 50_000, 1, 50_000), 0.5),
        ((49_999, 50_000, 50_000, 50_000), 0.5),
    ],
)
def test_fisher_at_its_edges(numbers: tuple[int, int, int, int], expected: float) -> None:
    assert fisher_increase(*numbers) == pytest.approx(expected, abs=0.51 if expected == 0.5 else 1e-12)


def test_equal_weights_are_holms_own_procedure() -> None:
    assert weighted_holm([0.01, 0.04, 0.03], [1, 1, 1]) == pytest.approx([0.03, 0.06, 0.06])


def test_a_heavier_weight_costs_less() -> None:
    assert weighted_holm([0.01, 0.5], [0.1, 0.9])[0] == pytest.approx(0.1)
    assert weighted_holm([0.01, 0.5], [0.9, 0.1])[0] == pytest.approx(0.01 / 0.9)


def test_no_tests_need_no_correction() -> None:
    assert weighted_holm([], []) == []


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.02, 1)), max_size=20))
def test_adjusting_never_makes_surer(tests: list[tuple[float, float]]) -> None:
    p_values, weights = [p for p, _ in tests], [w for _, w in tests]
    for p, adjusted in zip(p_values, weighted_holm(p_values, weights), strict=True):
        assert p <= adjusted + 1e-12
        assert adjusted <= 1.0


def test_robust_centres() -> None:
    assert (median([]), median([3.0]), median([4.0, 1.0, 2.0]), median([1.0, 2.0])) == (0.0, 3.0, 2.0, 1.5)
    assert spread([1.0, 2.0, 3.0]) == pytest.approx(1.4826)
    assert winsorised_mean([]) == 0.0
    assert winsorised_mean([1.0] * 10 + [1000.0]) == pytest.approx(1.0)


def test_the_beta_function_of_huge_degrees_stays_a_chance() -> None:
    assert regularised_beta(0.5, 1e7, 1e7) == pytest.approx(0.5, abs=0.01)
