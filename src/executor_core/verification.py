"""Did the index make things better, worse, or can't it be told? The comparison's public entry.

`verify` takes the snapshots of two windows and returns a `Verdict`; it is a pure function: the same evidence
gives the same verdict, anywhere. Validity comes first (`validity`), then each digest's changes are estimated
with their noise (`window`, `machine`, `dispersion`, `comparison`), then weighed (`judgement`).
docs/verification.md explains the method.
"""

import math
from collections.abc import Collection, Mapping, Sequence

from executor_core.baseline import BaselineAssessment, assess_baseline
from executor_core.comparison import Comparison, DigestKind, compare, eligible, raw_change
from executor_core.evidence import Evidence
from executor_core.histogram import BucketScale, bucket_scale
from executor_core.judgement import Findings, gross_harm, judge, percent
from executor_core.machine import machine_of
from executor_core.metrics import DigestKey, EvidenceError, Snapshot, digest_order
from executor_core.model import VerificationStatus
from executor_core.policy import Policy, WritePolicy
from executor_core.roles import roles_of
from executor_core.tail import tails
from executor_core.validity import UNDECIDABLE, blocking, completeness, interruptions, lost_digests
from executor_core.verdict import DigestVerdict, MetricsComparison, Reason, ReasonCode, Verdict
from executor_core.window import Reading, Window, check_apart, readings_of, window_of
from executor_core.wording import failed_sentence, inconclusive_sentence, success_sentence

LONGER = 6
"""An extended after window is taken to be six times as long: 30 minutes instead of 5."""

__all__ = [
    "BaselineAssessment",
    "EvidenceError",
    "Policy",
    "ReasonCode",
    "Verdict",
    "WritePolicy",
    "assess_baseline",
    "verify",
    "verify_evidence",
]


def verify_evidence(evidence: Evidence) -> Verdict:
    """The verdict that `evidence` bears, exactly as the run reached it.

    Raises:
        EvidenceError: the evidence contradicts itself; the error names the field.
    """
    return verify(
        baseline=evidence.baseline,
        after=evidence.after,
        targets=evidence.run.query_digests or None,
        policy=evidence.policy,
        index_exists=evidence.index.exists,
        index_name=evidence.index.index_name,
        uses_index=evidence.uses_index,
        histogram_upper_bounds_ps=evidence.histogram_upper_bounds_ps,
        final=evidence.final,
        interim=evidence.interim,
    )


