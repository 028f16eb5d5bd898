"""A run in this process's hands: its stored state, and what is true only here and now."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from executor_core.delivery import Delivery
from executor_core.exposure import Exposure
from executor_core.index_definition import IndexDefinition
from executor_core.lease import Lease
from executor_core.look import Sight
from executor_core.model import ConnectionId
from executor_core.pacing import Pacing
from executor_core.policy import Policy
from executor_core.ports import (
    CheckpointStore,
    Clock,
    ControlPlane,
    EvidenceArchive,
    Jitter,
    LeaseKeeper,
    Observer,
    Outbox,
    Switchboard,
    TargetDatabase,
)
from executor_core.state import RunState
from executor_core.tenure import Tenure


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The outside, as the engine knows it. `target` returns the database of a connection id.

    `target` raises `InvalidInput` for a connection id that is not configured. Without a `lease_keeper` leases are
    renewed between the actions of their runs, so that a call that takes long may cost a run its lease. Without a
    `switchboard` each run asks about the kill switch for itself.
    """

    control_plane: ControlPlane
    target: Callable[[ConnectionId], TargetDatabase]
    checkpoints: CheckpointStore
    outbox: Outbox
    archive: EvidenceArchive
    clock: Clock
    jitter: Jitter
    observer: Observer
    lease_keeper: LeaseKeeper | None = None
    switchboard: Switchboard | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What an operator may set: how patient runs are, how an index is exposed, and how the verdict is reached.

    `build_memory` is how many bytes a build may sort in, `builds_per_instance` how many indexes one engine builds at
    once on one database server.
    """

    pacing: Pacing = field(default_factory=Pacing)
    build_memory: int = 16 * 1024 * 1024
    exposure: Exposure = Exposure.STAGED
    waived: frozenset[str] = frozenset()
    """The codes of the warnings that are not to be heeded; they are audited as waived."""
    verification: Policy = field(default_factory=Policy)
    builds_per_instance: int = 1


@dataclass(slots=True, kw_only=True)
class Carried:
    """One run in this process: the state as last stored, the lease, and what was seen of the target."""

    state: RunState
    index: IndexDefinition
    target: TargetDatabase
    tenure: Tenure | None = None
    lease_on_record: Lease | None = None
    """The lease that the state names as the one under which it was written."""
    expected_by: timedelta | None = None
    """The monotonic time by which this process meant to look at the run again."""
    wall_at_zero: datetime | None = None
    """What the wall clock showed, or would have, when the monotonic one stood at zero: it changes when it is set."""
    queued_at: datetime | None = None
    """Since when the build has been waiting for its turn on the database instance."""
    sight: Sight = field(default_factory=Sight)
    delivery: Delivery = field(default_factory=Delivery)
    lost: str | None = None
    """Why the right to act is gone, once it is: nothing is done any more but to end a build of our own."""
    stopping_since: timedelta | None = None
    """The monotonic time since which a build of our own is being ended, for a run that is being left."""
    last_word_until: timedelta | None = None
    """The monotonic time until which a finished run keeps trying to tell the control plane so."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing to do before `until`; call `advance` again then. `state` is for showing."""

    until: datetime
    state: RunState


@dataclass(frozen=True, slots=True)
class Finished:
    """The run has come to its end. `undelivered` messages are kept and delivered before anything else next time;
    `refused` ones the control plane would not take."""

    state: RunState
    undelivered: int
    refused: int


@dataclass(frozen=True, slots=True)
class NotClaimed:
    """The run is somebody else's, or the control plane could not say; nothing was touched.

    `patience` is for how long the control plane asked to be left alone: nothing where it could not say and did not
    ask, None where it said no.
    """

    reason: str
    patience: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The run was left as it is, so that another worker can go on."""

    reason: str


Step = Waiting | Finished | NotClaimed | Interrupted
