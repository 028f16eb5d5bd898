"""The kill switch: anything but a fresh and well-formed "off" means stop.

An *answer* is what the control plane said, a *reading* is what the executor makes of it. A failed call, a
malformed answer and an answer that has grown too old all read as engaged, with the reason said.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class KillSwitchAnswer:
    """What ``GET /api/kill-switch`` answered."""

    global_active: bool
    connection_active: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KillSwitchReading:
    """One look at the switch: `answer` is None when the call failed, and `error` says how."""

    at: datetime
    answer: KillSwitchAnswer | None
    error: str | None = None

    @property
    def engaged(self) -> bool:
        """Whether this look alone means stop: the global switch, the connection's, or no usable answer."""
        return self.answer is None or self.answer.global_active or self.answer.connection_active

    @property
    def said_off(self) -> bool:
        """Whether the control plane itself said that both switches are off."""
        return not self.engaged

    @property
    def sentence(self) -> str:
        """Why this reading means stop, for people."""
        if self.answer is None:
            return f"the kill switch could not be read, so it counts as active: {self.error}"
        scope = "global kill switch" if self.answer.global_active else "kill switch of this connection"
        return f"the {scope} is active" + (f": {self.answer.reason}" if self.answer.reason else "")


def must_stop(latest: KillSwitchReading, last_off: datetime | None, *, trust: timedelta) -> bool:
    """Whether to stop while a run is under way.

    A switch that says it is on stops at once. A look that failed is bridged by the last good answer while that
    is no older than `trust`; after it the switch counts as active, and so it does when the clock was set back
    behind that answer. Before and right after the build no look is bridged: there, callers ask `latest.engaged`.
    """
    if latest.answer is not None:
        return latest.engaged
    return last_off is None or not timedelta(0) <= latest.at - last_off <= trust
