"""The lock sentinel: it runs one statement of ours, and ends it rather than let the application queue behind it.

Before the statement is sent, the sentinel waits a moment for the table's lock to be free: while somebody keeps it, a
try would only make everybody else wait. Then, on a connection and a thread of its own, it watches who queues behind
the statement, at its start, while it builds and at its commit, and kills it when somebody has waited longer than
the budget. It kills nobody else. The statement's own ``lock_wait_timeout`` of a second stays beneath.
"""

import threading
from datetime import timedelta

from executor_adapters.mysql.connection import Connection, Connector, TimeLimits
from executor_adapters.mysql.errors import Reaction, StatementFailed
from executor_adapters.mysql.locks import Guarded, Holder, LockView, lock_view
from executor_adapters.mysql.stall import CalmWatch, Overdue, Sample, StallWatch
from executor_core.errors import Refused, Unavailable
from executor_core.ports import Clock
from executor_core.tolerance import Tolerance

LIMITS = TimeLimits(connect=timedelta(seconds=2), read=timedelta(seconds=2), statement=timedelta(seconds=1))
"""A sentinel that waits longer for an answer than others wait for us is none."""

CLOSE_LOOK = timedelta(milliseconds=15)
"""How far looks are apart while somebody waits, our statement or one behind it."""
CALM_LOOK = timedelta(milliseconds=60)
RECONNECT = timedelta(seconds=1)
"""How long after a failed attempt the sentinel tries again to reach the server."""
NEW_VIEW = timedelta(seconds=10)
"""How often it looks anew how it may look: instruments are switched, privileges granted and revoked."""
FREE_LOOK = timedelta(milliseconds=5)
"""How far looks are apart that wait for the lock to be free: applications pause for moments only."""
CALM_PATIENCE = timedelta(seconds=1)
"""For how long that is waited for. A table that is never free is tried all the same, unless somebody has stayed."""
PATIENT_FROM = timedelta(seconds=10)
"""Who lets others queue for so long wants a place in the queue: the statement is then sent, whoever holds the lock."""
NAMED_HOLDERS = 3

_IS_SEEN = "SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = %s"


