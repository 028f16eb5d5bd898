"""How good a baseline is, told from the baseline alone: what change could be seen after it, and when.

A window compared with itself shows no change, only noise; from that noise follows how small a harm could
be told apart if the after window were as long as the baseline, and if both were longer.
"""

import math
from collections.abc import Collection, Sequence

from executor_core.comparison import Comparison, compare
from executor_core.histogram import bucket_scale
from executor_core.inference import t_quantile
from executor_core.machine import machine_of
from executor_core.metrics import Snapshot
from executor_core.model import Record
from executor_core.policy import Policy
from executor_core.roles import roles_of
from executor_core.verdict import Reason, ReasonCode
from executor_core.window import readings_of, window_of

_POWER = 0.20
"""A change counts as one that could be told apart if four times in five it would be."""


class BaselineAssessment(Record):
    """What a baseline is worth.

    `detectable_percent` is the smallest rise in latency of a material wanted digest that would be seen with
    an after window as long as this baseline, `detectable_percent_extended` with both windows extended; None
    if none would be. `extend` says that a longer baseline is worth its time, `decidable` that the wanted
    digests run often enough to be judged at all, once extended.
    """

    extend: bool
    decidable: bool
    sample_count: int
    detectable_percent: float | None = None
    detectable_percent_extended: float | None = None
    reasons: tuple[Reason, ...] = ()


def assess_baseline(
    snapshots: Sequence[Snapshot],
    targets: Collection[str] | None,
    policy: Policy = Policy(),  # noqa: B008 - frozen, so one instance serves all calls
    *,
    longer: float = 6.0,
    histogram_upper_bounds_ps: Sequence[int] | None = None,
) -> BaselineAssessment:
    """What the baseline in `snapshots` is worth, and whether one `longer` times as long is worth waiting for.

    Args:
        snapshots: the baseline so far, oldest first.
        targets: the digests that the index is meant for; None takes the rows whose role is `target`.
        policy: the limits of the verdict to come.
        longer: how many times as long the extended windows would be (30 minutes instead of 5).
        histogram_upper_bounds_ps: each bucket's upper bound, where they differ from MySQL's.

    Raises:
        EvidenceError: snapshots are out of order, or a digest is listed twice.
    """
    readings = readings_of("baseline", snapshots)
    if len(snapshots) < 2:
        numbers = {"baseline": len(snapshots), "needed": 2}
        reason = Reason(code=ReasonCode.TOO_FEW_SNAPSHOTS, numbers=numbers)
        return BaselineAssessment(extend=False, decidable=False, sample_count=0, reasons=(reason,))
    scale = bucket_scale(tuple(histogram_upper_bounds_ps) if histogram_upper_bounds_ps else None)
    window = window_of(readings, scale=scale, origin=snapshots[0].taken_at)
    roles = roles_of(readings, targets)
    samples = sum(window.series[key].total.executions for key in roles.wanted)
    numbers = {"samples": samples, "needed": policy.min_samples}
    if samples * longer < policy.min_samples:
        code = ReasonCode.TOO_RARE if samples else ReasonCode.BASELINE_IDLE
        return BaselineAssessment(
            extend=False, decidable=False, sample_count=samples, reasons=(Reason(code=code, numbers=numbers),)
        )
    comparisons = compare(
        list(roles.kinds),
        before=window,
        after=window,
        kinds=roles.kinds,
        wanted=roles.wanted,
        machine=machine_of(window, window, roles.controls, policy),
        bystanders=(),
        policy=policy,
    )
    judged = [c for c in comparisons if c.wanted and c.time_share >= policy.material_share]
    if not judged:
        reason = Reason(code=ReasonCode.INSUFFICIENT_SAMPLES, numbers=numbers)
        return BaselineAssessment(extend=True, decidable=True, sample_count=samples, reasons=(reason,))
    now = max(_detectable(c, 1.0, policy) for c in judged)
    then = max(_detectable(c, longer, policy) for c in judged)
    noisy = now > policy.tellable_percent
    reasons = (
        Reason(
            code=ReasonCode.BASELINE_NOISY,
            numbers={"detectable_percent": now, "wanted_percent": policy.tellable_percent},
        ),
    )
    return BaselineAssessment(
        extend=noisy and then < now,
        decidable=True,
        sample_count=samples,
        detectable_percent=now,
        detectable_percent_extended=then,
        reasons=reasons if noisy else (),
    )


def _detectable(c: Comparison, longer: float, policy: Policy) -> float:
    """The rise in percent that would be seen four times in five, with windows `longer` times as long."""
    floor = policy.floor_two_snapshots if c.thin else policy.floor
    error = math.sqrt((c.own_variance + c.shared_variance - floor * floor) / longer + floor * floor)
    reach = t_quantile(policy.alpha_per_look * c.time_share, c.degrees) + t_quantile(_POWER, c.degrees)
    least = policy.early_ratio if c.thin else math.exp(policy.latency_limit)
    return round(100 * (max(math.exp(min(reach * error, 50.0)), least) - 1), 2)
