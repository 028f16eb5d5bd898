"""The planner, phase by phase: what a run does next, from what is stored and what was seen."""

from copy import deepcopy
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.executor_core.facts import (
    INDEX,
    NOON,
    PRIMARY,
    RUN_ID,
    after,
    an_index,
    our_index,
    run,
    running,
    seconds,
    server,
    state,
    stop,
    target,
    watched,
    window,
    without_table,
)

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
from executor_core.ddl import Marker
from executor_core.errors import OutcomeUnknown, Refused, StillNeeded, Unavailable
from executor_core.kill_switch import KillSwitchAnswer, KillSwitchReading
from executor_core.lifecycle import TERMINAL_PHASES, TRANSITIONS, Event, Phase
from executor_core.look import Sight
from executor_core.metrics import DigestRole
from executor_core.model import ExecutionStatus, FailReason, VerificationStatus
from executor_core.moves import moved
from executor_core.pacing import Pacing
from executor_core.planner import next_action
from executor_core.progress import Progress
from executor_core.state import RunState, Stop, WindowKind
from executor_core.target import BuildOutcome, BuildReport, TargetFacts
from executor_core.verdict import Verdict

PACING = Pacing()
OFF = KillSwitchReading(at=NOON, answer=KillSwitchAnswer(global_active=False, connection_active=False))
ON = KillSwitchReading(
    at=NOON, answer=KillSwitchAnswer(global_active=True, connection_active=False, reason="incident 7")
)
UNREAD = KillSwitchReading(at=NOON, answer=None, error="timed out")
STALE = replace(OFF, at=after(-5))
FROM_THE_FUTURE = replace(OFF, at=after(1))
ON_SENTENCE = "the global kill switch is active: incident 7"
UNREAD_SENTENCE = "the kill switch could not be read, so it counts as active: timed out"

CLEAR = target()
WITH_OURS = target(our_index())
WITH_HIDDEN = target(replace(our_index(), visible=False))
WITH_FOREIGN = target(an_index(comment="made by hand"))
WITH_ALTERED = target(an_index(INDEX.index_name, "customer_id", comment=str(Marker(RUN_ID, 1))))
ORPHAN_RUNS = target(running=running())
ANOTHER_RUNS = target(running=running("run-2"))
UNSEEN_RUNS = target(running=running(None))
TAKEN = (
    "error 1061: the table 'orders' already has an index 'idx_customer' that this run did not build; it was left alone"
)


def decide(there: RunState, sight: Sight | None = None, *, now: datetime = NOON, pacing: Pacing = PACING) -> Action:
    return next_action(there, INDEX, sight or Sight(), now, pacing)


def move(there: RunState, sight: Sight, *, now: datetime = NOON, pacing: Pacing = PACING) -> Move:
    """The move that is decided on, which the table of phases must have."""
    action = decide(there, sight, now=now, pacing=pacing)
    assert isinstance(action, Move)
    assert (there.phase, action.event) in TRANSITIONS
    return action


# --- what holds in every phase ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", sorted(TERMINAL_PHASES))
def test_a_finished_run_has_no_next_action(phase: Phase) -> None:
    with pytest.raises(AssertionError, match=f"a run that is {phase} has no next action"):
        decide(state(phase))


def test_a_scheduled_run_is_claimed() -> None:
    assert decide(state(), Sight(kill_switch=ON, target=WITH_FOREIGN)) == Claim()


BEFORE_THE_BUILD = [Phase.CLAIMED, Phase.CHECKING, Phase.SAMPLING_BASELINE]
FROM_THE_BUILD_ON = [
    Phase.BUILDING,
    Phase.STOPPING_BUILD,
    Phase.BUILT,
    Phase.DRAINING,
    Phase.PUBLISHING,
    Phase.WATCHING,
    Phase.ROLLING_BACK,
]
EXPOSING = [Phase.DRAINING, Phase.PUBLISHING]


def in_phase(phase: Phase, **changes: Any) -> RunState:
    """A state as it usually is in `phase`, its windows full."""
    usual: dict[Phase, dict[str, Any]] = {
        Phase.SAMPLING_BASELINE: {
            "baseline": window(next_in=None, assessed=True),
            "digests": (watched("digest-1"),),
        },
        Phase.STOPPING_BUILD: {"stop": stop()},
        Phase.BUILT: {"built_at": NOON, "indexes_before": (PRIMARY,)},
        Phase.WATCHING: {"built_at": after(-300), "after": window(next_in=None)},
        Phase.ROLLING_BACK: {"stop": stop()},
    }
    return state(phase, **({"last_off": NOON} | usual.get(phase, {}) | changes))


@pytest.mark.parametrize("phase", BEFORE_THE_BUILD + FROM_THE_BUILD_ON)
def test_a_target_that_was_not_seen_is_looked_at(phase: Phase) -> None:
    assert decide(in_phase(phase), Sight(kill_switch=OFF)) == Inspect()


@pytest.mark.parametrize("phase", BEFORE_THE_BUILD + FROM_THE_BUILD_ON)
@pytest.mark.parametrize("error", [Unavailable("away"), OutcomeUnknown("cut off")], ids=["unavailable", "unknown"])
def test_a_target_that_cannot_be_reached_is_looked_at_again_while_patience_lasts(phase: Phase, error: Any) -> None:
    sight = Sight(kill_switch=OFF, look_error=error, unreachable_since=after(-60))
    assert decide(in_phase(phase), sight) == Inspect()


@pytest.mark.parametrize("phase", BEFORE_THE_BUILD)
@pytest.mark.parametrize(
    ("error", "since"),
    [
        (Unavailable("it is away"), after(-60.001)),
        (Refused("it is away", number=1045), NOON),
        (Refused("it is away"), None),
    ],
    ids=["away for too long", "refused", "refused at once"],
)
def test_before_the_build_a_target_that_cannot_be_looked_at_ends_the_run_untouched(
    phase: Phase, error: Any, since: datetime | None
) -> None:
    assert move(in_phase(phase), Sight(kill_switch=OFF, look_error=error, unreachable_since=since)) == Move(
        event=Event.PREFLIGHT_REFUSED,
        fail_reason=FailReason.EXECUTION_ERROR,
        message="This worker changed nothing: the target database can't be looked at: it is away",
        error_message="it is away",
    )


@pytest.mark.parametrize("phase", FROM_THE_BUILD_ON)
@pytest.mark.parametrize(
    ("error", "since"),
    [(Unavailable("it is away"), after(-600.001)), (Refused("it is away", number=1045), NOON)],
    ids=["away for too long", "refused"],
)
def test_from_the_build_on_a_target_that_cannot_be_looked_at_is_left_to_a_person(
    phase: Phase, error: Any, since: datetime
) -> None:
    there = in_phase(phase)
    ended = move(there, Sight(kill_switch=OFF, look_error=error, unreachable_since=since))
    assert ended == Move(
        event=Event.PERSON_NEEDED,
        fail_reason=FailReason.KILL_SWITCH if there.stop else FailReason.EXECUTION_ERROR,
        message="Look whether the table 'orders' has an index 'idx_customer' with the comment 'executor:run=run-1;…', "
        "and keep it or drop it by hand: the target database can't be looked at: it is away",
        error_message="the target database can't be looked at: it is away",
    )


