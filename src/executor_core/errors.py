"""One exception class for each way the engine must react; a verdict is never an exception.

An adapter translates whatever its library raises into one of these. The engine decides by class, never by
text:

========================  ================================================================
`Unavailable`             nothing happened; the same call may be made again later
`Refused`                 the other side said no; the same call would be refused again
`StillNeeded`             what was to be dropped is relied on by now: a person has to decide
`LeaseLost`               somebody else may own the run: stop, touch nothing more
`OutcomeUnknown`          a change may or may not have happened: look, never repeat blindly
`IllegalTransition`       a bug in this library, or a checkpoint that is not of this run
`InvalidInput`            what was given is wrong; nothing was touched
`CheckpointUnusable`      a stored checkpoint is torn, foreign or of a newer version
========================  ================================================================
"""

from datetime import timedelta


class ExecutorError(Exception):
    """The root of every error this library raises on purpose.

    `code` is stable and made for programs; the text is one sentence for people and carries no secret.
    """

    code = "executor_error"
    retryable = False


class InvalidInput(ExecutorError):
    """What the caller gave is wrong; the sentence says what to change. Nothing was touched."""

    code = "invalid_input"


class Unavailable(ExecutorError):
    """The other side could not be reached or was busy; nothing happened, so the call may be repeated.

    `retry_after` is how long the other side asked to be left alone, where it said so.
    """

    code = "unavailable"
    retryable = True

    def __init__(self, message: str = "", *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Refused(ExecutorError):
    """The other side answered no, and would again.

    `number` is the server's error number (MySQL) or the HTTP status, where there was one.
    """

    code = "refused"

    def __init__(self, message: str, *, number: int | None = None) -> None:
        super().__init__(message)
        self.number = number


class StillNeeded(ExecutorError):
    """What was to be dropped is relied on by something else by now: a person has to decide.

    `number` is the server's error number.
    """

    code = "still_needed"

    def __init__(self, message: str, *, number: int | None = None) -> None:
        super().__init__(message)
        self.number = number


class LeaseLost(ExecutorError):
    """The right to act for this run is gone, or can no longer be shown: stop and touch nothing."""

    code = "lease_lost"


class OutcomeUnknown(ExecutorError):
    """A change was asked for and the answer never came: it may have happened. Look before acting."""

    code = "outcome_unknown"


class IllegalTransition(ExecutorError):
    """An event arrived in a phase whose table has no row for it."""

    code = "illegal_transition"


class CheckpointUnusable(ExecutorError):
    """A stored checkpoint can't be read as this run's state; it is refused, never guessed from."""

    code = "checkpoint_unusable"


CALL_FAILED = (Unavailable, Refused, OutcomeUnknown)
"""What a call of the target may raise where the run can go on without its answer, or can ask again."""
