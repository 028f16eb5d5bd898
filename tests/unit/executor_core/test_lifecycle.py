"""The table of phases and events: total, without a way back from an end, and without a way to forget an index."""

from collections.abc import Iterable
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor_core.errors import IllegalTransition
from executor_core.lifecycle import (
    BY_HAND,
    STATUS,
    STATUS_TRANSITIONS,
    STATUS_TRANSITIONS_BY_HAND,
    TERMINAL_PHASES,
    TERMINAL_STATUSES,
    TRANSITIONS,
    Event,
    Phase,
    next_phase,
    state_diagram,
)
from executor_core.model import ExecutionStatus

WITH_AN_INDEX_OF_OURS = {Phase.BUILT, Phase.DRAINING, Phase.PUBLISHING, Phase.WATCHING, Phase.ROLLING_BACK}
UNDER_WAY = set(Phase) - TERMINAL_PHASES


def reachable(starts: Iterable[Phase]) -> set[Phase]:
    found, more = set(starts), list(starts)
    while more:
        here = more.pop()
        for event in Event:
            there = TRANSITIONS.get((here, event))
            if there is not None and there not in found:
                found.add(there)
                more.append(there)
    return found


@pytest.mark.parametrize(("phase", "event"), list(product(Phase, Event)))
def test_every_event_in_every_phase_leads_where_the_table_says_or_is_illegal(phase: Phase, event: Event) -> None:
    if (phase, event) in TRANSITIONS:
        assert next_phase(phase, event) is TRANSITIONS[phase, event]
    else:
        with pytest.raises(IllegalTransition) as illegal:
            next_phase(phase, event)
        assert str(illegal.value) == f"{event} can't happen to a run that is {phase}"


@given(st.lists(st.sampled_from(Event), max_size=60))
def test_a_run_that_any_events_befall_goes_by_the_table_and_stays_at_its_end(events: list[Event]) -> None:
    phase = Phase.SCHEDULED
    for event in events:
        try:
            phase_after = next_phase(phase, event)
        except IllegalTransition:
            continue
        assert phase not in TERMINAL_PHASES
        assert phase_after is not phase
        phase = phase_after


@given(st.data())
def test_a_run_that_only_legal_events_befall_comes_to_an_end_within_the_number_of_phases(data: st.DataObject) -> None:
    phase = Phase.SCHEDULED
    for _ in Phase:
        if phase in TERMINAL_PHASES:
            return
        phase = next_phase(phase, data.draw(st.sampled_from([e for p, e in TRANSITIONS if p is phase])))
    assert phase in TERMINAL_PHASES


def test_the_terminal_phases_are_those_that_the_table_never_leaves() -> None:
    assert {Phase.COMPLETED, Phase.FAILED, Phase.ROLLED_BACK, Phase.REQUIRES_MANUAL} == TERMINAL_PHASES


def test_every_phase_can_be_reached() -> None:
    assert reachable([Phase.SCHEDULED]) == set(Phase)


@pytest.mark.parametrize("phase", UNDER_WAY)
def test_every_run_under_way_can_come_to_an_end(phase: Phase) -> None:
    assert reachable([phase]) & TERMINAL_PHASES


def test_every_event_happens_somewhere() -> None:
    assert {event for _, event in TRANSITIONS} == set(Event)


def test_with_an_index_of_ours_a_run_fails_only_if_its_drop_failed_or_the_index_is_lost() -> None:
    ways_to_fail = {
        (phase, event)
        for (phase, event), after in TRANSITIONS.items()
        if phase in WITH_AN_INDEX_OF_OURS and after is Phase.FAILED
    }
    assert ways_to_fail == {
        (Phase.BUILT, Event.INDEX_LOST),
        (Phase.DRAINING, Event.INDEX_LOST),
        (Phase.PUBLISHING, Event.INDEX_LOST),
        (Phase.WATCHING, Event.INDEX_LOST),
        (Phase.ROLLING_BACK, Event.DROP_FAILED),
    }


def test_an_index_of_ours_is_never_forgotten() -> None:
    assert reachable(WITH_AN_INDEX_OF_OURS) <= WITH_AN_INDEX_OF_OURS | TERMINAL_PHASES


def test_only_a_drop_leads_to_rolled_back_and_only_a_verdict_to_completed() -> None:
    ways = {after: set() for after in TERMINAL_PHASES}  # type: dict[Phase, set[Event]]
    for (_, event), after in TRANSITIONS.items():
        ways.setdefault(after, set()).add(event)
    assert ways[Phase.ROLLED_BACK] == {Event.INDEX_DROPPED}
    assert ways[Phase.COMPLETED] == {Event.VERIFICATION_SUCCEEDED, Event.VERIFICATION_INCONCLUSIVE}


