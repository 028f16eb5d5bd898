"""The slowest hundredth: executions that got much slower while the mean hides them."""

from collections.abc import Mapping, Sequence

from executor_core.comparison import Comparison
from executor_core.histogram import counts_between, quantile_bucket
from executor_core.inference import fisher_increase
from executor_core.judgement import about
from executor_core.metrics import DigestKey
from executor_core.policy import Policy
from executor_core.verdict import Reason, ReasonCode
from executor_core.window import Reading

_QUANTILE = 0.99
_FEWEST = 100
_HEAVIER = 1.5
_DOUBLED = 15
"""Fifteen of MySQL's buckets, at 50 to the decade, are a factor of two."""


def worse_tails(
    comparisons: Sequence[Comparison],
    baseline: Sequence[Reading],
    after: Sequence[Reading],
    policy: Policy,
    *,
    final: bool,
) -> list[Reason]:
    """Digests whose 99th percentile at least doubled, beyond chance, and which have more slow time in all.

    An early look, which can wait for more, already takes note of a suspicion.
    """
    bound = policy.alpha_per_look if final else policy.suspicion
    reasons: list[Reason] = []
    for c in comparisons:
        if not _heavier(c):
            continue
        histograms = [_histogram(reading, c.key) for reading in (baseline[0], baseline[-1], after[0], after[-1])]
        old, new = counts_between(*histograms[:2]), counts_between(*histograms[2:])
        executions = sum(old.values()), sum(new.values())
        if min(executions) < (_FEWEST if final else policy.min_samples):
            continue
        tail, later_tail = quantile_bucket(old, _QUANTILE), quantile_bucket(new, _QUANTILE)
        if later_tail < tail + _DOUBLED:
            continue
        slow = [sum(n for bucket, n in counts.items() if bucket > tail) for counts in (old, new)]
        p = fisher_increase(slow[0], executions[0], slow[1], executions[1])
        if p < bound:
            numbers = {"p99_bucket_before": tail, "p99_bucket_after": later_tail, "p_value": p}
            reasons.append(about(ReasonCode.TAIL_WORSE, c, numbers))
    return reasons


def _heavier(c: Comparison) -> bool:
    """Whether the mean square of the latency rose, which a tail rules."""
    before, after = c.before.latency, c.after.latency
    if before is None or after is None or not before.count or not after.count:
        return False
    return after.time_squares * before.count > _HEAVIER * before.time_squares * after.count


def _histogram(reading: Reading, key: DigestKey) -> Mapping[int, int]:
    row = reading.rows.get(key)
    return row.histogram or {} if row else {}