def verify(
    *,
    baseline: Sequence[Snapshot],
    after: Sequence[Snapshot],
    targets: Collection[str] | None,
    policy: Policy = Policy(),  # noqa: B008 - frozen, so one instance serves all calls
    index_exists: bool | None = None,
    index_name: str | None = None,
    uses_index: Mapping[str, bool] | None = None,
    histogram_upper_bounds_ps: Sequence[int] | None = None,
    final: bool = True,
    interim: bool = False,
) -> Verdict:
    """The verdict on an index from the snapshots before its build and after.

    Args:
        baseline: snapshots before the build, oldest first; two or more, better one every 10 to 60 seconds.
        after: snapshots after it, likewise, none earlier than the baseline's last.
        targets: the digests that the index is meant for; None takes the rows whose role is `target`.
        policy: the limits.
        index_exists: whether the index was there at the end; None if nobody looked.
        index_name: the index, as `index_usage` names it.
        uses_index: by digest, whether EXPLAIN's plan uses the new index; a digest not named may use it.
        histogram_upper_bounds_ps: each bucket's upper bound, where they differ from MySQL's.
        final: False for an early look, after which the window could still be extended.
        interim: True for a look inside a window, which can only convict, of gross harm to a read; never the last.

    Raises:
        EvidenceError: snapshots are out of order or overlap, or a digest is listed twice.
    """
    readings = readings_of("baseline", baseline), readings_of("after", after)
    check_apart(baseline, after)
    if index_exists is False:
        reason = Reason(code=ReasonCode.INDEX_MISSING)
        return Verdict(status=VerificationStatus.FAILED, message=failed_sentence([reason]), reasons=(reason,))
    blocked = blocking(baseline, after)
    if blocked:
        extend = (
            (interim or not final)
            and len(baseline) > 1
            and all(r.code is ReasonCode.TOO_FEW_SNAPSHOTS for r in blocked)
        )
        return _inconclusive(blocked, extend=extend)

    roles = roles_of([*readings[0], *readings[1]], targets)
    kinds, wanted = roles.kinds, roles.wanted
    if interim:  # what the counters alone rule out needs no look at the histograms
        before_window, after_window = _windows(*readings, None)
        if not _may_be_gross(kinds, before_window, after_window, policy):
            return _too_early(_samples(wanted, after_window))
    scale = bucket_scale(tuple(histogram_upper_bounds_ps) if histogram_upper_bounds_ps else None)
    before_window, after_window = _windows(*readings, scale)
    plans = uses_index or {}
    unaffected = [key for key, kind in kinds.items() if kind is DigestKind.READ and plans.get(key.digest) is False]
    machine = machine_of(before_window, after_window, roles.controls, policy)
    if not machine.controls:
        machine = machine_of(before_window, after_window, unaffected, policy)
    comparisons = compare(
        list(kinds),
        before=before_window,
        after=after_window,
        kinds=kinds,
        wanted=wanted,
        machine=machine,
        bystanders=[*roles.controls, *unaffected],
        policy=policy,
    )
    if interim:
        return _interim(comparisons, wanted, before_window, after_window, plans, policy)
    findings = judge(
        comparisons,
        policy=policy,
        final=final,
        uses_index=plans,
        tails=tails(comparisons, *readings, machine, policy),
    )
    gaps = completeness(kinds, wanted, before_window, after_window, comparisons, policy)
    samples = _samples(wanted, after_window)
    doubts = [*lost_digests(wanted, *readings), *gaps.doubts]
    if not wanted:
        doubts.insert(0, Reason(code=ReasonCode.NO_TARGET_DIGEST))
    warnings = [
        *findings.notes,
        *gaps.notes,
        *interruptions(before_window, after_window),
        *_unused(after, index_name, uses_index),
    ]
    if not machine.controls:
        warnings.append(Reason(code=ReasonCode.NO_CONTROLS, numbers={"needed": policy.min_controls}))
    compared = _spec_comparison(wanted, before_window, after_window, comparisons, policy)
    digests = _digest_verdicts(comparisons, findings)
    if samples < policy.min_samples:
        numbers = {"samples": samples, "needed": policy.min_samples}
        if not final:
            numbers["extended"] = samples * LONGER
        doubts.insert(0, Reason(code=ReasonCode.INSUFFICIENT_SAMPLES, numbers=numbers))
    elif findings.breaches:
        return Verdict(
            status=VerificationStatus.FAILED,
            message=failed_sentence(findings.breaches),
            metrics_comparison=compared,
            sample_count=samples,
            reasons=tuple(findings.breaches),
            warnings=tuple(warnings),
            digests=digests,
        )
    doubts += findings.doubts
    if doubts:
        return _inconclusive(
            doubts,
            extend=not final and _time_may_help(doubts, wanted, before_window, after_window, policy),
            compared=compared,
            samples=samples,
            warnings=warnings,
            digests=digests,
        )
    return Verdict(
        status=VerificationStatus.SUCCESS,
        message=success_sentence(compared, samples, policy),
        metrics_comparison=compared,
        sample_count=samples,
        warnings=tuple(warnings),
        digests=digests,
    )


def _windows(baseline: Sequence[Reading], after: Sequence[Reading], scale: BucketScale | None) -> tuple[Window, Window]:
    origin = baseline[0].snapshot.taken_at
    return (
        window_of(baseline, scale=scale, origin=origin),
        window_of(after, scale=scale, origin=origin, preceding=baseline[-1]),
    )


def _may_be_gross(kinds: Mapping[DigestKey, DigestKind], before: Window, after: Window, policy: Policy) -> bool:
    """Whether a read takes so much longer that it may convict inside a window; all excuses only lessen that."""
    reads = [key for key, kind in kinds.items() if kind is DigestKind.READ]
    pairs = [(before.series[key], after.series[key]) for key in reads if key in before.series and key in after.series]
    return any(
        raw_change(b.total, a.total) >= math.log(policy.interim_ratio) for b, a in pairs if eligible(b, a, policy)
    )


def _too_early(samples: int) -> Verdict:
    return _inconclusive([Reason(code=ReasonCode.TOO_EARLY)], extend=True, samples=samples)


def _interim(
    comparisons: Sequence[Comparison],
    wanted: frozenset[DigestKey],
    before: Window,
    after: Window,
    uses_index: Mapping[str, bool],
    policy: Policy,
) -> Verdict:
    """What a look inside a window finds: gross harm, or that it is too early to tell."""
    samples = _samples(wanted, after)
    breaches = gross_harm(comparisons, policy=policy, uses_index=uses_index) if samples >= policy.min_samples else []
    if not breaches:
        return _too_early(samples)
    return Verdict(
        status=VerificationStatus.FAILED,
        message=failed_sentence(breaches),
        metrics_comparison=_spec_comparison(wanted, before, after, comparisons, policy),
        sample_count=samples,
        reasons=tuple(breaches),
        digests=_digest_verdicts(comparisons, Findings(breaches=breaches)),
    )


def _samples(wanted: frozenset[DigestKey], after: Window) -> int:
    return sum(after.series[key].total.executions for key in wanted if key in after.series)


