"""What the evidence says of each digest, in the numbers that the report shows and draws."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from executor_adapters.statement_text import readable
from executor_core.comparison import DigestKind
from executor_core.evidence import Evidence
from executor_core.histogram import bucket_scale, counts_between, quantile_bucket
from executor_core.metrics import BUCKETS, DigestKey, EvidenceError
from executor_core.model import VerificationStatus
from executor_core.roles import roles_of
from executor_core.verdict import DigestVerdict, Reason, Verdict
from executor_core.window import Reading, Series, readings_of, window_of

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
    """Return every digest of the evidence: the worst first, controls last; none if it contradicts itself."""
    try:
        before, after = readings_of("baseline", evidence.baseline), readings_of("after", evidence.after)
    except EvidenceError:  # such as a clock that was set back: the verdict's sentence says it
        return []
    roles = roles_of([*before, *after], evidence.run.query_digests)
    uppers = evidence.histogram_upper_bounds_ps
    sides = _sides(before, None, uppers), _sides(after, before[-1] if before else None, uppers)
    numbers = {DigestKey(each.schema_name, each.digest): each for each in verdict.digests}
    rows = {key: row for reading in (*before, *after) for key, row in reading.rows.items()}
    plans = evidence.uses_index or {}
    figures = [
        DigestFigures(
            key=key,
            text=row.digest_text or NO_TEXT,
            kind=roles.kinds.get(key),
            wanted=key in roles.wanted,
            uses_index=plans.get(key.digest),
            before=sides[0].get(key, _IDLE),
            after=sides[1].get(key, _IDLE),
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


def _about(key: DigestKey, reasons: Sequence[Reason]) -> tuple[Reason, ...]:
    return tuple(reason for reason in reasons if DigestKey(reason.schema_name, reason.digest or "") == key)


def _sides(
    readings: Sequence[Reading], preceding: Reading | None, uppers_ps: tuple[int, ...] | None
) -> dict[DigestKey, Side]:
    """What is known of each digest in one window, as the verdict knows it."""
    if not readings:
        return {}
    window = window_of(
        readings, scale=bucket_scale(uppers_ps), origin=readings[0].snapshot.taken_at, preceding=preceding
    )
    limits = upper_bounds_ms(uppers_ps)
    return {key: _side(key, readings, series, limits) for key, series in window.series.items()}


def _side(key: DigestKey, readings: Sequence[Reading], series: Series, limits_ms: Sequence[float]) -> Side:
    total, known, buckets = series.total, timedelta(), Counter[int]()
    for position, delta in zip(series.positions, series.deltas, strict=True):
        begin, end = readings[position], readings[position + 1]
        known += end.snapshot.taken_at - begin.snapshot.taken_at
        if delta.latency is not None:
            buckets.update(counts_between(begin.histogram(key), end.histogram(key)))
    n = total.executions
    return Side(
        executions=n,
        per_minute=n / (known / timedelta(minutes=1)) if known else 0.0,
        latency_ms=total.time_ps / n / 1e9 if n else None,
        rows_examined=total.rows / n if n else None,
        unindexed=total.unindexed / n if n else None,
        buckets=buckets,
        quantiles_ms={share: limits_ms[quantile_bucket(buckets, share / 100)] for share in (50, 99)} if buckets else {},
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
