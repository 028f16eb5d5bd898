"""The slowest hundredth: executions that got much slower while the mean hides them."""

from collections.abc import Sequence

from executor_core.comparison import Comparison
from executor_core.histogram import counts_between, quantile_bucket
from executor_core.inference import fisher_increase
from executor_core.judgement import about
from executor_core.metrics import DigestKey, Snapshot
from executor_core.policy import Policy
from executor_core.verdict import Reason, ReasonCode

_QUANTILE = 0.99
_FEWEST = 100
_DOUBLED = 15
"""Fifteen of MySQL's buckets, at 50 to the decade, are a factor of two."""


def worse_tails(
    comparisons: Sequence[Comparison], baseline: Sequence[Snapshot], after: Sequence[Snapshot], policy: Policy
) -> list[Reason]:
    """Digests whose 99th percentile at least doubled, beyond chance."""
    ends = [_histograms(snapshot) for snapshot in (baseline[0], baseline[-1], after[0], after[-1])]
    reasons: list[Reason] = []
    for c in comparisons:
        readings = [end.get(c.key) for end in ends]
        first, last, start, end = readings
        if first is None or last is None or start is None or end is None:
            continue
        old, new = counts_between(first, last), counts_between(start, end)
        if min(sum(old.values()), sum(new.values())) < _FEWEST:
            continue
        tail, later_tail = quantile_bucket(old, _QUANTILE), quantile_bucket(new, _QUANTILE)
        if later_tail < tail + _DOUBLED:
            continue
        slow_before, slow_after = (sum(n for b, n in counts.items() if b > tail) for counts in (old, new))
        p = fisher_increase(slow_before, sum(old.values()), slow_after, sum(new.values()))
        if p < policy.alpha_per_look:
            numbers = {"p99_bucket_before": tail, "p99_bucket_after": later_tail, "p_value": p}
            reasons.append(about(ReasonCode.TAIL_WORSE, c, numbers))
    return reasons


def _histograms(snapshot: Snapshot) -> dict[DigestKey, dict[int, int]]:
    return {row.key: dict(row.histogram) for row in snapshot.digests if row.histogram is not None}