def _inconclusive(
    doubts: Sequence[Reason],
    *,
    extend: bool,
    compared: MetricsComparison | None = None,
    samples: int = 0,
    warnings: Sequence[Reason] = (),
    digests: tuple[DigestVerdict, ...] = (),
) -> Verdict:
    return Verdict(
        status=VerificationStatus.INCONCLUSIVE,
        message=inconclusive_sentence(doubts),
        metrics_comparison=compared,
        sample_count=samples,
        extend=extend,
        reasons=tuple(doubts),
        warnings=tuple(warnings),
        digests=digests,
    )


def _time_may_help(
    doubts: Sequence[Reason], wanted: frozenset[DigestKey], before: Window, after: Window, policy: Policy
) -> bool:
    """Whether a longer after window could decide: the doubts can vanish, and a digest would have its samples."""
    if any(doubt.code in UNDECIDABLE for doubt in doubts):
        return False
    return any(
        before.series[key].total.executions >= policy.min_samples
        and after.series[key].total.executions * LONGER >= policy.min_samples
        for key in wanted
        if key in before.series and key in after.series
    )


def _unused(after: Sequence[Snapshot], index_name: str | None, uses_index: Mapping[str, bool] | None) -> list[Reason]:
    """A note if nothing fetched through the index in the after window, or no digest's plan uses it."""
    first, last = after[0].index_usage or {}, after[-1].index_usage or {}
    if index_name is not None and index_name in first and index_name in last:
        fetched = last[index_name].get("count_fetch", 0) - first[index_name].get("count_fetch", 0)
        if fetched == 0:
            return [Reason(code=ReasonCode.INDEX_UNUSED, numbers={"count_fetch": 0})]
    elif uses_index and not any(uses_index.values()):
        return [Reason(code=ReasonCode.INDEX_UNUSED, numbers={"plans": 0})]
    return []


def _spec_comparison(
    wanted: frozenset[DigestKey],
    before: Window,
    after: Window,
    comparisons: Sequence[Comparison],
    policy: Policy,
) -> MetricsComparison | None:
    """The specification's three numbers over the wanted digests, in the baseline's mix; None without any."""
    times: list[tuple[float, float]] = []
    rows: list[tuple[float, float]] = []
    for key in sorted(wanted, key=digest_order):
        if key not in before.series or key not in after.series:
            continue
        b, a = before.series[key].total, after.series[key].total
        if b.executions and a.executions:
            times.append((b.time_ps, b.executions * (a.time_ps / a.executions)))
            rows.append((b.rows, b.executions * (a.rows / a.executions)))
    if not times:
        return None
    return MetricsComparison(
        avg_latency_change_percent=_change_percent(times),
        rows_examined_change_percent=_change_percent(rows),
        full_scan_increased=any(c.wanted and c.p_scans < policy.suspicion for c in comparisons),
    )


def _change_percent(pairs: Sequence[tuple[float, float]]) -> float | None:
    old, new = sum(b for b, _ in pairs), sum(a for _, a in pairs)
    if old == 0:
        return 0.0 if new == 0 else None
    return round(100 * (new / old - 1), 4)


def _digest_verdicts(comparisons: Sequence[Comparison], findings: Findings) -> tuple[DigestVerdict, ...]:
    """Every digest's numbers, and what was found about it."""
    outcomes = {(r.schema_name, r.digest): VerificationStatus.INCONCLUSIVE for r in findings.doubts}
    outcomes |= {(r.schema_name, r.digest): VerificationStatus.FAILED for r in findings.breaches}
    return tuple(_digest_verdict(c, outcomes.get(c.key, VerificationStatus.SUCCESS)) for c in comparisons)


def _digest_verdict(c: Comparison, outcome: VerificationStatus) -> DigestVerdict:
    b, a = c.before, c.after
    return DigestVerdict(
        schema_name=c.key.schema_name,
        digest=c.key.digest,
        kind=c.kind,
        wanted=c.wanted,
        executions_before=b.executions,
        executions_after=a.executions,
        time_share_percent=round(100 * c.time_share, 4),
        avg_latency_before_ms=b.time_ps / b.executions / 1e9,
        avg_latency_after_ms=a.time_ps / a.executions / 1e9,
        latency_change_percent=percent(c.raw_latency),
        judged_latency_change_percent=percent(c.latency.log_ratio),
        latency_p_value=c.p_latency,
        rows_examined_before=b.rows / b.executions,
        rows_examined_after=a.rows / a.executions,
        rows_examined_change_percent=percent(c.rows.log_ratio),
        rows_examined_p_value=c.rows.p_rise,
        unindexed_before=b.unindexed / b.executions,
        unindexed_after=a.unindexed / a.executions,
        unindexed_p_value=c.p_scans,
        cpu_change_percent=None if c.cpu is None else percent(c.cpu.log_ratio),
        outcome=outcome,
    )
