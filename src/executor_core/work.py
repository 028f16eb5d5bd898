"""What statements do per execution: counters as log-ratios, how they wander, and what bystanders show of it."""

import math
from collections.abc import Sequence

from executor_core.dispersion import Excess, batches, excess
from executor_core.policy import Policy
from executor_core.window import Series

Counted = tuple[Sequence[int], Sequence[int]]
"""By interval, a counter and the executions that it grew in."""
_LEAST_DRIFT = 0.03**2
_MOST_DRIFT = math.log(2.0) ** 2
"""A bystander's work drifted if it changed by more than 3 %; one counts as at most doubled."""


def work_drift(bystanders: Sequence[tuple[Series, Series]], policy: Policy) -> tuple[float, float]:
    """How much the rows that bystanders examine wandered between the windows: variance, degrees of freedom.

    Where statements of all kinds examine other numbers of rows than before, their parameters changed, and the
    table's digests may be expected to wander as far. One digest alone shows nothing about the others.
    """
    drifts: list[float] = []
    for before, after in bystanders:
        old, new = before.total, after.total
        if min(old.executions, new.executions) >= policy.min_samples and old.rows and new.rows:
            log_ratio = log_ratio_of(old.rows, old.executions, new.rows, new.executions)
            ran = before.ran, after.ran
            own = excess_of((ran[0].rows, ran[0].executions), (ran[1].rows, ran[1].executions))
            chance = own.per_interval * (1 / max(1, len(before.deltas)) + 1 / max(1, len(after.deltas)))
            drifts.append(min(max(0.0, log_ratio * log_ratio - 4 * chance), _MOST_DRIFT))
    if sum(drift > _LEAST_DRIFT for drift in drifts) < 2:
        return 0.0, math.inf
    return math.fsum(drifts) / len(drifts), float(len(drifts))


def excess_of(before: Counted, after: Counted) -> Excess:
    """The excess of a counter per execution, none of it explained; given by interval, with the executions."""
    return excess(batches(*before), batches(*after), explained_before=0.0, explained_after=0.0)


def log_ratio_of(old: int, before: int, new: int, after: int) -> float:
    """ln of the ratio of new/after to old/before; 0 if both are nothing, infinite if one is."""
    if old == 0 or new == 0:
        return 0.0 if old == new else math.inf if old == 0 else -math.inf
    return math.log(new / after) - math.log(old / before)
