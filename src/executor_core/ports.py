"""The ports: what the engine needs from the outside, each a Protocol whose docstring is its specification.

Adapters don't inherit from these. Each sentence below is held by a contract test in
`executor_adapters.testing`, run against the in-memory fake and against the real thing.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from executor_core.evidence import Evidence
from executor_core.index_definition import IndexDefinition
from executor_core.kill_switch import KillSwitchAnswer, KillSwitchReading
from executor_core.lease import Claim
from executor_core.metrics import Snapshot
from executor_core.model import ConnectionId, ExecutionRun, RunId, WorkerId
from executor_core.state import RunState, WindowKind
from executor_core.surroundings import Surroundings
from executor_core.target import BuildOrder, BuildReport, RunningChange, TargetFacts, WatchedDigest
from executor_core.tenure import Tenure


class Clock(Protocol):
    """Tells the time; the only source of it.

    `now` is an aware UTC datetime and may be set back or forth by an operator. `monotonic` never goes back and
    means nothing outside the process. `wait` returns when `duration` has passed, or at once when it is not
    positive.
    """

    def now(self) -> datetime: ...
    def monotonic(self) -> timedelta: ...
    def wait(self, duration: timedelta) -> None: ...


class MessageKind(StrEnum):
    """The three calls that tell the control plane something."""

    STATUS = "status"
    ROLLBACK = "rollback"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Something the control plane has to be told, once.

    `key` identifies it for ever: delivering it twice under one key is delivering it once. `body` is the call's
    JSON body. Messages of one run are delivered in the order in which they were stored, except that a status
    waits for the right to tell it while facts go on.
    """

    key: str
    run_id: RunId
    kind: MessageKind
    body: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackRequest:
    """A person wants the index of `run`, which has ended, to be taken back, for a `reason` in their own words."""

    run: ExecutionRun
    reason: str


class ControlPlane(Protocol):
    """The SaaS side, over its six calls; more where it has more.

    Every method raises `Unavailable` when the call may be repeated (no connection, a time-out, 408, 425, 429,
    any 5xx, an answer that is not what the call promises) and `Refused`, with the HTTP status as `number`, when
    the same call would be refused again. No other exception leaves it, and none carries a token.
    """

    def claim(self, run_id: RunId, worker_id: WorkerId) -> Claim:
        """Claim a run, once: there is no retry inside. `Refused(number=409)` means that somebody holds it."""
        ...

    def renew(self, claim: Claim) -> Claim:
        """Extend a lease that is `renewable`. Raises `LeaseLost` when the control plane says it is not ours."""
        ...

    def release(self, claim: Claim) -> None:
        """Hand the run back, so that another may claim it at once. Does nothing where there is no such call."""
        ...

    def kill_switch(self, connection_id: ConnectionId) -> KillSwitchAnswer:
        """Read the switch, once: there is no retry inside. Only an answer whose fields are booleans is one."""
        ...

    def deliver(self, message: Message, claim: Claim | None) -> None:
        """Tell the control plane something, once a `message.key`, with the claim's fencing token where there is one.

        Raises `LeaseLost` when the control plane refuses a status or rollback because another claim is newer.
        """
        ...

    def scheduled_runs(self, limit: int) -> Sequence[ExecutionRun]:
        """Return at most `limit` runs that may be claimed, the oldest first; `Refused` where there is no such call."""
        ...

    def recorded_run(self, run_id: RunId) -> ExecutionRun:
        """Return a run as the control plane has it; `Refused` where there is no such call, or no such run."""
        ...

    def rollback_requests(self) -> Sequence[RollbackRequest]:
        """Return the requests for a rollback that are not settled, the oldest first; `Refused` where there is no such
        call. The record of a manual rollback that has ended, well or not, settles a request.
        """
        ...

    def claim_rollback(self, run_id: RunId, worker_id: WorkerId) -> Claim:
        """Claim a run that has ended, to do what is asked for by a request: like `claim`, and refused without one."""
        ...


class LeaseKeeper(Protocol):
    """Renews leases beside whatever their runs do: no build, wait or slow call of theirs holds a renewal up."""

    def keep(self, tenure: Tenure, lost: Callable[[], None]) -> None:
        """Renew `tenure` whenever it is due, until it is let go.

        When the control plane says that it is another's, or its time runs out, the tenure is lost and `lost` is
        called, once, on a thread that holds up no renewal.
        """
        ...

    def let_go(self, tenure: Tenure) -> None:
        """Renew `tenure` no more, and don't call what was to be called when it is lost. Twice is no error."""
        ...