@pytest.mark.parametrize("phase", FROM_THE_BUILD_ON)
def test_from_the_build_on_patience_is_ten_times_longer(phase: Phase) -> None:
    sight = Sight(kill_switch=OFF, look_error=Unavailable("away"), unreachable_since=after(-600))
    assert decide(in_phase(phase), sight) == Inspect()


ASKS_WITH_A_FREE_TABLE = [Phase.CHECKING, Phase.SAMPLING_BASELINE, Phase.BUILDING]


@pytest.mark.parametrize("phase", [*ASKS_WITH_A_FREE_TABLE, *EXPOSING, Phase.WATCHING])
@pytest.mark.parametrize("reading", [None, STALE, FROM_THE_FUTURE], ids=["never read", "due again", "clock set back"])
def test_a_kill_switch_that_was_not_read_lately_is_read(phase: Phase, reading: KillSwitchReading | None) -> None:
    assert decide(in_phase(phase), Sight(kill_switch=reading, target=CLEAR)) == AskKillSwitch()


@pytest.mark.parametrize("phase", [*ASKS_WITH_A_FREE_TABLE, Phase.BUILT, *EXPOSING, Phase.WATCHING])
@pytest.mark.parametrize("reading_and_sentence", [(ON, ON_SENTENCE), (UNREAD, UNREAD_SENTENCE)], ids=["on", "unread"])
def test_a_switch_that_is_on_or_that_nobody_said_is_off_stops_a_run_wherever_it_is(
    phase: Phase, reading_and_sentence: tuple[KillSwitchReading, str]
) -> None:
    reading, sentence = reading_and_sentence
    facts = CLEAR if phase in ASKS_WITH_A_FREE_TABLE else WITH_OURS
    assert move(in_phase(phase, last_off=None), Sight(kill_switch=reading, target=facts)) == Move(
        event=Event.KILL_SWITCH_ENGAGED,
        fail_reason=FailReason.KILL_SWITCH,
        message=f"Stopped: {sentence}.",
        stop=Stop(reason=FailReason.KILL_SWITCH, sentence=sentence),
        details={"reason": sentence},
    )


@pytest.mark.parametrize("phase", [*ASKS_WITH_A_FREE_TABLE, Phase.BUILT])
def test_right_before_and_right_after_the_build_a_look_that_failed_is_not_bridged(phase: Phase) -> None:
    facts = CLEAR if phase in ASKS_WITH_A_FREE_TABLE else WITH_OURS
    decided = move(in_phase(phase, last_off=NOON), Sight(kill_switch=UNREAD, target=facts))
    assert decided.event is Event.KILL_SWITCH_ENGAGED


@pytest.mark.parametrize(
    ("there", "sight", "action"),
    [
        (
            in_phase(Phase.SAMPLING_BASELINE, baseline=window(next_in=0)),
            Sight(target=CLEAR),
            TakeSample(WindowKind.BASELINE),
        ),
        (in_phase(Phase.BUILDING), Sight(building=True), WatchBuild()),
        (in_phase(Phase.WATCHING, after=window(next_in=0)), Sight(target=WITH_OURS), TakeSample(WindowKind.AFTER)),
        (in_phase(Phase.WATCHING), Sight(target=WITH_OURS), Wait(after(5))),
        (in_phase(Phase.DRAINING), Sight(target=WITH_HIDDEN), Drain()),
        (in_phase(Phase.PUBLISHING), Sight(target=WITH_HIDDEN), Wait(after(5))),
    ],
    ids=[
        "the baseline",
        "a build under way",
        "the after window",
        "a verdict waits for an answer",
        "the drain",
        "the publication waits",
    ],
)
def test_elsewhere_a_look_that_failed_is_bridged_by_the_last_off(there: RunState, sight: Sight, action: Action) -> None:
    sight.kill_switch = UNREAD
    assert decide(there, sight) == action
    too_old = there.model_copy(update={"last_off": after(-15.001)})
    assert move(too_old, sight).event is Event.KILL_SWITCH_ENGAGED


# --- claimed ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "taken_over"),
    [
        (CLEAR, False),
        (WITH_FOREIGN, False),
        (ANOTHER_RUNS, False),
        (UNSEEN_RUNS, False),
        (without_table(), False),
        (WITH_OURS, True),
        (ORPHAN_RUNS, True),
        (without_table(running()), True),
    ],
)
def test_a_claimed_run_is_announced_with_whether_the_database_shows_that_it_had_been_begun(
    facts: TargetFacts, taken_over: bool
) -> None:
    assert move(state(Phase.CLAIMED), Sight(target=facts)) == Move(
        event=Event.RUN_STARTED, details={"taken_over": taken_over}
    )


# --- checking --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", [Phase.CHECKING, Phase.SAMPLING_BASELINE])
@pytest.mark.parametrize(
    ("facts", "build_running"),
    [(WITH_OURS, False), (ORPHAN_RUNS, True), (target(our_index(), running=running("run-2")), False)],
    ids=["an index of ours", "a build of ours", "an index of ours beside another run's build"],
)
def test_what_a_dead_worker_left_is_taken_over_before_anything_else(
    phase: Phase, facts: TargetFacts, build_running: bool
) -> None:
    for reading in (None, OFF, ON, UNREAD):
        assert move(in_phase(phase), Sight(kill_switch=reading, target=facts)) == Move(
            event=Event.BUILD_FOUND, details={"build_running": build_running}
        )


def test_preflight_passes_where_nothing_blocks() -> None:
    assert move(in_phase(Phase.CHECKING), Sight(kill_switch=OFF, target=CLEAR)) == Move(event=Event.PREFLIGHT_PASSED)


def test_a_warning_lets_the_run_go_on() -> None:
    served = target(an_index("idx_same"))
    assert move(in_phase(Phase.CHECKING), Sight(kill_switch=OFF, target=served)).event is Event.PREFLIGHT_PASSED


@pytest.mark.parametrize(
    ("facts", "code", "sentence"),
    [
        (WITH_FOREIGN, "name_taken", TAKEN),
        (target(an_index("idx_same"), an_index()), "name_taken", TAKEN),
        (without_table(), "table_missing", "there is no table 'orders' in this schema"),
        (
            replace(CLEAR, server=server(read_only=True)),
            "read_only",
            "the server is read-only for this account: connect to the primary server",
        ),
    ],
)
def test_a_blocking_finding_ends_the_run_untouched(facts: TargetFacts, code: str, sentence: str) -> None:
    assert move(in_phase(Phase.CHECKING), Sight(kill_switch=OFF, target=facts)) == Move(
        event=Event.PREFLIGHT_REFUSED,
        fail_reason=FailReason.EXECUTION_ERROR,
        message=f"Refused before anything was changed: {sentence}",
        error_message=sentence,
        details={"code": code},
    )


