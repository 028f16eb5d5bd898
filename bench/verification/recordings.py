"""Recorded evidence with known truth: what production looks like, as JSON documents that `executor verify` reads.

A *scene* says what happened between the windows: nothing, a disturbance, or an index of some kind, with the numbers
that real servers showed. A *shape* says how much was recorded: from two snapshots with the bare counters to thirty
with histograms, CPU time and plans. Each pair says which verdicts are right. Everything follows from the seed.
``python -m bench.verification.recordings`` prints what the verdict makes of them.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from executor_core.evidence import Evidence
from executor_core.model import VerificationStatus
from executor_core.verification import verify_evidence

FAILED, INCONCLUSIVE, SUCCESS = VerificationStatus.FAILED, VerificationStatus.INCONCLUSIVE, VerificationStatus.SUCCESS
START = datetime(2026, 2, 3, 9, 0, tzinfo=UTC)
BORN = datetime(2025, 12, 24, 7, 30, 0, 123456, tzinfo=UTC)
_PS = 1e9  # picoseconds of a millisecond

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Statement:
    """One statement of the application before anything happened: per minute, and per execution."""

    name: str
    role: str
    per_minute: float
    ms: float
    spread: float = 0.6
    rows: float = 20.0
    sent: float = 5.0
    affected: float = 0.0
    unindexed: float = 0.0
    scans: float = 0.0
    lock_ms: float = 0.02


@dataclass(frozen=True)
class Turn:
    """What became of a statement, as factors of what it was; `slow_share` of its executions took `slow` times."""

    latency: float = 1.0
    cpu: float | None = None
    rows: float = 1.0
    sent: float = 1.0
    rate: float = 1.0
    unindexed: float | None = None
    scans: float | None = None
    slow_share: float = 0.0
    slow: float = 1.0
    lock_ms: float = 0.0
    errors: float = 0.0


SAME = Turn()

SHOP = (
    Statement("orders-by-tenant", "target", 40, 6.0, rows=900, sent=5),
    Statement("orders-by-status", "target", 12, 38.0, rows=30_000, sent=1, unindexed=1.0, scans=1.0, spread=0.3),
    Statement("orders-by-email", "target", 15, 48.0, rows=60_000, sent=1, unindexed=1.0, scans=1.0, spread=0.3),
    Statement("order-by-id", "target", 300, 0.25, rows=1, sent=1),
    Statement("open-orders", "target", 90, 0.4, rows=20, sent=20),
    Statement("insert-order", "write", 120, 0.9, rows=0, sent=0, affected=1),
    Statement("update-order", "write", 80, 0.7, rows=1, sent=0, affected=1),
    Statement("carts", "control", 150, 0.8, rows=10),
    Statement("prices", "control", 90, 2.5, rows=150),
    Statement("sessions", "control", 200, 0.3, rows=1),
    Statement("stock", "control", 60, 4.0, rows=500, spread=1.0),
)
"""An application of five reads and two writes on one table, and four statements that never touch it."""


@dataclass(frozen=True)
class Scene:
    """What happened, and what may be said of it.

    `allowed` holds for evidence that shows how the numbers varied, `thin` for two snapshots a window, or none of
    the controls. `noise` is the machine's common log-noise by interval, `cold` how many times slower everything is at
    first (decaying in minutes), `machine` a factor common to all.
    """

    name: str
    turns: Mapping[str, Turn] = field(default_factory=dict[str, Turn])
    allowed: frozenset[VerificationStatus] = frozenset({SUCCESS, INCONCLUSIVE})
    thin: frozenset[VerificationStatus] | None = None
    noise: float = 0.05
    own_noise: float = 0.03
    rate: float = 1.0
    machine: float = 1.0
    cold: float = 0.0
    uses: tuple[str, ...] = ()
    indexed: bool = True
    restarted: bool = False


HARMLESS = frozenset({SUCCESS, INCONCLUSIVE})
HARMFUL = frozenset({FAILED})
DOUBTFUL = frozenset({FAILED, INCONCLUSIVE})
READS = tuple(s.name for s in SHOP if s.role == "target")

SCENES = (
    Scene("nothing, quiet", noise=0.02, own_noise=0.02, indexed=False),
    Scene("nothing, noisy", noise=0.15, own_noise=0.08, indexed=False),
    Scene("nothing, very noisy", noise=0.31, own_noise=0.11, indexed=False),
    Scene("useless index, quiet", noise=0.02, own_noise=0.02, uses=("orders-by-status",)),
    Scene("useless covering index", {"orders-by-status": Turn(unindexed=0.0, rows=1.0)}, uses=("orders-by-status",)),
    Scene("traffic x0.3", rate=0.3, machine=0.95),
    Scene("traffic x3", rate=3.0, machine=1.08),
    Scene("busy neighbour", machine=1.8, noise=0.2),
    Scene("cold cache", cold=2.5),
    Scene("restarted between", cold=1.5, restarted=True),
    Scene(
        "mix shift",
        {
            "orders-by-tenant": Turn(rate=3.0),
            "orders-by-email": Turn(rate=0.4),
            "orders-by-status": Turn(rate=2.5),
            "order-by-id": Turn(rate=0.2),
        },
    ),
    Scene(
        "row locks held by others",
        {"update-order": Turn(lock_ms=140.0), "orders-by-tenant": Turn(lock_ms=40.0)},
        noise=0.1,
    ),
    Scene(
        "other parameters",
        {"orders-by-tenant": Turn(latency=2.4, rows=3.0, sent=1.0), "orders-by-status": Turn(latency=1.5, rows=1.6)},
        allowed=HARMLESS,
        uses=("orders-by-email",),
    ),
    Scene(
        "larger results",
        {"orders-by-tenant": Turn(latency=2.8, rows=3.0, sent=3.0)},
        uses=("orders-by-tenant",),
    ),
    Scene(
        "helps x20, writes a little dearer",
        {
            "orders-by-email": Turn(latency=0.05, rows=1e-4, unindexed=0.0, scans=0.0),
            "insert-order": Turn(latency=1.4),
        },
        uses=("orders-by-email",),
    ),
    Scene(
        "helps x300, inserts x3",
        {
            "orders-by-email": Turn(latency=1 / 300, rows=2e-5, unindexed=0.0, scans=0.0),
            "insert-order": Turn(latency=3.0),
        },
        uses=("orders-by-email",),
    ),
    Scene(
        "walks the index for a rare tenant, x100",
        {"orders-by-tenant": Turn(latency=100, rows=160, scans=1.0, rate=0.8)},
        HARMFUL,
        uses=("orders-by-tenant",),
    ),
    Scene(
        "skip scan, x440, rows fall",
        {"open-orders": Turn(latency=440, cpu=270, rows=0.11, scans=1.0, rate=0.3)},
        HARMFUL,
        uses=("open-orders",),
        noise=0.1,
    ),
    Scene(
        "index scan for 90 % of the rows, x5.5",
        {"orders-by-status": Turn(latency=5.5, rows=0.9, unindexed=0.0, scans=0.0)},
        HARMFUL,
        uses=("orders-by-status",),
    ),
    Scene(
        "harms all that use it",
        {
            "orders-by-status": Turn(latency=4.0, rows=0.9, unindexed=0.0, scans=0.0),
            "orders-by-tenant": Turn(latency=8.0, rows=0.7),
        },
        HARMFUL,
        uses=("orders-by-status", "orders-by-tenant"),
    ),
    Scene(
        "a small statement x20",
        {"open-orders": Turn(latency=20, cpu=12, rows=0.9, scans=1.0)},
        HARMFUL,
        uses=("open-orders",),
    ),
    Scene(
        "helps one x20, harms another x10",
        {
            "orders-by-email": Turn(latency=0.05, rows=1e-4, unindexed=0.0, scans=0.0),
            "orders-by-tenant": Turn(latency=10, rows=0.5),
        },
        HARMFUL,
        uses=("orders-by-email", "orders-by-tenant"),
    ),
    Scene(
        "new full scans",
        {"orders-by-tenant": Turn(latency=1.05, unindexed=1.0, scans=1.0)},
        HARMFUL,
        uses=("orders-by-tenant",),
    ),
    Scene(
        "hidden x3",
        {"orders-by-email": Turn(latency=3.0, rows=0.6, unindexed=0.0, scans=0.0)},
        HARMFUL,
        DOUBTFUL,
        uses=("orders-by-email",),
    ),
    Scene(
        "rows x6 at the same latency",
        {"orders-by-tenant": Turn(rows=6.0)},
        HARMFUL,
        uses=("orders-by-tenant",),
    ),
    Scene("writes x4, no read gains", {"insert-order": Turn(latency=4.0)}, HARMFUL, DOUBTFUL),
    Scene(
        "hardly runs any more, x400",
        {"orders-by-status": Turn(latency=400, rows=0.5, rate=0.03)},
        DOUBTFUL,
        uses=("orders-by-status",),
    ),
    Scene(
        "a small one hardly runs any more, x4000",
        {"open-orders": Turn(latency=4000, rows=0.5, rate=0.015)},
        DOUBTFUL,
        uses=("open-orders",),
    ),
    Scene(
        "most faster, four in a hundred a hundred times slower",
        {"orders-by-tenant": Turn(latency=0.02, rows=0.5, slow_share=0.04, slow=5000.0)},
        DOUBTFUL,
        uses=("orders-by-tenant",),
    ),
    Scene(
        "errors in a tenth",
        {"orders-by-tenant": Turn(errors=0.1), "update-order": Turn(errors=0.1)},
        HARMFUL,
        uses=("orders-by-tenant",),
    ),
)


@dataclass(frozen=True)
class Shape:
    """How much was recorded."""

    name: str
    snapshots: int = 11
    seconds: float = 30.0
    histograms: bool = True
    cpu: bool = False
    controls: bool = True
    writes: bool = True
    plans: bool = True
    details: bool = True
    one_read: bool = False

    @property
    def thin(self) -> bool:
        """Whether the evidence hides how the numbers vary."""
        return self.snapshots < 9 and not (self.controls and self.snapshots > 2)


SHAPES = (
    Shape("all, 11 snapshots", cpu=True),
    Shape("all, 30 snapshots", snapshots=31, seconds=60, cpu=True),
    Shape("no CPU time", snapshots=31, seconds=10),
    Shape("no histograms", histograms=False),
    Shape("no plans", plans=False),
    Shape("no controls, 30 snapshots", controls=False, snapshots=31, seconds=10),
    Shape("two snapshots", snapshots=2, seconds=300),
    Shape("three snapshots", snapshots=3, seconds=150),
    Shape(
        "bare targets, 6 snapshots",
        snapshots=6,
        seconds=60,
        histograms=False,
        controls=False,
        writes=False,
        plans=False,
        details=False,
    ),
    Shape(
        "bare targets, 2 snapshots",
        snapshots=2,
        seconds=300,
        histograms=False,
        controls=False,
        writes=False,
        plans=False,
        details=False,
    ),
)


def allowed(scene: Scene, shape: Shape) -> frozenset[VerificationStatus]:
    """The verdicts that are right for `scene` as `shape` shows it."""
    if scene.name.startswith("writes") and not shape.writes:
        return HARMLESS
    if scene.name.startswith("most faster") and not shape.histograms:
        return DOUBTFUL | {SUCCESS}
    return scene.thin if shape.thin and scene.thin is not None else scene.allowed


def document(scene: Scene, shape: Shape, seed: int) -> dict[str, Any]:
    """The evidence of one run, as its JSON would be read."""
    rng = np.random.default_rng([crc32(scene.name.encode()), crc32(shape.name.encode()), seed])
    told = [s for s in SHOP if (shape.controls or s.role != "control") and (shape.writes or s.role != "write")]
    counters = {s.name: _Counters.of(rng, s, shape) for s in told}
    intervals = shape.snapshots - 1
    minutes = np.arange(2 * intervals + 1) * shape.seconds / 60
    common = _wander(rng, scene.noise, 2 * intervals + 1, shape.seconds)
    common[intervals:] += np.log(scene.machine)
    if scene.cold:
        since = (minutes - minutes[intervals])[intervals:]
        common[intervals:] += np.log1p(scene.cold * np.exp(-since / 1.5))
    own = {s.name: _wander(rng, scene.own_noise, 2 * intervals + 1, shape.seconds) for s in told}
    windows: list[list[dict[str, Any]]] = []
    for begins in (0, intervals + 1):
        if begins:
            for counter in counters.values():
                counter.build(rng, restarted=scene.restarted)
        snapshots = [_snapshot(counters, shape, scene, begins)]
        for j in range(begins, begins + intervals):
            for s in told:
                turn = scene.turns.get(s.name, SAME) if begins else SAME
                rate = s.per_minute * shape.seconds / 60 * turn.rate * (scene.rate if begins else 1.0)
                counters[s.name].run(rng, s, turn, rate, float(np.exp(common[j] + own[s.name][j])))
            snapshots.append(_snapshot(counters, shape, scene, j + 1))
        windows.append(snapshots)
    made: dict[str, Any] = {"run": {"query_digests": list(READS)}, "baseline": windows[0], "after": windows[1]}
    if shape.plans:
        made["uses_index"] = {name: scene.indexed and name in scene.uses for name in READS}
    if shape.details:
        made |= {"format": 1, "server": {"flavor": "mysql"}, "window_minutes": intervals * shape.seconds / 60}
    return made


@dataclass
class _Counters:
    """One digest's cumulative counters."""

    statement: Statement
    n: int
    time: int
    cpu: int
    lock: int
    rows: int
    sent: int
    affected: int
    unindexed: int
    scans: int
    errors: int
    longest: int
    histogram: dict[int, int]

    @classmethod
    def of(cls, rng: np.random.Generator, s: Statement, shape: Shape) -> "_Counters":
        n = int(s.per_minute * 60 * rng.integers(5, 2000))
        time = int(n * s.ms * _PS)
        started = {int(b): int(c) for b, c in zip(range(80, 140), rng.integers(1, 500, 60), strict=True)}
        return cls(
            s,
            n,
            time,
            time // 2 if shape.cpu else 0,
            int(n * s.lock_ms * _PS),
            int(n * s.rows),
            int(n * s.sent),
            int(n * s.affected),
            int(n * s.unindexed),
            int(n * s.scans),
            n // 10_000,
            int(s.ms * 50 * _PS),
            started,
        )

    def build(self, rng: np.random.Generator, *, restarted: bool) -> None:
        """What the time of the build does: it goes on counting, or a restart begins anew."""
        if restarted:
            for name in ("n", "time", "cpu", "lock", "rows", "sent", "affected", "unindexed", "scans", "errors"):
                setattr(self, name, 0)
            self.histogram = {}
            return
        self.run(rng, self.statement, SAME, self.statement.per_minute / 2, 1.2)

    def run(self, rng: np.random.Generator, s: Statement, turn: Turn, rate: float, level: float) -> None:
        """One interval."""
        n = int(rng.poisson(rate))
        ms = s.ms * turn.latency * level * np.exp(rng.normal(-(s.spread**2) / 2, s.spread, n))
        cpu = s.ms * (turn.latency if turn.cpu is None else turn.cpu) * 0.6 * level**0.2 * n
        ms *= np.where(rng.random(n) < turn.slow_share, turn.slow, 1.0)
        lock = np.full(n, s.lock_ms) + rng.exponential(turn.lock_ms, n) if turn.lock_ms else np.full(n, s.lock_ms)
        ms += lock
        self.n += n
        self.time += int(ms.sum() * _PS)
        self.cpu += int(cpu * _PS) if self.cpu else 0
        self.lock += int(lock.sum() * _PS)
        self.rows += int(n * s.rows * turn.rows * float(np.exp(rng.normal(0, 0.05))))
        self.sent += int(n * s.sent * turn.sent)
        self.affected += int(n * s.affected)
        self.unindexed += int(n * (s.unindexed if turn.unindexed is None else turn.unindexed))
        self.scans += int(n * (s.scans if turn.scans is None else turn.scans))
        self.errors += int((rng.random(n) < max(turn.errors, 0.0001)).sum())
        if n:
            self.longest = max(self.longest, int(ms.max() * _PS) + 1)
        for bucket in np.floor(1 + 50 * np.log10(ms / 0.01)).clip(0, 449).astype(int).tolist():
            self.histogram[bucket] = self.histogram.get(bucket, 0) + 1

    def row(self, shape: Shape) -> dict[str, Any]:
        """The digest's row as a snapshot has it."""
        made: dict[str, Any] = {
            "schema_name": "shop",
            "digest": self.statement.name,
            "count_star": self.n,
            "sum_timer_wait_ps": self.time,
            "sum_lock_time_ps": self.lock,
            "sum_errors": self.errors,
            "sum_rows_examined": self.rows,
            "sum_rows_sent": self.sent,
            "sum_rows_affected": self.affected,
            "sum_no_index_used": self.unindexed,
            "sum_no_good_index_used": 0,
            "sum_select_scan": self.scans,
            "sum_select_full_join": 0,
        }
        if shape.details:
            made |= {
                "digest_text": f"SELECT /* {self.statement.name} */",
                "role": self.statement.role,
                "max_timer_wait_ps": self.longest,
                "first_seen": BORN.isoformat(),
            }
        if shape.cpu:
            made["sum_cpu_time_ps"] = self.cpu
        if shape.histograms:
            made["histogram"] = {str(bucket): count for bucket, count in sorted(self.histogram.items())}
        return made


