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

_RATIO_BOUNDS = (0.1, 10.0)
_STEADY_EXECUTIONS = 5.0


@dataclass(frozen=True, slots=True)
class Machine:
    """The controls' verdict on the machine.

    `before` and `after` hold the machine's index by interval (1 is the baseline's mean); `shift` is the
    median log-ratio of the controls' mean latencies, `scatter` its spread among them, `sampling` the part of
    scatter squared that their own executions explain. `controls` counts those that ran in both windows.
    """

    controls: int
    before: Mapping[int, float]
    after: Mapping[int, float]
    shift: float
    body_shift: float
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


UNKNOWN_MACHINE = Machine(0, {}, {}, 0.0, 0.0, 0.0, 0.0)


def machine_of(before: Window, after: Window, controls: Sequence[DigestKey], policy: Policy) -> Machine:
    """The machine as `controls` saw it; unknown if fewer than `policy.min_controls` ran in both windows."""
    pairs = [
        (before.series[key], after.series[key])
        for key in controls
        if key in before.series and key in after.series and _ran(before.series[key], after.series[key], policy)
    ]
    if len(pairs) < policy.min_controls:
        return UNKNOWN_MACHINE
    shifts = [_log_mean(b.total, a.total) for b, a in pairs]
    bodies = [
        a.total.latency.mean_log - b.total.latency.mean_log
        for b, a in pairs
        if a.total.latency and b.total.latency and a.total.latency.count and b.total.latency.count
    ]
    index_before = _index([(b, b) for b, _ in pairs])
    index_after = _index([(b, a) for b, a in pairs])
    level = math.fsum(index_before.values()) / len(index_before)
    return Machine(
        controls=len(pairs),
        before={j: value / level for j, value in index_before.items()},
        after={j: value / level for j, value in index_after.items()},
        shift=median(shifts),
        body_shift=median(bodies),
        scatter=spread(shifts),
        sampling=median(
            [sampling_variance(b.total, policy)[0] + sampling_variance(a.total, policy)[0] for b, a in pairs]
        ),
    )


def sampling_variance(total: Delta, policy: Policy) -> tuple[float, bool]:
    """The relative variance of a mean latency that single executions explain, and whether it was measured.

    It is measured where the histogram accounts for the executions (within 10 % and 5); otherwise the policy's
    coefficient of variation is assumed.
    """
    n, latency = total.executions, total.latency
    if latency and n > 1 and latency.count > 1 and abs(latency.count - n) <= 0.1 * n + 5:
        return latency.relative_variance / (n - 1), True
    return policy.assumed_cv**2 / max(1, n), False


def _ran(before: Series, after: Series, policy: Policy) -> bool:
    return all(side.total.executions >= policy.min_samples and side.total.time_ps > 0 for side in (before, after))


def _log_mean(before: Delta, after: Delta) -> float:
    return math.log(after.time_ps / after.executions) - math.log(before.time_ps / before.executions)


def _index(pairs: Sequence[tuple[Series, Series]]) -> dict[int, float]:
    """The weighted mean, by interval, of each control's latency over its baseline mean."""
    low, high = _RATIO_BOUNDS
    sums: dict[int, list[tuple[float, float]]] = {}
    for baseline, series in pairs:
        mean = baseline.total.time_ps / baseline.total.executions
        for j, delta in zip(series.positions, series.deltas, strict=True):
            if delta.executions:
                ratio = min(max(delta.time_ps / delta.executions / mean, low), high)
                weight = delta.executions / (delta.executions + _STEADY_EXECUTIONS)
                sums.setdefault(j, []).append((weight * ratio, weight))
    return {
        j: math.fsum(value for value, _ in seen) / math.fsum(weight for _, weight in seen) for j, seen in sums.items()
    }