def test_a_finding_that_needs_a_person_asks_for_one() -> None:
    sentence = "error 1845: the table's engine MyISAM can't build an index without a lock: convert it to InnoDB"
    assert move(in_phase(Phase.CHECKING), Sight(kill_switch=OFF, target=target(engine="MyISAM"))) == Move(
        event=Event.PERSON_NEEDED,
        fail_reason=FailReason.EXECUTION_ERROR,
        message=f"Nothing was changed; a person has to act: {sentence}",
        error_message=sentence,
        details={"code": "engine"},
    )


def test_the_kill_switch_is_told_before_any_finding() -> None:
    assert move(in_phase(Phase.CHECKING), Sight(kill_switch=ON, target=WITH_FOREIGN)).event is Event.KILL_SWITCH_ENGAGED


# --- the baseline ----------------------------------------------------------------------------------------------------

SEEN = Sight(kill_switch=OFF, target=CLEAR)


def test_the_baseline_begins_with_the_choice_of_digests() -> None:
    assert decide(in_phase(Phase.SAMPLING_BASELINE, baseline=None), SEEN) == ChooseDigests()


def test_digests_that_cannot_be_chosen_for_too_long_end_the_run() -> None:
    sight = replace(SEEN, look_error=Unavailable("away"), unreachable_since=after(-61))
    assert move(in_phase(Phase.SAMPLING_BASELINE, baseline=None), sight).event is Event.PREFLIGHT_REFUSED


@pytest.mark.parametrize(
    ("phase", "name", "kind", "facts"),
    [
        (Phase.SAMPLING_BASELINE, "baseline", WindowKind.BASELINE, CLEAR),
        (Phase.WATCHING, "after", WindowKind.AFTER, WITH_OURS),
    ],
)
class TestAWindow:
    def test_a_sample_that_is_due_is_taken(self, phase: Phase, name: str, kind: WindowKind, facts: TargetFacts) -> None:
        sight = Sight(kill_switch=OFF, target=facts)
        for due in (0, -1):
            assert decide(in_phase(phase, **{name: window(next_in=due)}), sight) == TakeSample(kind)

    def test_a_sample_that_is_not_due_is_waited_for(
        self, phase: Phase, name: str, kind: WindowKind, facts: TargetFacts
    ) -> None:
        sight = Sight(kill_switch=OFF, target=facts)
        assert decide(in_phase(phase, **{name: window(next_in=3)}), sight) == Wait(after(3))

    def test_but_no_longer_than_to_the_next_look_at_the_kill_switch(
        self, phase: Phase, name: str, kind: WindowKind, facts: TargetFacts
    ) -> None:
        sight = Sight(kill_switch=replace(OFF, at=after(-1)), target=facts)
        assert decide(in_phase(phase, **{name: window(next_in=30)}), sight) == Wait(after(4))

    def test_samples_that_are_refused_end_the_run(
        self, phase: Phase, name: str, kind: WindowKind, facts: TargetFacts
    ) -> None:
        sight = Sight(kill_switch=OFF, target=facts, look_error=Refused("no SELECT privilege", number=1142))
        ended = move(in_phase(phase, **{name: window(next_in=0)}), sight)
        assert ended.fail_reason is FailReason.EXECUTION_ERROR


def test_a_full_baseline_is_assessed_once() -> None:
    assert decide(in_phase(Phase.SAMPLING_BASELINE, baseline=window(next_in=None)), SEEN) == AssessBaseline()


@pytest.mark.parametrize("extended", [seconds(0), PACING.baseline_window], ids=["turned off", "no longer"])
def test_a_baseline_that_cannot_be_extended_is_not_assessed(extended: Any) -> None:
    there = in_phase(Phase.SAMPLING_BASELINE, baseline=window(next_in=None))
    assert move(there, SEEN, pacing=Pacing(extended_window=extended)).event is Event.BASELINE_COLLECTED


def test_a_baseline_that_was_assessed_is_collected() -> None:
    assert move(in_phase(Phase.SAMPLING_BASELINE), SEEN) == Move(event=Event.BASELINE_COLLECTED)


def test_digests_that_the_server_does_not_know_end_the_run_before_the_build() -> None:
    there = in_phase(
        Phase.SAMPLING_BASELINE,
        run=run(query_digests=["digest-1", "digest-2"]),
        digests=(watched("digest-3"), watched("digest-4", DigestRole.CONTROL)),
    )
    assert move(there, SEEN) == Move(
        event=Event.PREFLIGHT_REFUSED,
        fail_reason=FailReason.EXECUTION_ERROR,
        message="Refused before anything was changed: the server knows none of the digests digest-1, digest-2",
        error_message="the server has no statement digest digest-1, digest-2 in this schema: check query_digests",
        details={"code": "digests_unknown"},
    )


@pytest.mark.parametrize(
    ("asked", "known"),
    [
        (["digest-1", "digest-2"], (watched("digest-2"),)),
        (["DIGEST-1"], (watched("digest-1"),)),
        (["digest-1"], (watched("digest-1", DigestRole.WRITE),)),
        ([], (watched("digest-3", DigestRole.CONTROL),)),
        ([], None),
    ],
    ids=["one of two", "another case", "a write", "none asked for", "none at all"],
)
def test_one_digest_that_the_server_knows_is_enough(asked: list[str], known: Any) -> None:
    there = in_phase(Phase.SAMPLING_BASELINE, run=run(query_digests=asked), digests=known)
    assert move(there, SEEN).event is Event.BASELINE_COLLECTED


def test_digests_are_gone_where_none_were_chosen() -> None:
    assert move(in_phase(Phase.SAMPLING_BASELINE, digests=None), SEEN).details == {"code": "digests_unknown"}


# --- the build -------------------------------------------------------------------------------------------------------


def test_a_build_begins_where_the_name_and_the_table_are_free() -> None:
    assert decide(in_phase(Phase.BUILDING), SEEN) == StartBuild()


def test_a_build_of_this_process_is_watched_without_a_look() -> None:
    assert decide(in_phase(Phase.BUILDING), Sight(kill_switch=OFF, building=True)) == WatchBuild()


def test_a_kill_switch_stops_a_build_of_this_process() -> None:
    assert move(in_phase(Phase.BUILDING), Sight(kill_switch=ON, building=True)).event is Event.KILL_SWITCH_ENGAGED


@pytest.mark.parametrize("report", [None, BuildReport(outcome=BuildOutcome.UNKNOWN)], ids=["taken over", "cut off"])
def test_a_build_of_ours_whose_client_died_is_waited_for(report: BuildReport | None) -> None:
    sight = Sight(kill_switch=OFF, target=ORPHAN_RUNS, build=report)
    assert decide(in_phase(Phase.BUILDING), sight) == Wait(NOON + PACING.build_poll, look_again=True)


