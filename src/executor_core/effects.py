"""Performing an action: the port call, and what is recorded before and after it.

Each method takes the run and the action and leaves the run's state stored; it returns an instant when nothing
more can be done before it, or None when the planner may be asked again at once.
"""

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Any

from executor_core.actions import Judge, Move, Postpone, StopBuild, TakeSample
from executor_core.authority import keep_lease
from executor_core.carrying import Carried, Ports, Rules
from executor_core.ddl import Marker, add_index, advisory_lock
from executor_core.errors import ExecutorError, OutcomeUnknown, Refused, StillNeeded, Unavailable
from executor_core.evidence import Evidence, EvidenceIndex, EvidenceRun, EvidenceServer
from executor_core.exposure import is_hidden
from executor_core.finding import Case
from executor_core.forecast import forecast
from executor_core.lifecycle import Event, Phase
from executor_core.messages import Draft
from executor_core.metrics import EvidenceError, Snapshot
from executor_core.model import AuditAction, ConnectionId, VerificationStatus
from executor_core.moves import moved
from executor_core.pacing import backoff
from executor_core.ports import Notice, StillOurs
from executor_core.preflight import preflight
from executor_core.progress import Progress
from executor_core.state import WindowKind, WindowPlan
from executor_core.switchboard import look_at_switch
from executor_core.target import BuildOrder, BuildOutcome, BuildReport
from executor_core.turns import Turns
from executor_core.verdict import Verdict
from executor_core.verification import assess_baseline, verify_evidence

LOOK_AGAIN = timedelta(seconds=1)
BUILD_RETRY = (timedelta(seconds=1), timedelta(seconds=30))
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
UNDECIDABLE = MappingProxyType(
    {
        "code": "undecidable",
        "sentence": "the digests of this run are executed so rarely that even the longest window can't decide: the "
        "verdict will be inconclusive",
    }
)
GATES = frozenset({Event.RUN_STARTED, Event.BASELINE_COLLECTED, Event.BUILD_FINISHED})
"""The events after which the kill switch is read afresh: before anything is done, before the build, and after it."""
STOP_POLL = timedelta(milliseconds=200)


