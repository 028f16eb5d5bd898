"""Windows: what happened between snapshots, as differences of cumulative counters, and whether that is known.

A window of k snapshots has k - 1 intervals. An interval is unknown (None) for a digest whose counters fell,
whose row vanished or was made anew (``FIRST_SEEN`` changed), and for every digest if the server restarted in
between. Where counters fell in a row that was not made anew, one of the readings is wrong, so the intervals
on either side are unknown too. A sum of picoseconds that fell because it passed 2^64 is known: the wrapped
difference is used when the executions, each at most ``MAX_TIMER_WAIT`` long, allow it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, pairwise
from operator import attrgetter, lt, sub
from typing import NamedTuple

from executor_core.histogram import BucketScale, Moments, merged, moments_between
from executor_core.metrics import COUNTER_MODULUS, DigestKey, DigestRow, EvidenceError, Snapshot

_MOST_A_SECOND = 10**7
"""A statement that seems to run more often than this was misread."""


class Delta(NamedTuple):
    """What one digest did in one interval or window; times in picoseconds.

    `work_ps` is the time without waits for locks; `unindexed` counts the executions that read a table or
    joined without an index; `returned` is rows sent plus rows affected. `latency` is None where
    there is no histogram.
    """

    executions: int
    time_ps: int
    work_ps: int
    cpu_ps: int
    rows: int
    returned: int
    unindexed: int
    scans: int
    errors: int
    latency: Moments | None


IDLE = Delta(0, 0, 0, 0, 0, 0, 0, 0, 0, None)


class Ran(NamedTuple):
    """The known intervals in which a digest was executed, column by column."""

    positions: Sequence[int]
    executions: Sequence[int]
    time_ps: Sequence[int]
    cpu_ps: Sequence[int]
    rows: Sequence[int]
    returned: Sequence[int]
    latencies: Sequence[Moments | None]


@dataclass(frozen=True, slots=True)
class Series:
    """One digest in one window: its known intervals, their positions and sum, and how many are unknown."""

    positions: tuple[int, ...]
    deltas: tuple[Delta, ...]
    total: Delta
    unknown: int

    @property
    def ran(self) -> Ran:
        """The known intervals in which the digest was executed; there has to be one."""
        ran = [(j, *delta) for j, delta in zip(self.positions, self.deltas, strict=True) if delta.executions]
        positions, executions, time_ps, _, cpu_ps, rows, returned, *_, latencies = zip(*ran, strict=True)
        return Ran(positions, executions, time_ps, cpu_ps, rows, returned, latencies)


@dataclass(frozen=True, slots=True)
class Window:
    """All digests between the first and the last of some snapshots.

    `middles` are the intervals' middles in seconds since the first snapshot of the baseline; `restarts` lists
    the intervals in which the server restarted, `clock_jumps` those in which the two clocks disagree.
    """

    middles: tuple[float, ...]
    series: Mapping[DigestKey, Series]
    restarts: tuple[int, ...]
    clock_jumps: tuple[int, ...]

    @property
    def middle(self) -> float:
        """The middle of the window, in seconds since the first snapshot of the baseline."""
        return (self.middles[0] + self.middles[-1]) / 2 if self.middles else 0.0


@dataclass(frozen=True, slots=True)
class Reading:
    """A snapshot with its rows by digest."""

    snapshot: Snapshot
    rows: Mapping[DigestKey, DigestRow]

    def histogram(self, key: DigestKey) -> Mapping[int, int]:
        """The digest's executions by bucket; empty where the server keeps none."""
        row = self.rows.get(key)
        return row.histogram or {} if row else {}