class GaveWay(Exception):
    """Our statement was not sent, or we ended it, for the application's sake. Nothing is left of it."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class Sentinel:
    """Guards the one statement that `run` is called for. Safe against the loss of its own connection."""

    def __init__(self, connector: Connector, guarded: Guarded, tolerance: Tolerance, clock: Clock) -> None:
        """Open the second connection. Raises `Unavailable` or `Refused`: then the statement must not be sent."""
        self._connector = Connector(connector.url, LIMITS)
        self._guarded = guarded
        self._budget = tolerance.budget
        self._clock = clock
        self._watch = StallWatch(tolerance)
        self._ended = threading.Event()
        self._gave_way: str | None = None
        self._ended_at_commit = False
        self._blind_since: timedelta | None = None
        self._connection, self._view = self._opened()
        self._viewed_at = clock.monotonic()

    @property
    def lost_at_commit(self) -> bool:
        """Whether the statement, if it was ended, had done its work and waited for the lock to commit it."""
        return self._ended_at_commit or self._watch.at_commit

    def run(self, connection: Connection, sql: str) -> None:
        """Run the statement on its connection, guarded.

        Raises `GaveWay`, and `StatementFailed` for whatever else ends it; its text then says if the statement
        had been unguarded.
        """
        if self._budget < PATIENT_FROM and (obstacle := self._obstacle()) is not None:
            self._connection.close()
            raise GaveWay(obstacle)
        name = f"executor-sentinel-{self._guarded.schema_name}.{self._guarded.table_name}"
        threading.Thread(target=self._guard, name=name, daemon=True).start()
        try:
            connection.rows(sql)
        except StatementFailed as failure:
            if self._gave_way is not None and failure.reaction in (Reaction.STOPPED, Reaction.BUSY):
                raise GaveWay(self._gave_way) from None
            remark = self._remark()
            raise StatementFailed(failure.number, failure.text + remark) from None
        finally:
            self._ended.set()

    def _obstacle(self) -> str | None:
        """Wait for the table to be free; say who keeps its lock after all, or why that could not be found out."""
        calm, until = CalmWatch(), self._clock.monotonic() + CALM_PATIENCE
        try:
            while True:
                holders = self._view.holders(self._connection, self._guarded)
                if holders is None or calm.is_free(frozenset(holder.lock for holder in holders)):
                    return None
                if self._clock.monotonic() >= until:
                    break
                self._clock.wait(FREE_LOOK)
        except StatementFailed as failure:
            return f"the statement was not sent: the sentinel could not look at the table's locks ({failure.sentence})"
        keepers = tuple(holder for holder in holders if holder.lock in (calm.stayed or ()))
        return f"the statement was not sent: the table's lock was held by {named(keepers)}" if keepers else None

    def _guard(self) -> None:
        pause = CLOSE_LOOK
        try:
            while not self._ended.wait(pause.total_seconds()):
                try:
                    pause = self._looked()
                except StatementFailed:
                    pause = self._reopened()
        finally:
            self._connection.close()

    def _looked(self) -> timedelta:
        """Look once, kill if it has to be, and return the pause until the next look."""
        now = self._clock.monotonic()
        if now - self._viewed_at >= NEW_VIEW:
            self._view, self._viewed_at = lock_view(self._connection), now
        queue = self._view.queue(self._connection, self._guarded)
        sample = Sample(at=self._clock.monotonic(), waiting=queue.waiting, queue=queue.waiters)
        if (overdue := self._watch.judge(sample)) is not None and not self._ended.is_set():
            self._kill(overdue)
        return CLOSE_LOOK if queue.waiting or queue.waiters else CALM_LOOK

    def _kill(self, overdue: Overdue) -> None:
        # Said before it is done: the statement's own thread may see the end of it first.
        earlier = self._gave_way
        self._gave_way = earlier or self._sentence(overdue)
        self._ended_at_commit = self.lost_at_commit
        try:
            self._connection.rows("KILL QUERY %s", self._guarded.connection_id)
        except StatementFailed:
            self._gave_way = earlier
            raise
        # A server may take a while to obey; it is told again if others wait for that as long as they did before.
        self._watch = StallWatch(self._watch.tolerance)

    def _sentence(self, overdue: Overdue) -> str:
        try:
            holders = self._view.holders(self._connection, self._guarded)
        except StatementFailed:
            holders = None  # what is said must not keep from what has to be done
        who = "1 statement" if overdue.waiters == 1 else f"{overdue.waiters} statements"
        if holders is None:
            held = "who held the lock can't be seen by this account or on this server"
        elif holders:
            held = f"the lock was held by {named(holders)}"
        else:
            held = "nobody held the lock but us: another statement for the whole table stood between"
        return (
            f"{who} of others had queued behind ours for {overdue.longest.total_seconds():.2f} s"
            f" ({overdue.allowed.total_seconds():.2f} s are allowed), so ours was ended; {held}"
        )

    def _reopened(self) -> timedelta:
        """Reach the server again; while it can't be reached, only its own lock time-out bounds a stall."""
        now = self._clock.monotonic()
        self._connection.close()
        try:
            self._connection, self._view = self._opened()
        except (Unavailable, Refused):
            self._blind_since = self._blind_since or now
            return RECONNECT
        self._viewed_at, self._blind_since = now, None
        return CLOSE_LOOK

    def _opened(self) -> tuple[Connection, LockView]:
        connection = self._connector.open_reading()
        try:
            seen = connection.rows(_IS_SEEN, self._guarded.connection_id)
            view = lock_view(connection)
        except StatementFailed as failure:
            connection.close()
            raise failure.of_reading() from None
        if not seen:  # behind a proxy, two connections may lead to two servers
            connection.close()
            raise Unavailable("the sentinel does not see our statement's connection on the server that it reached")
        return connection, view

    def _remark(self) -> str:
        """What people must know of a statement that failed under a guard that saw too little."""
        if self._blind_since is not None:
            blind = self._clock.monotonic() - self._blind_since
            return (
                f"; for its last {blind.total_seconds():.1f} s it was unguarded, since the sentinel could not connect"
            )
        return "" if self._view.blind_spot is None else f"; {self._view.blind_spot}"


def named(holders: tuple[Holder, ...]) -> str:
    """Name a few holders, the oldest first, and count the rest; each session once."""
    oldest_first = sorted(holders, key=lambda holder: -(holder.age_s or 0))
    names = list(dict.fromkeys(map(str, oldest_first)))
    rest = len(names) - NAMED_HOLDERS
    return ", ".join(names[:NAMED_HOLDERS]) + (f" and {rest} more" if rest > 0 else "")