StillOurs = Callable[[], None]
"""Raises `LeaseLost` where the right to act can't be shown any more."""


def unquestioned() -> None:
    """The right to act of a caller who needs none, such as a test."""


class Switchboard(Protocol):
    """Reads kill switches for many runs, so that a connection's switch is not asked about once for each of them."""

    def read(self, connection_id: ConnectionId, *, since: datetime) -> KillSwitchReading:
        """Return what came of a look that began at `since` or later, whoever it was made for. It never raises."""
        ...


class TargetDatabase(Protocol):
    """The customer's database, one schema of one server.

    Every method raises `Unavailable` when nothing happened and the call may be repeated, and `Refused` with the
    server's error number when it would fail again. Methods that change something may raise `OutcomeUnknown`:
    the connection was lost and the change may have happened. Texts of errors are for people only. Identifiers
    are always quoted. No method but the build itself may take longer than its time-outs.

    What changes a table does so under the table's advisory lock, and asks `still_ours` once it has that lock and
    before it sends the statement: what that raises is passed on, and nothing is sent. So a process that was stopped
    for long, while another went on, changes nothing; and as long as the lock is held, no other can go on. A
    connection that holds the lock and sends nothing is closed by the server after half a minute.
    """

    @property
    def schema_name(self) -> str:
        """The schema that this target is."""
        ...

    def inspect(self, index: IndexDefinition) -> TargetFacts:
        """Return the server, the table of `index` with all its indexes, and what holds its advisory lock."""
        ...

    def survey(self, index: IndexDefinition) -> Surroundings:
        """Return what goes on around the table of `index`: read when a change is planned, and before it begins.

        What this account may not see, and what this server does not tell, is None; no privilege is needed. Of rows,
        only the lengths of a few texts are read.
        """
        ...

    def start_build(self, order: BuildOrder, still_ours: StillOurs = unquestioned) -> None:
        """Begin to build, and return at once: the statement runs on a connection of its own.

        That connection first takes the table's advisory lock without waiting (not to be had: `BUSY`) and has no
        read time-out. When others queue behind the statement for longer than `order` lets them, or it waits for
        a metadata lock for longer than that and the server's shortest time-out (a second), it is ended: `BUSY`.
        With a `lock_wait` under ten seconds, it is not sent at all where the target sees that it would wait:
        `BUSY` too.
        The statement is sent at most once. Raises `Unavailable` when a build of this process already runs on this
        table.
        """
        ...

    def build_report(self, index: IndexDefinition) -> BuildReport | None:
        """Return how the build of `index` that this process started ended, or None while it runs.

        The report stays until the next `start_build` of this index, whatever else is built on the table. Raises
        `Refused` when this process started none.
        """
        ...

    def running_change(self, index: IndexDefinition) -> RunningChange | None:
        """Return who holds the table's advisory lock, with the progress of its statement, or None."""
        ...

    def stop_build(self, change: RunningChange) -> None:
        """End the statement of `change`, if that connection still runs it, and return without waiting.

        A statement that is no longer there is no error. Only statements that carry a marker are ended.
        """
        ...

    def end_own_build(self, index: IndexDefinition) -> None:
        """End the build of `index` that this process started, if it still runs, and return without waiting.

        No statement of another process is ended, even for the same run. May be called while another call is under
        way. Without such a build it does nothing.
        """
        ...

    def drop_index(
        self, index: IndexDefinition, run_id: RunId, lock_wait: timedelta, still_ours: StillOurs = unquestioned
    ) -> None:
        """Drop the index that `run_id` built: name, key parts and marker are checked under the advisory lock.

        It is hidden first, where the account may: one that then can't be dropped does no more harm. An index that
        is already gone is no error. Raises `Unavailable` when a lock was not to be had in time, with `lock_wait`
        as for a build, `Refused` when the index is not ours (no number) or the server refuses (its number),
        `StillNeeded` when a foreign key relies on it, `OutcomeUnknown` when the connection was lost.
        """
        ...

    def open_transactions(self) -> Mapping[str, str]:
        """Return the transactions that may have a snapshot now, of all accounts and of any table: id to words.

        What began before the call and is open during it is among them, unless its isolation level has no lasting
        snapshot; our own connections are not. An id stays the same as long as its transaction is open. The words
        say for people whose it is and how old. Raises `Refused` where those of other accounts can't be seen.
        """
        ...

    def end_idle_transactions(
        self, index: IndexDefinition, idle_for: timedelta, transactions: Collection[str]
    ) -> Sequence[str]:
        """End sessions of others that are in our way: each has a transaction open, has run nothing for `idle_for`,
        and keeps a lock of the table of `index`, or its transaction is one of `transactions` (`open_transactions`).

        Return each that was ended, in words that say whose it was. One that this account can't see or may not end
        is let be.
        """
        ...

    def publish_index(
        self, index: IndexDefinition, run_id: RunId, lock_wait: timedelta, still_ours: StillOurs = unquestioned
    ) -> None:
        """Show the optimizer the index that `run_id` built hidden, checked and guarded as a drop is.

        An index that is visible already is no error. Raises what `drop_index` raises; an index that is not there
        is `Refused` (no number).
        """
        ...

    def choose_digests(self, index: IndexDefinition, targets: Sequence[str]) -> Sequence[WatchedDigest]:
        """Return the digests to watch: the targets that the server knows in this schema, the table's heaviest
        others, and a few controls that do not touch the table. `targets` come first, in the order given; what else
        reads the table has the role `target` too, what writes to it `write`."""
        ...

    def snapshot(self, index: IndexDefinition, digests: Sequence[WatchedDigest]) -> Snapshot:
        """Return the cumulative counters of `digests` and of the table's indexes, as of now.

        A digest that the server does not know any more has no row.
        """
        ...

    def plans_using(self, index: IndexDefinition, digests: Sequence[WatchedDigest]) -> dict[str, bool]:
        """Return, for each digest whose statement can be explained, whether its plan uses the index.

        An index of ours that is hidden counts as if it were visible. Digests that can't be explained are missing.
        Nothing is executed.
        """
        ...

    def histogram_upper_bounds_ps(self) -> tuple[int, ...]:
        """Return the upper bounds of the latency histograms' buckets, ascending; none if there are no histograms."""
        ...


