"""Snapshots for tests: a load is what one digest does in one interval, a window is loads over intervals."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from executor_core.metrics import DigestRole, DigestRow, Snapshot

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BORN = datetime(2026, 2, 1, tzinfo=UTC)
SERVER = "6b1f0c6e-0000-0000-0000-000000000001"


@dataclass(frozen=True)
class Load:
    """What one digest does in an interval: executions, and amounts per execution; `ms` is its latency.

    `shape` spreads the histogram: (share of the executions, factor of the latency). None: no histogram.
    """

    digest: str
    n: int = 100
    ms: float = 10.0
    role: DigestRole | None = DigestRole.TARGET
    schema: str | None = "shop"
    rows: float = 50.0
    sent: float = 1.0
    unindexed: float = 0.0
    errors: float = 0.0
    cpu: float = 0.0
    lock_ms: float = 0.0
    shape: tuple[tuple[float, float], ...] | None = ((1.0, 1.0),)

    def slower(self, factor: float) -> "Load":
        return replace(self, ms=self.ms * factor)


def control(name: str, **changes: float) -> Load:
    return replace(Load(name, role=DigestRole.CONTROL), **changes)


def write(name: str, **changes: float) -> Load:
    return replace(Load(name, role=DigestRole.WRITE), **changes)


def bucket_of(ms: float) -> int:
    """MySQL's bucket of a latency."""
    return 0 if ms < 0.01 else min(449, 1 + math.floor(50 * math.log10(ms / 0.01) + 1e-9))


def row(load: Load, total: "Totals") -> DigestRow:
    return DigestRow(
        schema_name=load.schema,
        digest=load.digest,
        digest_text=f"SELECT {load.digest}",
        role=load.role,
        count_star=total.n,
        sum_timer_wait_ps=total.time,
        sum_lock_time_ps=total.lock,
        sum_cpu_time_ps=total.cpu,
        sum_rows_examined=total.rows,
        sum_rows_sent=total.sent,
        sum_no_index_used=total.unindexed,
        sum_errors=total.errors,
        max_timer_wait_ps=10**16,
        first_seen=BORN,
        histogram=None if load.shape is None else dict(total.histogram),
    )


@dataclass
class Totals:
    """Cumulative counters of one digest, starting where a long-lived server might."""

    n: int = 1_000
    time: int = 7 * 10**13
    lock: int = 10**10
    cpu: int = 0
    rows: int = 123_456
    sent: int = 4_321
    unindexed: int = 17
    errors: int = 3
    histogram: dict[int, int] | None = None

    def after(self, hours: int) -> "Totals":
        """The same counters some busy hours later."""
        more = 10**6 * hours
        return Totals(
            self.n + more,
            self.time + 10**12 * more,
            self.lock + 10**11 * more,
            self.cpu,
            self.rows + 10**7 * more,
            self.sent + 10**4 * more,
            self.unindexed + more,
            self.errors + more,
            {40: 7 + more},
        )

    def add(self, load: Load) -> None:
        self.n += load.n
        self.time += round(load.n * load.ms * 1e9)
        self.lock += round(load.n * load.lock_ms * 1e9)
        self.cpu += round(load.n * load.ms * load.cpu * 1e9)
        self.rows += round(load.n * load.rows)
        self.sent += round(load.n * load.sent)
        self.unindexed += round(load.n * load.unindexed)
        self.errors += round(load.n * load.errors)
        self.histogram = self.histogram or {40: 7}
        for share, factor in load.shape or ():
            bucket = bucket_of(load.ms * factor)
            self.histogram[bucket] = self.histogram.get(bucket, 0) + round(share * load.n)


def window(
    intervals: Sequence[Sequence[Load]],
    *,
    start: datetime = START,
    step: timedelta = timedelta(seconds=60),
    uptime: int = 90_000,
    hours_before: int = 0,
) -> list[Snapshot]:
    """Snapshots at even steps; the loads of interval j happen between snapshot j and j + 1."""
    digests = sorted({load.digest: load for loads in intervals for load in loads}.items())
    totals = {digest: Totals().after(hours_before) for digest, _ in digests}
    snapshots: list[Snapshot] = []
    for j in range(len(intervals) + 1):
        if j:
            for load in intervals[j - 1]:
                totals[load.digest].add(load)
        passed = j * step
        snapshots.append(
            Snapshot(
                taken_at=start + passed,
                server_uuid=SERVER,
                uptime_s=uptime + round(passed.total_seconds()),
                digests=tuple(row(load, totals[digest]) for digest, load in digests),
            )
        )
    return snapshots


def steady(*loads: Load, intervals: int = 10, **options: object) -> list[Snapshot]:
    """A window of equal intervals."""
    return window([loads] * intervals, **options)  # type: ignore[arg-type]


def later(*loads: Load, intervals: int = 10, **options: object) -> list[Snapshot]:
    """A window of equal intervals, an hour after `steady`."""
    options = {"start": START + timedelta(hours=1), "uptime": 93_600, "hours_before": 1} | options
    return steady(*loads, intervals=intervals, **options)