@pytest.mark.parametrize("outcome", [None, *BuildOutcome])
def test_an_index_of_ours_is_a_finished_build_whatever_was_reported(outcome: BuildOutcome | None) -> None:
    report = None if outcome is None else BuildReport(outcome=outcome)
    sight = Sight(kill_switch=OFF, target=WITH_OURS, build=report)
    assert move(in_phase(Phase.BUILDING), sight) == Move(event=Event.BUILD_FINISHED, details={"build_running": False})


def failed(text: str, number: int | None = None) -> Move:
    return Move(
        event=Event.BUILD_FAILED,
        fail_reason=FailReason.EXECUTION_ERROR,
        message=f"The index was not built: {text}",
        error_message=text,
        details={"error_number": number},
    )


@pytest.mark.parametrize("report", [None, BuildReport(outcome=BuildOutcome.NAME_TAKEN, error_number=1061)])
@pytest.mark.parametrize("facts", [WITH_FOREIGN, WITH_ALTERED], ids=["somebody else's", "altered"])
def test_an_index_of_that_name_that_is_not_ours_is_left_alone(facts: TargetFacts, report: BuildReport | None) -> None:
    assert move(in_phase(Phase.BUILDING), Sight(kill_switch=OFF, target=facts, build=report)) == failed(TAKEN, 1061)


def test_a_table_that_disappeared_ends_the_run() -> None:
    sight = Sight(kill_switch=OFF, target=without_table())
    assert move(in_phase(Phase.BUILDING), sight) == failed("the table disappeared while the index was being built")


@pytest.mark.parametrize(
    ("report", "ended"),
    [
        (
            BuildReport(outcome=BuildOutcome.REFUSED, error_number=1142, error="ALTER command denied"),
            failed("error 1142: ALTER command denied", 1142),
        ),
        (
            BuildReport(outcome=BuildOutcome.REFUSED, error_number=1142, error="(1142, 'denied')"),
            failed("(1142, 'denied')", 1142),
        ),
        (BuildReport(outcome=BuildOutcome.REFUSED), failed("refused")),
        (
            BuildReport(outcome=BuildOutcome.NAME_TAKEN, error_number=1061, error="Duplicate key name"),
            failed("error 1061: Duplicate key name", 1061),
        ),
        (
            BuildReport(outcome=BuildOutcome.STOPPED, error_number=1317, error="interrupted"),
            failed("error 1317: somebody ended our statement on the server", 1317),
        ),
        (
            BuildReport(outcome=BuildOutcome.DONE),
            failed("the server reported the index as built, but it is not there"),
        ),
    ],
)
def test_a_build_that_left_no_index_and_would_not_next_time_ends_the_run(report: BuildReport, ended: Move) -> None:
    assert move(in_phase(Phase.BUILDING), Sight(kill_switch=OFF, target=CLEAR, build=report)) == ended


def test_a_build_that_needs_a_lock_is_left_to_a_person_and_never_tried_with_one() -> None:
    report = BuildReport(outcome=BuildOutcome.NOT_ONLINE, error_number=1846, error="LOCK=NONE is not supported")
    assert move(in_phase(Phase.BUILDING), Sight(kill_switch=OFF, target=CLEAR, build=report)) == Move(
        event=Event.ONLINE_BUILD_REFUSED,
        fail_reason=FailReason.EXECUTION_ERROR,
        message="The server can't build this index online, and nothing stronger is tried: LOCK=NONE is not supported",
        error_message="error 1846: LOCK=NONE is not supported",
        details={"error_number": 1846},
    )


BUSY = [
    (CLEAR, BuildReport(outcome=BuildOutcome.BUSY, error_number=1205, error="lock wait timeout"), "lock wait timeout"),
    (CLEAR, BuildReport(outcome=BuildOutcome.UNKNOWN, error="cut off"), "cut off"),
    (CLEAR, BuildReport(outcome=BuildOutcome.UNKNOWN), "unknown"),
    (ANOTHER_RUNS, None, "another change of ours holds the table's advisory lock"),
    (UNSEEN_RUNS, None, "another change of ours holds the table's advisory lock"),
]


@pytest.mark.parametrize(("facts", "report", "why"), BUSY)
@pytest.mark.parametrize("give_up_at", [None, after(0.001)], ids=["the first time", "patience lasts"])
def test_a_busy_table_is_let_be_for_a_while(
    facts: TargetFacts, report: BuildReport | None, why: str, give_up_at: datetime | None
) -> None:
    sight = Sight(kill_switch=OFF, target=facts, build=report)
    assert decide(in_phase(Phase.BUILDING, give_up_at=give_up_at), sight) == Postpone(why)


@pytest.mark.parametrize(("facts", "report", "why"), BUSY)
def test_a_table_that_stays_busy_is_given_up(facts: TargetFacts, report: BuildReport | None, why: str) -> None:
    number = None if report is None else report.error_number
    text = f"given up after 0:05:00: {why}"
    sight = Sight(kill_switch=OFF, target=facts, build=report)
    ended = move(in_phase(Phase.BUILDING, give_up_at=NOON), sight)
    assert ended == failed(text if number is None else f"error {number}: {text}", number)


LOST = BuildReport(outcome=BuildOutcome.BUSY, error="others queued", elapsed=seconds(600), lost_at_commit=True)


@pytest.mark.parametrize("give_up_at", [after(-599), None])
def test_a_lost_build_costs_no_patience_as_long_as_the_next_one_may_wait_longer(give_up_at: datetime | None) -> None:
    sight = Sight(kill_switch=OFF, target=CLEAR, build=LOST)
    there = in_phase(Phase.BUILDING, give_up_at=give_up_at)
    assert decide(there, sight) == Postpone("others queued", lost_build=True, spared=seconds(600))


@pytest.mark.parametrize(("lost_builds", "give_up_at"), [(0, after(-600)), (1, after(-599))])
def test_otherwise_it_does(lost_builds: int, give_up_at: datetime) -> None:
    sight = Sight(kill_switch=OFF, target=CLEAR, build=LOST)
    there = in_phase(Phase.BUILDING, give_up_at=give_up_at, lost_builds=lost_builds)
    assert move(there, sight) == failed("given up after 0:05:00: others queued", None)


def test_a_build_is_tried_only_so_often() -> None:
    facts, report, why = BUSY[1]
    sight = Sight(kill_switch=OFF, target=facts, build=report)
    there = in_phase(Phase.BUILDING, give_up_at=after(60), tries=2)
    assert decide(there, sight, pacing=Pacing(build_tries=4)) == Postpone(why)
    assert move(there, sight, pacing=Pacing(build_tries=3)) == failed(f"given up after 3 tries: {why}")


LIMITED = Pacing(build_limit=seconds(100))


