"""What to do next: from a run's state, what was seen, and the time, to one action as a value.

The engine performs the action, records what came of it, and asks again. Nothing here remembers anything: a
process that takes a run over sees the same state, looks, and comes to the same next action.

The rules, phase by phase, are the methods below, in the order in which a run meets them. Before anything is
repeated that may have happened already, the target is looked at.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from executor_core.actions import (
    Action,
    AskKillSwitch,
    AssessBaseline,
    ChooseDigests,
    Claim,
    DropIndex,
    Judge,
    Move,
    Postpone,
    StartBuild,
    StopBuild,
    TakeSample,
    Wait,
    WatchBuild,
)
from executor_core.errors import ExecutorError, Refused, StillNeeded
from executor_core.finding import Case, Severity
from executor_core.index_definition import IndexDefinition
from executor_core.lifecycle import Event, Phase
from executor_core.limits import Course, broken_limit
from executor_core.look import Sight
from executor_core.model import FailReason, VerificationStatus
from executor_core.pacing import Pacing
from executor_core.postcheck import surprises
from executor_core.preflight import obstacle, preflight
from executor_core.reconciliation import Next
from executor_core.staging import Staged
from executor_core.state import RunState, Stop, WindowKind, WindowPlan
from executor_core.table_checks import name_taken
from executor_core.target import BuildOutcome, BuildReport, IndexFacts


def next_action(state: RunState, index: IndexDefinition, sight: Sight, now: datetime, pacing: Pacing) -> Action:
    """Return the next action of a run that has not finished. Pure; `sight` is read, never changed."""
    plan = _Plan(state, index, sight, now, pacing)
    match state.phase:
        case Phase.SCHEDULED:
            return Claim()
        case Phase.CLAIMED:
            return plan.begin()
        case Phase.CHECKING:
            return plan.check()
        case Phase.SAMPLING_BASELINE:
            return plan.sample_baseline()
        case Phase.BUILDING:
            return plan.build()
        case Phase.STOPPING_BUILD:
            return plan.stop_build()
        case Phase.BUILT:
            return plan.post_check()
        case Phase.DRAINING:
            return plan.drain()
        case Phase.PUBLISHING:
            return plan.publish()
        case Phase.WATCHING:
            return plan.watch()
        case Phase.ROLLING_BACK:
            return plan.roll_back()
        case Phase.COMPLETED | Phase.FAILED | Phase.ROLLED_BACK | Phase.REQUIRES_MANUAL:
            raise AssertionError(f"a run that is {state.phase} has no next action")
        case _:  # pragma: no cover
            assert_never(state.phase)


@dataclass(frozen=True, slots=True)
class _Plan(Staged):
    """The rules, phase by phase."""

    def begin(self) -> Action:
        """Claimed: look once, to tell a fresh run from one that a dead worker had begun, and announce it."""
        facts = self.sight.target
        if facts is None:
            return self.inspect()
        begun = self.ours(facts) is not None or self.runs_ours(facts)
        return Move(event=Event.RUN_STARTED, details={"taken_over": begun})

    def check(self) -> Action:
        """Kill switch first, then preflight; a build or an index of this run is taken over instead."""
        facts = self.sight.target
        if facts is None:
            return self.inspect()
        if self.reconciled(facts) is Next.TAKE_OVER:
            return Move(event=Event.BUILD_FOUND, details=self.found(facts))
        latest = self.reading()
        if latest is None:
            return AskKillSwitch()
        if latest.engaged:
            return self.killed(latest)
        finding = obstacle(preflight(Case(facts=facts, index=self.index, run_id=self.state.run_id)))
        if finding is None:
            return Move(event=Event.PREFLIGHT_PASSED)
        blocked = finding.severity is Severity.BLOCKING
        why = "Refused before anything was changed" if blocked else "Nothing was changed; a person has to act"
        return Move(
            event=Event.PREFLIGHT_REFUSED if blocked else Event.PERSON_NEEDED,
            fail_reason=FailReason.EXECUTION_ERROR,
            message=f"{why}: {finding.sentence}",
            error_message=finding.sentence,
            details={"code": finding.code},
        )

    def sample_baseline(self) -> Action:
        """Sample the window before the build; at its end, look once more and pass the gate."""
        facts = self.sight.target
        if facts is None:
            return self.inspect()
        if self.reconciled(facts) is Next.TAKE_OVER:
            return Move(event=Event.BUILD_FOUND, details=self.found(facts))
        latest = self.reading()
        if latest is None:
            return AskKillSwitch()
        if (killed := self.stopped(latest)) is not None:
            return killed
        window = self.state.baseline
        if window is None:
            return self.blind() or ChooseDigests()
        if (sampling := self.sample(window, WindowKind.BASELINE)) is not None:
            return sampling
        if not window.assessed and self.pacing.longest(self.pacing.baseline_window) > self.pacing.baseline_window:
            return AssessBaseline()
        if latest.engaged:  # a look that failed bridges nothing here: the build is next
            return self.killed(latest)
        if self.state.run.query_digests and not self.known_targets():
            names = ", ".join(self.state.run.query_digests)
            return Move(
                event=Event.PREFLIGHT_REFUSED,
                fail_reason=FailReason.EXECUTION_ERROR,
                message=f"Refused before anything was changed: the server knows none of the digests {names}",
                error_message=f"the server has no statement digest {names} in this schema: check query_digests",
                details={"code": "digests_unknown"},
            )
        return Move(event=Event.BASELINE_COLLECTED)

    def known_targets(self) -> set[str]:
        """Those of the run's digests that the server knows."""
        watched = {digest.key.digest.casefold() for digest in self.state.digests or ()}
        return watched & {digest.casefold() for digest in self.state.run.query_digests}

    def sample(self, window: WindowPlan, kind: WindowKind) -> Action | None:
        """The next sample of a window or the wait for it; None when the window is full."""
        if window.next_sample_at is None:
            return None
        if self.now >= window.next_sample_at:
            return self.blind() or TakeSample(kind)
        return Wait(self.soonest(window.next_sample_at))

    def build(self) -> Action:
        """Build once; after anything unclear, look before trying again."""
        latest = self.reading()
        if latest is None:
            return AskKillSwitch()
        if (killed := self.stopped(latest)) is not None:
            return killed
        facts = self.sight.target
        if self.sight.building:
            return self.too_dear() or WatchBuild()
        if facts is None:
            return self.inspect()
        step = self.reconciled(facts)
        if step is Next.AWAIT_STATEMENT:  # a build whose client died: it runs on, and may be ours soon
            return self.too_dear() or Wait(self.now + self.pacing.build_poll, look_again=True)
        if step is Next.COUNT_AS_BUILT:
            return Move(event=Event.BUILD_FINISHED, details=self.found(facts))
        if step is Next.TABLE_IS_GONE:
            return self.build_failed("the table disappeared while the index was being built")
        if step is Next.NAME_IS_TAKEN:
            return self.build_failed(name_taken(self.index), number=1061)
        report = self.sight.build
        if report is not None:
            return self.after(report)
        if step is Next.LET_OTHERS_FINISH:
            return self.build_later("another change of ours holds the table's advisory lock")
        if latest.engaged:  # a look that failed bridges nothing here: the build is next
            return self.killed(latest)
        return StartBuild()

    def too_dear(self) -> Move | None:
        """The end of a build that costs more than it may, or clearly would."""
        if self.state.build_begun_at is None:
            return None
        sight = self.sight
        course = Course(
            begun_at=self.state.build_begun_at,
            now=self.now,
            progress=sight.progress,
            leeway=sight.leeway,
            strain=sight.strain,
        )
        sentence = broken_limit(course, self.pacing)
        if sentence is None:
            return None
        stop = Stop(reason=FailReason.EXECUTION_ERROR, sentence=sentence)
        return Move(event=Event.BUILD_GIVEN_UP, stop=stop, error_message=sentence, details={"reason": sentence})

    def build_later(self, why: str, number: int | None = None, lost: BuildReport | None = None) -> Action:
        """Let the busy table be for a while, unless patience is over.

        The time of a build that was `lost` costs none as long as the next one may wait longer for its commit.
        """
        spared = timedelta()
        if lost is not None and self.pacing.tolerance(self.state.lost_builds).grows:
            spared = lost.elapsed
        if self.state.give_up_at is not None and self.now >= self.state.give_up_at + spared:
            return self.build_failed(f"given up after {self.pacing.build_patience}: {why}", number=number)
        if self.state.tries + 1 >= self.pacing.build_tries:
            return self.build_failed(f"given up after {self.pacing.build_tries} tries: {why}", number=number)
        return Postpone(why, lost_build=lost is not None, spared=spared)

    def after(self, report: BuildReport) -> Action:
        """What follows a build that left no index behind: the target has been looked at since."""
        text = report.error or report.outcome
        match report.outcome:
            case BuildOutcome.BUSY | BuildOutcome.UNKNOWN:
                return self.build_later(text, report.error_number, report if report.lost_at_commit else None)
            case BuildOutcome.NOT_ONLINE:
                return Move(
                    event=Event.ONLINE_BUILD_REFUSED,
                    fail_reason=FailReason.EXECUTION_ERROR,
                    message=f"The server can't build this index online, and nothing stronger is tried: {text}",
                    error_message=_numbered(report.error_number, text),
                    details={"error_number": report.error_number},
                )
            case BuildOutcome.STOPPED:
                return self.build_failed("somebody ended our statement on the server", number=report.error_number)
            case BuildOutcome.NAME_TAKEN | BuildOutcome.REFUSED:
                return self.build_failed(text, number=report.error_number)
            case BuildOutcome.DONE:
                return self.build_failed("the server reported the index as built, but it is not there")
            case _:  # pragma: no cover
                assert_never(report.outcome)

    def build_failed(self, why: str, number: int | None = None) -> Move:
        """End a run whose build failed and left nothing behind."""
        text = _numbered(number, why)
        return Move(
            event=Event.BUILD_FAILED,
            fail_reason=FailReason.EXECUTION_ERROR,
            message=f"The index was not built: {text}",
            error_message=text,
            details={"error_number": number},
        )

    def stop_build(self) -> Action:
        """End our statement, and prove that nothing is left: or that it was quicker, and take the index back."""
        facts = self.sight.target
        if facts is None:
            return self.inspect()
        step = self.reconciled(facts)
        if step is Next.STOP_STATEMENT and facts.running is not None:
            return StopBuild(facts.running)
        if self.sight.building:
            return WatchBuild()
        if step is Next.COUNT_AS_BUILT:
            return Move(event=Event.BUILD_FINISHED, details=self.found(facts))
        if step is Next.AWAIT_STATEMENT:  # whose it is can't be seen: it may be ours
            return Wait(self.now + self.pacing.build_poll, look_again=True)
        stop = self.state.stop
        assert stop is not None, "a build is only stopped for a reason"  # noqa: S101 -- states the invariant
        took_s = round((self.now - (self.state.stopping_since or self.now)).total_seconds(), 3)
        return Move(
            event=Event.BUILD_STOPPED,
            fail_reason=stop.reason,
            message=f"The build was stopped within {took_s:.1f} s and left no index and no lock behind: "
            f"{stop.sentence}.",
            error_message=self.state.error_message,
            details={"stopped_within_s": took_s, "index_is_there": False, "lock_is_held": False},
        )

    def post_check(self) -> Action:
        """Pass the kill switch again, then compare all indexes with what was asked and what was there.

        A hidden index goes on to be published, whoever ordered it; a visible one is watched.
        """
        facts = self.sight.target
        if facts is None:
            return self.inspect()
        latest = self.sight.kill_switch  # the engine forgets what was read before the build had ended
        if latest is None:
            return AskKillSwitch()
        if latest.engaged:
            return self.killed(latest)
        built = self.ours(facts)
        if built is None or facts.table is None:
            return self.astray(facts)
        hidden, before = self.state.hidden, self.state.indexes_before
        found = surprises(built, self.index, hidden=hidden, before=before, table=facts.table)
        if found:
            sentence = f"the build had an effect that was not asked for: {'; '.join(found)}"
            return Move(
                event=Event.POSTCHECK_FAILED,
                stop=Stop(reason=FailReason.EXECUTION_ERROR, sentence=sentence),
                error_message=sentence,
                details={"differences": list(found)},
            )
        return Move(event=Event.POSTCHECK_PASSED if built.visible else Event.DRAIN_BEGUN)

    def watch(self) -> Action:
        """Sample the window after the build, then judge; the index must really be there.

        Gross harm needn't wait for the end: inside the window there are looks that can only convict.
        """
        verdict = self.state.verdict
        if verdict is not None and not verdict.extend:
            return self.judged()
        latest = self.reading()
        if latest is None:
            return AskKillSwitch()
        if (killed := self.stopped(latest)) is not None:
            return killed
        window = self.state.after
        assert window is not None, "watching begins with its window"  # noqa: S101 -- states the invariant
        if (sampling := self.sample(window, WindowKind.AFTER)) is not None:
            if isinstance(sampling, Wait) and self.look_is_due(window) and not latest.engaged:
                return Judge(final=False, interim=True)
            return sampling
        if latest.engaged:  # no answer right now: judge when there is one, or when trust in the last has run out
            return Wait(latest.at + self.pacing.kill_switch_interval)
        facts = self.sight.target
        if facts is None:
            return self.inspect()
        if self.ours(facts) is None:
            return self.astray(facts)
        longest = self.pacing.longest(self.pacing.after_window)
        return Judge(final=window.extended or longest <= self.pacing.after_window)

    def look_is_due(self, window: WindowPlan) -> bool:
        """Whether gross harm is to be looked for now, between two samples."""
        return window.next_look_at is not None and self.now >= window.next_look_at

    def judged(self) -> Move:
        """The event that a verdict is."""
        verdict = self.state.verdict
        assert verdict is not None  # noqa: S101 -- the caller looked
        match verdict.status:
            case VerificationStatus.SUCCESS:
                return Move(event=Event.VERIFICATION_SUCCEEDED, message=verdict.message)
            case VerificationStatus.INCONCLUSIVE:
                return Move(event=Event.VERIFICATION_INCONCLUSIVE, message=verdict.message)
            case VerificationStatus.FAILED:
                return Move(
                    event=Event.VERIFICATION_FAILED,
                    stop=Stop(reason=FailReason.VERIFICATION_FAILED, sentence=verdict.message),
                )
            case _:  # pragma: no cover
                assert_never(verdict.status)

    def roll_back(self) -> Action:
        """Drop the index if it is ours; what is not there any more needs no dropping."""
        facts = self.sight.target
        if facts is None:
            return self.inspect()
        stop = self.state.stop
        assert stop is not None, "a rollback has a reason"  # noqa: S101 -- states the invariant
        step = self.reconciled(facts)
        if step is Next.STOP_STATEMENT and facts.running is not None:
            return StopBuild(facts.running)
        if step is Next.COUNT_AS_DROPPED:
            return Move(
                event=Event.INDEX_DROPPED,
                fail_reason=stop.reason,
                message=f"The index was taken back: {stop.sentence.removesuffix('.')}.",
                error_message=self.state.error_message,
            )
        built = self.ours(facts)
        if step is Next.ASK_A_PERSON or built is None:
            return self.ask_a_person("an index of that name is there, but it is not the one that this run built")
        error = self.sight.drop_error
        if error is None:
            return DropIndex()
        final = isinstance(error, Refused | StillNeeded)
        if not final and (self.state.give_up_at is None or self.now < self.state.give_up_at):
            return Postpone(str(error))
        return self.drop_failed(error, stop, built)

    def drop_failed(self, error: ExecutorError, stop: Stop, built: IndexFacts) -> Move:
        """End a run whose index is still there; where something relies on it by now, a person decides."""
        needed = isinstance(error, StillNeeded)
        seen = "still used by queries" if built.visible else "hidden from the optimizer, so that no query uses it"
        first = "Give the foreign key that needs it another index, then drop it" if needed else "Drop it"
        return Move(
            event=Event.PERSON_NEEDED if needed else Event.DROP_FAILED,
            fail_reason=FailReason.EXECUTION_ERROR,
            message=f"The index {self.index.index_name!r} should have been taken back "
            f"({stop.sentence.removesuffix('.')}), but dropping it failed and it is still there, {seen}: {error}. "
            f"{first} by hand, with the rollback record's statement.",
            error_message=_numbered(getattr(error, "number", None), str(error)),
            details={"visible": built.visible},
        )


def _numbered(number: int | None, text: str) -> str:
    """Put the server's error number in front of its text, once."""
    return text if number is None or str(number) in text else f"error {number}: {text}"
