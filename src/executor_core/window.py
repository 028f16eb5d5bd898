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
from functools import reduce
from itertools import pairwise
from operator import add, attrgetter, sub

from executor_core.histogram import BucketScale, Moments, moments_between
from executor_core.metrics import (
    COUNTER_MODULUS,
    DigestKey,
    DigestRow,
    EvidenceError,
    Snapshot,
    digest_order,
)

_MOST_A_SECOND = 10**7
"""A statement that seems to run more often than this was misread."""


@dataclass(frozen=True, slots=True)
class Delta:
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

    def __add__(self, other: "Delta") -> "Delta":
        mine, theirs = self.latency, other.latency
        return Delta(
            self.executions + other.executions,
            self.time_ps + other.time_ps,
            self.work_ps + other.work_ps,
            self.cpu_ps + other.cpu_ps,
            self.rows + other.rows,
            self.returned + other.returned,
            self.unindexed + other.unindexed,
            self.scans + other.scans,
            self.errors + other.errors,
            theirs if mine is None else mine if theirs is None else mine + theirs,
        )


IDLE = Delta(0, 0, 0, 0, 0, 0, 0, 0, 0, None)


@dataclass(frozen=True, slots=True)
class Series:
    """One digest in one window: its known intervals, their positions and sum, and how many are unknown."""

    positions: tuple[int, ...]
    deltas: tuple[Delta, ...]
    total: Delta
    unknown: int


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
    readings: Sequence[Reading], *, scale: BucketScale, origin: datetime, preceding: Reading | None = None
) -> Window:
    """The differences of consecutive `readings`, for every digest that any of them holds.

    `origin` is the instant from which the intervals' middles are measured; `preceding` is the last reading
    before these, which the first of them must not contradict.
    """
    pairs = [(start.snapshot, end.snapshot) for start, end in pairwise(readings)]
    restarts = tuple(j for j, (start, end) in enumerate(pairs) if _restarted(start, end))
    keys = sorted({key for reading in readings for key in reading.rows}, key=digest_order)
    starts = [(reading.snapshot.taken_at - origin).total_seconds() for reading in readings]
    return Window(
        middles=tuple((start + end) / 2 for start, end in pairwise(starts)),
        series={key: _series(_deltas(key, readings, restarts, scale, preceding)) for key in keys},
        restarts=restarts,
        clock_jumps=tuple(j for j, (start, end) in enumerate(pairs) if _clocks_disagree(start, end)),
    )


def _series(deltas: Sequence[Delta | None]) -> Series:
    known = [(j, delta) for j, delta in enumerate(deltas) if delta is not None]
    return Series(
        tuple(j for j, _ in known),
        tuple(delta for _, delta in known),
        reduce(add, [delta for _, delta in known]) if known else IDLE,
        len(deltas) - len(known),
    )


def _deltas(
    key: DigestKey,
    readings: Sequence[Reading],
    restarts: Sequence[int],
    scale: BucketScale,
    preceding: Reading | None,
) -> list[Delta | None]:
    """One digest's intervals; None where nothing is known of it."""
    deltas: list[Delta | None] = []
    misread: list[int] = []
    later = readings[0].rows.get(key)
    before = preceding.rows.get(key) if preceding else None
    if before is not None and later is not None and _contradicts(before, later):
        misread.append(-1)
    for j, (start, end) in enumerate(pairwise(readings)):
        earlier, later = later, end.rows.get(key)
        delta: Delta | None = None
        if j in restarts:
            pass
        elif earlier is None and later is None:
            delta = None if end.snapshot.digests_lost > start.snapshot.digests_lost else IDLE
        elif earlier is None and later is not None:
            # Made within the interval: it counts from zero. A row of unknown age may only have been left out.
            if later.first_seen is not None and later.first_seen > start.snapshot.taken_at:
                delta = difference(None, later, scale)
        elif earlier is not None and later is not None and not _made_anew(earlier, later):
            delta = difference(earlier, later, scale)
            if delta is None or delta.executions > _most_executions(start.snapshot, end.snapshot):
                misread.append(j)
        deltas.append(delta)
    for j in misread:
        for k in range(max(0, j - 1), min(len(deltas), j + 2)):
            deltas[k] = None
    return deltas


