"""The exit codes: what a caller of the command may rely on."""

from enum import IntEnum


class ExitCode(IntEnum):
    """How a call ended."""

    COMPLETED = 0
    USAGE = 2
    ROLLED_BACK = 3
    FAILED = 4
    REQUIRES_MANUAL = 5
    NOT_CLAIMED = 6
    INTERRUPTED = 7
    CONDITIONAL = 10
    """An acceptance after which a person has to decide."""
    BLOCKED = 11
    """An acceptance after which no canary run may begin."""