def readings_of(name: str, snapshots: Sequence[Snapshot]) -> list[Reading]:
    """The snapshots of the window called `name`, indexed; out of order, or a digest twice, is refused."""
    readings: list[Reading] = []
    for i, snapshot in enumerate(snapshots):
        if i and snapshot.taken_at <= snapshots[i - 1].taken_at:
            raise EvidenceError(f"{name}[{i}].taken_at", "is not later than the snapshot before it")
        rows = {row.key: row for row in snapshot.digests}
        if len(rows) < len(snapshot.digests):
            j = next(j for j, row in enumerate(snapshot.digests) if rows[row.key] is not row)
            raise EvidenceError(f"{name}[{i}].digests[{j}].digest", "is listed twice in one snapshot")
        readings.append(Reading(snapshot, rows))
    return readings


def check_apart(baseline: Sequence[Snapshot], after: Sequence[Snapshot]) -> None:
    """Refuse windows that overlap."""
    if baseline and after and after[0].taken_at < baseline[-1].taken_at:
        raise EvidenceError("after[0].taken_at", "is earlier than the end of the baseline: the windows overlap")


def window_of(
    readings: Sequence[Reading], *, scale: BucketScale | None, origin: datetime, preceding: Reading | None = None
) -> Window:
    """The differences of consecutive `readings`, for every digest that any of them holds.

    `scale` says what the histograms' buckets mean; without it they are left out. `origin` is the instant from
    which the intervals' middles are measured; `preceding` is the last reading before these, which the first of
    them must not contradict.
    """
    pairs = [(start.snapshot, end.snapshot) for start, end in pairwise(readings)]
    intervals = [_interval(start, end) for start, end in pairs]
    starts = [(reading.snapshot.taken_at - origin).total_seconds() for reading in readings]
    series: dict[DigestKey, Series] = {}
    for key in dict.fromkeys(chain.from_iterable(reading.rows for reading in readings)):
        before = preceding.rows.get(key) if preceding else None
        series[key] = _series(_deltas(before, [reading.rows.get(key) for reading in readings], intervals, scale))
    return Window(
        middles=tuple((start + end) / 2 for start, end in pairwise(starts)),
        series=series,
        restarts=tuple(j for j, interval in enumerate(intervals) if interval.restarted),
        clock_jumps=tuple(j for j, (start, end) in enumerate(pairs) if _clocks_disagree(start, end)),
    )


class _Interval(NamedTuple):
    """What is common to all digests of one interval; `most` is more executions than any statement can have."""

    begins_at: datetime
    restarted: bool
    overflowed: bool
    most: float


def _interval(start: Snapshot, end: Snapshot) -> _Interval:
    most = _MOST_A_SECOND * ((end.taken_at - start.taken_at).total_seconds() + 1)
    return _Interval(start.taken_at, _restarted(start, end), end.digests_lost > start.digests_lost, most)


def _series(deltas: Sequence[Delta | None]) -> Series:
    known = [(j, delta) for j, delta in enumerate(deltas) if delta is not None]
    if not known:
        return Series((), (), IDLE, len(deltas))
    positions, seen = zip(*known, strict=True)
    return Series(positions, seen, _total(seen), len(deltas) - len(known))


def _total(deltas: Sequence[Delta]) -> Delta:
    """What happened in all of some intervals; histograms count where there are any."""
    if len(deltas) == 1:
        return deltas[0]
    *counters, latencies = zip(*deltas, strict=True)
    measured = [latency for latency in latencies if latency is not None]
    return Delta._make([*map(sum, counters), merged(measured) if measured else None])