def test_an_inconclusive_verification_never_takes_the_index_back() -> None:
    assert {after for (_, event), after in TRANSITIONS.items() if event is Event.VERIFICATION_INCONCLUSIVE} == {
        Phase.COMPLETED
    }


@pytest.mark.parametrize(
    ("phase", "after"),
    [
        (Phase.CHECKING, Phase.FAILED),
        (Phase.SAMPLING_BASELINE, Phase.FAILED),
        (Phase.BUILDING, Phase.STOPPING_BUILD),
        (Phase.BUILT, Phase.ROLLING_BACK),
        (Phase.DRAINING, Phase.ROLLING_BACK),
        (Phase.PUBLISHING, Phase.ROLLING_BACK),
        (Phase.WATCHING, Phase.ROLLING_BACK),
    ],
)
def test_the_kill_switch_stops_a_run_wherever_it_is(phase: Phase, after: Phase) -> None:
    assert next_phase(phase, Event.KILL_SWITCH_ENGAGED) is after


@pytest.mark.parametrize("phase", WITH_AN_INDEX_OF_OURS | {Phase.BUILDING, Phase.STOPPING_BUILD})
def test_a_person_can_be_asked_wherever_there_may_be_an_index_of_ours(phase: Phase) -> None:
    assert next_phase(phase, Event.PERSON_NEEDED) is Phase.REQUIRES_MANUAL


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        TRANSITIONS[Phase.COMPLETED, Event.INDEX_LOST] = Phase.FAILED  # type: ignore[index]


def test_every_phase_has_one_status() -> None:
    assert set(STATUS) == set(Phase)
    assert set(STATUS.values()) == set(ExecutionStatus)


def test_a_status_is_terminal_exactly_if_its_phases_are() -> None:
    assert {
        ExecutionStatus.COMPLETED,
        ExecutionStatus.FAILED,
        ExecutionStatus.ROLLED_BACK,
        ExecutionStatus.REQUIRES_MANUAL,
    } == TERMINAL_STATUSES
    assert {STATUS[phase] for phase in UNDER_WAY} == {ExecutionStatus.SCHEDULED, ExecutionStatus.RUNNING}


def test_the_status_changes_that_a_control_plane_may_see() -> None:
    scheduled, running = ExecutionStatus.SCHEDULED, ExecutionStatus.RUNNING
    assert {(scheduled, running), (scheduled, ExecutionStatus.FAILED)} | {
        (running, terminal) for terminal in TERMINAL_STATUSES
    } == STATUS_TRANSITIONS


def test_a_person_can_take_back_what_has_ended_and_nothing_else() -> None:
    assert {(phase, after) for (phase, _), after in BY_HAND.items()} == {
        (phase, Phase.ROLLED_BACK) for phase in TERMINAL_PHASES - {Phase.ROLLED_BACK}
    }
    assert {event for _, event in BY_HAND} == {Event.INDEX_DROPPED}
    assert not BY_HAND.keys() & TRANSITIONS.keys()


def test_what_a_person_does_is_no_status_change_of_a_worker() -> None:
    assert {
        (status, ExecutionStatus.ROLLED_BACK) for status in TERMINAL_STATUSES - {ExecutionStatus.ROLLED_BACK}
    } == STATUS_TRANSITIONS_BY_HAND
    assert not STATUS_TRANSITIONS_BY_HAND & STATUS_TRANSITIONS


def test_the_diagram_shows_the_whole_table() -> None:
    first, *lines = state_diagram().splitlines()
    shown = {
        (Phase(before), Event(event), Phase(after))
        for line in lines
        if ": " in line
        for before, after in [line.strip().partition(": ")[0].split(" --> ")]
        for event in line.partition(": ")[2].split(", ")
    }
    assert first == "stateDiagram-v2"
    assert shown == {(before, event, after) for (before, event), after in TRANSITIONS.items()}


def test_the_diagram_has_one_line_for_each_pair_of_phases() -> None:
    arrows = [line.partition(": ")[0] for line in state_diagram().splitlines()]
    assert len(arrows) == len(set(arrows))


def test_the_diagram_begins_and_ends() -> None:
    lines = [line.strip() for line in state_diagram().splitlines()]
    assert lines[1] == "[*] --> scheduled"
    assert {line for line in lines if line.endswith("--> [*]")} == {f"{phase} --> [*]" for phase in TERMINAL_PHASES}


def test_a_hidden_index_is_watched_only_once_it_was_published() -> None:
    into = {(phase, event) for (phase, event), after in TRANSITIONS.items() if after is Phase.WATCHING}
    assert into == {(Phase.BUILT, Event.POSTCHECK_PASSED), (Phase.PUBLISHING, Event.INDEX_PUBLISHED)}
    into = {(phase, event) for (phase, event), after in TRANSITIONS.items() if after is Phase.PUBLISHING}
    assert into == {(Phase.DRAINING, Event.DRAIN_FINISHED)}
