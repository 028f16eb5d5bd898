"""A simulated server: digests with drifting, bursty, heavy-tailed latencies, observed as the server would be.

One trial is 30 one-minute intervals before a build, a minute of build, and 30 intervals after it, with seven
reads and three writes on the table and five controls elsewhere. A *family* says how the machine and the load
behave, an *effect* what the index does. Everything follows from the seed.
"""

import math
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from executor_core.metrics import DigestRole, DigestRow, Snapshot

INTERVALS = 30
FIRST_LOOK = 5
START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
_CORRELATION = 0.65
_POOL = 2048
_NOISE = {"quiet": (0.02, 0.02), "noisy": (0.10, 0.06), "very noisy": (0.31, 0.11)}
_OTHER_NOISE = (0.04, 0.03)

FAMILIES = ("quiet", "noisy", "very noisy", "traffic", "mix", "bursts", "cold", "diurnal")
PARAMETER_DRIFT = "parameters"
EFFECTS = ("none", "better10", "hidden1.3", "hidden1.5", "hidden3", "small3", "tail", "writes3", "better10+small3")
HARMLESS = ("none", "better10")


@dataclass
class Digest:
    """One digest of the simulated server; latencies in milliseconds, `pool` holds latencies of mean one."""

    name: str
    role: DigestRole
    mean_ms: float
    pool: list[float]
    buckets: dict[float, float]
    rows: float
    rows_cv: float
    sent: float
    unindexed: float
    weight: float = 1.0
    drift: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Trial:
    """What a verifier would see, and what is true."""

    baseline: list[Snapshot]
    after: list[Snapshot]
    uses_index: dict[str, bool]
    harmful: bool

    def first_look(self) -> list[Snapshot]:
        """The after window as it is after five minutes."""
        return self.after[: FIRST_LOOK + 1]


def trial(*, family: str, effect: str, executions: int, seed: int) -> Trial:
    """One trial with about `executions` executions of each digest in five minutes."""
    rng = random.Random(f"{family}/{effect}/{executions}/{seed}")
    digests = list(_digests(rng))
    server = _Server(rng, family, effect, digests, executions)
    baseline = list(server.window(0))
    server.build()
    after = list(server.window(INTERVALS + 1))
    return Trial(baseline, after, server.plans(), effect not in HARMLESS)


def _digests(rng: random.Random) -> Iterator[Digest]:
    """Seven reads, the first the target with half the table's time, the second small; writes; controls."""
    means = [math.exp(rng.gauss(1.0, 1.3)) for _ in range(15)]
    others = sum(means[2:10])
    means[0] = others * rng.uniform(1.1, 2.0)
    means[1] = (others + means[0]) * rng.uniform(0.01, 0.04)
    for i, mean in enumerate(means):
        role = DigestRole.TARGET if i < 7 else DigestRole.WRITE if i < 10 else DigestRole.CONTROL
        pool = _pool(rng)
        yield Digest(
            name=f"{role.value}-{i}",
            role=role,
            mean_ms=mean,
            pool=pool,
            buckets={value: 50 * math.log10(value) for value in pool},
            rows=rng.choice((1.0, 20.0, 300.0, 5000.0)) if role is not DigestRole.WRITE else 1.0,
            rows_cv=rng.choice((0.0, 0.1, 0.5, 1.5)),
            sent=rng.choice((1.0, 1.0, 10.0)),
            unindexed=rng.choice((0.0, 0.0, 1.0)) if i else 1.0,
        )


def _pool(rng: random.Random) -> list[float]:
    """Latencies of mean one in one of six shapes."""
    shape = rng.randrange(6)
    if shape < 3:
        sigma = (0.3, 0.6, 1.0)[shape]
        values = [math.exp(rng.gauss(0.0, sigma)) for _ in range(_POOL)]
    elif shape < 5:
        share, factor = ((0.15, 10.0), (0.03, 30.0))[shape - 3]
        values = [math.exp(rng.gauss(0.0, 0.3)) * (factor if rng.random() < share else 1.0) for _ in range(_POOL)]
    else:
        values = [
            5 * rng.paretovariate(1.8) if rng.random() < 0.03 else math.exp(rng.gauss(0.0, 0.5)) for _ in range(_POOL)
        ]
    mean = sum(values) / _POOL
    return [value / mean for value in values]


def _autoregressive(rng: random.Random, deviation: float, length: int) -> list[float]:
    value, values = rng.gauss(0.0, deviation), []
    for _ in range(length):
        values.append(value)
        value = _CORRELATION * value + rng.gauss(0.0, deviation * math.sqrt(1 - _CORRELATION**2))
    return values


@dataclass
class _Totals:
    count: int = 100_000
    time_ps: int = 5 * 10**15
    rows: int = 10**7
    sent: int = 10**6
    unindexed: int = 1000
    histogram: Counter[int] = field(default_factory=lambda: Counter({150: 100_000}))


