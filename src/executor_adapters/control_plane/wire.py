"""What the API reads and answers beside the core's records, field for field."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from executor_core.model import (
    AuditLogEntry,
    ExecutionRun,
    ExecutionStatus,
    Moment,
    Record,
    RollbackRecord,
    StatusChange,
)

LONGEST_ID = 255
MAX_LEASE_SECONDS = 3600
DEEPEST_JSON = 100


def _storable(value: Any) -> Any:
    """Refuse what Python reads as JSON and others don't: NaN, half a surrogate pair, bottomless nesting."""
    if _depth(value) > DEEPEST_JSON:
        raise ValueError(f"this is nested more than {DEEPEST_JSON} levels deep")
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except ValueError:
        raise ValueError("this is not JSON that every reader understands") from None
    return value


def _depth(value: Any) -> int:
    """Return how many lists and objects stand in each other, at most."""
    depth, level = 0, _inner(value)
    while level is not None:
        depth += 1
        deeper = [found for found in map(_inner, level) if found is not None]
        level = [each for found in deeper for each in found] if deeper else None
    return depth


def _inner(value: object) -> list[object] | None:
    """Return what stands in a list or an object, or None for anything else."""
    if isinstance(value, dict):
        return list(cast("dict[str, object]", value).values())
    return cast("list[object]", value) if isinstance(value, list) else None


def as_text(document: Any) -> str:
    """Return a `Document` as JSON in ASCII, its fields in the order given."""
    return json.dumps(document, separators=(",", ":"))


Document = Annotated[Any, AfterValidator(_storable)]
Id = Annotated[
    str,
    StringConstraints(
        strict=True, min_length=1, max_length=LONGEST_ID, pattern=r"^[^\x00-\x20\x7f](.*[^\x00-\x20\x7f])?$"
    ),
]
"""An id: up to 255 characters, no space or control character at either end."""

FencingToken = Annotated[int, Field(strict=True, ge=0, le=2**31 - 1)]
LeaseSeconds = Annotated[float, Field(strict=True, gt=0, le=MAX_LEASE_SECONDS)]


class Request(BaseModel):
    """A body that this API defines itself. An unknown field is refused: a misspelt one must not pass."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RunToSchedule(ExecutionRun):
    """A run to schedule: what is wanted, and where. What the control plane itself keeps is ignored."""

    connection_id: Id

    @model_validator(mode="after")
    def _is_scheduled(self) -> "RunToSchedule":
        if self.status is not ExecutionStatus.SCHEDULED:
            raise ValueError("a run begins with the status scheduled")
        return self


class KillSwitchSetting(Request):
    """Turns a switch on or off: the global one where no connection is named."""

    connection_id: Id | None = None
    active: Annotated[bool, Field(strict=True)]
    reason: str | None = None


class KillSwitchState(Record):
    """Whether the switches are on, for one connection; `reason` is the one of the switch that is."""

    global_active: bool
    connection_active: bool
    reason: str | None = None


class StoredKillSwitch(Record):
    """One switch as it now stands. `connection_id` is null for the global one."""

    connection_id: str | None
    active: bool
    reason: str | None
    updated_at: Moment
    updated_by: str | None


class ClaimRequest(Request):
    """Who claims, and for how long. `claimed_by` is `worker_id` under another name: one of them suffices."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    worker_id: Id
    claimed_by: Id | None = None
    lease_seconds: LeaseSeconds | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_name(cls, body: Any) -> Any:
        if not isinstance(body, dict):
            return body
        fields = cast("dict[str, Any]", body)
        return {"worker_id": fields.get("claimed_by"), **fields}

    @model_validator(mode="after")
    def _same_name(self) -> "ClaimRequest":
        if self.claimed_by not in {None, self.worker_id}:
            raise ValueError("worker_id and claimed_by name two workers")
        return self


class RenewalRequest(Request):
    """Who renews which claim."""

    worker_id: Id
    fencing_token: FencingToken
    lease_seconds: LeaseSeconds | None = None


class RollbackWanted(Request):
    """Why the index of a run should be taken back."""

    reason: Annotated[str, StringConstraints(strict=True, strip_whitespace=True, min_length=1, max_length=2000)]


class StoredRollbackRequest(Record):
    """Who wants the index of a run to be taken back, and why; `settled_at` is when it was done, or had failed."""

    execution_run_id: str
    reason: str
    requested_by: str
    requested_at: Moment
    settled_at: Moment | None


class OpenRollbackRequest(StoredRollbackRequest):
    """A request that is not settled, with the run that it is about."""

    run: ExecutionRun


class LoggedAction(Record):
    """Who did what. `connection_id` is null where it concerns all connections."""

    id: int
    at: Moment
    actor: str
    action: str
    resource: str
    connection_id: str | None
    details: dict[str, Any]


class GrantedLease(Record):
    """A lease that was granted or renewed."""

    execution_id: str
    worker_id: str
    claimed_by: str
    claimed_at: Moment
    lease_expires_at: Moment
    lease_seconds: int | float
    fencing_token: int
    status: ExecutionStatus
    renew_url: str


class StatusChangeRequest(StatusChange):
    """A status change, with the fencing token of the claim where the caller knows one."""

    fencing_token: FencingToken | None = None


class AuditEntryToStore(AuditLogEntry):
    """An audit entry whose details can be stored."""

    details: Annotated[Mapping[str, Any], AfterValidator(_storable)] = Field(default_factory=dict[str, Any])


class StoredClaim(Record):
    """One claim of a run; renewals of it move `lease_expires_at`."""

    execution_run_id: str
    claimed_by: str
    claimed_at: Moment
    lease_expires_at: Moment
    fencing_token: int
    released_at: Moment | None


class StoredRollback(RollbackRecord):
    """A rollback record as stored."""

    id: int


class StoredAuditEntry(AuditLogEntry):
    """An audit entry as stored, with the fencing token that its writer showed."""

    id: int
    received_at: Moment
    fencing_token: int | None
