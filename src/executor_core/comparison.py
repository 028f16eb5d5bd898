"""Each digest after against before: estimates of change, how sure they are, and what may excuse them.

Changes are natural logarithms of ratios after / before, so that x2 and x0.5 are opposites. Every estimate is
a ratio of rates per execution, never of totals: more traffic alone changes nothing.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from executor_core.change import UNCHANGED, Change
from executor_core.dispersion import (
    FEW_INTERVALS,
    Batches,
    Excess,
    Noise,
    batches,
    excess,
    pool,
    slope,
    welch_degrees,
)
from executor_core.inference import fisher_increase
from executor_core.machine import Machine, sampling_variance
from executor_core.metrics import DigestKey
from executor_core.policy import Policy
from executor_core.window import Delta, Series, Window
from executor_core.work import excess_of, log_ratio_of, work_drift

_PAIRED_RESIDUAL = 0.9
"""The machine's index must take more than a tenth of a digest's own variance to be used for it."""


class DigestKind(StrEnum):
    """Whether a digest that touches the table reads or writes it."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One digest that touches the table and ran enough in both windows.

    `time_share` is its share of the table's time in the baseline. `latency` is what stands after every excuse
    (controls, lock waits), `raw_latency` before them, and `lately` that of the latter half of the window; `body`
    is the change of the mean logarithm, None without histograms. `thin` windows have too few intervals to show
    how the numbers vary: two snapshots, or without controls fewer than eight intervals. `own_variance` of the
    latency is the digest's own, `shared_variance` common to all. `common_rise` is what every digest of the table
    rose by, where no control tells whether the machine did it.
    """

    key: DigestKey
    kind: DigestKind
    wanted: bool
    before: Delta
    after: Delta
    time_share: float
    raw_latency: float
    lately: float
    latency: Change
    body: Change | None
    own_variance: float
    shared_variance: float
    degrees: float
    rows: Change
    returned: Change
    cpu: Change | None
    p_scans: float
    p_errors: float
    errors_persist: bool
    thin: bool
    common_rise: float
    limit: float
    gross_ratio: float

    @property
    def p_latency(self) -> float:
        """The p-value of a rise in latency: of the mean, or of the body where that is past the limit too."""
        p_mean = min(self.latency.p_rise, self.latency.p_gross(self.gross_ratio))
        if self.body is None:
            return p_mean
        p_body = self.body.p_rise if self.body.log_ratio > self.limit else 1.0
        return min(1.0, 2 * min(p_mean, p_body))


@dataclass(frozen=True, slots=True)
class _Measured:
    """One digest's two windows, with the quantities that the pooled noise is made from."""

    key: DigestKey
    before: Series
    after: Series
    paired: bool
    mean_before: float
    mean_after: float
    sampling: tuple[float, float]
    sampling_degrees: tuple[float, float]
    time: Excess
    logs: Excess | None
    log_shift: float
    rows: Excess
    returned: Excess
    cpu: Excess
    intervals: tuple[int, int]


def compare(
    keys: Sequence[DigestKey],
    *,
    before: Window,
    after: Window,
    kinds: Mapping[DigestKey, DigestKind],
    wanted: frozenset[DigestKey],
    machine: Machine,
    bystanders: Sequence[DigestKey],
    policy: Policy,
) -> list[Comparison]:
    """The comparison of every eligible digest among `keys`, in their order.

    Eligible is one with `policy.min_samples` executions and a measured time in both windows. `bystanders` are
    digests whose work the index can't have changed: controls, and reads whose plans don't use it.
    """
    table_time = sum(before.series[key].total.time_ps for key in keys if key in before.series)
    measured = [
        _measure(key, before.series[key], after.series[key], machine, policy)
        for key in keys
        if key in before.series and key in after.series and eligible(before.series[key], after.series[key], policy)
    ]
    noises = _Noises(
        time=pool(each.time for each in measured),
        logs=pool(each.logs for each in measured if each.logs),
        rows=pool(each.rows for each in measured),
        returned=pool(each.returned for each in measured),
        cpu=pool(each.cpu for each in measured),
    )
    shared, shared_degrees = _shared_variance(before, after, measured, machine)
    drift = work_drift(
        [(before.series[k], after.series[k]) for k in bystanders if k in before.series and k in after.series], policy
    )
    common_rise = 0.0 if machine.controls else _common_rise(measured, policy)
    return [
        _compare_one(
            each,
            noises,
            shared,
            shared_degrees,
            drift,
            machine,
            common_rise,
            policy,
            table_time,
            kinds[each.key],
            each.key in wanted,
        )
        for each in measured
    ]


