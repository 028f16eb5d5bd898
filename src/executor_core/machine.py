"""What the machine did meanwhile, seen through digests that the new index can't have touched.

Control digests run on the same server but never on the table. If they got slower too, the machine did it.
They may excuse a table's digest, and never convict one.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from executor_core.inference import median, spread
from executor_core.metrics import DigestKey
from executor_core.policy import Policy
from executor_core.window import Delta, Series, Window

_MOST = math.log(10.0)
"""A control counts in one interval as at most ten times slower or faster than usual."""
_STEADY_EXECUTIONS = 5.0


@dataclass(frozen=True, slots=True)
class Machine:
    """The controls' verdict on the machine.

    `before` and `after` hold the machine's index by interval (1 is the baseline's mean); `shift` is the
    median of the controls' changes, `scatter` its spread among them, `sampling` the part of scatter squared
    that their own executions explain. `controls` counts those that ran in both windows.

    A control's change is that of its mean logarithm where all controls have histograms: a slower machine slows
    every execution, and a few outliers in a handful of controls would drown it in their mean latencies.
    """

    controls: int
    before: Mapping[int, float]
    after: Mapping[int, float]
    shift: float
    scatter: float
    sampling: float

    @property
    def heterogeneity(self) -> float:
        """The variance among digests that shared the machine's fate, beyond their sampling error."""
        return max(0.0, self.scatter * self.scatter - self.sampling)

    @property
    def shift_variance(self) -> float:
        """The variance of the median shift itself."""
        return 1.57 * self.scatter * self.scatter / self.controls if self.controls else 0.0


UNKNOWN_MACHINE = Machine(0, {}, {}, 0.0, 0.0, 0.0)


def machine_of(before: Window, after: Window, controls: Sequence[DigestKey], policy: Policy) -> Machine:
    """The machine as `controls` saw it; unknown if fewer than `policy.min_controls` ran in both windows."""
    pairs = [
        (before.series[key], after.series[key])
        for key in controls
        if key in before.series and key in after.series and _ran(before.series[key], after.series[key], policy)
    ]
    if len(pairs) < policy.min_controls:
        return UNKNOWN_MACHINE
    in_logs = all(_timed(b.total, policy) and _timed(a.total, policy) for b, a in pairs)
    changes = [_change(b.total, a.total, in_logs) for b, a in pairs]
    explained = [_explained(b.total, in_logs, policy) + _explained(a.total, in_logs, policy) for b, a in pairs]
    index_before = _index([(b, b) for b, _ in pairs], in_logs)
    index_after = _index([(b, a) for b, a in pairs], in_logs)
    level = math.fsum(index_before.values()) / len(index_before)
    return Machine(
        controls=len(pairs),
        before={j: value / level for j, value in index_before.items()},
        after={j: value / level for j, value in index_after.items()},
        shift=median(changes),
        scatter=spread(changes),
        sampling=median(explained),
    )


def sampling_variance(total: Delta, policy: Policy) -> tuple[float, bool]:
    """The relative variance of a mean latency that single executions explain, and whether it was measured.

    It is measured where the histogram accounts for the executions (within 10 % and 5); otherwise the policy's
    coefficient of variation is assumed.
    """
    n, latency = total.executions, total.latency
    if latency and n > 1 and latency.executions > 1 and abs(latency.executions - n) <= 0.1 * n + 5:
        return latency.relative_variance / (n - 1), True
    return policy.assumed_cv**2 / max(1, n), False


def _ran(before: Series, after: Series, policy: Policy) -> bool:
    return all(side.total.executions >= policy.min_samples and side.total.time_ps > 0 for side in (before, after))


def _timed(total: Delta, policy: Policy) -> bool:
    return total.latency is not None and sampling_variance(total, policy)[1]


def _level(delta: Delta, in_logs: bool) -> float:
    """The logarithm of what one execution takes: the mean of logarithms, or the logarithm of the mean."""
    if in_logs and delta.latency is not None:
        return delta.latency.mean_log
    return math.log(delta.time_ps / delta.executions)


def _change(before: Delta, after: Delta, in_logs: bool) -> float:
    return _level(after, in_logs) - _level(before, in_logs)


def _explained(total: Delta, in_logs: bool, policy: Policy) -> float:
    if in_logs and total.latency is not None:
        return total.latency.log_variance / (total.latency.executions - 1)
    return sampling_variance(total, policy)[0]


def _index(pairs: Sequence[tuple[Series, Series]], in_logs: bool) -> dict[int, float]:
    """By interval, how much longer the controls take than in the baseline: the weighted (geometric) mean."""
    sums: dict[int, list[tuple[float, float]]] = {}
    for baseline, series in pairs:
        usual = _level(baseline.total, in_logs)
        for j, delta in zip(series.positions, series.deltas, strict=True):
            if (
                delta.executions
                and delta.time_ps
                and not (in_logs and not (delta.latency and delta.latency.executions))
            ):
                log_ratio = min(max(_level(delta, in_logs) - usual, -_MOST), _MOST)
                ratio = log_ratio if in_logs else math.exp(log_ratio)
                weight = delta.executions / (delta.executions + _STEADY_EXECUTIONS)
                sums.setdefault(j, []).append((weight * ratio, weight))
    means = {
        j: math.fsum(value for value, _ in seen) / math.fsum(weight for _, weight in seen) for j, seen in sums.items()
    }
    return {j: math.exp(mean) for j, mean in means.items()} if in_logs else means
