"""The slowest hundredth: executions that got much slower while the mean hides them.

A digest whose executions beyond the baseline's 99th percentile multiply has a heavier tail. Outliers come in
bursts, so the number of slow executions is compared interval by interval, as a rate that wanders.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from executor_core.change import Change
from executor_core.comparison import Comparison
from executor_core.dispersion import batches
from executor_core.histogram import counts_between, quantile_bucket
from executor_core.inference import fisher_increase
from executor_core.machine import Machine
from executor_core.metrics import DigestKey
from executor_core.policy import Policy
from executor_core.window import Reading

_QUANTILE = 0.99
_REST = 0.01
FEWEST = 100
"""So many executions show, with near certainty, a tail of four in a hundred."""
_HEAVIER = 1.5
_SLOWER = 9
"""Nine of MySQL's buckets, at 50 to the decade, are a factor of one and a half."""
_MORE = 2.0
_LIKELY = 0.20


@dataclass(frozen=True, slots=True)
class Tail:
    """What happened to a digest's slowest executions.

    `worse` is beyond chance: the 99th percentile rose by half or more. `p_lasting` is the chance to see so many
    more slow executions if they only came in bursts, as they do on a busy server; 1 if they didn't double.
    """

    worse: bool
    p_lasting: float
    numbers: Mapping[str, float]


def tails(
    comparisons: Sequence[Comparison],
    baseline: Sequence[Reading],
    after: Sequence[Reading],
    machine: Machine,
    policy: Policy,
) -> dict[DigestKey, Tail]:
    """The digests with more slow executions than chance makes likely."""
    found: dict[DigestKey, Tail] = {}
    for c in comparisons:
        old, new = c.before.latency, c.after.latency
        if c.body is None or old is None or new is None:
            continue
        heavier = new.time_squares * old.executions > _HEAVIER * old.time_squares * new.executions
        if heavier or c.time_share >= policy.material_share:
            # What slowed every execution is no tail.
            common = max(machine.shift, c.body.log_ratio, 0.0)
            tail = _tail(c, baseline, after, _SLOWER + math.ceil(50 * common / math.log(10)), policy)
            if tail is not None:
                found[c.key] = tail
    return found


def _tail(
    c: Comparison, baseline: Sequence[Reading], after: Sequence[Reading], slower: int, policy: Policy
) -> Tail | None:
    old = counts_between(baseline[0].histogram(c.key), baseline[-1].histogram(c.key))
    new = counts_between(after[0].histogram(c.key), after[-1].histogram(c.key))
    if not old or not new:  # a reset between the first reading and the last
        return None
    bound = quantile_bucket(old, _QUANTILE) + slower
    executions = sum(old.values()), sum(new.values())
    slow = _slow(old, bound), _slow(new, bound)
    p = fisher_increase(slow[0], executions[0], slow[1], executions[1])
    if p >= _LIKELY:
        return None
    doubled = slow[1] * executions[0] >= _MORE * max(slow[0], _REST * executions[0]) * executions[1]
    numbers = {
        "p99_bucket_before": quantile_bucket(old, _QUANTILE),
        "p99_bucket_after": quantile_bucket(new, _QUANTILE),
        "slow_before": slow[0],
        "slow_after": slow[1],
        "p_value": p,
    }
    worse = p < policy.alpha_per_look and min(executions) >= FEWEST and numbers["p99_bucket_after"] >= bound
    return Tail(worse, _p_lasting(c.key, baseline, after, bound) if doubled else 1.0, numbers)


def _p_lasting(key: DigestKey, baseline: Sequence[Reading], after: Sequence[Reading], bound: int) -> float:
    """The p-value of the rise in the rate of slow executions, which wanders from interval to interval."""
    rates: list[tuple[float, float, int]] = []
    for readings in (baseline, after):
        counts = [counts_between(a.histogram(key), b.histogram(key)) for a, b in pairwise(readings)]
        ran = [each for each in counts if each]
        totals = [float(sum(each.values())) for each in ran]
        slow = [float(_slow(each, bound)) for each in ran]
        seen = batches(slow, totals, absolute=True)
        chance = seen.mean * (1 - seen.mean) / math.fsum(totals)
        rates.append((seen.mean, max(seen.variance, chance), max(1, seen.intervals - 1)))
    (old, v_old, df_old), (new, v_new, df_new) = rates
    return Change(new - old, ((v_old, df_old), (v_new, df_new))).p_rise


def _slow(counts: Mapping[int, int], bound: int) -> int:
    return sum(n for bucket, n in counts.items() if bucket >= bound)
