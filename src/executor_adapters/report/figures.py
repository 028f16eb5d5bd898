"""What the evidence says of each digest, in the numbers that the report shows and draws."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from executor_adapters.statement_text import readable
from executor_core.comparison import DigestKind
from executor_core.evidence import Evidence
from executor_core.histogram import bucket_scale, quantile_bucket
from executor_core.metrics import BUCKETS, DigestKey, DigestRole, DigestRow, Snapshot
from executor_core.model import VerificationStatus
from executor_core.verdict import DigestVerdict, Reason, Verdict
from executor_core.window import difference

NO_TEXT = "(the server kept no text of this statement)"
SHORT = 110


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One digest in one window, per execution; `buckets` is empty where the server keeps no histograms."""

    executions: int
    per_minute: float
    latency_ms: float | None
    rows_examined: float | None
    unindexed: float | None
    buckets: Mapping[int, int]
    quantiles_ms: Mapping[int, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestFigures:
    """One digest before and after; `numbers` is None where it ran too rarely to be compared."""

    key: DigestKey
    text: str
    kind: DigestKind | None
    wanted: bool
    uses_index: bool | None
    before: Side
    after: Side
    numbers: DigestVerdict | None
    reasons: tuple[Reason, ...]
    warnings: tuple[Reason, ...]

    @property
    def short_text(self) -> str:
        """The statement in one line."""
        return readable(self.text, SHORT)

    @property
    def outcome(self) -> VerificationStatus:
        """What was found of it."""
        return VerificationStatus.INCONCLUSIVE if self.numbers is None else self.numbers.outcome

    @property
    def latency_change(self) -> float | None:
        """The change of time per execution in percent."""
        return _change(self.before.latency_ms, self.after.latency_ms)

    @property
    def rows_change(self) -> float | None:
        """The change of rows examined per execution in percent; None from nothing."""
        return _change(self.before.rows_examined, self.after.rows_examined)


def digest_figures(evidence: Evidence, verdict: Verdict) -> list[DigestFigures]:
    """Return every digest of the evidence: the worst first, controls last."""
    before, after = _sides(evidence, evidence.baseline), _sides(evidence, evidence.after)
    numbers = {DigestKey(each.schema_name, each.digest): each for each in verdict.digests}
    rows = _latest_rows([*evidence.baseline, *evidence.after])
    named = {name.casefold() for name in evidence.run.query_digests}
    plans = evidence.uses_index or {}
    figures = [
        DigestFigures(
            key=key,
            text=row.digest_text or NO_TEXT,
            kind=_kind(row, named),
            wanted=key.digest.casefold() in named or (not named and row.role is DigestRole.TARGET),
            uses_index=plans.get(key.digest),
            before=before.get(key, _IDLE),
            after=after.get(key, _IDLE),
            numbers=numbers.get(key),
            reasons=_about(key, verdict.reasons),
            warnings=_about(key, verdict.warnings),
        )
        for key, row in rows.items()
    ]
    return sorted(figures, key=_urgency)


_IDLE = Side(
    executions=0, per_minute=0, latency_ms=None, rows_examined=None, unindexed=None, buckets={}, quantiles_ms={}
)
_ORDER = {VerificationStatus.FAILED: 0, VerificationStatus.INCONCLUSIVE: 1, VerificationStatus.SUCCESS: 2}


def _urgency(figures: DigestFigures) -> tuple[bool, int, bool, float, str]:
    share = 0.0 if figures.numbers is None else figures.numbers.time_share_percent
    compared = figures.numbers is not None
    order = _ORDER[figures.outcome] if compared or figures.reasons else 3
    return figures.kind is None, order, not figures.wanted, -share, figures.key.digest


def _kind(row: DigestRow, named: set[str]) -> DigestKind | None:
    if row.role is DigestRole.WRITE:
        return DigestKind.WRITE
    if row.role is DigestRole.TARGET or row.digest.casefold() in named:
        return DigestKind.READ
    return None


def _about(key: DigestKey, reasons: Sequence[Reason]) -> tuple[Reason, ...]:
    return tuple(reason for reason in reasons if DigestKey(reason.schema_name, reason.digest or "") == key)


def _latest_rows(snapshots: Sequence[Snapshot]) -> dict[DigestKey, DigestRow]:
    return {row.key: row for snapshot in snapshots for row in snapshot.digests}


def _sides(evidence: Evidence, snapshots: Sequence[Snapshot]) -> dict[DigestKey, Side]:
    """Add up what is known of each digest, interval by interval: a counter that was reset spoils one of them only."""
    uppers = evidence.histogram_upper_bounds_ps
    scale = bucket_scale(uppers)
    totals: dict[DigestKey, list[float]] = {}
    buckets: dict[DigestKey, Counter[int]] = {}
    known: dict[DigestKey, timedelta] = {}
    for earlier, later in pairwise(snapshots):
        rows = {row.key: row for row in earlier.digests}
        for row in later.digests:
            old = rows.get(row.key)
            delta = None if old is None else difference(old, row, scale)
            if old is None or delta is None:
                continue
            total = totals.setdefault(row.key, [0, 0, 0, 0])
            for position, part in enumerate((delta.executions, delta.time_ps, delta.rows, delta.unindexed)):
                total[position] += part
            known[row.key] = known.get(row.key, timedelta()) + (later.taken_at - earlier.taken_at)
            counts = buckets.setdefault(row.key, Counter())
            if old.histogram is not None and row.histogram is not None:
                counts.update({b: n - old.histogram.get(b, 0) for b, n in row.histogram.items()})
    return {key: _side(total, +buckets[key], known[key], uppers) for key, total in totals.items()}


def _side(total: Sequence[float], buckets: Counter[int], known: timedelta, uppers: Sequence[int] | None) -> Side:
    executions, time_ps, rows, unindexed = total
    limits = upper_bounds_ms(uppers)
    return Side(
        executions=round(executions),
        per_minute=executions / (known / timedelta(minutes=1)) if known else 0.0,
        latency_ms=time_ps / executions / 1e9 if executions else None,
        rows_examined=rows / executions if executions else None,
        unindexed=unindexed / executions if executions else None,
        buckets=buckets,
        quantiles_ms={share: limits[quantile_bucket(buckets, share / 100)] for share in (50, 99)} if buckets else {},
    )


def upper_bounds_ms(uppers_ps: Sequence[int] | None) -> list[float]:
    """Return each bucket's upper bound in milliseconds: MySQL's own, where the evidence has no others."""
    if uppers_ps:
        return [upper / 1e9 for upper in uppers_ps]
    return [0.01 * 10 ** (bucket / 50) for bucket in range(BUCKETS)]


def _change(before: float | None, after: float | None) -> float | None:
    if before is None or after is None:
        return None
    if before == 0:
        return 0.0 if after == 0 else None
    return 100 * (after / before - 1)
