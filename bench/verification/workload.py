"""A simulated server: digests with drifting, bursty, heavy-tailed latencies, observed as the server would be.

One trial is thirty one-minute intervals before a build, a minute of build, and thirty intervals after it, with
seven reads and three writes on the table and five controls elsewhere; `Watch` can be set otherwise. A *family*
says how the machine and the load behave, an *effect* what the index does. Everything follows from the seed.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zlib import crc32

import numpy as np
import numpy.typing as npt

from executor_core.metrics import DigestRole, DigestRow, Snapshot

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
FAMILIES = ("quiet", "noisy", "very noisy", "traffic", "mix", "bursts", "cold", "diurnal")
PARAMETER_DRIFT = "parameters"
EFFECTS = (
    "none",
    "better10",
    "hidden1.3",
    "hidden1.5",
    "hidden3",
    "hidden8",
    "rows6",
    "small3",
    "tail",
    "writes3",
    "better10+small3",
)
HARMLESS = ("none", "better10")

_NOISE = {"quiet": (0.02, 0.02), "noisy": (0.10, 0.06), "very noisy": (0.31, 0.11)}
_OTHER_NOISE = (0.04, 0.03)
_CORRELATION = 0.65
"""Of the noise of two moments a minute apart."""
_POOL = 4096
_BUCKETS = 450
_TOO_LONG_PS = 10**16

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Watch:
    """How the server is watched: `first_look` intervals make the early look, None if there is but one look."""

    intervals: int = 30
    seconds: float = 60.0
    first_look: int | None = 5
    reads: int = 7
    writes: int = 3
    controls: int = 5
    histograms: bool = True


@dataclass(frozen=True)
class Trial:
    """What a verifier would see, and what is true."""

    baseline: list[Snapshot]
    after: list[Snapshot]
    uses_index: dict[str, bool]
    harmful: bool
    watch: Watch

    def first_look(self) -> list[Snapshot]:
        """The after window as the first look sees it."""
        return self.after[: self.watch.first_look + 1] if self.watch.first_look else self.after

    def last_of_baseline(self) -> list[Snapshot]:
        """As much of the baseline as the first look has of the after window."""
        return self.baseline[-self.watch.first_look - 1 :] if self.watch.first_look else self.baseline


@dataclass(frozen=True)
class _Digest:
    """One digest; `latencies` holds latencies of mean one, the rest are amounts per execution."""

    name: str
    role: DigestRole
    mean_ms: float
    latencies: Array
    rows: float
    rows_cv: float
    sent: float
    unindexed: float


@dataclass
class _Effect:
    """What becomes of each digest after the build, as factors by digest."""

    latency: Array
    rows: Array
    sent: Array
    tail: bool = False


def trial(*, family: str, effect: str, executions: float, seed: int, watch: Watch = Watch()) -> Trial:
    """One trial with about `executions` executions of each digest in five minutes."""
    rng = np.random.default_rng([crc32(family.encode()), crc32(effect.encode()), round(executions * 1000), seed])
    digests = _digests(rng, watch)
    change = _effect(effect, len(digests), watch)
    weights, rate_after = np.ones(len(digests)), 1.0
    if family == "traffic":
        rate_after = float(10 ** rng.uniform(-1, 1))
        change.latency *= np.exp(0.04 * np.log(rate_after))
    elif family == "mix":
        weights = np.exp(rng.normal(0.0, 0.8, len(digests)))
    elif family == PARAMETER_DRIFT:
        factor = np.where(rng.random(len(digests)) < 0.5, np.exp(rng.normal(0.0, 0.25, len(digests))), 1.0)
        change.latency *= factor
        change.rows *= factor
        # Half of the digests aggregate: they return as many rows as before.
        change.sent *= np.where(rng.random(len(digests)) < 0.5, factor, 1.0)
    levels = _levels(rng, family, len(digests), watch)
    rates = np.full(levels.shape, executions * watch.seconds / 300)
    rates[:, watch.intervals :] *= rate_after * weights[:, None]
    rates[:, watch.intervals] = 0.0  # the build
    bursts = (rng.random(levels.shape[1]) < 0.13) & (rng.random(levels.shape) < 0.5) if family == "bursts" else None
    series = [
        _run(rng, digest, i, change, rates[i], levels[i], None if bursts is None else bursts[i], watch)
        for i, digest in enumerate(digests)
    ]
    snapshots = [
        Snapshot.model_construct(
            taken_at=START + j * timedelta(seconds=watch.seconds),
            server_uuid="simulated",
            uptime_s=500_000 + round(watch.seconds * j),
            digests=tuple(rows[j] for rows in series),
        )
        for j in range(2 * watch.intervals + 2)
    ]
    half = watch.intervals + 1
    return Trial(snapshots[:half], snapshots[half:], _plans(rng, effect, watch), effect not in HARMLESS, watch)


def _digests(rng: np.random.Generator, watch: Watch) -> list[_Digest]:
    """Reads, the first the target with half the table's time or more, the second small; writes; controls."""
    table = watch.reads + watch.writes
    means = np.exp(rng.normal(1.0, 1.3, table + watch.controls))
    if table > 2:
        others = means[2:table].sum()
        means[0] = others * rng.uniform(1.1, 2.0)
        means[1] = (others + means[0]) * rng.uniform(0.01, 0.04)
    roles = [DigestRole.TARGET] * watch.reads + [DigestRole.WRITE] * watch.writes
    roles += [DigestRole.CONTROL] * watch.controls
    return [
        _Digest(
            name=f"{role.value}-{i}",
            role=role,
            mean_ms=float(means[i]),
            latencies=_latencies(rng),
            rows=1.0 if role is DigestRole.WRITE else float(rng.choice([1.0, 20.0, 300.0, 5000.0])),
            rows_cv=float(rng.choice([0.0, 0.1, 0.5, 1.5])),
            sent=float(rng.choice([1.0, 1.0, 10.0])),
            unindexed=float(rng.choice([0.0, 0.0, 1.0])) if i else 1.0,
        )
        for i, role in enumerate(roles)
    ]


