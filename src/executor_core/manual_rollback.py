"""A rollback by a person: the index of a run that has ended is taken back, guarded as any rollback is.

It is no part of the run's own life. The run stays what it has become until the index is gone; then, and only then, it
is `rolled_back` (`lifecycle.BY_HAND`). The kill switch is not asked: it stops what is done, not what is undone. What is
begun is stored first, so that the same call again, after a crash or a lost answer, looks and goes on.

The person either calls for it here, or asked for it at the control plane (`requested_rollback.py`).
"""

from datetime import datetime
from typing import Any

from executor_core.authority import claim_on_record
from executor_core.carrying import Finished, Interrupted, Ports, Waiting
from executor_core.ddl import drop_index
from executor_core.effects import LOOK_AGAIN, QUICK_RETRY
from executor_core.errors import (
    CALL_FAILED,
    ExecutorError,
    InvalidInput,
    OutcomeUnknown,
    Refused,
    StillNeeded,
    Unavailable,
)
from executor_core.index_definition import IndexDefinition
from executor_core.lifecycle import BY_HAND, STATUS, TERMINAL_PHASES, Event, Phase
from executor_core.messages import Draft
from executor_core.model import (
    AuditAction,
    ConnectionId,
    ExecutionRun,
    RollbackRecord,
    RollbackStatus,
    RollbackType,
    WorkerId,
)
from executor_core.pacing import Pacing, backoff
from executor_core.ports import Notice
from executor_core.scope import index_in_scope, schema_in_scope
from executor_core.state import RunState, origin_of
from executor_core.target import IndexFacts
from executor_core.tenure import Tenure

NOTHING_WAS_RUN = "-- nothing was run"
"""What stands where a rollback record has its statement, if there was nothing to take back."""


def state_of_ended(run: ExecutionRun, worker_id: WorkerId, at: datetime, *, stored: RunState | None = None) -> RunState:
    """Return the state of a run that has ended: as it is `stored` here, or else as the control plane's record has it.

    Raises `InvalidInput` if the run goes on.
    """
    if stored is not None and stored.finished:
        return stored
    phase = next((phase for phase in TERMINAL_PHASES if STATUS[phase] is run.status), None)
    if phase is None:
        raise InvalidInput(
            f"the run {run.id} has not ended, it is {run.status}: the kill switch stops it and takes its index back"
        )
    return RunState(
        run=run,
        phase=phase,
        origin=origin_of(worker_id, at) if stored is None else stored.origin,
        worker_id=worker_id,
        started_at=run.started_at,
        completed_at=run.completed_at,
        fail_reason=run.fail_reason,
        message=run.message,
        error_message=run.error_message,
    )