@dataclass(frozen=True, slots=True)
class Effects:
    """Performs actions through the ports."""

    ports: Ports
    rules: Rules
    turns: Turns

    # --- recording ---------------------------------------------------------------------------------------------------

    def record(self, carried: Carried, draft: Draft) -> None:
        """Store a draft; from here on it is the run's state."""
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
        if move.event in (
            Event.RUN_STARTED,
            Event.BASELINE_COLLECTED,
            Event.BUILD_FINISHED,
        ):  # gates: what was read before does not count
            carried.sight.kill_switch = None
        self.tell(carried, "phase.entered", phase=carried.state.phase, before=before, event=move.event)
        if move.event is Event.BUILD_STOPPED:
            self.tell(carried, "build.stopped", **move.details)

    def _warnings(self, carried: Carried) -> list[dict[str, Any]]:
        return [
            {"code": finding.code, "sentence": finding.sentence}
            | ({"waived": True} if finding.code in self.rules.waived else {})
            for finding in preflight(self._case(carried))
        ]

    def _case(self, carried: Carried) -> Case:
        facts = carried.sight.target
        if facts is None:
            raise AssertionError("checks are made of what was seen")
        return Case(facts=facts, index=carried.index, run_id=carried.state.run_id, exposure=self.rules.exposure)

    # --- looks -------------------------------------------------------------------------------------------------------

    def ask_kill_switch(self, carried: Carried) -> None:
        """Read the switch; whatever goes wrong is a reading too. Before and after the build it is read afresh."""
        connection_id = ConnectionId(carried.state.run.connection_id)
        if self.ports.switchboard is None:
            reading = look_at_switch(connection_id, self.ports.control_plane, self.ports.clock)
        else:
            now = self.ports.clock.now()
            # One that is half due serves: many runs whose looks are due at slightly different times share one.
            since = now if self._at_a_gate(carried) else now - self.rules.pacing.kill_switch_interval / 2
            reading = self.ports.switchboard.read(connection_id, since=since)
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
        except (Unavailable, Refused, OutcomeUnknown) as error:
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

    # --- the windows -------------------------------------------------------------------------------------------------

    def choose_digests(self, carried: Carried) -> datetime | None:
        """Settle what is watched and open the baseline window."""
        try:
            digests = carried.target.choose_digests(carried.index, carried.state.run.query_digests)
        except (Unavailable, Refused, OutcomeUnknown) as error:
            return self.could_not_look(carried, error)
        carried.sight.look_error = carried.sight.unreachable_since = None
        now = self.ports.clock.now()
        window = WindowPlan(begins_at=now, ends_at=now + self.rules.pacing.baseline_window, next_sample_at=now)
        self.record(carried, Draft(carried.state.model_copy(update={"digests": tuple(digests), "baseline": window})))
        return None

    def take_sample(self, carried: Carried, action: TakeSample) -> datetime | None:
        """Read the counters and say when to read them next."""
        state = carried.state
        window = state.baseline if action.window is WindowKind.BASELINE else state.after
        if window is None:
            raise AssertionError(f"a sample of the {action.window} window needs the window")
        if state.digests is None:  # a successor that found the index, and nothing of what came before it
            try:
                digests = carried.target.choose_digests(carried.index, state.run.query_digests)
            except (Unavailable, Refused, OutcomeUnknown) as error:
                return self.could_not_look(carried, error)
            state = state.model_copy(update={"digests": tuple(digests)})
        try:
            snapshot = carried.target.snapshot(carried.index, state.digests or ())
        except (Unavailable, Refused, OutcomeUnknown) as error:
            return self.could_not_look(carried, error)
        carried.sight.look_error = carried.sight.unreachable_since = None
        self.ports.checkpoints.add_sample(state.run_id, action.window, snapshot)
        now = self.ports.clock.now()
        next_at = None if now >= window.ends_at else self._next_sample(window, now)
        sampled = window.model_copy(update={"next_sample_at": next_at})
        self.record(carried, Draft(state.model_copy(update={action.window: sampled})))
        if next_at is None and action.window is WindowKind.AFTER:
            carried.sight.target = None  # whether the index is really there is looked at afresh
        self.tell(carried, "sample.taken", window=action.window, ends_at=window.ends_at, next_sample_at=next_at)
        return None

    def _next_sample(self, window: WindowPlan, now: datetime) -> datetime:
        length = window.ends_at - window.begins_at
        interval = self.rules.pacing.sample_interval(length, extended=window.extended)
        return min(window.ends_at, now + interval)

    def assess_baseline(self, carried: Carried) -> None:
        """Extend the baseline, once, where its own noise hides what has to be told apart."""
        window = carried.state.baseline
        if window is None:
            raise AssertionError("only a window that was sampled is assessed")
        pacing, now = self.rules.pacing, self.ports.clock.now()
        longest = pacing.longest(pacing.baseline_window)
        samples = self.ports.checkpoints.samples(carried.state.run_id, WindowKind.BASELINE)
        assessment = assess_baseline(
            samples,
            carried.state.run.query_digests,
            self.rules.verification,
            longer=longest / pacing.baseline_window,
        )
        changes: dict[str, Any] = {"assessed": True}
        if assessment.extend:
            changes |= {"extended": True, "ends_at": window.begins_at + longest}
            changes["next_sample_at"] = self._next_sample(window.model_copy(update=changes), now)
        draft = Draft(carried.state.model_copy(update={"baseline": window.model_copy(update=changes)}))
        if not assessment.decidable:
            draft = draft.audited(AuditAction.PREFLIGHT_WARNING, now, UNDECIDABLE)
        self.record(carried, draft)
        self.tell(carried, "baseline.assessed", extend=assessment.extend, decidable=assessment.decidable)

    # --- the build ---------------------------------------------------------------------------------------------------

    def start_build(self, carried: Carried) -> datetime | None:
        """Write down that a build begins, then begin it; while it is others' turn on the instance, come back later.

        A server that is too busy is taken for a busy table.
        """
        for finding in preflight(self._case(carried), Phase.BUILDING):
            if finding.code not in self.rules.waived:
                carried.sight.build = BuildReport(outcome=BuildOutcome.BUSY, error=finding.sentence)
                return None
        facts, state, now = carried.sight.target, carried.state, self.ports.clock.now()
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
        hidden = is_hidden(self.rules.exposure, facts) if state.hidden is None else state.hidden
        sql = add_index(schema_name, carried.index, marker, hidden_on=facts.server.flavor if hidden else None)
        changes: dict[str, Any] = {
            "attempt": marker.attempt,
            "executed_sql": sql,
            "hidden": hidden,
            "build_begun_at": now,
            "give_up_at": now + self.rules.pacing.build_patience
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
        self.record(carried, draft.audited(AuditAction.BUILD_STARTED, now, details))
        order = BuildOrder(
            schema_name=schema_name,
            index=carried.index,
            marker=marker,
            lock_wait=self.rules.pacing.lock_wait,
            hidden=hidden,
            commit_lock_wait=self.rules.pacing.commit_lock_wait,
            memory_limit=self.rules.build_memory,
            table_bytes=facts.table.data_bytes,
        )
        carried.sight.build = carried.sight.target = carried.sight.progress = None
        try:
            carried.target.start_build(order, self.still_ours(carried))
        except Unavailable as error:
            carried.sight.build = BuildReport(outcome=BuildOutcome.BUSY, error=str(error))
        except Refused as error:
            carried.sight.build = BuildReport(outcome=BuildOutcome.REFUSED, error_number=error.number, error=str(error))
        else:
            carried.sight.building = True
        if not carried.sight.building:
            self.turns.give_back(state.run_id)
        self.tell(carried, "build.started", attempt=marker.attempt, sql=sql)
        return None

    def _queue(self, carried: Carried) -> datetime:
        """Wait for a turn. It costs no patience, and what was seen meanwhile does not count when the turn comes."""
        now = self.ports.clock.now()
        if carried.queued_at is None:
            carried.queued_at = now
            self.tell(carried, "build.queued", builds_per_instance=self.rules.builds_per_instance)
        carried.sight.target = carried.sight.kill_switch = None
        return now + LOOK_AGAIN

    def watch_build(self, carried: Carried) -> datetime | None:
        """Ask how the build is doing; its end makes the planner look at the target."""
        report = carried.target.build_report(carried.index)
        if report is None:
            self._tell_progress(carried)
            carried.sight.target = None  # it may be sent only now, or have begun to be ours to stop
            return self.ports.clock.now() + self.rules.pacing.build_poll
        carried.sight.building = False
        self.turns.give_back(carried.state.run_id)
        carried.sight.build = report
        carried.sight.target = None
        self.tell(carried, "build.ended", outcome=report.outcome, elapsed_s=report.elapsed.total_seconds())
        return None

    def _tell_progress(self, carried: Carried) -> None:
        try:
            change = carried.target.running_change(carried.index)
        except (Unavailable, Refused, OutcomeUnknown):
            return  # how a build gets on is a courtesy of the server
        if change is None:
            return
        if change.progress is not None:
            now, before = self.ports.clock.now(), carried.sight.progress
            carried.sight.progress = (
                Progress(first_at=now, first=change.progress, at=now, done=change.progress)
                if before is None
                else before.seen(now, change.progress)
            )
        self.tell(carried, "build.progressed", progress=change.progress, stage=change.stage)

    def stop_build(self, carried: Carried, action: StopBuild) -> datetime:
        """End the statement on the server, then look again."""
        try:
            carried.target.stop_build(action.change)
        except (Unavailable, Refused, OutcomeUnknown) as error:
            self.tell(carried, "build.stop_failed", error=str(error))
        carried.sight.target = None
        return self.ports.clock.now() + STOP_POLL

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
            "give_up_at": state.give_up_at or now + patience,
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
        except (Unavailable, Refused, OutcomeUnknown) as error:
            self.tell(carried, "idle_transactions.not_ended", error=str(error))
            return
        for session in ended:
            details = {"session": session, "idle_for_at_least_s": idle_for.total_seconds()}
            draft = Draft(carried.state)
            self.record(carried, draft.audited(AuditAction.IDLE_TRANSACTION_ENDED, self.ports.clock.now(), details))
            self.tell(carried, "idle_transaction.ended", session=session)

    # --- the end -----------------------------------------------------------------------------------------------------

    def judge(self, carried: Carried, action: Judge) -> None:
        """Reach the verdict, keep the evidence, and sample on where more time could decide."""
        state, now = carried.state, self.ports.clock.now()
        evidence = self._evidence(carried, action)
        try:
            verdict = verify_evidence(evidence)
        except EvidenceError as error:  # such as a clock that was set back: well-meant, but undecidable
            verdict = Verdict(status=VerificationStatus.INCONCLUSIVE, message=f"The verdict is inconclusive: {error}.")
        window = state.after
        if action.interim and window is not None and verdict.status is not VerificationStatus.FAILED:
            looked = window.model_copy(update={"next_look_at": now + window.between_looks})
            self.record(carried, Draft(state.model_copy(update={"after": looked})))
            self.tell(carried, "window.looked_at", next_look_at=looked.next_look_at)
            return
        if verdict.extend and not action.final and window is not None:
            ends_at = window.begins_at + self.rules.pacing.longest(self.rules.pacing.after_window)
            longer = window.model_copy(update={"extended": True, "ends_at": ends_at})
            changes: dict[str, datetime] = {
                "next_sample_at": self._next_sample(longer, now),
                "next_look_at": now + longer.between_looks,
            }
            longer = longer.model_copy(update=changes)
            self.record(carried, Draft(state.model_copy(update={"after": longer, "verdict": verdict})))
            self.tell(carried, "verdict.deferred", message=verdict.message, ends_at=ends_at)
            return
        reached = verdict.model_copy(update={"extend": False})
        written = reached.model_dump(mode="json", exclude_none=True)
        where = self.ports.archive.store(state.run_id, evidence.model_copy(update={"verdict": written}))
        draft = Draft(state.model_copy(update={"verdict": reached, "evidence": where}))
        draft = draft.audited(AuditAction.AFTER_METRICS_COLLECTED, now, _the_window(evidence.after))
        draft = draft.audited(AuditAction.VERIFICATION_COMPLETED, now, _the_verdict(reached))
        self.record(carried, draft)
        self.tell(carried, "verdict.reached", status=reached.status, message=reached.message)
        return

    def _evidence(self, carried: Carried, look: Judge) -> Evidence:
        state, samples = carried.state, self.ports.checkpoints.samples
        after = tuple(samples(state.run_id, WindowKind.AFTER))
        length = (after[-1].taken_at - after[0].taken_at).total_seconds() / 60 if after else None
        server = {} if state.server is None else asdict(state.server)
        return Evidence(
            run=EvidenceRun.model_validate(state.run.model_dump(mode="json", exclude_none=True)),
            server=EvidenceServer.model_validate(server),
            policy=self.rules.verification,
            histogram_upper_bounds_ps=self._bounds(carried),
            baseline=tuple(samples(state.run_id, WindowKind.BASELINE)),
            after=after,
            window_minutes=length,
            index=EvidenceIndex(
                schema_name=carried.target.schema_name,
                table_name=carried.index.table_name,
                index_name=carried.index.index_name,
                exists=True,
            ),
            uses_index=self._plans(carried),
            final=look.final,
            interim=look.interim,
        )

    def _bounds(self, carried: Carried) -> tuple[int, ...] | None:
        try:
            bounds = carried.target.histogram_upper_bounds_ps()
        except (Unavailable, Refused, OutcomeUnknown):
            return None  # MySQL's usual bounds are then taken
        return bounds or None

    def _plans(self, carried: Carried) -> dict[str, bool] | None:
        try:
            plans = carried.target.plans_using(carried.index, carried.state.digests or ())
        except (Unavailable, Refused, OutcomeUnknown):
            return None  # the plans corroborate; a verdict can do without
        return plans or None

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
        return


def _the_verdict(verdict: Verdict) -> dict[str, Any]:
    brief = verdict.model_dump(mode="json", exclude_none=True, exclude={"digests", "extend"})
    return {**brief, "verification_status": brief.pop("status")}


def _the_window(samples: tuple[Snapshot, ...]) -> dict[str, Any]:
    return {"samples": len(samples)} | (
        {"begins_at": samples[0].taken_at.isoformat(), "ends_at": samples[-1].taken_at.isoformat()} if samples else {}
    )
