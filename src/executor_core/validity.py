"""Whether the evidence can bear a verdict at all: what is missing, lost, reset or unmeasured, as reasons.

What is found here can only make a verdict `inconclusive`, never `failed` and never `success`.
"""

from collections.abc import Collection, Mapping, Sequence

from executor_core.comparison import Comparison, DigestKind
from executor_core.judgement import Findings, lost
from executor_core.metrics import DigestKey, Snapshot, TableShape, digest_order
from executor_core.policy import Policy
from executor_core.verdict import Reason, ReasonCode
from executor_core.window import IDLE, Reading, Series, Window

UNDECIDABLE = frozenset(
    {
        ReasonCode.SERVER_CHANGED,
        ReasonCode.DISTURBED,
        ReasonCode.NO_TARGET_DIGEST,
        ReasonCode.NO_TIMING,
        ReasonCode.DIGEST_LOST,
    }
)
"""Reasons that more time can't remove."""

_MASS_FACTOR = 3.0
"""So many times the rows is a mass change. Two estimates of the same rows, each off by 40 %, differ by less."""
_MASS_ROWS = 10_000
"""A smaller table may grow so in minutes by what its application usually inserts, and is read in milliseconds."""


def blocking(baseline: Sequence[Snapshot], after: Sequence[Snapshot]) -> list[Reason]:
    """Reasons why the two windows can't be compared at all, whatever they hold."""
    reasons: list[Reason] = []
    if min(len(baseline), len(after)) < 2:
        numbers = {"baseline": len(baseline), "after": len(after), "needed": 2}
        reasons.append(Reason(code=ReasonCode.TOO_FEW_SNAPSHOTS, numbers=numbers))
    servers = {snapshot.server_uuid for snapshot in (*baseline, *after) if snapshot.server_uuid}
    if len(servers) > 1:
        reasons.append(Reason(code=ReasonCode.SERVER_CHANGED, numbers={"servers": len(servers)}))
    return [*reasons, *_disturbances([snapshot.table for snapshot in (*baseline, *after) if snapshot.table])]


def _disturbances(shapes: Sequence[TableShape]) -> list[Reason]:
    """What somebody else did to the table itself from the first snapshot to the last: its definition, or its rows."""
    if not shapes:
        return []
    reasons: list[Reason] = []
    definitions = len({shape.definition for shape in shapes})
    if definitions > 1:
        reasons.append(Reason(code=ReasonCode.DISTURBED, numbers={"definitions": definitions}))
    least, most = min(shape.rows for shape in shapes), max(shape.rows for shape in shapes)
    if most > _MASS_FACTOR * least and most - least >= _MASS_ROWS:
        reasons.append(Reason(code=ReasonCode.DISTURBED, numbers={"rows_least": least, "rows_most": most}))
    return reasons


def interruptions(before: Window, after: Window) -> list[Reason]:
    """Restarts and clock trouble, which the windows survive: to be said, not to be judged by."""
    notes: list[Reason] = []
    for code, in_before, in_after in (
        (ReasonCode.SERVER_RESTARTED, before.restarts, after.restarts),
        (ReasonCode.CLOCK_TROUBLE, before.clock_jumps, after.clock_jumps),
    ):
        if in_before or in_after:
            notes.append(Reason(code=code, numbers={"baseline": len(in_before), "after": len(in_after)}))
    return notes


def lost_digests(wanted: Collection[DigestKey], baseline: Sequence[Reading], after: Sequence[Reading]) -> list[Reason]:
    """Wanted digests that are absent at the end of a window in which the server's digest table overflowed."""
    reasons: list[Reason] = []
    for first, last in ((baseline[0], baseline[-1]), (after[0], after[-1])):
        overflow = last.snapshot.digests_lost - first.snapshot.digests_lost
        if overflow > 0:
            absent = [key for key in wanted if key not in last.rows]
            reasons += [
                lost(key, ReasonCode.DIGEST_LOST, {"digests_lost": overflow})
                for key in sorted(absent, key=digest_order)
            ]
    return reasons


def completeness(
    kinds: Mapping[DigestKey, DigestKind],
    wanted: frozenset[DigestKey],
    before: Window,
    after: Window,
    comparisons: Sequence[Comparison],
    policy: Policy,
) -> Findings:
    """What of the table's load the comparisons leave out, and whether that is too much for a success."""
    findings = Findings()
    compared = {c.key for c in comparisons}
    nothing = Series((), (), IDLE, 0)
    pairs = {key: (before.series.get(key, nothing), after.series.get(key, nothing)) for key in kinds}
    time_before = sum(b.total.time_ps for b, _ in pairs.values())
    time_after = sum(a.total.time_ps for _, a in pairs.values())
    for key, (b, a) in pairs.items():
        _complete_digest(key, b, a, key in wanted, (time_before, time_after), findings, policy)
    if not compared:
        findings.doubts.append(
            Reason(
                code=ReasonCode.INSUFFICIENT_SAMPLES,
                numbers={"eligible_digests": 0, "needed": policy.min_samples},
            )
        )
        return findings
    covered_before = sum(pairs[key][0].total.time_ps for key in compared) / time_before
    covered_after = sum(pairs[key][1].total.time_ps for key in compared) / time_after
    if min(covered_before, covered_after) < policy.min_coverage:
        numbers = {
            "baseline_percent": round(100 * covered_before, 4),
            "after_percent": round(100 * covered_after, 4),
            "needed_percent": 100 * policy.min_coverage,
        }
        findings.doubts.append(Reason(code=ReasonCode.COVERAGE_LOW, numbers=numbers))
    return findings


def _complete_digest(
    key: DigestKey,
    before: Series,
    after: Series,
    wanted: bool,
    table_time: tuple[int, int],
    findings: Findings,
    policy: Policy,
) -> None:
    if any(side.total.executions > 0 and side.total.time_ps == 0 for side in (before, after)):
        findings.doubts.append(lost(key, ReasonCode.NO_TIMING, {}))
        return
    share, share_after = (
        side.total.time_ps / time if time else 0.0 for side, time in zip((before, after), table_time, strict=True)
    )
    unknown = {"baseline": before.unknown, "after": after.unknown}
    if before.unknown or after.unknown:
        nothing_left = any(side.unknown and not side.deltas for side in (before, after))
        serious = nothing_left and (wanted or share >= policy.material_share)
        (findings.doubts if serious else findings.notes).append(lost(key, ReasonCode.COUNTER_RESET, unknown))
    numbers = {
        "before": before.total.executions,
        "after": after.total.executions,
        "needed": policy.min_samples,
    }
    if before.total.executions >= policy.min_samples > after.total.executions:
        # What takes far longer than before hardly runs any more, however small it was.
        grown = after.total.time_ps * before.total.executions > (
            policy.early_ratio * before.total.time_ps * after.total.executions
        )
        material = share >= policy.material_share or (grown and share_after >= policy.material_share)
        (findings.doubts if material else findings.notes).append(lost(key, ReasonCode.SAMPLES_LOST, numbers))
