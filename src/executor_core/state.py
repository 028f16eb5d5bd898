"""The state of a run: everything another process needs to go on from where this one stopped.

It is saved before and after every effect. Metric samples are kept beside it, one by one, so that a state stays
small however long a window is.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from executor_core.lifecycle import STATUS, TERMINAL_PHASES, Phase
from executor_core.model import (
    ExecutionRun,
    ExecutionStatus,
    FailReason,
    Moment,
    RollbackRecord,
    RollbackType,
    RunId,
    WorkerId,
)
from executor_core.target import IndexFacts, ServerFacts, WatchedDigest
from executor_core.verdict import Verdict

LOOKS_IN_A_WINDOW = 5
"""A window after the build is looked at for gross harm at each fifth, the last of which is its end."""


class WindowKind(StrEnum):
    """The two windows that are compared; and what ran while the index was hidden, which is evidence of nothing else."""

    BASELINE = "baseline"
    HIDDEN = "hidden"
    AFTER = "after"


class Stop(BaseModel):
    """Why a build is being stopped or an index taken back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: FailReason
    sentence: str
    rollback_type: RollbackType = RollbackType.AUTO


_INSTANTS_OF_A_WINDOW = ("begins_at", "ends_at", "next_sample_at", "next_look_at")


class WindowPlan(BaseModel):
    """A window that is being sampled: when it began, when it ends, when the next sample is due."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    begins_at: Moment
    ends_at: Moment
    next_sample_at: Moment | None
    extended: bool = False
    assessed: bool = False
    """Whether it was asked already if the window tells enough."""
    next_look_at: Moment | None = None
    """When gross harm is looked for next; None in a window that is only judged at its end, if at all."""

    @property
    def between_looks(self) -> timedelta:
        """How far apart the looks for gross harm are."""
        return (self.ends_at - self.begins_at) / LOOKS_IN_A_WINDOW

    def moved_by(self, by: timedelta) -> "WindowPlan":
        """The same window, later or earlier."""
        changes = {name: moment + by for name in _INSTANTS_OF_A_WINDOW if (moment := getattr(self, name)) is not None}
        return self.model_copy(update=changes)

    def begun_anew(self, at: datetime) -> "WindowPlan":
        """The same window from `at` on, unless it is full. Samples that were taken before still count."""
        if self.next_sample_at is None:
            return self
        ends_at = at + (self.ends_at - self.begins_at)
        look_at = self.next_look_at and at + self.between_looks
        return self.model_copy(
            update={"begins_at": at, "ends_at": ends_at, "next_sample_at": at, "next_look_at": look_at}
        )


class ClaimOnRecord(BaseModel):
    """The claim under which a state was last written. `ends_at` is by this machine's wall clock, an estimate."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    worker_id: WorkerId
    fencing_token: int | None = None
    ends_at: Moment | None = None


_DUE = ("wake_at", "give_up_at", "last_off", "build_begun_at", "stopping_since")
"""The instants of a state that something is measured from or waits for; the others only say when something was."""


def origin_of(worker_id: WorkerId, at: datetime) -> str:
    """Return the name of a process's hold on a run: no other process, and no other start, has the same."""
    return f"{worker_id}@{at:%Y%m%dT%H%M%S.%fZ}"


class RunState(BaseModel):
    """One run as this project stores it. Frozen: a step makes a new one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    run: ExecutionRun
    phase: Phase = Phase.SCHEDULED
    origin: str
    """Which process goes on from this state, and since when; part of the key of every message that it makes."""
    resumed_from: str | None = None
    """The origin of the state that this one goes on from: a store lets nobody else replace it."""
    messages: int = 0
    """How many messages were made so far; the number of the next one."""
    worker_id: WorkerId
    claim: ClaimOnRecord | None = None
    taken_over: bool = False
    wake_at: Moment | None = None

    started_at: Moment | None = None
    completed_at: Moment | None = None
    fail_reason: FailReason | None = None
    message: str | None = None
    error_message: str | None = None

    last_off: Moment | None = None
    """When the kill switch last said off."""
    server: ServerFacts | None = None
    indexes_before: tuple[IndexFacts, ...] | None = None
    digests: tuple[WatchedDigest, ...] | None = None
    baseline: WindowPlan | None = None
    after: WindowPlan | None = None

    attempt: int = 0
    """How many times a build was begun; the number in the ownership marker."""
    executed_sql: str | None = None
    give_up_at: Moment | None = None
    """When the effect that is being retried (the build, the drop) is given up."""
    tries: int = 0
    """How often the effect of this phase has been tried."""
    lost_builds: int = 0
    """How many builds were lost while they waited to be committed."""
    hidden: bool | None = None
    """Whether the index was ordered out of the optimizer's sight; None as long as none was ordered."""
    build_begun_at: Moment | None = None
    """When the latest attempt to build was begun."""
    stopping_since: Moment | None = None
    """When it was decided to stop it."""
    built_at: Moment | None = None
    draining: dict[str, str] | None = None
    """What is left of the transactions that were open when the build had ended: by id, in words for people."""
    useful: bool | None = None
    """Whether the hidden index is worth publishing, once that was asked."""
    stop: Stop | None = None

    uses_index: dict[str, bool] | None = None
    verdict: Verdict | None = None
    rollback: RollbackRecord | None = None
    evidence: str | None = None

    def resumed(self, worker_id: WorkerId, at: datetime) -> "RunState":
        """This state as another process goes on from it: nothing that time alone has spoilt is held against the run.

        A window that was cut short is begun anew, and what was being retried is retried with full patience. The
        transactions to be waited for are seen afresh: their ids may have meant something only to another process.
        """
        changes: dict[str, object] = {
            "tries": 0,
            "give_up_at": None,
            "wake_at": None,
            "draining": None,
        }
        for name, window in (("baseline", self.baseline), ("after", self.after)):
            if window is not None:
                changes[name] = window.begun_anew(at)
        return self.in_hands_of(worker_id, at).model_copy(update=changes)

    def in_hands_of(self, worker_id: WorkerId, at: datetime) -> "RunState":
        """This state as another process may replace it. The one before may still be alive and number its messages on:
        so the origin is a new one."""
        held = {"worker_id": worker_id, "origin": origin_of(worker_id, at), "resumed_from": self.origin}
        return self.model_copy(update=held)

    def with_clock_set(self, by: timedelta) -> "RunState":
        """This state by a wall clock that was set, forth or back: what is due is as far away as before."""
        changes: dict[str, object] = {name: moment + by for name in _DUE if (moment := getattr(self, name)) is not None}
        for name, window in (("baseline", self.baseline), ("after", self.after)):
            if window is not None:
                changes[name] = window.moved_by(by)
        return self.model_copy(update=changes)

    @property
    def run_id(self) -> RunId:
        """The run's id."""
        return RunId(self.run.id)

    @property
    def status(self) -> ExecutionStatus:
        """The status that the control plane is told."""
        return STATUS[self.phase]

    @property
    def finished(self) -> bool:
        """Whether the run has come to its end."""
        return self.phase in TERMINAL_PHASES
