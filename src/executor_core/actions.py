"""The actions that the planner can decide on: looks and effects for the engine to perform, and `Move`.

A `Move` is an event that has already happened and only needs to be recorded.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from executor_core.lifecycle import Event
from executor_core.model import FailReason
from executor_core.state import Stop, WindowKind
from executor_core.target import RunningChange


@dataclass(frozen=True, slots=True)
class Claim:
    """Ask the control plane for the run."""


@dataclass(frozen=True, slots=True)
class AskKillSwitch:
    """Read the kill switch, once."""


@dataclass(frozen=True, slots=True)
class Inspect:
    """Look at the server, the table, its indexes and whatever holds its lock."""


@dataclass(frozen=True, slots=True)
class ChooseDigests:
    """Settle which digests are watched, and begin the baseline window."""


@dataclass(frozen=True, slots=True)
class TakeSample:
    """Read the counters once for a window."""

    window: WindowKind


@dataclass(frozen=True, slots=True)
class AssessBaseline:
    """Ask whether the baseline tells enough, and extend its window once if it does not."""


@dataclass(frozen=True, slots=True)
class StartBuild:
    """Begin to build the index, as the next attempt."""


@dataclass(frozen=True, slots=True)
class WatchBuild:
    """Ask how the build of this process is doing."""


@dataclass(frozen=True, slots=True)
class StopBuild:
    """End a statement of ours on the server."""

    change: RunningChange


@dataclass(frozen=True, slots=True)
class Drain:
    """Look which of the transactions that were open when the build had ended are open still."""


@dataclass(frozen=True, slots=True)
class ForeseePlans:
    """Ask the optimizer, before the index is published, if anything would use it."""


@dataclass(frozen=True, slots=True)
class PublishIndex:
    """Show the hidden index to the optimizer."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Reach the verdict from the samples; `final` when no more of them can come, `interim` inside a window."""

    final: bool
    interim: bool = False


@dataclass(frozen=True, slots=True)
class DropIndex:
    """Take the index back."""


@dataclass(frozen=True, slots=True)
class Postpone:
    """Let a busy table be, and try the effect of this phase again later.

    `lost_build` says that a build was lost at its commit, `spared` how much of the time so far costs no patience.
    """

    why: str
    lost_build: bool = False
    spared: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing before `until`; with `look_again`, what was seen of the target does not count any more then."""

    until: datetime
    look_again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Record that `event` happened, with the outcome where it ends the run or begins to end it."""

    event: Event
    fail_reason: FailReason | None = None
    message: str | None = None
    error_message: str | None = None
    stop: Stop | None = None
    details: dict[str, Any] = field(default_factory=dict[str, Any])


Action = (
    Claim
    | AskKillSwitch
    | Inspect
    | ChooseDigests
    | TakeSample
    | AssessBaseline
    | StartBuild
    | WatchBuild
    | StopBuild
    | Drain
    | ForeseePlans
    | PublishIndex
    | Judge
    | DropIndex
    | Postpone
    | Wait
    | Move
)
