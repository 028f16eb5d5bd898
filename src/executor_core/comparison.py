"""Each digest after against before: estimates of change, how sure they are, and what may excuse them.

Changes are natural logarithms of ratios after / before, so that x2 and x0.5 are opposites. Every estimate is
a ratio of rates per execution, never of totals: more traffic alone changes nothing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

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
from executor_core.window import Delta, Ran, Series, Window
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


class _Side(NamedTuple):
    """One window of a digest, eased by the machine's index where the digest follows that.

    `sampling` is the relative variance of the mean that single executions explain, `logs` how the mean logarithm
    varies, None without a histogram, and `log_variance` what of that single executions explain.
    """

    time: Batches
    sampling: float
    sampling_degrees: float
    logs: Batches | None
    log_variance: float


class _Measured(NamedTuple):
    """One digest's two windows, with the quantities that the pooled noise is made from."""

    key: DigestKey
    before: Series
    after: Series
    paired: bool
    sides: tuple[_Side, _Side]
    time: Excess
    logs: Excess | None
    log_shift: float
    rows: Excess
    returned: Excess
    cpu: Excess

    @property
    def intervals(self) -> tuple[int, int]:
        """How many intervals of each window the digest ran in."""
        return self.sides[0].time.intervals, self.sides[1].time.intervals


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


def raw_change(before: Delta, after: Delta) -> float:
    """The log-ratio of an eligible digest's mean latencies, before anything excuses it."""
    return math.log(after.time_ps / after.executions) - math.log(before.time_ps / before.executions)


@dataclass(frozen=True, slots=True)
class _Noises:
    time: Noise
    logs: Noise
    rows: Noise
    returned: Noise
    cpu: Noise


def _measure(key: DigestKey, before: Series, after: Series, machine: Machine, policy: Policy) -> _Measured:
    were, are = before.ran, after.ran
    index = _index(were, are, machine)
    b, a = _side(before.total, were, index and index[0], policy), _side(after.total, are, index and index[1], policy)
    logs, log_shift = None, 0.0
    if b.logs is not None and a.logs is not None:
        log_shift = a.logs.mean - b.logs.mean
        logs = excess(b.logs, a.logs, explained_before=b.log_variance, explained_after=a.log_variance)
    return _Measured(
        key=key,
        before=before,
        after=after,
        paired=index is not None,
        sides=(b, a),
        time=excess(b.time, a.time, explained_before=b.sampling, explained_after=a.sampling),
        logs=logs,
        log_shift=log_shift,
        rows=excess_of((were.rows, were.executions), (are.rows, are.executions)),
        returned=excess_of((were.returned, were.executions), (are.returned, are.executions)),
        cpu=excess_of((were.cpu_ps, were.executions), (are.cpu_ps, are.executions)),
    )


def _side(total: Delta, ran: Ran, index: Sequence[float] | None, policy: Policy) -> _Side:
    times = ran.time_ps if index is None else _eased(ran.time_ps, index)
    time = batches(times, ran.executions)
    sampling, is_measured = sampling_variance(total, policy)
    degrees = max(1.0, total.executions - 1.0)
    if not is_measured and time.intervals >= 3 and time.variance < sampling:
        sampling, degrees = time.variance, time.intervals - 1.0
    return _Side(time, sampling, degrees, _logs(ran, index) if is_measured else None, _log_variance(total))


def _index(before: Ran, after: Ran, machine: Machine) -> tuple[list[float], list[float]] | None:
    """The machine's index where the digest ran, in both windows; None if the digest doesn't follow it."""
    if len(before.positions) < 3:
        return None
    if not (machine.before.keys() >= set(before.positions) and machine.after.keys() >= set(after.positions)):
        return None
    index = [machine.before[j] for j in before.positions]
    plain = batches(before.time_ps, before.executions).variance
    if batches(_eased(before.time_ps, index), before.executions).variance >= _PAIRED_RESIDUAL * plain:
        return None
    return index, [machine.after[j] for j in after.positions]


