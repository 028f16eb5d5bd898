"""A rollback that a person asked for at the control plane: done by one worker at a time, and told.

A run that has ended can be claimed again for this alone. The kill switch keeps it from being begun, like anything that
a worker does by itself; what is begun is brought to its end, like the rollback of a run that goes on. What is told
settles the request: that the index was taken back, that this failed, or that there was nothing to take back. Until
then it stays open, and is taken up again.
"""

from contextlib import suppress
from datetime import timedelta

from executor_core.authority import patience_asked_for, renew
from executor_core.backlog import Backlog
from executor_core.carrying import Finished, Interrupted, NotClaimed, Ports, Step, Waiting
from executor_core.delivery import LAST_WORD_PATIENCE, Delivery
from executor_core.errors import ExecutorError, InvalidInput, LeaseLost, Refused, Unavailable
from executor_core.lease import Lease
from executor_core.manual_rollback import ManualRollback, state_of_ended
from executor_core.model import ConnectionId, ExecutionRun, RunId, WorkerId
from executor_core.pacing import Pacing
from executor_core.ports import MessageKind
from executor_core.state import RunState
from executor_core.switchboard import read_switch
from executor_core.tenure import Tenure


class RequestedRollback:
    """Takes back the index of a run for the `reason` of whoever asked for it, in steps like those of an engine."""

    def __init__(self, reason: str, *, ports: Ports, worker_id: WorkerId, pacing: Pacing) -> None:
        self._reason = reason
        self._ports = ports
        self._worker_id = worker_id
        self._pacing = pacing
        self._backlog = Backlog(ports, worker_id)
        self._held: tuple[Tenure, ManualRollback] | None = None
        self._ended: RunState | None = None
        self._delivery = Delivery()
        self._tell_until = timedelta(0)

    def advance(self, run: ExecutionRun) -> Step:
        """Go as far as can be gone now; call again, with the same run, when a wait is over.

        Raises `InvalidInput` when its connection is not configured and `CheckpointUnusable` when what is stored under
        its id can't be read, both before anything was claimed; `Unavailable` when the checkpoint store can't be
        written, and what the look at the target raised when it can't be looked at, both before anything was touched.
        """
        if self._held is None and (refused := self._claim(run)) is not None:
            return refused
        try:
            step = self._step()
        except LeaseLost as lost:
            step = Interrupted(str(lost))
        if not isinstance(step, Waiting):
            self.leave(run)
        return step

    def holds(self, _run: ExecutionRun) -> bool:
        """Whether this process has claimed the run and not let go of it yet."""
        return self._held is not None

    def leave(self, _run: ExecutionRun) -> bool:
        """Let go of the run, so that another worker can go on. Nothing is under way between two steps."""
        if self._held is not None:
            (tenure, _), self._held = self._held, None
            if self._ports.lease_keeper is not None:
                self._ports.lease_keeper.let_go(tenure)
            with suppress(ExecutorError):  # then the lease ends by itself
                self._ports.control_plane.release(tenure.lease.claim)
        return True

    def _claim(self, run: ExecutionRun) -> NotClaimed | None:
        """Take the run in hand; return None when that is done, or why it is not."""
        ports, run_id, connection_id = self._ports, RunId(run.id), ConnectionId(run.connection_id)
        state = state_of_ended(run, self._worker_id, ports.clock.now(), stored=ports.checkpoints.load(run_id))
        untold = ports.outbox.pending(run_id)
        self._backlog.tell(run_id, state, self._delivery)
        if any(message.kind is MessageKind.ROLLBACK for message in untold):
            return NotClaimed("what was left to tell of a rollback comes first: it may settle the request")
        ports.target(connection_id)
        if (switch := read_switch(ports, connection_id, since=ports.clock.now())).engaged:
            return NotClaimed(f"the rollback that was asked for is not begun: {switch.sentence}")
        asked_at = ports.clock.monotonic()
        try:
            claim = ports.control_plane.claim_rollback(run_id, self._worker_id)
        except (Unavailable, Refused) as error:
            return NotClaimed(str(error), patience_asked_for(error))
        tenure = Tenure(Lease(claim=claim, asked_at=asked_at))
        taking = ManualRollback(
            state, self._reason, ports=ports, worker_id=self._worker_id, pacing=self._pacing, tenure=tenure
        )
        self._held = tenure, taking
        if ports.lease_keeper is not None:
            ports.lease_keeper.keep(tenure, lambda: None)
        return None

    def _step(self) -> Waiting | Finished | Interrupted:
        if self._ended is None:
            step = self._take_back()
            if not isinstance(step, Finished):
                return step
            self._ended = step.state
            self._tell_until = self._ports.clock.monotonic() + LAST_WORD_PATIENCE
        return self._tell(self._ended)

    def _take_back(self) -> Waiting | Finished | Interrupted:
        if self._held is None:
            raise AssertionError("an index is taken back under a claim")
        tenure, taking = self._held
        clock = self._ports.clock
        if self._ports.lease_keeper is None and tenure.is_due(clock.monotonic()):
            renew(tenure, self._ports.control_plane, clock)
        tenure.check(clock.monotonic())
        try:
            return taking.advance()
        except InvalidInput as error:
            return taking.decline(error)

    def _tell(self, state: RunState) -> Waiting | Finished:
        """Tell the end, for a little while; what is left then is told before the request is taken up again."""
        outbox, run_id = self._ports.outbox, state.run_id
        self._backlog.tell(run_id, state, self._delivery)
        left, monotonic = outbox.backlog(run_id).get(run_id, 0), self._ports.clock.monotonic()
        if left == 0 or monotonic >= self._tell_until:
            return Finished(state, left, outbox.refused_count(run_id))
        pause = min(self._delivery.not_before, self._tell_until) - monotonic
        return Waiting(self._ports.clock.now() + max(pause, timedelta(0)), state)
