"""How long a run waits, how often it looks, and when it gives up: durations as policy, and pure backoff."""

from dataclasses import dataclass
from datetime import timedelta

from executor_core.errors import InvalidInput
from executor_core.tolerance import Tolerance

SHORTEST_SAMPLE_INTERVAL = timedelta(seconds=1)
USUAL_SAMPLE_INTERVAL = timedelta(seconds=10)
EXTENDED_SAMPLE_INTERVAL = timedelta(seconds=30)
USUAL_EXTENSION = 6
SHORTEST_IDLE = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacing:
    """The durations of a run. The windows are the specification's; the rest keep it calm."""

    baseline_window: timedelta = timedelta(minutes=5)
    after_window: timedelta = timedelta(minutes=5)
    extended_window: timedelta | None = None
    """How far a window may be extended where its own length can't decide; zero turns it off.

    None extends it to six times its own length: the specification's 5 minutes to 30.
    """
    settle: timedelta = timedelta(seconds=0)
    kill_switch_interval: timedelta = timedelta(seconds=5)
    kill_switch_trust: timedelta = timedelta(seconds=15)
    """For how long a switch that said "off" bridges looks that fail, while a run is under way."""
    lock_wait: timedelta = timedelta(milliseconds=250)
    """How long others may queue behind a statement of ours before it is ended and tried again later."""
    commit_lock_wait: timedelta = timedelta(milliseconds=500)
    """How long others may queue, at most, while a build that would be lost waits to be committed."""
    build_patience: timedelta = timedelta(minutes=5)
    """For how long a build that finds the table busy is tried again."""
    build_tries: int = 100
    """How often, at most."""
    build_limit: timedelta | None = None
    """How long one build may take: one that takes longer, or clearly would, is stopped. None: as long as it takes."""
    replica_lag_limit: timedelta | None = None
    """The same where replicas have to build the index too, and are behind for as long as that takes."""
    slowdown_limit: float | None = None
    """How many times longer than before the application's statements may take during a build. None: however long."""
    end_idle_transactions: timedelta | None = None
    """How long a transaction in our way must have been idle for its session to be ended. None: nobody's is."""
    drain_patience: timedelta = timedelta(minutes=10)
    """For how long a hidden index waits for the transactions that were open when it had been built."""
    rollback_patience: timedelta = timedelta(minutes=1)
    """For how long a drop that finds the table busy is tried again."""
    outage_patience: timedelta = timedelta(minutes=1)
    """For how long a target that can't be reached is asked again before the run ends."""
    build_poll: timedelta = timedelta(milliseconds=500)

    def __post_init__(self) -> None:
        for name in ("baseline_window", "after_window", "kill_switch_interval", "lock_wait", "build_poll"):
            if getattr(self, name) <= timedelta(0):
                raise InvalidInput(f"the {name.replace('_', ' ')} must be longer than zero")
        for name in (
            "extended_window",
            "settle",
            "kill_switch_trust",
            "commit_lock_wait",
            "build_patience",
            "drain_patience",
            "rollback_patience",
            "outage_patience",
        ):
            if (getattr(self, name) or timedelta(0)) < timedelta(0):
                raise InvalidInput(f"the {name.replace('_', ' ')} must not be negative")
        if self.build_tries < 1:
            raise InvalidInput("a build must be tried at least once")
        for name in ("build_limit", "replica_lag_limit"):
            if getattr(self, name) is not None and getattr(self, name) <= timedelta(0):
                raise InvalidInput(f"the {name.replace('_', ' ')} must be longer than zero")
        if self.slowdown_limit is not None and not self.slowdown_limit > 1:
            raise InvalidInput("the slowdown limit must be more than 1: how many times longer statements may take")
        if self.end_idle_transactions is not None and self.end_idle_transactions < SHORTEST_IDLE:
            raise InvalidInput("transactions must have been idle for a second at least before their sessions are ended")

    def tolerance(self, lost_builds: int) -> Tolerance:
        """How long others may queue behind a build of a run that has lost so many at their commit."""
        return Tolerance(budget=self.lock_wait, ceiling=self.commit_lock_wait, lost_builds=lost_builds)

    def longest(self, window: timedelta) -> timedelta:
        """How long a window that was meant to be `window` long may become; never less than that."""
        extended = window * USUAL_EXTENSION if self.extended_window is None else self.extended_window
        return max(window, extended)

    def sample_interval(self, window: timedelta, *, extended: bool) -> timedelta:
        """How far apart a window's samples are: ten seconds or so, closer in a short window."""
        most = EXTENDED_SAMPLE_INTERVAL if extended else USUAL_SAMPLE_INTERVAL
        return min(most, max(SHORTEST_SAMPLE_INTERVAL, window / 12))


def backoff(tries: int, jitter: float, *, first: timedelta, most: timedelta) -> timedelta:
    """How long to wait after the `tries`-th failure (from 1): doubled each time, at most `most`.

    `jitter`, from 0 up to 1, spreads the wait over its upper half, so that many don't come back together.

    >>> backoff(3, 0.0, first=timedelta(seconds=1), most=timedelta(seconds=30))
    datetime.timedelta(seconds=2)
    >>> backoff(99, 1.0, first=timedelta(seconds=1), most=timedelta(seconds=30))
    datetime.timedelta(seconds=30)
    """
    full = min(most, first * float(2 ** min(tries - 1, 30)))
    return full / 2 + full / 2 * jitter