def _snapshot(counters: Mapping[str, _Counters], shape: Shape, scene: Scene, j: int) -> dict[str, Any]:
    passed = j * shape.seconds
    made: dict[str, Any] = {
        "taken_at": (START + timedelta(seconds=passed)).isoformat(),
        "digests": [c.row(shape) for c in counters.values()],
    }
    if shape.details:
        anew = scene.restarted and j >= shape.snapshots
        uptime = 5 if anew else 4_000_000
        made |= {"server_uuid": "6b1f-0c6e", "uptime_s": uptime + int(passed), "digests_lost": 0}
        if anew:
            for row in made["digests"]:
                row["first_seen"] = (START + timedelta(seconds=(shape.snapshots - 1) * shape.seconds)).isoformat()
    return made


def _wander(rng: np.random.Generator, deviation: float, length: int, seconds: float) -> Array:
    """Autoregressive log-noise, correlated by 0.65 over a minute."""
    correlation = 0.65 ** (seconds / 60)
    steps: Array = rng.normal(0.0, deviation, length)
    steps[1:] *= np.sqrt(1 - correlation**2)
    for j in range(1, length):
        steps[j] += correlation * steps[j - 1]
    return steps


def verdicts(scene: Scene, shape: Shape, seeds: Sequence[int]) -> Iterator[tuple[int, VerificationStatus, str]]:
    """What the verdict makes of each recording: its seed, the status, and the sentence."""
    for seed in seeds:
        evidence = Evidence.from_json(json.dumps(document(scene, shape, seed)))
        verdict = verify_evidence(evidence)
        yield seed, verdict.status, verdict.message


def main(arguments: Sequence[str] | None = None) -> None:
    """Print, for each scene and shape, how the recordings were judged, and which verdicts were not right."""
    parser = argparse.ArgumentParser(prog="python -m bench.verification.recordings", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--scene", default="", help="only scenes whose name has this in it")
    parser.add_argument("--shape", default="")
    options = parser.parse_args(arguments)
    for scene in SCENES:
        for shape in SHAPES:
            if options.scene not in scene.name or options.shape not in shape.name:
                continue
            found = list(verdicts(scene, shape, range(options.first, options.first + options.seeds)))
            count = Counter(status for _, status, _ in found)
            wrong = [(seed, message) for seed, status, message in found if status not in allowed(scene, shape)]
            told = " / ".join(f"{count[status]}" for status in (FAILED, INCONCLUSIVE, SUCCESS))
            print(f"{'WRONG' if wrong else 'right':6}{scene.name} | {shape.name} | {told}", flush=True)
            for seed, message in wrong[:2]:
                print(f"        {seed}: {message}")


if __name__ == "__main__":
    main()
