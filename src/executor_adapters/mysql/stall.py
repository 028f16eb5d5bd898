"""When to begin and when to give way: samples of who has the lock and who queues in, decisions out.

Pure; the caller tells the time.

A statement that waits is one `Waiter` as long as it waits. Its wait is counted from the first sample that shows
it, so what is measured is never longer than what was suffered.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from executor_core.tolerance import Tolerance

LEAST_LOST = timedelta(milliseconds=100)
"""A statement that had worked for less has not begun to build: it was ended at its start."""
FREE_LOOKS = 2
"""In so many looks, one after the other, nobody has the lock of a table that is free."""

Lock = tuple[int, int]
"""What tells one transaction's lock from the next one's."""


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
class Overdue:
    """Somebody has waited too long: how many wait, how long the longest has, and how long was allowed."""

    waiters: int
    longest: timedelta
    allowed: timedelta


@dataclass(slots=True)
class CalmWatch:
    """Follows who has the table's lock before our statement is sent. `stayed` are those seen at every look."""

    stayed: frozenset[Lock] | None = None
    _free_looks: int = 0

    def is_free(self, locks: frozenset[Lock]) -> bool:
        """Take in who has the lock, and say whether nobody does, for longer than between two statements."""
        self.stayed = locks if self.stayed is None else self.stayed & locks
        self._free_looks = 0 if locks else self._free_looks + 1
        return self._free_looks >= FREE_LOOKS


@dataclass(slots=True)
class StallWatch:
    """Follows one statement of ours from sample to sample."""

    tolerance: Tolerance
    _since: dict[Waiter, timedelta] = field(default_factory=dict[Waiter, timedelta])
    _work: timedelta = timedelta()
    _last: Sample | None = None

    @property
    def at_commit(self) -> bool:
        """Whether our statement was last seen to wait with work behind it: lost, if it does not get the lock."""
        return self._last is not None and self._last.waiting and self._work >= LEAST_LOST

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