@pytest.mark.parametrize(
    ("begun_s_ago", "progress", "reason"),
    [
        (101, None, "the build has taken longer than 0:01:40"),
        (30, 0.1, "the build would take much longer than 0:01:40: after 0:00:30, 10% of it was done"),
    ],
    ids=["it has", "it would"],
)
@pytest.mark.parametrize("building", [True, False], ids=["of this process", "of a dead worker"])
def test_a_build_that_takes_too_long_is_stopped(
    begun_s_ago: float, progress: float | None, reason: str, building: bool
) -> None:
    begun = after(-begun_s_ago)
    seen = None if progress is None else Progress(first_at=begun, first=0.0, at=NOON, done=progress)
    sight = Sight(kill_switch=OFF, building=building, target=ORPHAN_RUNS, progress=seen)
    assert move(in_phase(Phase.BUILDING, build_begun_at=begun), sight, pacing=LIMITED) == Move(
        event=Event.BUILD_GIVEN_UP,
        stop=Stop(reason=FailReason.EXECUTION_ERROR, sentence=reason),
        error_message=reason,
        details={"reason": reason},
    )


@pytest.mark.parametrize(
    ("begun_at", "done", "pacing"),
    [(after(-99), 0.9, LIMITED), (None, 0.1, LIMITED), (after(-9999), 0.1, PACING), (after(-99), None, LIMITED)],
    ids=["in time", "whose beginning nobody knows", "without a limit", "whose progress nobody tells"],
)
def test_any_other_build_goes_on(begun_at: datetime | None, done: float | None, pacing: Pacing) -> None:
    seen = None if done is None else Progress(first_at=after(-60), first=0.0, at=NOON, done=done)
    sight = Sight(kill_switch=OFF, building=True, progress=seen)
    assert decide(in_phase(Phase.BUILDING, build_begun_at=begun_at), sight, pacing=pacing) == WatchBuild()


# --- stopping a build ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("building", [True, False], ids=["of this process", "of a dead worker"])
def test_a_build_of_ours_is_ended_on_the_server(building: bool) -> None:
    sight = Sight(target=ORPHAN_RUNS, building=building)
    assert decide(in_phase(Phase.STOPPING_BUILD), sight) == StopBuild(running())


@pytest.mark.parametrize("facts", [CLEAR, WITH_OURS, UNSEEN_RUNS])
def test_the_report_of_a_build_of_this_process_is_waited_for(facts: TargetFacts) -> None:
    assert decide(in_phase(Phase.STOPPING_BUILD), Sight(target=facts, building=True)) == WatchBuild()


def test_a_build_that_was_quicker_is_taken_back() -> None:
    assert move(in_phase(Phase.STOPPING_BUILD), Sight(target=WITH_OURS)) == Move(
        event=Event.BUILD_FINISHED, details={"build_running": False}
    )


def test_a_statement_that_may_be_ours_is_waited_for() -> None:
    sight = Sight(target=UNSEEN_RUNS)
    assert decide(in_phase(Phase.STOPPING_BUILD), sight) == Wait(NOON + PACING.build_poll, look_again=True)


@pytest.mark.parametrize("facts", [CLEAR, WITH_FOREIGN, ANOTHER_RUNS, without_table()])
def test_a_build_that_left_nothing_behind_was_stopped(facts: TargetFacts) -> None:
    assert move(in_phase(Phase.STOPPING_BUILD), Sight(target=facts)) == Move(
        event=Event.BUILD_STOPPED,
        fail_reason=FailReason.KILL_SWITCH,
        message="The build was stopped within 0.0 s and left no index and no lock behind: somebody said so.",
        details={"stopped_within_s": 0.0, "index_is_there": False, "lock_is_held": False},
    )


def test_a_stop_tells_how_long_it_took() -> None:
    stopped = move(in_phase(Phase.STOPPING_BUILD, stopping_since=after(-1.25)), Sight(target=CLEAR))
    assert stopped.details["stopped_within_s"] == 1.25
    assert stopped.message is not None
    assert "within 1.2 s" in stopped.message


def test_a_build_is_only_stopped_for_a_reason() -> None:
    with pytest.raises(AssertionError, match="only stopped for a reason"):
        decide(in_phase(Phase.STOPPING_BUILD, stop=None), Sight(target=CLEAR))


# --- built -----------------------------------------------------------------------------------------------------------


def test_the_kill_switch_is_read_again_after_the_build() -> None:
    assert decide(in_phase(Phase.BUILT), Sight(kill_switch=None, target=WITH_OURS)) == AskKillSwitch()


@pytest.mark.parametrize("before", [None, (PRIMARY,), (PRIMARY, an_index())])
def test_an_index_that_is_as_asked_beside_others_as_they_were_passes(before: Any) -> None:
    there = in_phase(Phase.BUILT, indexes_before=before)
    assert move(there, Sight(kill_switch=OFF, target=WITH_OURS)) == Move(event=Event.POSTCHECK_PASSED)


def surprised(*surprises: str) -> Move:
    sentence = f"the build had an effect that was not asked for: {'; '.join(surprises)}"
    return Move(
        event=Event.POSTCHECK_FAILED,
        stop=Stop(reason=FailReason.EXECUTION_ERROR, sentence=sentence),
        error_message=sentence,
        details={"differences": list(surprises)},
    )


OTHERWISE = target(an_index(INDEX.index_name, "customer_id", "note(9)", comment=str(Marker(RUN_ID, 1))))


@pytest.mark.parametrize(
    ("facts", "before", "surprises"),
    [
        (WITH_OURS, (PRIMARY, an_index("fk", "id")), ["the index 'fk' disappeared"]),
        (OTHERWISE, None, ["the index is not the one asked for: idx_customer (customer_id, note(9))"]),
        (
            OTHERWISE,
            (PRIMARY, an_index("fk", "id")),
            [
                "the index is not the one asked for: idx_customer (customer_id, note(9))",
                "the index 'fk' disappeared",
            ],
        ),
    ],
    ids=["another is gone", "ours came out otherwise", "both"],
)
def test_a_build_with_an_effect_that_was_not_asked_for_is_taken_back(
    facts: TargetFacts, before: Any, surprises: list[str]
) -> None:
    there = in_phase(Phase.BUILT, indexes_before=before)
    assert move(there, Sight(kill_switch=OFF, target=facts)) == surprised(*surprises)