def eligible(before: Series, after: Series, policy: Policy) -> bool:
    """Whether a digest ran often enough in both windows, with its time measured, to be compared."""
    return all(side.total.executions >= policy.min_samples and side.total.time_ps > 0 for side in (before, after))


@dataclass(frozen=True, slots=True)
class _Noises:
    time: Noise
    logs: Noise
    rows: Noise
    returned: Noise
    cpu: Noise


def _measure(key: DigestKey, before: Series, after: Series, machine: Machine, policy: Policy) -> _Measured:
    index_before, index_after, paired = _pairing(before, after, machine)
    sides: list[tuple[float, Batches, float, bool, Batches | None, float]] = []
    for series, index in ((before, index_before), (after, index_after)):
        ran = [delta for delta in series.deltas if delta.executions]
        counts = [float(delta.executions) for delta in ran]
        times = [delta.time_ps / c for delta, c in zip(ran, index, strict=True)]
        time = batches(times, counts, scale=math.fsum(times))
        sampling, is_measured = sampling_variance(series.total, policy)
        log_batches, log_mean = _log_side(ran, index) if is_measured else (None, 0.0)
        sides.append((math.fsum(times) / math.fsum(counts), time, sampling, is_measured, log_batches, log_mean))
    (mean_b, time_b, v_b, measured_b, logs_b, log_b), (mean_a, time_a, v_a, measured_a, logs_a, log_a) = sides
    v_b, df_b = _sampling(v_b, measured_b, time_b, before.total.executions)
    v_a, df_a = _sampling(v_a, measured_a, time_a, after.total.executions)
    logs = None
    if logs_b is not None and logs_a is not None:
        logs = excess(logs_b, logs_a, explained_before=_log_variance(before), explained_after=_log_variance(after))
    return _Measured(
        key=key,
        before=before,
        after=after,
        paired=paired,
        mean_before=mean_b,
        mean_after=mean_a,
        sampling=(v_b, v_a),
        sampling_degrees=(df_b, df_a),
        time=excess(time_b, time_a, explained_before=v_b, explained_after=v_a),
        logs=logs,
        log_shift=log_a - log_b,
        rows=excess_of(before, after, lambda delta: delta.rows),
        returned=excess_of(before, after, lambda delta: delta.returned),
        cpu=excess_of(before, after, lambda delta: delta.cpu_ps),
        intervals=(time_b.intervals, time_a.intervals),
    )


def _sampling(variance: float, is_measured: bool, seen: Batches, executions: int) -> tuple[float, float]:
    """The sampling variance and its degrees of freedom; without a histogram, batches may show it smaller."""
    if is_measured or seen.intervals < 3 or seen.variance >= variance:
        return variance, max(1.0, executions - 1.0)
    return seen.variance, seen.intervals - 1.0