class CheckpointStore(Protocol):
    """Where a run's state outlives the process, and the outbox beside it.

    `save` writes the state and its messages as one: after a crash both are there or neither is. What is saved
    is on disk when the call returns. A key that is stored already is not stored again.
    """

    def load(self, run_id: RunId) -> RunState | None:
        """Return the state last saved, or None. Raises `CheckpointUnusable` when it can't be read."""
        ...

    def save(self, state: RunState, messages: Sequence[Message] = ()) -> None:
        """Store `state` and append `messages` to the outbox. Raises `Unavailable` when the store can't be written.

        A state replaces one of its own origin, or the one that it was resumed from. Raises `LeaseLost`, and stores
        nothing, when another process has gone on from there in the meantime.
        """
        ...

    def add_sample(self, run_id: RunId, window: WindowKind, snapshot: Snapshot) -> None:
        """Append one sample to a window. The same instant again is not stored again."""
        ...

    def samples(self, run_id: RunId, window: WindowKind) -> Sequence[Snapshot]:
        """Return a window's samples in the order of their instants."""
        ...


class Outbox(Protocol):
    """What the control plane has not been told yet: the audit trail, statuses and rollback records, in order."""

    def append(self, message: Message) -> None:
        """Store one message that belongs to no change of state. A key that is stored already is not stored again."""
        ...

    def pending(self, run_id: RunId | None = None) -> Sequence[Message]:
        """Return what is undelivered, oldest first: of one run, or of all."""
        ...

    def backlog(self, run_id: RunId | None = None) -> Mapping[RunId, int]:
        """Return how many messages are undelivered, by run: of one run, or of all that have any, the oldest first."""
        ...

    def delivered(self, key: str) -> None:
        """The message is pending no more: the control plane has it. An unknown key is no error."""
        ...

    def refused(self, key: str, reason: str) -> None:
        """Set the message aside: the control plane will never take it. It is kept, and no longer pending."""
        ...

    def refused_count(self, run_id: RunId) -> int:
        """Return how many messages of the run were set aside."""
        ...


class EvidenceArchive(Protocol):
    """Where evidence is kept for people and programs to read again."""

    def store(self, run_id: RunId, evidence: Evidence) -> str:
        """Keep `evidence` whole and return where it is. Storing again replaces it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing that happened, for progress displays, logs and metrics: `name` is noun.past, keys are constant."""

    at: datetime
    run_id: RunId
    name: str
    fields: dict[str, Any]


class Observer(Protocol):
    """Hears of every transition and of progress. It must not raise and should return at once."""

    def notice(self, notice: Notice) -> None: ...


class Jitter(Protocol):
    """The only source of chance: a number from 0 up to, not including, 1."""

    def __call__(self) -> float: ...
