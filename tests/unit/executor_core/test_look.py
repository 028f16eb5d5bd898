"""What one process sees of a run, and what it means whatever the phase."""

from dataclasses import replace
from datetime import datetime

import pytest
from tests.unit.executor_core.facts import (
    INDEX,
    NOON,
    RUN_ID,
    after,
    an_index,
    our_index,
    running,
    state,
    target,
    without_table,
)

from executor_core.actions import Inspect
from executor_core.errors import OutcomeUnknown, Refused, Unavailable
from executor_core.kill_switch import KillSwitchAnswer, KillSwitchReading
from executor_core.lifecycle import Event, Phase
from executor_core.look import OUTAGE_FACTOR_WITH_INDEX, Look, Sight
from executor_core.pacing import Pacing
from executor_core.target import IndexFacts, TargetFacts

PACING = Pacing()
OFF = KillSwitchReading(at=NOON, answer=KillSwitchAnswer(global_active=False, connection_active=False))
UNREAD = KillSwitchReading(at=NOON, answer=None, error="timed out")
FOREIGN = an_index(comment="made by hand")
MAY_HAVE_AN_INDEX = [
    Phase.BUILDING,
    Phase.STOPPING_BUILD,
    Phase.BUILT,
    Phase.DRAINING,
    Phase.PUBLISHING,
    Phase.WATCHING,
    Phase.ROLLING_BACK,
]


def look(
    sight: Sight | None = None, *, phase: Phase = Phase.CHECKING, now: datetime = NOON, last_off: datetime | None = None
) -> Look:
    return Look(state(phase, last_off=last_off), INDEX, sight or Sight(), now, PACING)


def test_a_process_begins_with_nothing_seen() -> None:
    assert Sight() == Sight(
        kill_switch=None,
        target=None,
        build=None,
        building=False,
        look_error=None,
        unreachable_since=None,
        drop_error=None,
    )


@pytest.mark.parametrize(
    ("facts", "named", "ours"),
    [
        (target(), None, None),
        (without_table(), None, None),
        (target(an_index("idx_other")), None, None),
        (target(FOREIGN), FOREIGN, None),
        (target(our_index()), our_index(), our_index()),
    ],
    ids=["no index", "no table", "another name", "somebody else's", "ours"],
)
def test_an_index_is_ours_by_its_marker_and_not_by_its_name(
    facts: TargetFacts, named: IndexFacts | None, ours: IndexFacts | None
) -> None:
    assert look().named(facts) == named
    assert look().ours(facts) == ours


@pytest.mark.parametrize(("run_id", "ours"), [(RUN_ID, True), ("run-2", False), (None, False)])
def test_a_build_is_ours_by_its_marker(run_id: str | None, ours: bool) -> None:
    facts = target(running=running(run_id))
    assert look().runs_ours(facts) is ours
    assert look().found(facts) == {"build_running": ours}


def test_where_nothing_runs_no_build_is_ours() -> None:
    assert not look().runs_ours(target())


@pytest.mark.parametrize(("age", "usable"), [(0, True), (4.999, True), (5, False), (60, False), (-0.001, False)])
def test_a_reading_of_the_kill_switch_is_used_until_it_is_due_again(age: float, usable: bool) -> None:
    reading = replace(OFF, at=after(-age))
    assert look(Sight(kill_switch=reading)).reading() == (reading if usable else None)


def test_a_kill_switch_that_was_never_read_has_no_reading() -> None:
    assert look().reading() is None


@pytest.mark.parametrize(("last_off", "stopped"), [(None, True), (after(-15.001), True), (after(-15), False)])
def test_a_look_that_failed_stops_unless_the_last_off_is_trusted(last_off: datetime | None, stopped: bool) -> None:
    demanded = look(last_off=last_off).stopped(UNREAD)
    assert (demanded is not None) is stopped
    assert demanded is None or demanded.event is Event.KILL_SWITCH_ENGAGED


@pytest.mark.parametrize("error", [None, Unavailable("away"), OutcomeUnknown("cut off")])
@pytest.mark.parametrize(
    ("phase", "patience"),
    [
        *((phase, PACING.outage_patience) for phase in (Phase.CLAIMED, Phase.CHECKING, Phase.SAMPLING_BASELINE)),
        *((phase, PACING.outage_patience * OUTAGE_FACTOR_WITH_INDEX) for phase in MAY_HAVE_AN_INDEX),
    ],
)
def test_patience_is_longer_where_there_may_be_an_index_of_ours(error: object, phase: Phase, patience: object) -> None:
    sight = Sight(look_error=error, unreachable_since=NOON)  # type: ignore[arg-type]
    last = NOON + patience  # type: ignore[operator]
    assert look(sight, phase=phase, now=last).inspect() == Inspect()
    ended = look(sight, phase=phase, now=last.replace(microsecond=1)).blind()
    assert ended is not None
    assert ended.event is (Event.PERSON_NEEDED if phase in MAY_HAVE_AN_INDEX else Event.PREFLIGHT_REFUSED)


@pytest.mark.parametrize("phase", [Phase.CLAIMED, *MAY_HAVE_AN_INDEX])
def test_a_look_that_is_refused_is_not_repeated(phase: Phase) -> None:
    refused = look(Sight(look_error=Refused("access denied", number=1045)), phase=phase)
    assert refused.blind() is not None
    assert refused.inspect() == refused.blind()


def test_a_person_is_told_where_to_look_and_what_for() -> None:
    asked = look(phase=Phase.WATCHING).ask_a_person("it can't be reached")
    assert asked.message == (
        "Look whether the table 'orders' has an index 'idx_customer' with the comment 'executor:run=run-1;…', "
        "and keep it or drop it by hand: it can't be reached"
    )