def _eased(times: Sequence[int], index: Sequence[float]) -> list[float]:
    return [time / c for time, c in zip(times, index, strict=True)]


def _logs(ran: Ran, index: Sequence[float] | None) -> Batches:
    """Batches of the mean ln(time), eased by the machine's index."""
    counts: list[int] = []
    sums: list[float] = []
    for latency, c in zip(ran.latencies, index or [1.0] * len(ran.latencies), strict=True):
        if latency is not None and latency.executions:
            counts.append(latency.executions)
            sums.append(latency.executions * (latency.mean_log - math.log(c)))
    return batches(sums, counts, absolute=True)


def _log_variance(total: Delta) -> float:
    latency = total.latency
    return latency.log_variance / max(1, latency.executions - 1) if latency and latency.executions else 0.0


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
    b, a = m.sides
    thin = max(m.intervals) < (2 if machine.controls else FEW_INTERVALS)
    floor = policy.floor_two_snapshots if thin else policy.floor
    raw = raw_change(before, after)
    eased = min(raw, math.log(a.time.mean / b.time.mean) if m.paired else raw - max(machine.shift, 0.0))
    lock_free = log_ratio_of(before.work_ps, before.executions, after.work_ps, after.executions)
    relief = max(0.0, raw - lock_free) if before.work_ps and after.work_ps else 0.0
    latency = eased - relief
    noise = noises.time.of(m.time, *m.intervals)
    noise_degrees = max(1.0, m.time.degrees)
    common = [(shared, shared_degrees), drift, (floor * floor, math.inf)]
    parts = (
        (b.sampling, b.sampling_degrees),
        (a.sampling, a.sampling_degrees),
        (noise, noise_degrees),
        *common,
    )
    body = None
    if m.logs is not None:
        body_ratio = m.log_shift - relief - (0.0 if m.paired else max(machine.shift, 0.0))
        body_parts = (
            (b.log_variance, before.executions - 1.0),
            (a.log_variance, after.executions - 1.0),
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
        own_variance=b.sampling + a.sampling,
        shared_variance=noise + shared + drift[0] + floor * floor,
        degrees=welch_degrees(parts),
        rows=_logical(m, m.rows, noises.rows, (before.rows, after.rows), floor, from_nothing=1.0, drift=drift),
        returned=_logical(m, m.returned, noises.returned, (before.returned, after.returned), floor, from_nothing=0.0),
        cpu=_logical(m, m.cpu, noises.cpu, (before.cpu_ps, after.cpu_ps), floor, from_nothing=0.0)
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
    counted: tuple[int, int],
    floor: float,
    *,
    from_nothing: float,
    drift: tuple[float, float] = (0.0, math.inf),
) -> Change:
    """The change of a counter per execution; from nothing it counts if it reaches `from_nothing`."""
    before, after = m.before.total, m.after.total
    old, new = counted
    log_ratio = log_ratio_of(old, before.executions, new, after.executions)
    if log_ratio == math.inf:
        return Change(math.inf) if new >= from_nothing * after.executions else UNCHANGED
    if log_ratio == 0.0 or log_ratio == -math.inf:
        return Change(log_ratio)
    if own.degrees and min(m.intervals) >= FEW_INTERVALS:
        return Change(log_ratio, ((noise.of(own, *m.intervals), float(own.degrees)), drift, (floor * floor, math.inf)))
    # Few intervals may agree by chance; the spread of single executions is then the better guess, unless it is less.
    sampled = [
        (max(side.sampling, 1 / total.executions), total.executions - 1.0)
        for side, total in zip(m.sides, (before, after), strict=True)
    ]
    wandered = noise.of(own, *m.intervals) if own.degrees else 0.0
    if wandered > math.fsum(part for part, _ in sampled):
        sampled = [(wandered, float(own.degrees))]
    return Change(log_ratio, (*sampled, drift, (floor * floor, math.inf)))