def _most_executions(start: Snapshot, end: Snapshot) -> float:
    """More executions of one statement than any server manages between two snapshots."""
    return _MOST_A_SECOND * ((end.taken_at - start.taken_at).total_seconds() + 1)


def _made_anew(earlier: DigestRow, later: DigestRow) -> bool:
    born, reborn = earlier.first_seen, later.first_seen
    return born is not None and reborn is not None and born != reborn


def _contradicts(earlier: DigestRow, later: DigestRow) -> bool:
    """Whether some counters fell and others did not: neither time passing nor a reset does that."""
    pairs = [
        (earlier.count_star, later.count_star),
        (earlier.sum_timer_wait_ps, later.sum_timer_wait_ps),
        (earlier.sum_rows_examined, later.sum_rows_examined),
        (earlier.sum_rows_sent, later.sum_rows_sent),
        (earlier.sum_errors, later.sum_errors),
    ]
    fell = [later < earlier for earlier, later in pairs]
    return any(fell) and any(
        later > earlier or (earlier > 0 and not down) for (earlier, later), down in zip(pairs, fell, strict=True)
    )


_counters: Callable[[DigestRow], tuple[int, ...]] = attrgetter(
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


def difference(earlier: DigestRow | None, later: DigestRow, scale: BucketScale) -> Delta | None:
    """What happened between two readings of a row (from nothing, if `earlier` is None); None if not known."""
    if earlier is None:
        earlier = DigestRow(digest=later.digest, count_star=0, sum_timer_wait_ps=0, histogram={})
    counted = tuple(map(sub, _counters(later), _counters(earlier)))
    if min(counted) < 0:
        return None
    executions, rows, sent, affected, no_index, full_join, scans, errors = counted
    longest = later.max_timer_wait_ps
    time_ps = _elapsed(earlier.sum_timer_wait_ps, later.sum_timer_wait_ps, executions, longest)
    lock_ps = _elapsed(earlier.sum_lock_time_ps, later.sum_lock_time_ps, executions, longest)
    cpu_ps = _elapsed(earlier.sum_cpu_time_ps or 0, later.sum_cpu_time_ps or 0, executions, longest)
    if time_ps is None or lock_ps is None or cpu_ps is None:
        return None
    if executions == 0:
        return IDLE if time_ps == 0 else None
    latency = None
    if earlier.histogram is not None and later.histogram is not None:
        latency = moments_between(scale, earlier.histogram, later.histogram)
    return Delta(
        executions=executions,
        time_ps=time_ps,
        work_ps=max(0, time_ps - lock_ps),
        cpu_ps=cpu_ps,
        rows=rows,
        returned=sent + affected,
        unindexed=min(executions, max(no_index, full_join)),
        scans=scans,
        errors=min(executions, errors),
        latency=latency,
    )


def _elapsed(earlier: int, later: int, executions: int, longest: int | None) -> int | None:
    """The growth of a sum of picoseconds, allowing for one wrap; None if it fell for another reason."""
    grown = later - earlier
    if grown >= 0:
        return grown
    wrapped = grown % COUNTER_MODULUS
    return wrapped if longest is not None and executions > 0 and wrapped <= executions * longest else None


def _restarted(start: Snapshot, end: Snapshot) -> bool:
    return start.uptime_s is not None and end.uptime_s is not None and end.uptime_s < start.uptime_s


def _clocks_disagree(start: Snapshot, end: Snapshot) -> bool:
    if start.uptime_s is None or end.uptime_s is None or end.uptime_s <= start.uptime_s:
        return False
    elapsed = (end.taken_at - start.taken_at).total_seconds()
    return abs(end.uptime_s - start.uptime_s - elapsed) > 10 + 0.1 * elapsed
