"""How long others may queue behind a statement of ours before it is ended, and how that grows at a commit."""

from dataclasses import dataclass
from datetime import timedelta

SHARE = 0.01
"""A build of a minute may keep others waiting for 600 ms rather than be lost, if the ceiling lets it."""
_MOST_DOUBLINGS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How long others may queue: `budget`; at the commit, where a finished build would be lost, up to `ceiling`.

    What the commit is worth grows with the work of this build, and doubles with each of the `lost_builds` before
    it. A budget above the ceiling is the operator's word: nothing makes it shorter.
    """

    budget: timedelta
    ceiling: timedelta = timedelta()
    lost_builds: int = 0

    def at_commit(self, work: timedelta) -> timedelta:
        """Return how long others may queue while a build that took `work` waits to be committed.

        >>> tolerance = Tolerance(budget=timedelta(milliseconds=250), ceiling=timedelta(milliseconds=500))
        >>> tolerance.at_commit(timedelta(seconds=40)), tolerance.at_commit(timedelta(hours=1))
        (datetime.timedelta(microseconds=400000), datetime.timedelta(microseconds=500000))
        """
        doubled = self.budget * float(2 ** min(self.lost_builds, _MOST_DOUBLINGS))
        return max(self.budget, min(self.ceiling, max(doubled, work * SHARE)))

    @property
    def grows(self) -> bool:
        """Whether the loss of one more build would make it longer."""
        return self.at_commit(timedelta()) < self.ceiling