def _pairing(before: Series, after: Series, machine: Machine) -> tuple[list[float], list[float], bool]:
    """The machine's index where the digest ran, and True; ones and False if the digest doesn't follow it."""
    ran_before = [(j, d) for j, d in zip(before.positions, before.deltas, strict=True) if d.executions]
    ran_after = [(j, d) for j, d in zip(after.positions, after.deltas, strict=True) if d.executions]
    alone = [1.0] * len(ran_before), [1.0] * len(ran_after), False
    if (
        len(ran_before) < 3
        or any(j not in machine.before for j, _ in ran_before)
        or any(j not in machine.after for j, _ in ran_after)
    ):
        return alone
    counts = [float(d.executions) for _, d in ran_before]
    times = [float(d.time_ps) for _, d in ran_before]
    index = [machine.before[j] for j, _ in ran_before]
    eased = [time / c for time, c in zip(times, index, strict=True)]
    plain = batches(times, counts, scale=math.fsum(times)).variance
    paired = batches(eased, counts, scale=math.fsum(eased)).variance
    if paired >= _PAIRED_RESIDUAL * plain:
        return alone
    return index, [machine.after[j] for j, _ in ran_after], True


def _log_side(ran: Sequence[Delta], index: Sequence[float]) -> tuple[Batches, float]:
    """Batches of the mean ln(time), eased by the machine's index, and that mean."""
    counts: list[float] = []
    sums: list[float] = []
    for delta, c in zip(ran, index, strict=True):
        if delta.latency is not None and delta.latency.count:
            counts.append(float(delta.latency.count))
            sums.append(delta.latency.count * (delta.latency.mean_log - math.log(c)))
    total = math.fsum(counts)
    return batches(sums, counts, scale=total), math.fsum(sums) / total


def _log_variance(series: Series) -> float:
    latency = series.total.latency
    return latency.log_variance / max(1, latency.count - 1) if latency and latency.count else 0.0


def _shared_variance(
    before: Window, after: Window, measured: Sequence[_Measured], machine: Machine
) -> tuple[float, float]:
    """The variance that all digests have in common, from the controls or else from the baseline's trend."""
    if machine.controls:
        return machine.shift_variance + machine.heterogeneity, machine.controls - 1.0
    levels: list[tuple[float, float]] = []
    for j, middle in enumerate(before.middles):
        amounts: list[float] = []
        weights: list[float] = []
        for each in measured:
            if j in each.before.positions:
                delta = each.before.deltas[each.before.positions.index(j)]
                if delta.executions:
                    total = each.before.total
                    weights.append(float(total.time_ps))
                    amounts.append(delta.time_ps / delta.executions * total.executions)
        if weights:
            levels.append((middle, math.fsum(amounts) / math.fsum(weights)))
    steepness, error = slope(levels)
    reach = after.middle - before.middle
    trend = max(0.0, steepness * steepness - error * error) * reach * reach
    return min(1.0, trend), max(1.0, len(levels) - 2.0)