def _latencies(rng: np.random.Generator) -> Array:
    """Latencies of mean one in one of six shapes: lognormal, bimodal, or with a Pareto tail."""
    shape = rng.integers(6)
    if shape < 3:
        values = np.exp(rng.normal(0.0, (0.3, 0.6, 1.0)[shape], _POOL))
    elif shape < 5:
        share, factor = ((0.15, 10.0), (0.03, 30.0))[shape - 3]
        values = np.exp(rng.normal(0.0, 0.3, _POOL)) * np.where(rng.random(_POOL) < share, factor, 1.0)
    else:
        body, tail = np.exp(rng.normal(0.0, 0.5, _POOL)), 5 * (1 + rng.pareto(1.8, _POOL))
        values = np.where(rng.random(_POOL) < 0.03, tail, body)
    return np.asarray(values / values.mean())


def _effect(effect: str, digests: int, watch: Watch) -> _Effect:
    change = _Effect(np.ones(digests), np.ones(digests), np.ones(digests), tail=effect == "tail")
    if "better10" in effect:
        change.latency[0], change.rows[0] = 0.1, 0.05
    elif effect.startswith("hidden"):
        change.latency[0], change.rows[0] = float(effect.removeprefix("hidden")), 0.5
    elif effect == "rows6":
        change.rows[0] = 6.0
    elif effect == "tail":
        change.rows[0] = 0.5
    elif effect == "writes3":
        change.latency[watch.reads : watch.reads + watch.writes] = 3.0
    if "small3" in effect:
        change.latency[1] = 3.0
    return change


def _levels(rng: np.random.Generator, family: str, digests: int, watch: Watch) -> Array:
    """The logarithm of how slow each digest is in each interval, the build's included."""
    common, own = _NOISE.get(family, _OTHER_NOISE)
    length = 2 * watch.intervals + 1
    levels = wandering(rng, own, digests, length, watch.seconds) + wandering(rng, common, 1, length, watch.seconds)
    minutes = np.arange(length) * watch.seconds / 60
    if family == "diurnal":
        levels = levels + np.log1p(rng.uniform(-0.3, 0.3) / 30 * minutes)
    elif family == "cold":
        extra, decay = rng.uniform(0.0, 1.2, (digests, 1)), rng.uniform(1.0, 4.0, (digests, 1))
        since = minutes - minutes[watch.intervals]
        levels = levels + np.where(since > 0, np.log1p(extra * np.exp(-since.clip(0) / decay)), 0.0)
    return levels


