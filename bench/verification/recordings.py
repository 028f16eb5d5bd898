"""Recorded evidence with known truth: what production looks like, as JSON documents that `executor verify` reads.

Each document is a scene as a shape shows it (see `scenes`), and each pair says which verdicts are right. Everything
follows from the seed. ``python -m bench.verification.recordings`` prints what the verdict makes of them.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zlib import crc32

import numpy as np
from bench.verification.scenes import (
    FAILED,
    INCONCLUSIVE,
    READS,
    SAME,
    SCENES,
    SHAPES,
    SUCCESS,
    Scene,
    Shape,
    Statement,
    Turn,
    allowed,
    shown,
)
from bench.verification.workload import buckets_of, wandering

from executor_core.evidence import Evidence
from executor_core.model import VerificationStatus
from executor_core.verification import verify_evidence

START = datetime(2026, 2, 3, 9, 0, tzinfo=UTC)
BORN = datetime(2025, 12, 24, 7, 30, 0, 123456, tzinfo=UTC)
_PS = 1e9  # picoseconds of a millisecond


def document(scene: Scene, shape: Shape, seed: int) -> dict[str, Any]:
    """The evidence of one run, as its JSON would be read."""
    rng = np.random.default_rng([crc32(scene.name.encode()), crc32(shape.name.encode()), seed])
    told = shown(shape)
    counters = {s.name: _Counters.of(rng, s, shape) for s in told}
    intervals = shape.snapshots - 1
    minutes = np.arange(2 * intervals + 1) * shape.seconds / 60
    common = wandering(rng, scene.noise, 1, 2 * intervals + 1, shape.seconds)[0]
    common[intervals:] += np.log(scene.machine)
    if scene.cold:
        since = (minutes - minutes[intervals])[intervals:]
        common[intervals:] += np.log1p(scene.cold * np.exp(-since / 1.5))
    own = {s.name: wandering(rng, scene.own_noise, 1, 2 * intervals + 1, shape.seconds)[0] for s in told}
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
                counters[s.name].run(rng, turn, rate, float(np.exp(common[j] + own[s.name][j])))
            snapshots.append(_snapshot(counters, shape, scene, j + 1))
        windows.append(snapshots)
    made: dict[str, Any] = {"run": {"query_digests": list(READS)}, "baseline": windows[0], "after": windows[1]}
    if shape.plans:
        made["uses_index"] = scene.plans()
    if shape.details:
        made |= {"format": 1, "server": {"flavor": "mysql"}, "window_minutes": intervals * shape.seconds / 60}
    return made


@dataclass
class _Counters:
    """One digest's cumulative counters, by the names that they have in its row."""

    statement: Statement
    counted: Counter[str]
    longest: int
    histogram: Counter[int]

    @classmethod
    def of(cls, rng: np.random.Generator, s: Statement, shape: Shape) -> "_Counters":
        n = int(s.per_minute * 60 * rng.integers(5, 2000))
        time = int(n * s.ms * _PS)
        counted = Counter(
            count_star=n,
            sum_timer_wait_ps=time,
            sum_lock_time_ps=int(n * s.lock_ms * _PS),
            sum_errors=n // 10_000,
            sum_rows_examined=int(n * s.rows),
            sum_rows_sent=int(n * s.sent),
            sum_rows_affected=int(n * s.affected),
            sum_no_index_used=int(n * s.unindexed),
            sum_no_good_index_used=0,
            sum_select_scan=int(n * s.scans),
            sum_select_full_join=0,
        )
        if shape.cpu:
            counted["sum_cpu_time_ps"] = time // 2
        started = Counter(dict(zip(range(80, 140), rng.integers(1, 500, 60).tolist(), strict=True)))
        return cls(s, counted, int(s.ms * 50 * _PS), started)

    def build(self, rng: np.random.Generator, *, restarted: bool) -> None:
        """What the time of the build does: it goes on counting, or a restart begins anew."""
        if restarted:
            self.counted = Counter(dict.fromkeys(self.counted, 0))
            self.histogram.clear()
            return
        self.run(rng, SAME, self.statement.per_minute / 2, 1.2)

    def run(self, rng: np.random.Generator, turn: Turn, rate: float, level: float) -> None:
        """One interval."""
        s = self.statement
        n = int(rng.poisson(rate))
        ms = s.ms * turn.latency * level * np.exp(rng.normal(-(s.spread**2) / 2, s.spread, n))
        ms *= np.where(rng.random(n) < turn.slow_share, turn.slow, 1.0)
        lock = np.full(n, s.lock_ms) + rng.exponential(turn.lock_ms, n) if turn.lock_ms else np.full(n, s.lock_ms)
        ms += lock
        self.counted.update(
            count_star=n,
            sum_timer_wait_ps=int(ms.sum() * _PS),
            sum_lock_time_ps=int(lock.sum() * _PS),
            sum_rows_examined=int(n * s.rows * turn.rows * float(np.exp(rng.normal(0, 0.05)))),
            sum_rows_sent=int(n * s.sent * turn.sent),
            sum_rows_affected=int(n * s.affected),
            sum_no_index_used=int(n * (s.unindexed if turn.unindexed is None else turn.unindexed)),
            sum_select_scan=int(n * (s.scans if turn.scans is None else turn.scans)),
            sum_errors=int((rng.random(n) < max(turn.errors, 0.0001)).sum()),
        )
        if "sum_cpu_time_ps" in self.counted:
            cpu = s.ms * (turn.latency if turn.cpu is None else turn.cpu) * 0.6 * level**0.2 * n
            self.counted["sum_cpu_time_ps"] += int(cpu * _PS)
        if n:
            self.longest = max(self.longest, int(ms.max() * _PS) + 1)
        self.histogram.update(buckets_of(ms).tolist())

    def row(self, shape: Shape) -> dict[str, Any]:
        """The digest's row as a snapshot has it."""
        made: dict[str, Any] = {"schema_name": "shop", "digest": self.statement.name, **self.counted}
        if shape.details:
            made |= {
                "digest_text": f"SELECT /* {self.statement.name} */",
                "role": self.statement.role,
                "max_timer_wait_ps": self.longest,
                "first_seen": BORN.isoformat(),
            }
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
