"""How a build gets on, and when it would be done: from two looks at its progress, a straight line."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

LEAST_SEEN = timedelta(seconds=5)
LEAST_DONE = 0.02
"""Looks that are closer than this, in time or in progress, tell nothing of what is to come."""
MARGIN = 1.5
"""By how much a forecast has to break a limit: a server's estimates move a little from stage to stage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Two looks at a build: the first one, and the latest. Progress is from 0 to 1.

    `first_written` and `written` count the rows that came to the table or went from it, where that is known.
    """

    first_at: datetime
    first: float
    at: datetime
    done: float
    first_written: int | None = None
    written: int | None = None

    @classmethod
    def begun(cls, at: datetime, done: float, written: int | None = None) -> "Progress":
        """The first look at a build."""
        return cls(first_at=at, first=done, at=at, done=done, first_written=written, written=written)

    def seen(self, at: datetime, done: float, written: int | None = None) -> "Progress":
        """This progress, with a later look."""
        return replace(self, at=at, done=done, written=written)

    def expected_end(self) -> datetime | None:
        """When the build would be done at the pace so far; None where that can't be told yet."""
        seen, gained = self.at - self.first_at, self.done - self.first
        if seen < LEAST_SEEN or gained < LEAST_DONE:
            return None
        return self.at + seen * ((1.0 - self.done) / gained)

    def written_by_end(self) -> float | None:
        """How many rows will have come and gone when the build is done, at the pace so far; None if unknown."""
        end = self.expected_end()
        if end is None or self.first_written is None or self.written is None or self.written < self.first_written:
            return None
        return (self.written - self.first_written) * ((end - self.first_at) / (self.at - self.first_at))

    def would_break(self, limit: timedelta, begun_at: datetime) -> bool:
        """Whether a build that began at `begun_at` would clearly take longer than `limit`."""
        end = self.expected_end()
        return end is not None and end - begun_at > limit * MARGIN
