"""The records of the wire: runs, rollback records, audit entries, and the words they are made of.

Field names and enum values are the control plane's contract, kept to the letter. Every record is frozen.
Reading somebody else's JSON tolerates added fields; writing is exact.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, NewType

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

RunId = NewType("RunId", str)
ConnectionId = NewType("ConnectionId", str)
WorkerId = NewType("WorkerId", str)


class ExecutionAction(StrEnum):
    """The changes that Executor makes: one."""

    ADD_INDEX = "ADD_INDEX"


class ExecutionStatus(StrEnum):
    """The status of a run as the control plane knows it."""

    SCHEDULED = "scheduled"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"
    REQUIRES_MANUAL = "requires_manual"


class FailReason(StrEnum):
    """Why a run did not complete."""

    OUT_OF_SCOPE = "out_of_scope"
    KILL_SWITCH = "kill_switch"
    CLAIM_FAILED = "claim_failed"
    EXECUTION_ERROR = "execution_error"
    VERIFICATION_FAILED = "verification_failed"


class VerificationStatus(StrEnum):
    """What the verification concluded."""

    SUCCESS = "success"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


class RollbackType(StrEnum):
    """Who asked for a rollback: the executor itself, or a person."""

    AUTO = "auto"
    MANUAL = "manual"


class RollbackStatus(StrEnum):
    """How far a rollback has come."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"


class AuditAction(StrEnum):
    """What an audit entry records: the specification's seven, then this project's own."""

    STATUS_CHANGE = "status_change"
    BASELINE_METRICS_COLLECTED = "baseline_metrics_collected"
    INDEX_ADDED = "index_added"
    AFTER_METRICS_COLLECTED = "after_metrics_collected"
    VERIFICATION_COMPLETED = "verification_completed"
    CLAIM_FAILED = "claim_failed"
    ROLLBACK_FAILED = "rollback_failed"

    SCOPE_REFUSED = "scope_refused"
    RUN_CLAIMED = "run_claimed"
    RUN_TAKEN_OVER = "run_taken_over"
    KILL_SWITCH_ENGAGED = "kill_switch_engaged"
    PREFLIGHT_REFUSED = "preflight_refused"
    PREFLIGHT_WARNING = "preflight_warning"
    BUILD_STARTED = "build_started"
    BUILD_POSTPONED = "build_postponed"
    BUILD_FOUND = "build_found"
    BUILD_FAILED = "build_failed"
    BUILD_GIVEN_UP = "build_given_up"
    BUILD_STOPPED = "build_stopped"
    IDLE_TRANSACTION_ENDED = "idle_transaction_ended"
    INDEX_ADOPTED = "index_adopted"
    DRAIN_STARTED = "drain_started"
    DRAIN_COMPLETED = "drain_completed"
    PUBLISH_STARTED = "publish_started"
    PUBLISH_POSTPONED = "publish_postponed"
    INDEX_PUBLISHED = "index_published"
    ROLLBACK_STARTED = "rollback_started"
    ROLLBACK_POSTPONED = "rollback_postponed"
    INDEX_DROPPED = "index_dropped"


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""An instant, always in UTC; a time without an offset is refused."""


def _taken_for_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


TheirMoment = Annotated[datetime, AfterValidator(_taken_for_utc)]
"""An instant that somebody else wrote: one without an offset is taken for UTC."""

Text = Annotated[str, StringConstraints(strict=True)]
Name = Annotated[str, StringConstraints(strict=True, min_length=1)]


class Record(BaseModel):
    """A frozen record that tolerates fields added by a newer writer."""

    model_config = ConfigDict(frozen=True, extra="ignore")


MAX_RUN_ID = 255
_NOT_IN_A_RUN_ID = frozenset("/?#;'\\\x7f")


def _storable(run_id: str) -> str:
    """Return `run_id` if it can stand in an address and in an index's comment; raise ValueError otherwise."""
    if any(c in _NOT_IN_A_RUN_ID or c.isspace() or not 0x20 < ord(c) <= 0xFFFF for c in run_id):
        raise ValueError("an id may hold letters, digits, - _ . and the like, but no blanks and none of / ? # ; ' \\")
    return run_id


class ExecutionRun(Record):
    """One run: an index that the control plane wants on a customer's table.

    `id` stands in addresses and in the ownership marker of an index, so it holds none of the characters that
    would mean something there. `action` is any text: refusing an unknown one is a matter of scope, not of
    syntax. `columns` are key parts as MySQL writes them: ``name``, ``name(10)``, ``name DESC``.
    """

    id: Annotated[Name, StringConstraints(max_length=MAX_RUN_ID), AfterValidator(_storable)]
    connection_id: Name
    action: Text
    table_name: Text
    index_name: Text
    columns: tuple[Text, ...]
    query_digests: tuple[Name, ...]
    status: ExecutionStatus = ExecutionStatus.SCHEDULED
    created_at: TheirMoment | None = None
    updated_at: TheirMoment | None = None
    started_at: TheirMoment | None = None
    completed_at: TheirMoment | None = None
    error_message: str | None = None
    fail_reason: FailReason | None = None
    message: str | None = None
    claimed_by: str | None = None
    claimed_at: TheirMoment | None = None
    lease_expires_at: TheirMoment | None = None


class RollbackRecord(Record):
    """What was done to take an index back, or tried."""

    execution_run_id: str
    rollback_type: RollbackType
    trigger_reason: str
    rollback_sql: str
    status: RollbackStatus
    created_at: Moment


class AuditLogEntry(Record):
    """One step or status change of a run, as the control plane stores it."""

    execution_run_id: str
    action: AuditAction
    old_status: ExecutionStatus | None = None
    new_status: ExecutionStatus | None = None
    details: Mapping[str, Any] = Field(default_factory=dict[str, Any])
    timestamp: Moment


class StatusChange(Record):
    """The body of a status call: the new status, and why."""

    status: ExecutionStatus
    fail_reason: FailReason | None = None
    message: str | None = None
    error_message: str | None = None