@pytest.mark.parametrize("phase", [Phase.BUILT, *EXPOSING, Phase.WATCHING])
@pytest.mark.parametrize(
    ("facts", "reason", "what"),
    [
        (CLEAR, FailReason.VERIFICATION_FAILED, "is gone"),
        (without_table(), FailReason.VERIFICATION_FAILED, "is gone"),
        (WITH_FOREIGN, FailReason.EXECUTION_ERROR, "was changed"),
        (WITH_ALTERED, FailReason.EXECUTION_ERROR, "was changed"),
    ],
)
def test_an_index_that_somebody_dropped_or_changed_is_not_touched_again(
    phase: Phase, facts: TargetFacts, reason: FailReason, what: str
) -> None:
    assert move(in_phase(phase), Sight(kill_switch=OFF, target=facts)) == Move(
        event=Event.INDEX_LOST,
        fail_reason=reason,
        message=f"The index 'idx_customer' that this run built {what}; somebody else did that, and nothing more was "
        "touched.",
        error_message=f"the index 'idx_customer' {what}",
    )


@pytest.mark.parametrize("ordered", [True, None], ids=["by this state", "by a predecessor without a record"])
def test_a_hidden_index_goes_on_to_be_drained(ordered: bool | None) -> None:
    there = in_phase(Phase.BUILT, hidden=ordered)
    assert move(there, Sight(kill_switch=OFF, target=WITH_HIDDEN)) == Move(event=Event.DRAIN_BEGUN)


@pytest.mark.parametrize(
    ("facts", "hidden", "surprise"),
    [
        (WITH_OURS, True, "the index is visible, and was not ordered so"),
        (WITH_HIDDEN, False, "the index is hidden, and was not ordered so"),
    ],
)
def test_an_index_that_is_not_as_visible_as_it_was_ordered_is_taken_back(
    facts: TargetFacts, hidden: bool, surprise: str
) -> None:
    assert move(in_phase(Phase.BUILT, hidden=hidden), Sight(kill_switch=OFF, target=facts)) == surprised(surprise)


# --- draining --------------------------------------------------------------------------------------------------------


def draining(remaining: dict[str, str] | None, **changes: Any) -> RunState:
    return in_phase(Phase.DRAINING, draining=remaining, **changes)


def hidden_sight(**changes: Any) -> Sight:
    return Sight(**({"kill_switch": OFF, "target": WITH_HIDDEN} | changes))


@pytest.mark.parametrize(
    ("remaining", "drained_at"), [(None, None), (None, NOON), ({"7": "t"}, after(-1)), ({"7": "t"}, after(1))]
)
def test_open_transactions_are_looked_at_twice_a_second(
    remaining: dict[str, str] | None, drained_at: datetime | None
) -> None:
    assert decide(draining(remaining), hidden_sight(drained_at=drained_at)) == Drain()


def test_transactions_that_are_left_are_waited_for() -> None:
    assert decide(draining({"7": "t"}), hidden_sight(drained_at=after(-0.2))) == Wait(after(0.3))


def test_but_no_longer_than_to_the_next_look_at_the_switch() -> None:
    sight = hidden_sight(drained_at=NOON, kill_switch=replace(OFF, at=after(-4.8)))
    assert decide(draining({"7": "t"}), sight) == Wait(after(0.2))


@pytest.mark.parametrize("facts", [WITH_HIDDEN, WITH_OURS], ids=["none is left", "somebody has published it"])
def test_a_drain_ends_where_there_is_nothing_to_wait_for(facts: TargetFacts) -> None:
    remaining = {} if facts is WITH_HIDDEN else {"7": "t"}
    assert move(draining(remaining), hidden_sight(target=facts)) == Move(event=Event.DRAIN_FINISHED)


@pytest.mark.parametrize(
    ("remaining", "some"),
    [
        ({"7": "one"}, "a transaction (one) was"),
        ({"7": "one", "8": "two"}, "2 transactions (one; two) were"),
        ({str(n): f"t{n}" for n in range(5)}, "5 transactions (t0; t1; t2 and 2 more) were"),
    ],
)
def test_transactions_that_stay_for_too_long_cost_the_index(remaining: dict[str, str], some: str) -> None:
    sentence = (
        f"after 0:10:00, {some} still open that had begun before the index was built, and that publishing it could "
        "have broken with error 1412"
    )
    assert move(draining(remaining, give_up_at=NOON), hidden_sight(drained_at=NOON)) == Move(
        event=Event.DRAIN_FAILED,
        stop=Stop(reason=FailReason.EXECUTION_ERROR, sentence=sentence),
        error_message=sentence,
    )


def test_transactions_that_cannot_be_seen_any_more_cost_the_index() -> None:
    sentence = "open transactions can't be seen any more: denied"
    assert move(draining({"7": "t"}), hidden_sight(drain_error=Refused("denied"))) == Move(
        event=Event.DRAIN_FAILED,
        stop=Stop(reason=FailReason.EXECUTION_ERROR, sentence=sentence),
        error_message=sentence,
    )


# --- publishing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("useful", "asked_at", "give_up_at"),
    [
        (None, None, None),
        (None, NOON, after(9)),
        (False, None, after(9)),
        (False, NOON, None),
        (False, after(-10), after(9)),
        (False, after(1), after(9)),
        (False, after(-1), NOON),
    ],
    ids=["never", "by another phase", "by another process", "before a restart", "due again", "set back", "at the end"],
)
def test_the_optimizer_is_asked_before_the_publication(
    useful: bool | None, asked_at: datetime | None, give_up_at: datetime | None
) -> None:
    there = in_phase(Phase.PUBLISHING, useful=useful, give_up_at=give_up_at)
    assert decide(there, hidden_sight(foreseen_at=asked_at)) == ForeseePlans()


@pytest.mark.parametrize(("give_up_at", "until"), [(after(90), after(5)), (after(2), after(2))])
def test_an_index_that_nobody_would_use_yet_waits(give_up_at: datetime, until: datetime) -> None:
    there = in_phase(Phase.PUBLISHING, useful=False, give_up_at=give_up_at)
    assert decide(there, hidden_sight(foreseen_at=NOON)) == Wait(until)


def test_a_useful_index_is_published() -> None:
    assert decide(in_phase(Phase.PUBLISHING, useful=True), hidden_sight()) == PublishIndex()


def test_an_index_that_nobody_would_use_is_taken_back() -> None:
    decided = move(in_phase(Phase.PUBLISHING, useful=False, give_up_at=NOON), hidden_sight(foreseen_at=NOON))
    assert (decided.event, decided.error_message) == (Event.INDEX_UNUSED, None)
    assert decided.stop is not None
    assert decided.stop.reason is FailReason.VERIFICATION_FAILED
    assert "an index that nobody uses only costs" in decided.stop.sentence


def test_an_index_that_is_seen_is_published_whatever_was_answered() -> None:
    sight = hidden_sight(target=WITH_OURS, publish_error=OutcomeUnknown("cut off"))
    assert move(in_phase(Phase.PUBLISHING, useful=True), sight) == Move(event=Event.INDEX_PUBLISHED)


@pytest.mark.parametrize("error", [Unavailable("busy"), OutcomeUnknown("cut off")])
@pytest.mark.parametrize("give_up_at", [None, after(1)])
def test_a_publication_that_may_succeed_next_time_is_tried_again(error: Any, give_up_at: datetime | None) -> None:
    there = in_phase(Phase.PUBLISHING, useful=True, give_up_at=give_up_at)
    assert decide(there, hidden_sight(publish_error=error)) == Postpone(str(error))


