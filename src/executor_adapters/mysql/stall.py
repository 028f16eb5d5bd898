"""When to give way: samples of who queues behind our statement in, keep or kill out. Pure; the caller tells the time.

A statement that waits is one `Waiter` as long as it waits. Its wait is counted from the first sample that shows
it, so what is measured is never longer than what was suffered. What others may suffer is the operator's budget;
at the commit, where giving way throws a finished build away, it grows with the work that would be lost.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

SHARE = 0.01
"""A build of a minute may keep others waiting for 600 ms rather than be lost, if the ceiling lets it."""


class Waiter(NamedTuple):
    """A statement of somebody else that waits behind ours: its connection, and which of its statements it is."""

    connection_id: int
    statement_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One look: whether our statement waits for a lock, and who waits behind it. `at` is monotonic."""

    at: timedelta
    waiting: bool
    queue: frozenset[Waiter] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How long others may queue: `budget`, or at the commit `share` of the work done, up to `ceiling`.

    A budget above the ceiling is the operator's word: nothing makes it shorter.
    """

    budget: timedelta
    ceiling: timedelta = timedelta()
    share: float = SHARE

    def at_commit(self, work: timedelta) -> timedelta:
        """Return how long others may queue while a build that took `work` waits to be committed.

        >>> tolerance = Tolerance(budget=timedelta(milliseconds=250), ceiling=timedelta(milliseconds=500))
        >>> tolerance.at_commit(timedelta(seconds=40)), tolerance.at_commit(timedelta(hours=1))
        (datetime.timedelta(microseconds=400000), datetime.timedelta(microseconds=500000))
        """
        return max(self.budget, min(self.ceiling, work * self.share))


@dataclass(frozen=True, slots=True, kw_only=True)
class Overdue:
    """Somebody has waited too long: how many wait, how long the longest has, and how long was allowed."""

    waiters: int
    longest: timedelta
    allowed: timedelta


@dataclass(slots=True)
class StallWatch:
    """Follows one statement of ours from sample to sample."""

    tolerance: Tolerance
    _since: dict[Waiter, timedelta] = field(default_factory=dict[Waiter, timedelta])
    _work: timedelta = timedelta()
    _last: Sample | None = None

    def judge(self, sample: Sample) -> Overdue | None:
        """Return what is overdue as of this sample, or None while our statement may go on.

        Samples come in the order of their time. Time between two of them counts as work unless our statement
        waited at the first.
        """
        if self._last is not None and not self._last.waiting:
            self._work += sample.at - self._last.at
        self._last = sample
        self._since = {waiter: self._since.get(waiter, sample.at) for waiter in sample.queue}
        if not self._since:
            return None
        longest = sample.at - min(self._since.values())
        allowed = self.tolerance.at_commit(self._work) if sample.waiting else self.tolerance.budget
        if longest <= allowed:
            return None
        return Overdue(waiters=len(self._since), longest=longest, allowed=allowed)