def _compare_one(
    m: _Measured,
    noises: _Noises,
    shared: float,
    shared_degrees: float,
    drift: tuple[float, float],
    machine: Machine,
    common_rise: float,
    policy: Policy,
    table_time: int,
    kind: DigestKind,
    wanted: bool,
) -> Comparison:
    before, after = m.before.total, m.after.total
    thin = max(m.intervals) < (2 if machine.controls else FEW_INTERVALS)
    floor = policy.floor_two_snapshots if thin else policy.floor
    raw = math.log(after.time_ps / after.executions) - math.log(before.time_ps / before.executions)
    eased = min(raw, math.log(m.mean_after / m.mean_before) if m.paired else raw - max(machine.shift, 0.0))
    lock_free = log_ratio_of(before.work_ps, before.executions, after.work_ps, after.executions)
    relief = max(0.0, raw - lock_free) if before.work_ps and after.work_ps else 0.0
    latency = eased - relief
    noise = noises.time.of(m.time, *m.intervals)
    noise_degrees = max(1.0, m.time.degrees)
    common = [(shared, shared_degrees), drift, (floor * floor, math.inf)]
    parts = (
        (m.sampling[0], m.sampling_degrees[0]),
        (m.sampling[1], m.sampling_degrees[1]),
        (noise, noise_degrees),
        *common,
    )
    body = None
    if m.logs is not None:
        body_ratio = m.log_shift - relief - (0.0 if m.paired else max(machine.shift, 0.0))
        body_parts = (
            (_log_variance(m.before), before.executions - 1.0),
            (_log_variance(m.after), after.executions - 1.0),
            (noises.logs.of(m.logs, *m.intervals), max(1.0, m.logs.degrees)),
            *common,
        )
        body = Change(body_ratio, body_parts)
    return Comparison(
        key=m.key,
        kind=kind,
        wanted=wanted,
        before=before,
        after=after,
        time_share=before.time_ps / table_time,
        raw_latency=raw,
        lately=_lately(m),
        latency=Change(latency, parts),
        body=body,
        own_variance=m.sampling[0] + m.sampling[1],
        shared_variance=noise + shared + drift[0] + floor * floor,
        degrees=welch_degrees(parts),
        rows=_logical(m, m.rows, noises.rows, lambda d: d.rows, floor, from_nothing=1.0, drift=drift),
        returned=_logical(m, m.returned, noises.returned, lambda d: d.returned, floor, from_nothing=0.0),
        cpu=_logical(m, m.cpu, noises.cpu, lambda d: d.cpu_ps, floor, from_nothing=0.0)
        if before.cpu_ps and after.cpu_ps
        else None,
        p_scans=fisher_increase(before.unindexed, before.executions, after.unindexed, after.executions),
        p_errors=fisher_increase(before.errors, before.executions, after.errors, after.executions),
        errors_persist=2 * sum(d.errors > 0 for d in m.after.deltas) > sum(d.executions > 0 for d in m.after.deltas),
        thin=thin,
        common_rise=common_rise,
        limit=policy.latency_limit,
        gross_ratio=policy.gross_ratio,
    )


def _common_rise(measured: Sequence[_Measured], policy: Policy) -> float:
    """The least rise of the table's digests; none where they are too few to tell, or where even that is gross."""
    if len(measured) < policy.min_controls:
        return 0.0
    least = min(
        log_ratio_of(m.before.total.time_ps, m.before.total.executions, m.after.total.time_ps, m.after.total.executions)
        for m in measured
    )
    return max(0.0, least) if least < math.log(policy.gross_ratio) else 0.0


def _lately(m: _Measured) -> float:
    """The change as the latter half of the after window alone shows it: a cold cache has warmed by then."""
    half = m.after.deltas[len(m.after.deltas) // 2 :]
    return log_ratio_of(
        m.before.total.time_ps,
        m.before.total.executions,
        sum(delta.time_ps for delta in half),
        max(1, sum(delta.executions for delta in half)),
    )


def _logical(
    m: _Measured,
    own: Excess,
    noise: Noise,
    quantity: Callable[[Delta], int],
    floor: float,
    *,
    from_nothing: float,
    drift: tuple[float, float] = (0.0, math.inf),
) -> Change:
    """The change of a counter per execution; from nothing it counts if it reaches `from_nothing`."""
    before, after = m.before.total, m.after.total
    old, new = quantity(before), quantity(after)
    log_ratio = log_ratio_of(old, before.executions, new, after.executions)
    if log_ratio == math.inf:
        return Change(math.inf) if new >= from_nothing * after.executions else UNCHANGED
    if log_ratio == 0.0 or log_ratio == -math.inf:
        return Change(log_ratio)
    if own.degrees and min(m.intervals) >= FEW_INTERVALS:
        return Change(log_ratio, ((noise.of(own, *m.intervals), float(own.degrees)), drift, (floor * floor, math.inf)))
    # Few intervals may agree by chance; the spread of single executions is then the better guess, unless it is less.
    sampled = [
        (max(v, 1 / total.executions), total.executions - 1.0)
        for v, total in zip(m.sampling, (before, after), strict=True)
    ]
    wandered = noise.of(own, *m.intervals) if own.degrees else 0.0
    if wandered > math.fsum(part for part, _ in sampled):
        sampled = [(wandered, float(own.degrees))]
    return Change(log_ratio, (*sampled, drift, (floor * floor, math.inf)))
