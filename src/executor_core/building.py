"""The build, performed: begun in its turn, watched until its end is known, and ended where that is called for.

Like the effects of every run, each leaves the run's state stored and returns an instant when nothing more can be
done before it, or None.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from executor_core.actions import StopBuild
from executor_core.carrying import Carried
from executor_core.ddl import Marker, add_index, advisory_lock
from executor_core.effects import LOOK_AGAIN, Effects
from executor_core.errors import CALL_FAILED, CheckpointUnusable, Refused, Unavailable
from executor_core.exposure import is_hidden
from executor_core.forecast import forecast
from executor_core.lifecycle import Phase
from executor_core.messages import Draft
from executor_core.model import AuditAction
from executor_core.preflight import preflight
from executor_core.progress import Progress
from executor_core.state import WindowKind
from executor_core.strain import Strain, usual_times
from executor_core.target import BuildOrder, BuildOutcome, BuildReport
from executor_core.turns import Turns

STOP_POLL = timedelta(milliseconds=200)


@dataclass(frozen=True, slots=True)
class Building:
    """Performs the actions of a build."""

    effects: Effects
    turns: Turns

    def start(self, carried: Carried) -> datetime | None:
        """Write down that a build begins, then begin it; while it is others' turn on the instance, come back later.

        A server that is too busy is taken for a busy table.
        """
        for finding in preflight(self.effects.case(carried), Phase.BUILDING):
            if finding.code not in self.effects.rules.waived:
                carried.sight.build = BuildReport(outcome=BuildOutcome.BUSY, error=finding.sentence)
                return None
        facts, state, now = carried.sight.target, carried.state, self.effects.ports.clock.now()
        if facts is None or facts.table is None:
            raise AssertionError("a build begins after a look")
        schema_name = carried.target.schema_name
        table = advisory_lock(schema_name, carried.index.table_name)
        if not self.turns.take(state.run_id, instance=facts.server.server_uuid, table=table):
            return self._queue(carried)
        queued_for = timedelta(0) if carried.queued_at is None else now - carried.queued_at
        carried.queued_at = None
        marker = Marker(state.run_id, state.attempt + 1)
        # What was ordered once is ordered again: an earlier statement that was thought lost may have been the one.
        hidden = is_hidden(self.effects.rules.exposure, facts) if state.hidden is None else state.hidden
        sql = add_index(schema_name, carried.index, marker, hidden_on=facts.server.flavor if hidden else None)
        changes: dict[str, Any] = {
            "attempt": marker.attempt,
            "executed_sql": sql,
            "hidden": hidden,
            "build_begun_at": now,
            "give_up_at": now + self.effects.rules.pacing.build_patience
            if state.give_up_at is None
            else state.give_up_at + queued_for,
        }
        if state.indexes_before is None:
            changes["indexes_before"] = facts.table.indexes
        draft = Draft(state.model_copy(update=changes))
        expected = forecast(facts, carried.index)
        details = {
            "attempt": marker.attempt,
            "executed_sql": sql,
            "expected": None if expected is None else expected.in_brief(),
        }
        self.effects.record(carried, draft.audited(AuditAction.BUILD_STARTED, now, details))
        order = BuildOrder(
            schema_name=schema_name,
            index=carried.index,
            marker=marker,
            lock_wait=self.effects.rules.pacing.lock_wait,
            hidden=hidden,
            commit_lock_wait=self.effects.rules.pacing.commit_lock_wait,
            lost_builds=state.lost_builds,
            memory_limit=self.effects.rules.build_memory,
            table_bytes=facts.table.data_bytes,
        )
        carried.sight.build = carried.sight.target = carried.sight.progress = carried.sight.strain = None
        try:
            carried.target.start_build(order, self.effects.still_ours(carried))
        except Unavailable as error:
            carried.sight.build = BuildReport(outcome=BuildOutcome.BUSY, error=str(error))
        except Refused as error:
            carried.sight.build = BuildReport(outcome=BuildOutcome.REFUSED, error_number=error.number, error=str(error))
        else:
            carried.sight.building = True
        if not carried.sight.building:
            self.turns.give_back(state.run_id)
        self.effects.tell(carried, "build.started", attempt=marker.attempt, sql=sql)
        return None

    def _queue(self, carried: Carried) -> datetime:
        """Wait for a turn. It costs no patience, and what was seen meanwhile does not count when the turn comes."""
        now = self.effects.ports.clock.now()
        if carried.queued_at is None:
            carried.queued_at = now
            self.effects.tell(carried, "build.queued", builds_per_instance=self.effects.rules.builds_per_instance)
        carried.sight.target = carried.sight.kill_switch = None
        return now + LOOK_AGAIN

    def watch(self, carried: Carried) -> datetime | None:
        """Ask how the build is doing; its end makes the planner look at the target."""
        report = carried.target.build_report(carried.index)
        if report is None:
            self._tell_progress(carried)
            self._look_at_application(carried)
            carried.sight.target = None  # it may be sent only now, or have begun to be ours to stop
            return self.effects.ports.clock.now() + self.effects.rules.pacing.build_poll
        carried.sight.building = False
        self.turns.give_back(carried.state.run_id)
        carried.sight.build = report
        carried.sight.target = None
        self.effects.tell(carried, "build.ended", outcome=report.outcome, elapsed_s=report.elapsed.total_seconds())
        return None

    def _tell_progress(self, carried: Carried) -> None:
        try:
            change = carried.target.running_change(carried.index)
        except CALL_FAILED:
            return  # how a build gets on is a courtesy of the server
        if change is None:
            return
        if change.progress is not None:
            now, before = self.effects.ports.clock.now(), carried.sight.progress
            seen = Progress.begun if before is None else before.seen
            carried.sight.progress = seen(now, change.progress, change.written)
        self.effects.tell(carried, "build.progressed", progress=change.progress, stage=change.stage)

    def _look_at_application(self, carried: Carried) -> None:
        """See how long the application's statements take now, where there is a limit to that."""
        before, now = carried.sight.strain, self.effects.ports.clock.now()
        if self.effects.rules.pacing.slowdown_limit is None or (before is not None and not before.is_due(now)):
            return
        try:
            snapshot = carried.target.snapshot(carried.index, carried.state.digests or ())
            if before is not None:
                carried.sight.strain = before.seen(now, snapshot)
            else:
                samples = self.effects.ports.checkpoints.samples(carried.state.run_id, WindowKind.BASELINE)
                carried.sight.strain = Strain(usual=usual_times(samples), at=now, latest=snapshot)
        except (*CALL_FAILED, CheckpointUnusable):
            return  # what can't be seen stops no build

    def stop(self, carried: Carried, action: StopBuild) -> datetime:
        """End the statement on the server, then look again."""
        try:
            carried.target.stop_build(action.change)
        except CALL_FAILED as error:
            self.effects.tell(carried, "build.stop_failed", error=str(error))
        carried.sight.target = None
        return self.effects.ports.clock.now() + STOP_POLL