class ManualRollback:
    """Takes back the index of the run whose end is `state`, because of `reason`, a person's own words.

    With a `tenure` it does so under that claim; without one it needs none, for the run is over.
    """

    def __init__(
        self,
        state: RunState,
        reason: str,
        *,
        ports: Ports,
        worker_id: WorkerId,
        pacing: Pacing,
        tenure: Tenure | None = None,
    ) -> None:
        """Raises `InvalidInput` for a run that has not ended; looks at nothing yet."""
        if not state.finished:
            raise InvalidInput(
                f"the run {state.run.id} has not ended, it is {state.phase}: the kill switch stops it and takes its "
                "index back"
            )
        self._target = ports.target(ConnectionId(state.run.connection_id))
        claim = None if tenure is None else claim_on_record(tenure.lease, ports)
        self._state = state.in_hands_of(worker_id, ports.clock.now()).model_copy(update={"claim": claim})
        self._tenure = tenure
        self._reason = reason
        self._ports = ports
        self._pacing = pacing
        self._give_up_at = ports.clock.now() + pacing.rollback_patience
        self._tries = 0

    def advance(self) -> Waiting | Finished | Interrupted:
        """Go as far as can be gone now; call again when a wait is over.

        Raises `InvalidInput` when there is no index of this run to take back, and what the look at the target
        raised when it can't be looked at, both before anything was touched; `LeaseLost` when the tenure has ended.
        """
        if self._state.phase is Phase.ROLLED_BACK:
            return self._finished()
        try:
            there = self._look()
        except CALL_FAILED as error:
            return self._blind(error)
        if there is None:
            return self._gone()
        if not there.is_built_by(self._state.run_id, self._index):
            return self._not_ours()
        self._begin()
        try:
            self._target.drop_index(self._index, self._state.run_id, self._pacing.lock_wait, self._still_ours)
        except (Refused, StillNeeded) as error:
            return self._failed(error)
        except (Unavailable, OutcomeUnknown) as error:
            return self._later(error)
        return Waiting(self._ports.clock.now(), self._state)

    def decline(self, why: InvalidInput) -> Finished:
        """Tell the control plane why there is nothing to take back, for a person who is not here to read it."""
        now, record = self._ports.clock.now(), self._new_record(NOTHING_WAS_RUN, RollbackStatus.FAILED)
        details = _facts_of(record) | {"error_message": str(why)}
        draft = Draft(self._state).audited(AuditAction.ROLLBACK_FAILED, now, details)
        self._store(draft.rollback_recorded(record))
        return self._finished()

    @property
    def _index(self) -> IndexDefinition:
        return index_in_scope(self._state.run)

    @property
    def _begun(self) -> bool:
        record = self._state.rollback
        return record is not None and (record.rollback_type, record.status) == (
            RollbackType.MANUAL,
            RollbackStatus.PENDING,
        )

    def _still_ours(self) -> None:
        if self._tenure is not None:
            self._tenure.check(self._ports.clock.monotonic())

    def _look(self) -> IndexFacts | None:
        schema_in_scope(self._target.schema_name)
        table = self._target.inspect(self._index).table
        return None if table is None else table.index_named(self._index.index_name)

    # --- the ways in which a look ends -------------------------------------------------------------------------------

    def _blind(self, error: ExecutorError) -> Waiting | Interrupted:
        if not self._begun:
            raise error
        if isinstance(error, Refused) or self._ports.clock.now() >= self._give_up_at:
            return Interrupted(f"whether the index is gone can't be seen; repeat the rollback to go on: {error}")
        self._tell("target.unreachable", error=str(error))
        return Waiting(self._ports.clock.now() + LOOK_AGAIN, self._state)

    def _gone(self) -> Waiting | Finished | Interrupted:
        name, phase = self._index.index_name, self._state.phase
        found_gone = not self._begun
        if found_gone and phase is not Phase.COMPLETED:
            raise InvalidInput(f"the run {self._state.run.id} is {phase} and has no index {name!r} to take back")
        self._begin()
        how = "was gone already" if found_gone else "was taken back"
        message = f"The index {name!r} {how}; a person asked for it: {self._record().trigger_reason}"
        ended = self._ended(RollbackStatus.COMPLETED, phase=BY_HAND[phase, Event.INDEX_DROPPED], message=message)
        now = self._ports.clock.now()
        draft = Draft(ended).audited(AuditAction.INDEX_DROPPED, now, {"message": message, "found_gone": found_gone})
        self._store(draft.rollback_recorded(self._record(RollbackStatus.COMPLETED)).status_changed(STATUS[phase], now))
        return self._finished()

    def _not_ours(self) -> Waiting | Finished | Interrupted:
        refusal = Refused(
            f"the index {self._index.index_name!r} of the table {self._index.table_name!r} is not the one that the run "
            f"{self._state.run.id} built: it is left alone"
        )
        if not self._begun:
            raise InvalidInput(str(refusal))
        return self._failed(refusal)

    # --- the ways in which a drop ends -------------------------------------------------------------------------------

    def _later(self, error: ExecutorError) -> Waiting | Finished | Interrupted:
        now = self._ports.clock.now()
        if now >= self._give_up_at:
            return self._failed(error)
        self._tries += 1
        first, most = QUICK_RETRY
        wait = backoff(self._tries, self._ports.jitter(), first=first, most=most)
        self._tell("rollback.postponed", why=str(error), tries=self._tries, next_try_in_s=wait.total_seconds())
        return Waiting(now + wait, self._state)

    def _failed(self, error: ExecutorError) -> Finished:
        record = self._record()
        message = (
            f"The index {self._index.index_name!r} should have been taken back, a person asked for it "
            f"({record.trigger_reason}), but that failed and it is still there: {error}. The run is what it was."
        )
        ended = self._ended(RollbackStatus.FAILED, message=message, error_message=str(error))
        details = _facts_of(record) | {"error_message": str(error)}
        draft = Draft(ended).audited(AuditAction.ROLLBACK_FAILED, self._ports.clock.now(), details)
        self._store(draft.rollback_recorded(self._record(RollbackStatus.FAILED)))
        return self._finished()

    # --- recording ---------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Store that the rollback begins, once: one that was begun before is gone on with."""
        if self._begun:
            return
        sql = drop_index(self._target.schema_name, self._index.table_name, self._index.index_name)
        record = self._new_record(sql, RollbackStatus.PENDING)
        self._state = self._state.model_copy(update={"rollback": record})
        self._store(Draft(self._state).audited(AuditAction.ROLLBACK_STARTED, record.created_at, _facts_of(record)))
        self._tell("rollback.begun", reason=self._reason)

    def _new_record(self, sql: str, status: RollbackStatus) -> RollbackRecord:
        return RollbackRecord(
            execution_run_id=self._state.run.id,
            rollback_type=RollbackType.MANUAL,
            trigger_reason=self._reason,
            rollback_sql=sql,
            status=status,
            created_at=self._ports.clock.now(),
        )

    def _ended(self, status: RollbackStatus, **changes: Any) -> RunState:
        return self._state.model_copy(update={"rollback": self._record(status), **changes})

    def _record(self, status: RollbackStatus = RollbackStatus.PENDING) -> RollbackRecord:
        if self._state.rollback is None:
            raise AssertionError("a rollback that is reported was begun")
        return self._state.rollback.model_copy(update={"status": status})

    def _store(self, draft: Draft) -> None:
        self._ports.checkpoints.save(draft.state, draft.messages)
        self._state = draft.state

    def _finished(self) -> Finished:
        outbox, run_id = self._ports.outbox, self._state.run_id
        return Finished(self._state, outbox.backlog(run_id).get(run_id, 0), outbox.refused_count(run_id))

    def _tell(self, name: str, **fields: Any) -> None:
        notice = Notice(at=self._ports.clock.now(), run_id=self._state.run_id, name=name, fields=fields)
        self._ports.observer.notice(notice)


def _facts_of(record: RollbackRecord) -> dict[str, Any]:
    return record.model_dump(include={"rollback_type", "trigger_reason", "rollback_sql"})