def wandering(rng: np.random.Generator, deviation: float, rows: int, length: int, seconds: float) -> Array:
    """Autoregressive log-noise of steps of so many seconds, in rows that know nothing of each other."""
    correlation = _CORRELATION ** (seconds / 60)
    steps: Array = rng.normal(0.0, deviation, (rows, length))
    steps[:, 1:] *= np.sqrt(1 - correlation**2)
    for j in range(1, length):
        steps[:, j] += correlation * steps[:, j - 1]
    return steps


def _plans(rng: np.random.Generator, effect: str, watch: Watch) -> dict[str, bool]:
    """What EXPLAIN says about the reads, wrong for one in twenty."""
    used = rng.random(watch.reads) < 0.5
    used[0] = True
    if "small3" in effect:
        used[1] = True
    wrong = rng.random(watch.reads) < 0.05
    return {f"target-{i}": bool(used[i] != wrong[i]) for i in range(watch.reads)}


def _run(
    rng: np.random.Generator,
    digest: _Digest,
    i: int,
    change: _Effect,
    rates: Array,
    levels: Array,
    hit: npt.NDArray[np.bool_] | None,
    watch: Watch,
) -> list[DigestRow]:
    """One digest's rows in all snapshots."""
    length, half = len(rates), watch.intervals
    after = np.arange(length) > half
    n = rng.poisson(rates)
    scale = digest.mean_ms * np.exp(levels) * np.where(after, change.latency[i], 1.0)
    interval = np.repeat(np.arange(length), n)
    latency = rng.choice(digest.latencies, len(interval)) * scale[interval]
    if change.tail and i == 0:
        slow = rng.random(len(interval)) < 0.04
        latency *= np.where(after[interval], np.where(slow, 50.0, 0.05), 1.0)
    if hit is not None:
        share, factor = rng.uniform(0.05, 0.30, length), rng.uniform(5, 30, length)
        struck = hit[interval] & (rng.random(len(interval)) < share[interval])
        latency *= np.where(struck, factor[interval], 1.0)
    amounts = n * digest.rows * np.where(after, change.rows[i], 1.0)
    wobble = 1 + digest.rows_cv / np.sqrt(n.clip(1)) * rng.normal(0.0, 1.0, length)
    unindexed = n * np.where(after & (change.rows[i] < 1), 0.0, digest.unindexed)
    counts = _cumulative(n, 100_000)
    times = _cumulative(np.bincount(interval, latency, length) * 1e9, 5 * 10**15)
    rows = _cumulative(amounts * wobble.clip(0.05), 10**7)
    sent = _cumulative(n * digest.sent * np.where(after, change.sent[i], 1.0), 10**6)
    scans = _cumulative(unindexed, 1000)
    histograms = _histograms(interval, latency, length) if watch.histograms else [None] * (length + 1)
    return [
        DigestRow.model_construct(
            schema_name="shop",
            digest=digest.name,
            role=digest.role,
            count_star=counts[j],
            sum_timer_wait_ps=times[j],
            sum_rows_examined=rows[j],
            sum_rows_sent=sent[j],
            sum_no_index_used=scans[j],
            max_timer_wait_ps=_TOO_LONG_PS,
            histogram=histograms[j],
        )
        for j in range(length + 1)
    ]


def _cumulative(amounts: npt.NDArray[np.generic], start: int) -> list[int]:
    """The counter at each snapshot: what it began at, and what each interval added."""
    steps = np.rint(amounts).astype(np.int64)
    return [start, *(start + np.cumsum(steps)).tolist()]


def buckets_of(latency_ms: Array) -> npt.NDArray[np.int64]:
    """The histogram's bucket of each latency."""
    return np.floor(1 + 50 * np.log10(latency_ms / 0.01)).clip(0, _BUCKETS - 1).astype(np.int64)


def _histograms(interval: npt.NDArray[np.int64], latency: Array, length: int) -> list[dict[int, int]]:
    added = np.bincount(interval * _BUCKETS + buckets_of(latency), minlength=length * _BUCKETS).reshape(
        length, _BUCKETS
    )
    used = np.flatnonzero(added.any(axis=0))
    numbers = used.tolist()
    seen: list[list[int]] = [[0] * len(numbers), *np.cumsum(added[:, used], axis=0).tolist()]
    return [{b: c for b, c in zip(numbers, counts, strict=True) if c} for counts in seen]