class _Server:
    """The state of the server while the trial runs."""

    def __init__(self, rng: random.Random, family: str, effect: str, digests: list[Digest], executions: int) -> None:
        self.rng, self.family, self.effect, self.digests = rng, family, effect, digests
        self.rate = executions / 5
        self.totals = {digest.name: _Totals() for digest in digests}
        length = 2 * INTERVALS + 1
        common, own = _NOISE.get(family, _OTHER_NOISE)
        self.common = _autoregressive(rng, common, length)
        for digest in digests:
            digest.drift = _autoregressive(rng, own, length)
        self.ramp = rng.uniform(-0.3, 0.3) / INTERVALS if family == "diurnal" else 0.0
        self.latency = {digest.name: 1.0 for digest in digests}
        self.rows = {digest.name: 1.0 for digest in digests}
        self.sent = {digest.name: 1.0 for digest in digests}
        self.cold: dict[str, tuple[float, float]] = {}
        self.built_at: int | None = None

    def build(self) -> None:
        """The index appears: its effect begins, and whatever the family does at this moment."""
        rng = self.rng
        self.built_at = INTERVALS + 1
        target, small, writes = self.digests[0], self.digests[1], self.digests[7:10]
        if "better10" in self.effect:
            self.latency[target.name], self.rows[target.name], target.unindexed = 0.1, 0.05, 0.0
        if self.effect.startswith("hidden"):
            self.latency[target.name] = float(self.effect.removeprefix("hidden"))
            self.rows[target.name], target.unindexed = 0.5, 0.0
        if "small3" in self.effect:
            self.latency[small.name] = 3.0
        if self.effect == "tail":
            target.pool = [value * (50.0 if rng.random() < 0.04 else 0.05) for value in target.pool]
            target.buckets = {value: 50 * math.log10(value) for value in target.pool}
            self.rows[target.name] = 0.5
        if self.effect == "writes3":
            self.latency |= {digest.name: 3.0 for digest in writes}
        if self.family == "traffic":
            factor = 10 ** rng.uniform(-1, 1)
            self.rate *= factor
            for name in self.latency:
                self.latency[name] *= math.exp(0.04 * math.log(factor))
        for digest in self.digests:
            if self.family == "mix":
                digest.weight = math.exp(rng.gauss(0.0, 0.8))
            elif self.family == "cold":
                self.cold[digest.name] = (rng.uniform(0.0, 1.2), rng.uniform(1.0, 4.0))
            elif self.family == PARAMETER_DRIFT and rng.random() < 0.5:
                factor = math.exp(rng.gauss(0.0, 0.25))
                self.latency[digest.name] *= factor
                self.rows[digest.name] *= factor
                if rng.random() < 0.5:  # the other half aggregate, and return as many rows as before
                    self.sent[digest.name] *= factor

    def plans(self) -> dict[str, bool]:
        """What EXPLAIN says about the reads, wrong for one in twenty."""
        used = {digest.name: self.rng.random() < 0.5 for digest in self.digests[:7]}
        used[self.digests[0].name] = True
        if "small3" in self.effect:
            used[self.digests[1].name] = True
        return {name: uses != (self.rng.random() < 0.05) for name, uses in used.items()}

    def window(self, first: int) -> Iterator[Snapshot]:
        """The snapshots from interval `first` on, one a minute."""
        yield self._snapshot(first)
        for minute in range(first, first + INTERVALS):
            burst = self.family == "bursts" and self.rng.random() < 0.13
            for digest in self.digests:
                self._run(digest, minute, hit=burst and self.rng.random() < 0.5)
            yield self._snapshot(minute + 1)

    def _run(self, digest: Digest, minute: int, *, hit: bool) -> None:
        rng, totals = self.rng, self.totals[digest.name]
        n = _poisson(rng, self.rate * digest.weight)
        if n == 0:
            return
        log = self.common[minute] + digest.drift[minute] + math.log1p(self.ramp * minute)
        if digest.name in self.cold and self.built_at is not None:
            extra, decay = self.cold[digest.name]
            log += math.log1p(extra * math.exp(-(minute - self.built_at) / decay))
        scale = self.latency[digest.name] * digest.mean_ms * math.exp(log)
        offset = 1 + 50 * math.log10(scale / 0.01)
        drawn = rng.choices(digest.pool, k=n)
        time_ms = sum(drawn) * scale
        seen = Counter(map(digest.buckets.__getitem__, drawn))
        counts: Counter[int] = Counter()
        for logarithm, count in seen.items():
            counts[min(449, max(0, math.floor(offset + logarithm)))] += count
        if hit:
            slow, factor = rng.uniform(0.05, 0.30), rng.uniform(5, 30)
            struck = round(slow * n)
            shift = round(50 * math.log10(factor))
            time_ms += sum(drawn[:struck]) * scale * (factor - 1)
            for value in drawn[:struck]:
                bucket = min(449, max(0, math.floor(offset + digest.buckets[value])))
                counts[bucket] -= 1
                counts[min(449, bucket + shift)] += 1
        totals.count += n
        totals.time_ps += round(time_ms * 1e9)
        wobble = 1 + digest.rows_cv / math.sqrt(n) * rng.gauss(0.0, 1.0)
        totals.rows += max(0, round(n * digest.rows * self.rows[digest.name] * max(0.05, wobble)))
        totals.sent += round(n * digest.sent * self.sent[digest.name])
        totals.unindexed += round(n * digest.unindexed)
        totals.histogram.update(counts)

    def _snapshot(self, minute: int) -> Snapshot:
        return Snapshot(
            taken_at=START + minute * MINUTE,
            server_uuid="simulated",
            uptime_s=500_000 + 60 * minute,
            digests=tuple(
                DigestRow(
                    schema_name="shop",
                    digest=digest.name,
                    role=digest.role,
                    count_star=totals.count,
                    sum_timer_wait_ps=totals.time_ps,
                    sum_rows_examined=totals.rows,
                    sum_rows_sent=totals.sent,
                    sum_no_index_used=totals.unindexed,
                    max_timer_wait_ps=10**16,
                    histogram={bucket: count for bucket, count in totals.histogram.items() if count},
                )
                for digest in self.digests
                for totals in (self.totals[digest.name],)
            ),
        )


def _poisson(rng: random.Random, mean: float) -> int:
    if mean > 30:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    limit, n, product = math.exp(-mean), 0, rng.random()
    while product > limit:
        n += 1
        product *= rng.random()
    return n