@pytest.mark.parametrize(
    ("error", "give_up_at"), [(Refused("denied", number=1142), after(9)), (Unavailable("busy"), NOON)]
)
def test_a_publication_that_fails_for_good_takes_the_index_back(error: Any, give_up_at: datetime) -> None:
    there = in_phase(Phase.PUBLISHING, useful=True, give_up_at=give_up_at)
    sentence = f"the index could not be published: {error}"
    assert move(there, hidden_sight(publish_error=error)) == Move(
        event=Event.PUBLISH_FAILED,
        stop=Stop(reason=FailReason.EXECUTION_ERROR, sentence=sentence),
        error_message=sentence,
    )


# --- watching --------------------------------------------------------------------------------------------------------


def verdict(status: VerificationStatus, *, extend: bool = False) -> Verdict:
    return Verdict(status=status, message="So it was found.", extend=extend)


@pytest.mark.parametrize(
    ("extended", "pacing", "final"),
    [
        (False, PACING, False),
        (True, PACING, True),
        (False, Pacing(extended_window=seconds(0)), True),
        (False, Pacing(extended_window=PACING.after_window), True),
    ],
    ids=["an early look", "the extended window", "no extension", "an extension that adds nothing"],
)
def test_a_full_window_is_judged(extended: bool, pacing: Pacing, final: bool) -> None:
    there = in_phase(Phase.WATCHING, after=window(next_in=None, extended=extended))
    sight = Sight(kill_switch=OFF, target=WITH_OURS)
    assert decide(there, sight, pacing=pacing) == Judge(final=final)


@pytest.mark.parametrize(
    ("look_in", "engaged", "expected"),
    [
        (0, False, Judge(final=False, interim=True)),
        (1, False, Wait(after(2))),
        (0, True, Wait(after(2))),
        (None, False, Wait(after(2))),
    ],
    ids=["due", "not yet", "the switch can't be read", "a window without such looks"],
)
def test_between_two_samples_gross_harm_is_looked_for(look_in: int | None, engaged: bool, expected: Action) -> None:
    due = None if look_in is None else after(look_in)
    there = in_phase(Phase.WATCHING, after=window(next_in=2).model_copy(update={"next_look_at": due}))
    switch = UNREAD if engaged else OFF
    assert decide(there, Sight(kill_switch=switch, target=WITH_OURS)) == expected


def test_a_sample_that_is_due_comes_before_the_look() -> None:
    there = in_phase(Phase.WATCHING, after=window(next_in=0).model_copy(update={"next_look_at": NOON}))
    assert decide(there, Sight(kill_switch=OFF, target=WITH_OURS)) == TakeSample(WindowKind.AFTER)


def test_a_verdict_that_asks_for_more_is_reached_again_at_the_end_of_the_longer_window() -> None:
    early = verdict(VerificationStatus.INCONCLUSIVE, extend=True)
    sight = Sight(kill_switch=OFF, target=WITH_OURS)
    sampling = in_phase(Phase.WATCHING, verdict=early, after=window(next_in=0, extended=True))
    assert decide(sampling, sight) == TakeSample(WindowKind.AFTER)
    full = in_phase(Phase.WATCHING, verdict=early, after=window(next_in=None, extended=True))
    assert decide(full, sight) == Judge(final=True)


@pytest.mark.parametrize(
    ("status", "decided"),
    [
        (
            VerificationStatus.SUCCESS,
            Move(event=Event.VERIFICATION_SUCCEEDED, message="So it was found."),
        ),
        (
            VerificationStatus.INCONCLUSIVE,
            Move(event=Event.VERIFICATION_INCONCLUSIVE, message="So it was found."),
        ),
        (
            VerificationStatus.FAILED,
            Move(
                event=Event.VERIFICATION_FAILED,
                stop=Stop(reason=FailReason.VERIFICATION_FAILED, sentence="So it was found."),
            ),
        ),
    ],
)
def test_a_verdict_is_an_event(status: VerificationStatus, decided: Move) -> None:
    assert move(in_phase(Phase.WATCHING, verdict=verdict(status)), Sight()) == decided


def test_watching_begins_with_its_window() -> None:
    with pytest.raises(AssertionError, match="watching begins with its window"):
        decide(in_phase(Phase.WATCHING, after=None), Sight(kill_switch=OFF))


# --- rolling back ----------------------------------------------------------------------------------------------------


def test_an_index_of_ours_is_dropped() -> None:
    assert decide(in_phase(Phase.ROLLING_BACK), Sight(target=WITH_OURS)) == DropIndex()


def test_an_index_of_ours_that_came_out_otherwise_is_dropped_too() -> None:
    assert decide(in_phase(Phase.ROLLING_BACK), Sight(target=OTHERWISE)) == DropIndex()


@pytest.mark.parametrize("error", [None, OutcomeUnknown("cut off"), Unavailable("busy"), Refused("gone", number=1091)])
@pytest.mark.parametrize("facts", [CLEAR, without_table()], ids=["no index", "no table"])
def test_an_index_that_is_not_there_any_more_was_taken_back_whatever_was_answered(
    facts: TargetFacts, error: Any
) -> None:
    there = in_phase(Phase.ROLLING_BACK, error_message="what went wrong before")
    assert move(there, Sight(target=facts, drop_error=error)) == Move(
        event=Event.INDEX_DROPPED,
        fail_reason=FailReason.KILL_SWITCH,
        message="The index was taken back: somebody said so.",
        error_message="what went wrong before",
    )


@pytest.mark.parametrize("facts", [WITH_FOREIGN, WITH_ALTERED], ids=["somebody else's", "altered"])
def test_an_index_that_is_not_ours_is_left_to_a_person(facts: TargetFacts) -> None:
    why = "an index of that name is there, but it is not the one that this run built"
    assert move(in_phase(Phase.ROLLING_BACK), Sight(target=facts)) == Move(
        event=Event.PERSON_NEEDED,
        fail_reason=FailReason.KILL_SWITCH,
        message="Look whether the table 'orders' has an index 'idx_customer' with the comment 'executor:run=run-1;…', "
        f"and keep it or drop it by hand: {why}",
        error_message=why,
    )


@pytest.mark.parametrize("give_up_at", [None, after(0.001)], ids=["the first time", "patience lasts"])
@pytest.mark.parametrize("error", [Unavailable("busy"), OutcomeUnknown("cut off")], ids=["busy", "unknown"])
def test_a_drop_that_may_succeed_next_time_is_tried_again(error: Any, give_up_at: datetime | None) -> None:
    there = in_phase(Phase.ROLLING_BACK, give_up_at=give_up_at)
    assert decide(there, Sight(target=WITH_OURS, drop_error=error)) == Postpone(str(error))


