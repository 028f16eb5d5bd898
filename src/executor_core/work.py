"""What statements do per execution: counters as log-ratios, how they wander, and what bystanders show of it."""

import math
from collections.abc import Callable, Sequence

from executor_core.dispersion import NO_EXCESS, Batches, Excess, batches, excess
from executor_core.policy import Policy
from executor_core.window import Delta, Series

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
            own = excess_of(before, after, lambda delta: delta.rows)
            chance = own.per_interval * (1 / max(1, len(before.deltas)) + 1 / max(1, len(after.deltas)))
            drifts.append(min(max(0.0, log_ratio * log_ratio - 4 * chance), _MOST_DRIFT))
    if sum(drift > _LEAST_DRIFT for drift in drifts) < 2:
        return 0.0, math.inf
    return math.fsum(drifts) / len(drifts), float(len(drifts))


def excess_of(before: Series, after: Series, quantity: Callable[[Delta], int]) -> Excess:
    """The excess of a counter per execution, none of it explained."""
    if len(before.deltas) < 2 and len(after.deltas) < 2:
        return NO_EXCESS
    sides: list[Batches] = []
    for series in (before, after):
        ran = [delta for delta in series.deltas if delta.executions]
        amounts = [float(quantity(delta)) for delta in ran]
        sides.append(batches(amounts, [float(d.executions) for d in ran], scale=math.fsum(amounts)))
    return excess(sides[0], sides[1], explained_before=0.0, explained_after=0.0)


def log_ratio_of(old: int, before: int, new: int, after: int) -> float:
    """ln of the ratio of new/after to old/before; 0 if both are nothing, infinite if one is."""
    if old == 0 or new == 0:
        return 0.0 if old == new else math.inf if old == 0 else -math.inf
    return math.log(new / after) - math.log(old / before)
