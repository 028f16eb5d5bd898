"""What each error of the server means for us: one table from its number to a reaction, and nothing from its text.

A number that the table does not have is `REFUSED`, or `LOST` where it is the client library's own (2000 to
2999). What a reaction amounts to depends on what was being done: reading, building or dropping.
"""

from collections.abc import Mapping
from enum import StrEnum

from executor_core.errors import ExecutorError, OutcomeUnknown, Refused, StillNeeded, Unavailable
from executor_core.target import BuildOutcome


class Reaction(StrEnum):
    """What to make of a failed statement."""

    LOST = "lost"
    """The connection is gone: a statement that was sent may have had its effect."""
    UNAVAILABLE = "unavailable"
    """The server takes no work now; nothing happened."""
    BUSY = "busy"
    """A lock was not to be had in time; nothing happened."""
    STOPPED = "stopped"
    """The statement was killed or ran out of time; nothing is left of it."""
    NOT_ONLINE = "not_online"
    """It can't be done without a stronger lock or a copy."""
    NAME_TAKEN = "name_taken"
    """An index of this name exists."""
    GONE = "gone"
    """What was to be dropped does not exist."""
    NEEDED = "needed"
    """What was to be dropped is needed by a foreign key."""
    REFUSED = "refused"
    """Any other error: the same statement would fail again."""


REACTIONS: Mapping[int, Reaction] = {
    1053: Reaction.LOST,  # server shutdown in progress
    1152: Reaction.LOST,  # aborted connection
    1158: Reaction.LOST,  # error reading packets
    1159: Reaction.LOST,  # time-out reading packets
    1160: Reaction.LOST,  # error writing packets
    1161: Reaction.LOST,  # time-out writing packets
    1927: Reaction.LOST,  # MariaDB: connection was killed
    3169: Reaction.LOST,  # session was killed
    4031: Reaction.LOST,  # disconnected because of inactivity
    1040: Reaction.UNAVAILABLE,  # too many connections
    1047: Reaction.UNAVAILABLE,  # Galera: this node is not ready for use
    1135: Reaction.UNAVAILABLE,  # can't create a thread
    1203: Reaction.UNAVAILABLE,  # the account has too many connections
    1226: Reaction.UNAVAILABLE,  # the account is over one of its limits
    3032: Reaction.UNAVAILABLE,  # offline mode
    3168: Reaction.UNAVAILABLE,  # the server isn't available
    1205: Reaction.BUSY,  # lock wait time-out, of metadata locks too
    1213: Reaction.BUSY,  # deadlock, of metadata locks too
    1317: Reaction.STOPPED,  # query execution was interrupted
    1969: Reaction.STOPPED,  # MariaDB: max_statement_time exceeded
    3024: Reaction.STOPPED,  # MySQL: max_execution_time exceeded
    1845: Reaction.NOT_ONLINE,  # this ALGORITHM is not supported
    1846: Reaction.NOT_ONLINE,  # this ALGORITHM or LOCK is not supported, with the reason
    1061: Reaction.NAME_TAKEN,  # duplicate key name
    1091: Reaction.GONE,  # can't drop: check that it exists
    1553: Reaction.NEEDED,  # can't drop: needed in a foreign key constraint
}

BUILD_OUTCOMES: Mapping[Reaction, BuildOutcome] = {
    Reaction.LOST: BuildOutcome.UNKNOWN,
    Reaction.UNAVAILABLE: BuildOutcome.BUSY,
    Reaction.BUSY: BuildOutcome.BUSY,
    Reaction.STOPPED: BuildOutcome.STOPPED,
    Reaction.NOT_ONLINE: BuildOutcome.NOT_ONLINE,
    Reaction.NAME_TAKEN: BuildOutcome.NAME_TAKEN,
    Reaction.GONE: BuildOutcome.REFUSED,
    Reaction.NEEDED: BuildOutcome.REFUSED,
    Reaction.REFUSED: BuildOutcome.REFUSED,
}

_TEMPORARY = frozenset({Reaction.UNAVAILABLE, Reaction.BUSY, Reaction.STOPPED})


def reaction(number: int | None) -> Reaction:
    """Return what error `number` means; None and 0 are failures of the connection itself."""
    if not number or 2000 <= number < 3000:
        return Reaction.LOST
    return REACTIONS.get(number, Reaction.REFUSED)


class StatementFailed(Exception):
    """A statement failed. It stays inside this adapter: whoever sent the statement decides what it amounts to.

    `number` is the server's (None: the connection failed), `text` is for people only.
    """

    def __init__(self, number: int | None, text: str) -> None:
        super().__init__(number, text)
        self.number = number
        self.text = text

    @property
    def reaction(self) -> Reaction:
        """What the number means."""
        return reaction(self.number)

    @property
    def outcome(self) -> BuildOutcome:
        """How a build ended whose statement failed so."""
        return BUILD_OUTCOMES[self.reaction]

    @property
    def sentence(self) -> str:
        """What the server said, with its number."""
        if self.number is None:
            return f"the connection to the server was lost ({self.text})"
        return f"the server answered with error {self.number}: {self.text}"

    def of_reading(self) -> ExecutorError:
        """Return the error of a reading, which may always be repeated: it changed nothing."""
        if self.reaction is Reaction.LOST or self.reaction in _TEMPORARY:
            return Unavailable(self.sentence)
        return Refused(self.sentence, number=self.number)

    def of_change(self) -> ExecutorError:
        """Return the error of a change that was sent: with its connection lost, it may have happened."""
        if self.reaction is Reaction.LOST:
            return OutcomeUnknown(f"a change was sent, and {self.sentence}")
        if self.reaction is Reaction.NEEDED:
            return StillNeeded(self.sentence, number=self.number)
        return self.of_reading()
