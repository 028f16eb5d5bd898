"""Why the store says no: one class for each answer that the API gives."""

from datetime import timedelta

from executor_core.errors import ExecutorError


class Rejection(ExecutorError):
    """The store was asked for something that it does not do; nothing was changed."""

    code = "rejected"


class Forbidden(Rejection):
    """The caller is known, but its token is not for this."""

    code = "forbidden"


class UnknownRun(Rejection):
    """There is no run of that id."""

    code = "unknown_run"


class NoCheckpoint(Rejection):
    """The run has no checkpoint."""

    code = "no_checkpoint"


class RunExists(Rejection):
    """A run of that id is there already; it was left as it is."""

    code = "run_exists"


class RunHeld(Rejection):
    """Another worker holds the run for `time_left` more."""

    code = "run_held"

    def __init__(self, message: str, *, time_left: timedelta) -> None:
        super().__init__(message)
        self.time_left = time_left


class RunOver(Rejection):
    """The run has reached a terminal status, so nobody can claim it to carry it."""

    code = "run_over"


class NotToRollBack(Rejection):
    """The run has no index that could be taken back now."""

    code = "not_to_roll_back"


class NothingRequested(Rejection):
    """Nobody asks for a rollback of the run, or that is settled."""

    code = "nothing_requested"


class RollbackRequested(Rejection):
    """A rollback of the run was asked for already, and is not settled."""

    code = "rollback_requested"


class StaleToken(Rejection):
    """The fencing token is not the one of the newest claim."""

    code = "stale_token"


class LeaseEnded(Rejection):
    """The lease has ended or was handed back: the run has to be claimed again."""

    code = "lease_ended"


class KeyReused(Rejection):
    """The idempotency key was used before, for something else."""

    code = "idempotency_key_reused"
