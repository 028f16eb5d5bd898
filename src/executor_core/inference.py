"""The few pieces of statistics that the verdict rests on, exact and without a dependency.

All functions are deterministic and total over the finite numbers that the comparison feeds them.
"""

import math
from collections.abc import Sequence

_EXACT_TOTAL = 20_000
"""Up to so many executions Fisher's test sums the hypergeometric tail; beyond, the normal limit serves."""


def median(values: Sequence[float]) -> float:
    """The middle value, or the mean of the two in the middle; 0 for no values."""
    if not values:
        return 0.0
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def spread(values: Sequence[float]) -> float:
    """The median absolute deviation, scaled so that it estimates a normal standard deviation."""
    centre = median(values)
    return 1.4826 * median([abs(value - centre) for value in values])


def winsorised_mean(values: Sequence[float], *, low: float = 0.10, high: float = 0.80) -> float:
    """The mean after values outside the two quantiles were moved to them; 0 for no values."""
    if not values:
        return 0.0
    ordered = sorted(values)
    last = len(ordered) - 1
    floor, ceiling = ordered[int(low * last)], ordered[math.ceil(high * last)]
    return math.fsum(min(max(value, floor), ceiling) for value in ordered) / len(ordered)


def t_tail(statistic: float, degrees: float) -> float:
    """P(T > statistic) for Student's t; the normal tail beyond a million degrees of freedom."""
    if statistic == math.inf:
        return 0.0
    if degrees > 1e6:
        return 0.5 * math.erfc(statistic / math.sqrt(2.0))
    square = statistic * statistic
    tail = 0.5 * regularised_beta(degrees / (degrees + square), degrees / 2, 0.5)
    return tail if statistic >= 0 else 1.0 - tail


def t_quantile(tail: float, degrees: float) -> float:
    """The value that Student's t exceeds with chance `tail`, for 0 < tail < 0.5."""
    low, high = 0.0, 1.0
    while t_tail(high, degrees) > tail:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        if t_tail(middle, degrees) > tail:
            low = middle
        else:
            high = middle
    return high


def regularised_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b), for 0 <= x <= 1 and positive a, b."""
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return front * _beta_fraction(x, a, b) / a
    return 1.0 - front * _beta_fraction(1.0 - x, b, a) / b


def _beta_fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of the incomplete beta function, by Lentz's method."""
    tiny = 1e-300
    c = 1.0
    d = 1.0 / (1.0 - (a + b) * x / (a + 1) or tiny)
    fraction = d
    for m in range(1, 500):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1.0 / (1.0 + even * d or tiny)
        c = 1.0 + even / c or tiny
        fraction *= d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1.0 / (1.0 + odd * d or tiny)
        c = 1.0 + odd / c or tiny
        step = d * c
        fraction *= step
        if abs(step - 1.0) < 1e-14:
            break
    return fraction


def fisher_increase(before_hits: int, before: int, after_hits: int, after: int) -> float:
    """One-sided p-value that the share of hits rose from `before_hits`/`before` to `after_hits`/`after`.

    Fisher's exact test (the hypergeometric tail) up to 20,000 executions in all; beyond, the two-proportion
    normal limit with a continuity correction, which agrees there to three digits.
    """
    total, hits = before + after, before_hits + after_hits
    if before == 0 or after == 0 or after_hits * before <= before_hits * after:
        return 1.0
    if total > _EXACT_TOTAL:
        share = hits / total
        mean = after * share
        variance = mean * (1.0 - share) * (before / total)
        gap = float(after_hits) - mean - 0.5
        return t_tail(gap / math.sqrt(variance), math.inf) if variance > 0 and gap > 0 else 1.0
    term = math.exp(_ln_choose(after, after_hits) + _ln_choose(before, before_hits) - _ln_choose(total, hits))
    p_value, k = term, after_hits
    while k < min(after, hits) and term > 1e-18 * p_value:
        term *= (after - k) * (hits - k) / ((k + 1) * (before - hits + k + 1))
        p_value += term
        k += 1
    return min(1.0, p_value)


def _ln_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def weighted_holm(p_values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values with weights: the chance of any false alarm in the family stays bounded.

    A larger weight spends more of the error budget on that test. The weights are positive; their scale does
    not matter.
    """
    ranked = sorted(range(len(p_values)), key=lambda i: (p_values[i] / weights[i], i))
    remaining = math.fsum(weights)
    adjusted, worst = [1.0] * len(p_values), 0.0
    for i in ranked:
        worst = max(worst, min(1.0, p_values[i] * remaining / weights[i]))
        adjusted[i] = worst
        remaining -= weights[i]
    return adjusted
