"""Performing an action: the port call, and what is recorded before and after it.

Each method takes the run and the action and leaves the run's state stored; it returns an instant when nothing
more can be done before it, or None when the planner may be asked again at once.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Any

from executor_core.actions import Move, Postpone
from executor_core.authority import keep_lease
from executor_core.carrying import Carried, Ports, Rules
from executor_core.errors import CALL_FAILED, ExecutorError, OutcomeUnknown, Refused, StillNeeded, Unavailable
from executor_core.finding import Case
from executor_core.lifecycle import Event, Phase
from executor_core.limits import leeway
from executor_core.messages import Draft
from executor_core.model import AuditAction, ConnectionId
from executor_core.moves import moved
from executor_core.pacing import backoff
from executor_core.ports import Notice, StillOurs
from executor_core.preflight import preflight
from executor_core.switchboard import read_switch

LOOK_AGAIN = timedelta(seconds=1)
BUILD_RETRY = (timedelta(seconds=1), timedelta(seconds=10))
QUICK_RETRY = (timedelta(seconds=1), timedelta(seconds=5))
POSTPONED_AS = MappingProxyType(
    {
        Phase.BUILDING: AuditAction.BUILD_POSTPONED,
        Phase.PUBLISHING: AuditAction.PUBLISH_POSTPONED,
        Phase.ROLLING_BACK: AuditAction.ROLLBACK_POSTPONED,
    }
)
SURVEYED = frozenset({Phase.CLAIMED, Phase.CHECKING, Phase.BUILDING})
"""The phases whose next step may rest on a preflight or on the gate before a build."""
GATES = frozenset({Event.RUN_STARTED, Event.BASELINE_COLLECTED, Event.BUILD_FINISHED})
"""The events after which the kill switch is read afresh: before anything is done, before the build, and after it."""


@dataclass(frozen=True, slots=True)
class Effects:
    """Performs actions through the ports."""

    ports: Ports
    rules: Rules

    # --- recording ---------------------------------------------------------------------------------------------------

    def record(self, carried: Carried, draft: Draft) -> None:
        """Store a draft; from here on it is the run's state."""
        carried.delivery.settled &= not draft.messages
        self.ports.checkpoints.save(draft.state, draft.messages)
        carried.state = draft.state

    def still_ours(self, carried: Carried) -> StillOurs:
        """Return what a change of the target asks under its lock: a process may have been stopped since it decided."""
        return partial(keep_lease, carried, self.ports)

    def tell(self, carried: Carried, name: str, **fields: Any) -> None:
        """Tell the observer."""
        self.ports.observer.notice(
            Notice(at=self.ports.clock.now(), run_id=carried.state.run_id, name=name, fields=fields)
        )

    def move(self, carried: Carried, move: Move) -> None:
        """Record an event, and forget what was seen of a target that is about to be different."""
        before = carried.state.phase
        if move.event is Event.PREFLIGHT_PASSED:
            move.details["warnings"] = self._warnings(carried)
        draft = moved(
            carried.state,
            move,
            carried.index,
            carried.target.schema_name,
            self.ports.clock.now(),
            self.rules.pacing,
        )
        self.record(carried, draft)
        if carried.state.phase not in (Phase.CHECKING, Phase.SAMPLING_BASELINE):
            carried.sight.target = None
        if move.event in GATES:
            carried.sight.kill_switch = None
        self.tell(carried, "phase.entered", phase=carried.state.phase, before=before, event=move.event)
        if move.event is Event.BUILD_STOPPED:
            self.tell(carried, "build.stopped", **move.details)

    def _warnings(self, carried: Carried) -> list[dict[str, Any]]:
        return [
            {"code": finding.code, "sentence": finding.sentence}
            | ({"waived": True} if finding.code in self.rules.waived else {})
            for finding in preflight(self.case(carried))
        ]

    def case(self, carried: Carried) -> Case:
        """Return what checks are made of."""
        facts = carried.sight.target
        if facts is None:
            raise AssertionError("checks are made of what was seen")
        run_id, rules = carried.state.run_id, self.rules
        return Case(facts=facts, index=carried.index, run_id=run_id, exposure=rules.exposure, pacing=rules.pacing)

    # --- looks -------------------------------------------------------------------------------------------------------

    def ask_kill_switch(self, carried: Carried) -> None:
        """Read the switch; whatever goes wrong is a reading too. Before and after the build it is read afresh."""
        now = self.ports.clock.now()
        # One that is half due serves: many runs whose looks are due at slightly different times share one.
        since = now if self._at_a_gate(carried) else now - self.rules.pacing.kill_switch_interval / 2
        reading = read_switch(self.ports, ConnectionId(carried.state.run.connection_id), since=since)
        carried.sight.kill_switch = reading
        if reading.said_off:
            carried.state = carried.state.model_copy(update={"last_off": reading.at})
        self.tell(carried, "kill_switch.read", engaged=reading.engaged, error=reading.error)

    def _at_a_gate(self, carried: Carried) -> bool:
        phase = carried.state.phase
        return phase in (Phase.CHECKING, Phase.BUILT) or (phase is Phase.BUILDING and not carried.sight.building)

    def inspect(self, carried: Carried) -> datetime | None:
        """Look at the target; where a change may follow, at what goes on around it too."""
        try:
            facts = carried.target.inspect(carried.index)
            if carried.state.phase in SURVEYED and carried.sight.build is None:
                facts = replace(facts, surroundings=carried.target.survey(carried.index))
                carried.sight.leeway = leeway(facts, carried.index)
        except CALL_FAILED as error:
            return self.could_not_look(carried, error)
        carried.sight.target = facts
        carried.sight.look_error = carried.sight.unreachable_since = None
        if carried.state.server is None:
            carried.state = carried.state.model_copy(update={"server": facts.server})
        return None

    def could_not_look(self, carried: Carried, error: ExecutorError) -> datetime:
        """Remember that the target could not be looked at, and say when to look again."""
        now = self.ports.clock.now()
        carried.sight.look_error = error
        carried.sight.unreachable_since = carried.sight.unreachable_since or now
        self.tell(carried, "target.unreachable", error=str(error))
        return now + (timedelta(0) if isinstance(error, Refused) else LOOK_AGAIN)

    def postpone(self, carried: Carried, action: Postpone) -> datetime:
        """Come back to a busy table later."""
        self.end_idle_transactions(carried)
        state, now, pacing = carried.state, self.ports.clock.now(), self.rules.pacing
        first, most = BUILD_RETRY if state.phase is Phase.BUILDING else QUICK_RETRY
        patience = pacing.rollback_patience if state.phase is Phase.ROLLING_BACK else pacing.build_patience
        wait = backoff(state.tries + 1, self.ports.jitter(), first=first, most=most)
        changes = {
            "tries": state.tries + 1,
            "wake_at": now + wait,
            "give_up_at": (state.give_up_at or now + patience) + action.spared,
            "lost_builds": state.lost_builds + action.lost_build,
        }
        name = POSTPONED_AS[state.phase]
        details = {
            "why": action.why,
            "tries": state.tries + 1,
            "next_try_in_s": round(wait.total_seconds(), 3),
        }
        self.record(carried, Draft(state.model_copy(update=changes)).audited(name, now, details))
        carried.sight.build = carried.sight.drop_error = carried.sight.publish_error = carried.sight.target = None
        self.tell(carried, name.replace("_", ".", 1), **details)
        return now + wait

    def end_idle_transactions(self, carried: Carried) -> None:
        """End the sessions of idle transactions in our way, where the operator wants that; each is audited."""
        idle_for = self.rules.pacing.end_idle_transactions
        if idle_for is None:
            return
        try:
            ended = carried.target.end_idle_transactions(carried.index, idle_for, tuple(carried.state.draining or ()))
        except CALL_FAILED as error:
            self.tell(carried, "idle_transactions.not_ended", error=str(error))
            return
        for session in ended:
            details = {"session": session, "idle_for_at_least_s": idle_for.total_seconds()}
            draft = Draft(carried.state)
            self.record(carried, draft.audited(AuditAction.IDLE_TRANSACTION_ENDED, self.ports.clock.now(), details))
            self.tell(carried, "idle_transaction.ended", session=session)

    # --- the end -----------------------------------------------------------------------------------------------------

    def drop_index(self, carried: Carried) -> None:
        """Take the index back; whatever came of it is looked at afterwards."""
        pacing = self.rules.pacing
        give_up_at = carried.state.give_up_at or self.ports.clock.now() + pacing.rollback_patience
        self.record(carried, Draft(carried.state.model_copy(update={"give_up_at": give_up_at})))
        try:
            carried.target.drop_index(carried.index, carried.state.run_id, pacing.lock_wait, self.still_ours(carried))
        except (Unavailable, Refused, StillNeeded, OutcomeUnknown) as error:
            carried.sight.drop_error = error
            self.tell(carried, "drop.failed", error=str(error))
        else:
            carried.sight.drop_error = None
        carried.sight.target = None
