"""What one process sees of a run: its latest looks at the world, and what they mean for any phase.

A `Sight` holds the looks; a `Look` is one decision's view of state, sight, time and patience, with the questions
that several phases ask. Pure.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from executor_core.actions import Action, Inspect, Move, Wait
from executor_core.errors import ExecutorError, Refused
from executor_core.index_definition import IndexDefinition
from executor_core.kill_switch import KillSwitchReading, must_stop
from executor_core.lifecycle import Event, Phase
from executor_core.limits import Leeway
from executor_core.model import FailReason
from executor_core.pacing import Pacing
from executor_core.progress import Progress
from executor_core.reconciliation import Authority, Next, next_step, what_is_there
from executor_core.state import RunState, Stop
from executor_core.strain import Strain
from executor_core.target import BuildReport, IndexFacts, TargetFacts

OUTAGE_FACTOR_WITH_INDEX = 10
"""How many times longer an unreachable target is waited for once there may be an index of ours in it."""


@dataclass(slots=True)
class Sight:
    """What this process has seen of the world lately. It is never stored: another process looks for itself.

    A look that is due again is simply dropped (`target = None`), and the planner asks for it anew.
    """

    kill_switch: KillSwitchReading | None = None
    target: TargetFacts | None = None
    build: BuildReport | None = None
    building: bool = False
    """Whether a build that this process started has not been reported on yet."""
    progress: Progress | None = None
    """How the build that this process started gets on, where the server tells it."""
    leeway: Leeway | None = None
    """What bounds a build, as of the last look around the table."""
    strain: Strain | None = None
    """What the application has felt of the build that this process started, where there is a limit for that."""
    look_error: ExecutorError | None = None
    """Why the last look at the target failed."""
    unreachable_since: datetime | None = None
    drained_at: datetime | None = None
    """When this process last looked for transactions that are still open."""
    drain_error: Refused | None = None
    """Why open transactions can't be seen any more."""
    foreseen_at: datetime | None = None
    """When this process last asked the optimizer about the hidden index."""
    publish_error: ExecutorError | None = None
    """Why the last try to publish failed."""
    drop_error: ExecutorError | None = None
    """Why the last drop failed."""


@dataclass(frozen=True, slots=True)
class Look:
    """The arguments of one decision, and what several phases ask of them."""

    state: RunState
    index: IndexDefinition
    sight: Sight
    now: datetime
    pacing: Pacing

    # --- what was seen -----------------------------------------------------------------------------------------------

    def ours(self, facts: TargetFacts) -> IndexFacts | None:
        """The index that this run built, whole: name, key parts, marker."""
        there = self.named(facts)
        return there if there is not None and there.is_built_by(self.state.run_id, self.index) else None

    def named(self, facts: TargetFacts) -> IndexFacts | None:
        """Whatever index has the name."""
        return None if facts.table is None else facts.table.index_named(self.index.index_name)

    def runs_ours(self, facts: TargetFacts) -> bool:
        """Whether a build of this run is under way on the server, whoever started it."""
        return facts.running is not None and facts.running.belongs_to(self.state.run_id)

    def reconciled(self, facts: TargetFacts | None) -> Next:
        """What follows from the record and from what is there; the planner is asked under a lease only."""
        there = what_is_there(facts, self.index, self.state.run_id)
        return next_step(self.state.phase, there, Authority.GRANTED)

    def found(self, facts: TargetFacts) -> dict[str, Any]:
        """What an audit entry says about a build or an index that was found."""
        return {"build_running": self.runs_ours(facts)}

    def inspect(self) -> Action:
        """Look at the target, unless that has failed for good."""
        return self.blind() or Inspect()

    def blind(self) -> Move | None:
        """The end of a run whose target refuses to be looked at, or could not be reached for too long."""
        early = self.state.phase in (Phase.CLAIMED, Phase.CHECKING, Phase.SAMPLING_BASELINE)
        patience = self.pacing.outage_patience * (1 if early else OUTAGE_FACTOR_WITH_INDEX)
        error, since = self.sight.look_error, self.sight.unreachable_since
        if not isinstance(error, Refused) and (since is None or self.now - since <= patience):
            return None
        why = f"the target database can't be looked at: {error}"
        if not early:
            return self.ask_a_person(why)
        return Move(
            event=Event.PREFLIGHT_REFUSED,
            fail_reason=FailReason.EXECUTION_ERROR,
            message=f"This worker changed nothing: {why}",
            error_message=str(error),
        )

    def ask_a_person(self, why: str) -> Move:
        """End the run where only a person can find out or put right."""
        name, table = self.index.index_name, self.index.table_name
        reason = FailReason.EXECUTION_ERROR if self.state.stop is None else self.state.stop.reason
        return Move(
            event=Event.PERSON_NEEDED,
            fail_reason=reason,
            message=f"Look whether the table {table!r} has an index {name!r} with the comment "
            f"'executor:run={self.state.run_id};…', and keep it or drop it by hand: {why}",
            error_message=why,
        )

    def astray(self, facts: TargetFacts) -> Action:
        """What follows where the index that this run built is not there: its end, or the end of our statement first."""
        if self.reconciled(facts) is Next.AWAIT_STATEMENT:
            return Wait(self.now + self.pacing.build_poll, look_again=True)
        return self.lost(facts)

    def lost(self, facts: TargetFacts) -> Move:
        """End a run whose index is not what this run built any more."""
        there = self.named(facts)
        what = "is gone" if there is None else "was changed"
        return Move(
            event=Event.INDEX_LOST,
            fail_reason=FailReason.VERIFICATION_FAILED if there is None else FailReason.EXECUTION_ERROR,
            message=f"The index {self.index.index_name!r} that this run built {what}; somebody else did that, and "
            "nothing more was touched.",
            error_message=f"the index {self.index.index_name!r} {what}",
        )

    # --- the kill switch ---------------------------------------------------------------------------------------------

    def reading(self) -> KillSwitchReading | None:
        """The latest reading, unless it is due again."""
        latest = self.sight.kill_switch
        if latest is None or self.now - latest.at >= self.pacing.kill_switch_interval or latest.at > self.now:
            return None
        return latest

    def soonest(self, due: datetime) -> datetime:
        """The sooner of `due` and the next look at the kill switch."""
        latest = self.sight.kill_switch
        return due if latest is None else min(due, latest.at + self.pacing.kill_switch_interval)

    def stopped(self, latest: KillSwitchReading) -> Move | None:
        """The move that a switch demands while a run is under way, or None."""
        if not must_stop(latest, self.state.last_off, trust=self.pacing.kill_switch_trust):
            return None
        return self.killed(latest)

    def killed(self, latest: KillSwitchReading) -> Move:
        """The move that an engaged switch demands."""
        return Move(
            event=Event.KILL_SWITCH_ENGAGED,
            fail_reason=FailReason.KILL_SWITCH,
            message=f"Stopped: {latest.sentence}.",
            stop=Stop(reason=FailReason.KILL_SWITCH, sentence=latest.sentence),
            details={"reason": latest.sentence},
        )