@pytest.mark.parametrize(
    ("error", "give_up_at", "text"),
    [
        (Refused("denied", number=1142), None, "error 1142: denied"),
        (Refused("it is not ours"), after(60), "it is not ours"),
        (Unavailable("busy"), NOON, "busy"),
        (OutcomeUnknown("cut off"), after(-1), "cut off"),
    ],
    ids=["refused", "refused by the adapter", "busy for too long", "unknown for too long"],
)
@pytest.mark.parametrize(
    ("facts", "seen"),
    [(WITH_OURS, "still used by queries"), (WITH_HIDDEN, "hidden from the optimizer, so that no query uses it")],
    ids=["visible", "hidden"],
)
def test_a_drop_that_fails_for_good_leaves_word_for_a_person(
    error: Any, give_up_at: datetime | None, text: str, facts: TargetFacts, seen: str
) -> None:
    there = in_phase(Phase.ROLLING_BACK, give_up_at=give_up_at)
    assert move(there, Sight(target=facts, drop_error=error)) == Move(
        event=Event.DROP_FAILED,
        fail_reason=FailReason.EXECUTION_ERROR,
        message="The index 'idx_customer' should have been taken back (somebody said so), but dropping it failed and "
        f"it is still there, {seen}: {error}. Drop it by hand, with the rollback record's statement.",
        error_message=text,
        details={"visible": facts is WITH_OURS},
    )


def test_an_index_that_is_needed_by_now_is_left_to_a_person() -> None:
    error = StillNeeded("a foreign key needs it", number=1553)
    decided = move(in_phase(Phase.ROLLING_BACK), Sight(target=WITH_HIDDEN, drop_error=error))
    assert (decided.event, decided.fail_reason) == (Event.PERSON_NEEDED, FailReason.EXECUTION_ERROR)
    assert decided.error_message == "error 1553: a foreign key needs it"
    assert decided.message is not None
    assert "Give the foreign key that needs it another index, then drop it by hand" in decided.message


def test_a_rollback_has_a_reason() -> None:
    with pytest.raises(AssertionError, match="a rollback has a reason"):
        decide(in_phase(Phase.ROLLING_BACK, stop=None), Sight(target=WITH_OURS))


# --- everything at once ----------------------------------------------------------------------------------------------

ERRORS = st.sampled_from([None, Unavailable("away"), Refused("no", number=1142), OutcomeUnknown("cut off")])
INSTANTS = st.none() | st.integers(-700, 10).map(after)
REPORTS = st.sampled_from([None, *(BuildReport(outcome=outcome, error_number=1) for outcome in BuildOutcome)])
WINDOWS = st.sampled_from(
    [window(next_in=None), window(next_in=0), window(next_in=9), window(next_in=None, extended=True)]
)

SIGHTS = st.builds(
    Sight,
    kill_switch=st.sampled_from([None, OFF, ON, UNREAD, STALE]),
    target=st.sampled_from(
        [
            None,
            CLEAR,
            WITH_OURS,
            WITH_HIDDEN,
            WITH_FOREIGN,
            WITH_ALTERED,
            OTHERWISE,
            ORPHAN_RUNS,
            UNSEEN_RUNS,
            without_table(),
        ]
    ),
    build=REPORTS,
    building=st.booleans(),
    look_error=ERRORS,
    unreachable_since=INSTANTS,
    drained_at=INSTANTS,
    drain_error=st.sampled_from([None, Refused("no", number=1142)]),
    foreseen_at=INSTANTS,
    publish_error=ERRORS,
    drop_error=ERRORS,
)
STATES = st.builds(
    in_phase,
    st.sampled_from([phase for phase in Phase if phase not in TERMINAL_PHASES]),
    stop=st.just(stop()),
    last_off=INSTANTS,
    built_at=INSTANTS,
    hidden=st.none() | st.booleans(),
    draining=st.sampled_from([None, {}, {"7": "t"}]),
    useful=st.none() | st.booleans(),
    give_up_at=INSTANTS,
    baseline=st.none() | WINDOWS,
    after=WINDOWS,
    verdict=st.none() | st.builds(verdict, st.sampled_from(VerificationStatus), extend=st.booleans()),
    indexes_before=st.sampled_from([None, (PRIMARY,), (PRIMARY, an_index("fk", "id"))]),
)


@given(there=STATES, sight=SIGHTS)
def test_whatever_is_seen_the_same_is_decided_again_and_nothing_is_changed(there: RunState, sight: Sight) -> None:
    seen, stored = deepcopy(sight), there.model_copy(deep=True)
    action = decide(there, sight)
    assert decide(there, sight) == action
    assert repr(sight) == repr(seen)
    assert there == stored


@given(there=STATES, sight=SIGHTS)
def test_whatever_is_seen_every_move_is_in_the_table_and_says_why_it_ends_the_run(
    there: RunState, sight: Sight
) -> None:
    action = decide(there, sight)
    if isinstance(action, Move):
        there = there.model_copy(update={"rollback": None})
        if there.phase is not Phase.ROLLING_BACK:  # its record is made on the way in
            ended = moved(there, action, INDEX, "shop", NOON, PACING).state
            if ended.finished:
                assert ended.message
                assert (ended.fail_reason is None) == (ended.status is ExecutionStatus.COMPLETED)
        assert (there.phase, action.event) in TRANSITIONS


@given(there=STATES, sight=SIGHTS)
def test_no_wait_is_in_the_past(there: RunState, sight: Sight) -> None:
    action = decide(there, sight)
    assert not isinstance(action, Wait) or action.until > NOON


@given(there=STATES, sight=SIGHTS)
def test_nothing_is_built_or_dropped_but_on_sight_of_a_free_name_or_an_index_of_ours(
    there: RunState, sight: Sight
) -> None:
    match decide(there, sight):
        case StartBuild():
            assert sight.target == CLEAR
            assert sight.kill_switch == OFF
        case PublishIndex():
            assert sight.target == WITH_HIDDEN
            assert there.phase is Phase.PUBLISHING
        case DropIndex():
            assert sight.target in (WITH_OURS, WITH_HIDDEN, OTHERWISE)
        case StopBuild(change):
            assert change.marker is not None
            assert change.marker.run_id == RUN_ID


@pytest.mark.parametrize("phase", [Phase.BUILT, Phase.DRAINING, Phase.PUBLISHING, Phase.WATCHING])
def test_a_statement_of_ours_that_could_bring_back_a_lost_index_is_awaited_first(phase: Phase) -> None:
    assert decide(in_phase(phase), Sight(kill_switch=OFF, target=ORPHAN_RUNS)) == Wait(
        NOON + PACING.build_poll, look_again=True
    )


def test_a_statement_of_ours_that_could_bring_back_what_was_taken_back_is_stopped() -> None:
    assert decide(in_phase(Phase.ROLLING_BACK), Sight(target=ORPHAN_RUNS)) == StopBuild(running())
