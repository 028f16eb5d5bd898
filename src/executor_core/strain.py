"""How much longer the application's statements take while an index is built than they took before.

Each execution counts the same, whatever it takes: a scan that is slow anyway hides nothing. Only statements that end
are counted; those that wait for a lock are the target's to look after.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from executor_core.metrics import DigestKey, DigestRow, Snapshot

LOOKS_APART = timedelta(seconds=5)
"""How far looks at the counters are apart."""
LEAST_EXECUTIONS = 20
"""Fewer executions between two looks tell nothing."""
LEAST_USUAL_PS = 1e9
"""Whatever usually takes less than a millisecond is taken to take that: how much slower it gets, nobody feels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strain:
    """What the application has felt so far: the latest reading, and the slowdown between the latest looks.

    `usual` is how long each digest's executions took before the build, in picoseconds.
    """

    usual: Mapping[DigestKey, float]
    at: datetime
    latest: Snapshot
    slowdowns: tuple[float | None, ...] = ()

    def is_due(self, now: datetime) -> bool:
        """Whether it is time for another look."""
        return now - self.at >= LOOKS_APART

    def seen(self, at: datetime, snapshot: Snapshot) -> "Strain":
        """This strain, with a later look."""
        slowdown = _slowdown(self.usual, self.latest, snapshot)
        return Strain(usual=self.usual, at=at, latest=snapshot, slowdowns=(*self.slowdowns, slowdown)[-2:])

    @property
    def lasting(self) -> float | None:
        """How many times longer statements have taken since the last look but two; None where that can't be told."""
        known = [slowdown for slowdown in self.slowdowns if slowdown is not None]
        return min(known) if len(known) > 1 else None


def usual_times(samples: Sequence[Snapshot]) -> dict[DigestKey, float]:
    """Return how long an execution of each digest took between the first and the last of `samples`, in picoseconds."""
    if not samples:
        return {}
    return {key: time / executions for key, executions, time in _between(samples[0], samples[-1])}


def _slowdown(usual: Mapping[DigestKey, float], earlier: Snapshot, later: Snapshot) -> float | None:
    known = [
        (executions, time / max(usual[key], LEAST_USUAL_PS))
        for key, executions, time in _between(earlier, later)
        if key in usual
    ]
    executions = sum(executions for executions, _ in known)
    return sum(times for _, times in known) / executions if executions >= LEAST_EXECUTIONS else None


def _between(earlier: Snapshot, later: Snapshot) -> list[tuple[DigestKey, int, int]]:
    """The executions and the time of each digest between two looks, as far as its counters grew."""
    rows: dict[DigestKey, DigestRow] = {row.key: row for row in earlier.digests}
    return [
        (row.key, executions, time)
        for row in later.digests
        if (before := rows.get(row.key)) is not None
        and (executions := row.count_star - before.count_star) > 0
        and (time := row.sum_timer_wait_ps - before.sum_timer_wait_ps) >= 0
    ]
