"""The rules compared: the draft that the product started from, the plain mean, a Welch test, and ours."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from bench.verification.workload import Trial

from executor_core.inference import t_tail, weighted_holm
from executor_core.metrics import DigestRole, DigestRow, Snapshot
from executor_core.model import VerificationStatus
from executor_core.policy import Policy
from executor_core.verdict import Verdict
from executor_core.verification import verify

Rule = Callable[[Trial], VerificationStatus]
_POLICY = Policy()


def draft(trial: Trial) -> VerificationStatus:
    """Cumulative totals compared, as if the counters started at zero with each window."""
    before, after = _targets(trial.baseline[-1]), _targets(trial.after[-1])
    worse = (
        _mean(after.values()) > 1.1 * _mean(before.values())
        or sum(r.sum_rows_examined for r in after.values()) > 1.2 * sum(r.sum_rows_examined for r in before.values())
        or sum(r.sum_no_index_used for r in after.values()) > sum(r.sum_no_index_used for r in before.values())
    )
    return VerificationStatus.FAILED if worse else VerificationStatus.SUCCESS


def _targets(snapshot: Snapshot) -> dict[str, DigestRow]:
    return {row.digest: row for row in snapshot.digests if row.role is not DigestRole.CONTROL}


def _mean(rows: Collection[DigestRow]) -> float:
    return sum(r.sum_timer_wait_ps for r in rows) / sum(r.count_star for r in rows)


@dataclass(frozen=True)
class _Window:
    """One digest's window: executions, time, rows, scans, and the relative variance of single executions."""

    n: int
    time: int
    rows: int
    scans: int
    variance: float


def _window(first: DigestRow, last: DigestRow) -> _Window:
    counts = {b: n - (first.histogram or {}).get(b, 0) for b, n in (last.histogram or {}).items()}
    total = sum(counts.values())
    middles = {bucket: 0.01 * 10 ** ((bucket - 0.5) / 50) for bucket in counts}
    mean = sum(n * middles[b] for b, n in counts.items()) / total if total else 1.0
    square = sum(n * middles[b] ** 2 for b, n in counts.items()) / total if total else 1.0
    return _Window(
        last.count_star - first.count_star,
        last.sum_timer_wait_ps - first.sum_timer_wait_ps,
        last.sum_rows_examined - first.sum_rows_examined,
        last.sum_no_index_used - first.sum_no_index_used,
        max(0.0, square / mean**2 - 1),
    )


def _windows(snapshots: list[Snapshot]) -> Mapping[str, _Window]:
    first, last = _targets(snapshots[0]), _targets(snapshots[-1])
    return {name: _window(first[name], last[name]) for name in last if name in first}


def plain_mean(trial: Trial) -> VerificationStatus:
    """The means of five minutes before and after, against the specification's limits."""
    before, after = _windows(trial.last_of_baseline()), _windows(trial.first_look())
    n_b, n_a = (sum(w.n for w in windows.values()) for windows in (before, after))
    if min(n_a, n_b) < _POLICY.min_samples:
        return VerificationStatus.INCONCLUSIVE
    worse = (
        sum(w.time for w in after.values()) / n_a > 1.1 * sum(w.time for w in before.values()) / n_b
        or sum(w.rows for w in after.values()) / n_a > 1.2 * sum(w.rows for w in before.values()) / n_b
        or sum(w.scans for w in after.values()) / n_a > sum(w.scans for w in before.values()) / n_b
    )
    return VerificationStatus.FAILED if worse else VerificationStatus.SUCCESS


def welch_holm(trial: Trial) -> VerificationStatus:
    """Welch's test on each digest's mean over five minutes, Holm's correction, and the limit of 10 %."""
    before, after = _windows(trial.last_of_baseline()), _windows(trial.first_look())
    names = [name for name in before if min(before[name].n, after[name].n) >= _POLICY.min_samples]
    if not names:
        return VerificationStatus.INCONCLUSIVE
    p_values: list[float] = []
    ratios: list[float] = []
    for name in names:
        b, a = before[name], after[name]
        mean_b, mean_a = b.time / b.n, a.time / a.n
        error = math.sqrt(b.variance * mean_b**2 / b.n + a.variance * mean_a**2 / a.n)
        p_values.append(t_tail((mean_a - mean_b) / error, min(b.n, a.n) - 1) if error else 1.0)
        ratios.append(mean_a / mean_b)
    adjusted = weighted_holm(p_values, [1.0] * len(names))
    worse = any(p < 0.05 and ratio > 1.1 for p, ratio in zip(adjusted, ratios, strict=True))
    return VerificationStatus.FAILED if worse else VerificationStatus.SUCCESS


def _judged(trial: Trial, after: Sequence[Snapshot], *, final: bool = True, interim: bool = False) -> Verdict:
    return verify(
        baseline=trial.baseline, after=after, targets=None, uses_index=trial.uses_index, final=final, interim=interim
    )


def ours(trial: Trial) -> VerificationStatus:
    """Executor's verdict: looks inside the first window, one at its end, and another where that could not decide."""
    if trial.watch.first_look is not None:
        for seen in range(2, trial.watch.first_look + 1):
            if _judged(trial, trial.after[:seen], final=False, interim=True).status is VerificationStatus.FAILED:
                return VerificationStatus.FAILED
        first = _judged(trial, trial.first_look(), final=False)
        if not first.extend:
            return first.status
    return _judged(trial, trial.after).status


RULES: Mapping[str, Rule] = {
    "draft": draft,
    "plain mean": plain_mean,
    "Welch + Holm": welch_holm,
    "Executor": ours,
}