def _deltas(
    before: DigestRow | None,
    rows: Sequence[DigestRow | None],
    intervals: Sequence[_Interval],
    scale: BucketScale | None,
) -> list[Delta | None]:
    """One digest's intervals between its rows; None where nothing is known of it."""
    deltas: list[Delta | None] = []
    misread: list[int] = []
    if before is not None and rows[0] is not None and _contradicts(before, rows[0]):
        misread.append(-1)
    for j, (interval, (earlier, later)) in enumerate(zip(intervals, pairwise(rows), strict=True)):
        delta: Delta | None = None
        if interval.restarted:
            pass
        elif earlier is not None and later is not None:
            if not _made_anew(earlier, later):
                delta = difference(earlier, later, scale)
                if delta is None or delta.executions > interval.most:
                    misread.append(j)
        elif later is not None:
            # Made within the interval: it counts from zero. A row of unknown age may only have been left out.
            if later.first_seen is not None and later.first_seen > interval.begins_at:
                delta = difference(None, later, scale)
        elif earlier is None and not interval.overflowed:
            delta = IDLE
        deltas.append(delta)
    for j in misread:
        for k in range(max(0, j - 1), min(len(deltas), j + 2)):
            deltas[k] = None
    return deltas


def _made_anew(earlier: DigestRow, later: DigestRow) -> bool:
    born, reborn = earlier.first_seen, later.first_seen
    return born is not None and reborn is not None and born != reborn


def _contradicts(earlier: DigestRow, later: DigestRow) -> bool:
    """Whether some counters fell and others did not: neither time passing nor a reset does that."""
    old, new = _steady(earlier), _steady(later)
    return any(map(lt, new, old)) and any(n > o or (o > 0 and n == o) for o, n in zip(old, new, strict=True))


_steady: Callable[[DigestRow], tuple[int, ...]] = attrgetter(
    "count_star", "sum_timer_wait_ps", "sum_rows_examined", "sum_rows_sent", "sum_errors"
)
_counts: Callable[[DigestRow], tuple[int, ...]] = attrgetter(
    "count_star",
    "sum_rows_examined",
    "sum_rows_sent",
    "sum_rows_affected",
    "sum_no_index_used",
    "sum_select_full_join",
    "sum_select_scan",
    "sum_errors",
)
"""The counters of a row that never wrap."""


def difference(earlier: DigestRow | None, later: DigestRow, scale: BucketScale | None) -> Delta | None:
    """What happened between two readings of a row (from nothing, if `earlier` is None); None if not known."""
    if earlier is None:
        earlier = DigestRow(digest=later.digest, count_star=0, sum_timer_wait_ps=0, histogram={})
    counted = list(map(sub, _counts(later), _counts(earlier)))
    if min(counted) < 0:
        return None
    executions, rows, sent, affected, no_index, full_join, scans, errors = counted
    elapsed = [
        later.sum_timer_wait_ps - earlier.sum_timer_wait_ps,
        later.sum_lock_time_ps - earlier.sum_lock_time_ps,
        (later.sum_cpu_time_ps or 0) - (earlier.sum_cpu_time_ps or 0),
    ]
    if min(elapsed) < 0:  # the sum passed 2^64, or fell for another reason
        longest = executions * (later.max_timer_wait_ps or 0)
        if any(grown < 0 and grown % COUNTER_MODULUS > longest for grown in elapsed):
            return None
        elapsed = [grown % COUNTER_MODULUS for grown in elapsed]
    time_ps, lock_ps, cpu_ps = elapsed
    if executions == 0:
        return IDLE if time_ps == 0 else None
    were, are = earlier.histogram, later.histogram
    return Delta(
        executions,
        time_ps,
        max(0, time_ps - lock_ps),
        cpu_ps,
        rows,
        sent + affected,
        min(executions, max(no_index, full_join)),
        scans,
        min(executions, errors),
        None if scale is None or were is None or are is None else moments_between(scale, were, are),
    )


def _restarted(start: Snapshot, end: Snapshot) -> bool:
    return start.uptime_s is not None and end.uptime_s is not None and end.uptime_s < start.uptime_s


def _clocks_disagree(start: Snapshot, end: Snapshot) -> bool:
    if start.uptime_s is None or end.uptime_s is None or end.uptime_s <= start.uptime_s:
        return False
    elapsed = (end.taken_at - start.taken_at).total_seconds()
    return abs(end.uptime_s - start.uptime_s - elapsed) > 10 + 0.1 * elapsed
