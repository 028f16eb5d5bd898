"""The engine: observe, decide, act, record; one step at a time, for any number of runs.

`Engine.advance` carries a run as far as it can go right now and returns a `Step`: the run waits until an
instant, has finished, was not ours to take, or must be left to others. The engine never sleeps; whoever drives
it calls again when the wait is over. State is stored before and after every effect, with the messages that
announce it, so that a process that dies anywhere leaves everything that its successor needs.

One engine serves one worker. Calls for *different* runs may come from different threads; calls for one run
must not overlap.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, assert_never

from executor_core.actions import (
    Action,
    AskKillSwitch,
    AssessBaseline,
    ChooseDigests,
    Claim,
    Drain,
    DropIndex,
    ForeseePlans,
    Inspect,
    Judge,
    Move,
    Postpone,
    PublishIndex,
    StartBuild,
    StopBuild,
    TakeSample,
    Wait,
    WatchBuild,
)
from executor_core.authority import announce_claim, claim_run, keep_lease
from executor_core.backlog import Backlog, deliver_now
from executor_core.building import STOP_POLL, Building
from executor_core.carrying import (
    Carried,
    Finished,
    Interrupted,
    NotClaimed,
    Ports,
    Rules,
    Step,
    Waiting,
)
from executor_core.delivery import LAST_WORD_PATIENCE, Delivery, Flushed
from executor_core.effects import Effects
from executor_core.errors import (
    CALL_FAILED,
    CheckpointUnusable,
    ExecutorError,
    InvalidInput,
    LeaseLost,
)
from executor_core.judging import Judging
from executor_core.lifecycle import Phase
from executor_core.look import Look
from executor_core.messages import Draft
from executor_core.model import AuditAction, ConnectionId, ExecutionRun, RunId, WorkerId
from executor_core.moves import refused_by_scope
from executor_core.planner import next_action
from executor_core.ports import RollbackRequest
from executor_core.publishing import Publishing
from executor_core.requested_rollback import RequestedRollback
from executor_core.sampling import Sampling
from executor_core.scope import index_in_scope, schema_in_scope
from executor_core.state import RunState, origin_of
from executor_core.timekeeping import keep_time
from executor_core.turns import Turns

ACTIONS_AT_ONCE = 100
"""A step ends after so many actions even if more could be done: no run keeps others waiting."""


class Engine:
    """Carries runs. See the module's docstring."""

    def __init__(self, *, ports: Ports, worker_id: WorkerId, rules: Rules | None = None) -> None:
        self._ports = ports
        self._worker_id = worker_id
        self._rules = rules or Rules()
        self._turns = Turns(self._rules.builds_per_instance)
        self._effects = Effects(ports, self._rules)
        self._building = Building(self._effects, self._turns)
        self._sampling = Sampling(self._effects)
        self._judging = Judging(self._effects)
        self._publishing = Publishing(self._effects)
        self._backlog = Backlog(ports, worker_id)
        self._carried: dict[RunId, Carried] = {}

    def advance(self, run: ExecutionRun) -> Step:
        """Carry `run` as far as it can go now.

        Raises `InvalidInput` when its connection is not configured and `CheckpointUnusable` when what is stored
        under its id can't be this run's state; both before anything was touched. Raises `Unavailable` when the
        checkpoint store can't be written: nothing is done that could not be recorded.
        """
        run_id = RunId(run.id)
        if (carried := self._carried.get(run_id)) is None:
            state = self._stored(run) or self._new(run)
            if state.finished:
                return self.recall(state)
            target = self._ports.target(ConnectionId(run.connection_id))
            try:
                index = index_in_scope(run)
                schema_in_scope(target.schema_name)
            except InvalidInput as error:
                return self._refuse(state, str(error))
            carried = Carried(state=state, index=index, target=target)
            self._carried[run_id] = carried
        try:
            step = self._step(carried)
        except ExecutorError:
            if carried.tenure is None:
                self._forget(carried)
            raise
        if not isinstance(step, Waiting):
            self._forget(carried)
        return step

    def holds(self, run: ExecutionRun) -> bool:
        """Whether this process has claimed `run` and not let go of it yet."""
        carried = self._carried.get(RunId(run.id))
        return carried is not None and carried.tenure is not None

    def leave(self, run: ExecutionRun) -> bool:
        """Let go of a run so that another worker can go on; return whether nothing of ours is under way any more.

        A build of this process is stopped on the server; call again, a little later, while the answer is False.
        """
        carried = self._carried.get(RunId(run.id))
        if carried is None:
            return True
        if not self._build_ended(carried):
            return False
        try:
            self._hand_back(carried)
        finally:
            self._forget(carried)
        return True

    def _hand_back(self, carried: Carried) -> None:
        """Tell what can be told and give the right to act away, so that nobody waits for the lease to end.

        It is gone here whatever the control plane answers: where it did not hear of it, the lease ends by itself.
        """
        tenure = carried.tenure
        if tenure is None or not self._may_write(carried):
            return
        try:
            self._deliver(carried)
            if self._ports.lease_keeper is not None:
                self._ports.lease_keeper.let_go(tenure)
            tenure.lose(f"the run {carried.state.run_id} was handed back")
            self._ports.control_plane.release(tenure.lease.claim)
        except ExecutorError as error:
            self._effects.tell(carried, "lease.release_failed", error=str(error))

    def _forget(self, carried: Carried) -> None:
        """Let the run out of this process's hands, and its lease."""
        self._carried.pop(carried.state.run_id, None)
        self._turns.give_back(carried.state.run_id)
        if carried.tenure is not None and self._ports.lease_keeper is not None:
            self._ports.lease_keeper.let_go(carried.tenure)

    # --- beginning and ending ----------------------------------------------------------------------------------------

    def _stored(self, run: ExecutionRun) -> RunState | None:
        state = self._ports.checkpoints.load(RunId(run.id))
        if state is None:
            return None
        same = ("connection_id", "action", "table_name", "index_name", "columns", "query_digests")
        changed = [name for name in same if getattr(state.run, name) != getattr(run, name)]
        if changed:
            raise CheckpointUnusable(
                f"the stored state of run {run.id!r} is for another change ({', '.join(changed)} differ): "
                "give the new run an id of its own"
            )
        return state if state.finished else state.resumed(self._worker_id, self._ports.clock.now())

    def _new(self, run: ExecutionRun) -> RunState:
        now = self._ports.clock.now()
        return RunState(run=run, worker_id=self._worker_id, origin=origin_of(self._worker_id, now))

    def _refuse(self, state: RunState, why: str) -> Step:
        """End a run that is out of scope: told, and nothing else."""
        draft = refused_by_scope(state, why, self._ports.clock.now())
        self._ports.checkpoints.save(draft.state, draft.messages)
        return self.recall(draft.state)

    def recall(self, state: RunState) -> Finished:
        """Finish a run whose end is on record, telling once what was not told yet."""
        self._backlog.tell(state.run_id, state, Delivery())
        return self._finished(state)

    def _finished(self, state: RunState) -> Finished:
        outbox = self._ports.outbox
        return Finished(state, outbox.backlog(state.run_id).get(state.run_id, 0), outbox.refused_count(state.run_id))

    def deliver_backlog(self) -> Flushed:
        """Deliver what earlier processes could not, oldest run first, and say what came of it.

        Stops at the first run that the control plane can't be told of.
        """
        return self._backlog.deliver()

    def requested_rollback(self, request: RollbackRequest) -> RequestedRollback:
        """Return what does as `request` asks, by this engine's ports and rules and in its worker's name."""
        return RequestedRollback(
            request.reason, ports=self._ports, worker_id=self._worker_id, pacing=self._rules.pacing
        )

    # --- one run -----------------------------------------------------------------------------------------------------

    def _step(self, carried: Carried) -> Step:
        if carried.lost is None:
            try:
                return self._advance(carried)
            except LeaseLost as lost:
                carried.lost = str(lost)
        return self._give_up(carried, carried.lost)

    def _advance(self, carried: Carried) -> Step:
        for _ in range(ACTIONS_AT_ONCE):
            keep_time(carried, self._ports.clock)
            keep_lease(carried, self._ports)
            told = carried.tenure is None or self._deliver(carried)
            if carried.state.finished:
                return self._finish(carried, told=told)
            if carried.tenure is None:
                if (refused := self._claim(carried)) is not None:
                    return refused
                continue
            now = self._ports.clock.now()
            action = next_action(carried.state, carried.index, carried.sight, now, self._rules.pacing)
            until = self._perform(carried, action)
            if until is not None:
                return self._waiting(carried, until)
        return Waiting(self._ports.clock.now(), carried.state)

    def _waiting(self, carried: Carried, until: datetime) -> Waiting:
        until = self._no_later_than_renewal(carried, until)
        pause = max(until - self._ports.clock.now(), timedelta(0))
        carried.expected_by = self._ports.clock.monotonic() + pause
        return Waiting(until, carried.state)

    def _claim(self, carried: Carried) -> NotClaimed | None:
        refused = claim_run(carried, self._ports, self._worker_id)
        if refused is not None:
            self._effects.tell(carried, "claim.refused", reason=refused.reason)
            self._backlog.tell(carried.state.run_id, carried.state, Delivery())
            return refused
        if carried.tenure is not None and self._ports.lease_keeper is not None:
            self._ports.lease_keeper.keep(carried.tenure, lambda: self._lost(carried))
        self._effects.record(carried, announce_claim(carried, self._ports))
        self._effects.tell(carried, "run.claimed", phase=carried.state.phase)
        return None

    def _deliver(self, carried: Carried) -> bool:
        """Tell what is untold; return whether nothing is left."""
        if carried.delivery.settled:
            return True
        failures, run_id = carried.delivery.failures, carried.state.run_id
        try:
            claim = None if carried.tenure is None else carried.tenure.lease.claim
            told = deliver_now(self._ports, run_id, claim, carried.delivery, with_authority=claim is not None)
        except LeaseLost as lost:
            if carried.state.phase is Phase.CHECKING and carried.state.taken_over:
                # A successor without its predecessor's record can't know that "running" was told already.
                self._backlog.set_aside_statuses(carried.state.run_id, str(lost))
                return True
            raise
        if carried.delivery.failures != failures:
            left = self._ports.outbox.backlog(run_id).get(run_id, 0)
            name = "delivery.caught_up" if told else "delivery.failed"
            self._effects.tell(carried, name, undelivered=left, error=carried.delivery.last_error)
        carried.delivery.settled = told
        return told

    def _finish(self, carried: Carried, *, told: bool) -> Step:
        """Give the last words a little time; then finish, and leave the rest to the next start.

        A run whose end was told in full is handed back: somebody may want its index to be taken back at once.
        """
        monotonic = self._ports.clock.monotonic()
        if carried.last_word_until is None:
            carried.last_word_until = monotonic + LAST_WORD_PATIENCE
            self._effects.tell(carried, "run.finished", status=carried.state.status, message=carried.state.message)
        if told or monotonic >= carried.last_word_until:
            finished = self._finished(carried.state)
            if not finished.undelivered and not finished.refused:
                self._hand_back(carried)
            return finished
        retry = min(carried.delivery.not_before, carried.last_word_until) - monotonic
        return self._waiting(carried, self._ports.clock.now() + max(retry, timedelta(0)))

    def _no_later_than_renewal(self, carried: Carried, until: datetime) -> datetime:
        tenure = carried.tenure
        if tenure is None or (self._ports.lease_keeper is not None and tenure.lease.claim.renewable):
            return until
        due = tenure.due_at()
        if due is None:
            return until
        return min(until, self._ports.clock.now() + max(due - self._ports.clock.monotonic(), timedelta(0)))

    def _lost(self, carried: Carried) -> None:
        """End the statement of a run whose lease was lost, on the keeper's thread: its own may be held up."""
        self._effects.tell(carried, "lease.lost", error=None if carried.tenure is None else carried.tenure.lost)
        if carried.sight.building:
            self._end_own_build(carried)

    def _give_up(self, carried: Carried, why: str) -> Step:
        """Touch nothing more; only a build of this process is ended, and waited for."""
        if self._build_ended(carried):
            return Interrupted(why)
        return Waiting(self._ports.clock.now() + STOP_POLL, carried.state)

    def _build_ended(self, carried: Carried) -> bool:
        """Whether no build of this process is under way; one that is, is stopped on the server."""
        if not carried.sight.building:
            return True
        if carried.target.build_report(carried.index) is None:
            carried.stopping_since = carried.stopping_since or self._ports.clock.monotonic()
            self._end_own_build(carried)
            return False
        carried.sight.building = False
        if carried.stopping_since is not None:
            self._tell_stopped(carried, carried.stopping_since)
        return True

    def _tell_stopped(self, carried: Carried, since: timedelta) -> None:
        """Look what the stopped build left, and tell it and how long it took; in the audit too, while we may write."""
        details: dict[str, Any] = {
            "stopped_within_s": round((self._ports.clock.monotonic() - since).total_seconds(), 3)
        }
        try:
            facts = carried.target.inspect(carried.index)
            there = facts.table is not None and facts.table.index_named(carried.index.index_name) is not None
            held = facts.running is not None and facts.running.belongs_to(carried.state.run_id)
            details |= {"index_is_there": there, "lock_is_held": held}
            if self._may_write(carried):
                draft = Draft(carried.state).audited(AuditAction.BUILD_STOPPED, self._ports.clock.now(), details)
                self._effects.record(carried, draft)
        except ExecutorError as error:
            details["error"] = str(error)
        self._effects.tell(carried, "build.stopped", **details)

    def _may_write(self, carried: Carried) -> bool:
        """Whether nothing is known to speak against our right to act for the run."""
        return carried.tenure is not None and carried.lost is None and carried.tenure.lost is None

    def _end_own_build(self, carried: Carried) -> None:
        """End the build of this process on the server, as far as that can be done in one go."""
        try:
            carried.target.end_own_build(carried.index)
        except CALL_FAILED as error:
            self._effects.tell(carried, "build.stop_failed", error=str(error))

    def _from_samples(self, carried: Carried, effect: Callable[[], None]) -> None:
        """Do what needs the run's samples; where they can't be read, nobody but a person can find out what to do."""
        try:
            effect()
        except CheckpointUnusable as error:
            now, pacing = self._ports.clock.now(), self._rules.pacing
            look = Look(carried.state, carried.index, carried.sight, now, pacing)
            self._effects.move(carried, look.ask_a_person(f"what was measured can't be read any more: {error}"))

    def _perform(self, carried: Carried, action: Action) -> datetime | None:
        effects = self._effects
        match action:
            case Claim():
                raise AssertionError("a run is claimed before the planner is asked")
            case AskKillSwitch():
                effects.ask_kill_switch(carried)
                return None
            case Inspect():
                return effects.inspect(carried)
            case ChooseDigests():
                return self._sampling.choose_digests(carried)
            case TakeSample():
                return self._sampling.take_sample(carried, action)
            case AssessBaseline():
                self._from_samples(carried, lambda: self._sampling.assess_baseline(carried))
                return None
            case StartBuild():
                return self._building.start(carried)
            case WatchBuild():
                return self._building.watch(carried)
            case StopBuild():
                return self._building.stop(carried, action)
            case Drain():
                return self._publishing.drain(carried)
            case ForeseePlans():
                self._from_samples(carried, lambda: self._publishing.foresee_plans(carried))
                return None
            case PublishIndex():
                self._publishing.publish_index(carried)
                return None
            case Judge():
                self._from_samples(carried, lambda: self._judging.judge(carried, action))
                return None
            case DropIndex():
                effects.drop_index(carried)
                return None
            case Postpone():
                return effects.postpone(carried, action)
            case Wait():
                if action.look_again:
                    carried.sight.target = None
                return action.until
            case Move():
                effects.move(carried, action)
                return None
            case _:  # pragma: no cover
                assert_never(action)
