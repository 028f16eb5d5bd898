"""Reconciliation: every combination of record, database and control plane has one next step, and none does harm."""

from dataclasses import replace
from itertools import product

import pytest
from tests.unit.executor_core.facts import INDEX, RUN_ID

from executor_adapters.memory import FakeWorld
from executor_core.ddl import Marker
from executor_core.lifecycle import TERMINAL_PHASES, TRANSITIONS, Event, Phase
from executor_core.model import RunId
from executor_core.reconciliation import (
    FOUND,
    Authority,
    Next,
    There,
    next_step,
    reconciliation_table,
    what_is_there,
)
from executor_core.target import IndexFacts, RunningChange, TargetFacts

EVERYTHING = list(product(Phase, There, Authority))
UNDER_WAY = [phase for phase in Phase if phase not in TERMINAL_PHASES]
OURS = (There.INDEX, There.INDEX_AND_STATEMENT)


def test_every_combination_has_a_step() -> None:
    assert set(FOUND) == set(Phase)
    assert all(set(found) == set(There) for found in FOUND.values())
    assert all(isinstance(next_step(*combination), Next) for combination in EVERYTHING)


@pytest.mark.parametrize(
    ("authority", "step"),
    [
        (Authority.REFUSED, Next.LEAVE),
        (Authority.UNKNOWN, Next.LEAVE),
        (Authority.LOST, Next.END_OWN_STATEMENT),
    ],
)
def test_without_the_right_to_act_nothing_is_touched(authority: Authority, step: Next) -> None:
    assert {next_step(phase, there, authority) for phase, there in product(UNDER_WAY, There)} == {step}


def test_a_run_that_is_over_is_told_and_nothing_else_whatever_anybody_says() -> None:
    over = product(TERMINAL_PHASES, There, Authority)
    assert {next_step(*combination) for combination in over} == {Next.TELL_THE_END}


def granted(step: Next) -> set[tuple[Phase, There]]:
    return {pair for pair in product(Phase, There) if next_step(*pair, Authority.GRANTED) is step}


def test_only_an_index_of_ours_is_ever_dropped_and_only_while_rolling_back() -> None:
    assert granted(Next.DROP) == set(product([Phase.ROLLING_BACK], OURS))


def test_only_a_statement_of_ours_is_ever_stopped() -> None:
    stopped = granted(Next.STOP_STATEMENT)
    assert {there for _, there in stopped} <= {There.STATEMENT, There.INDEX_AND_STATEMENT}
    assert {phase for phase, _ in stopped} == {Phase.STOPPING_BUILD, Phase.ROLLING_BACK}


def test_no_run_ends_while_a_statement_of_its_own_could_still_bring_an_index() -> None:
    ends = {
        Next.TABLE_IS_GONE,
        Next.NAME_IS_TAKEN,
        Next.COUNT_AS_STOPPED,
        Next.COUNT_AS_DROPPED,
        Next.INDEX_IS_LOST,
        Next.ASK_A_PERSON,
    }
    assert not ends & {FOUND[phase][There.STATEMENT] for phase in UNDER_WAY}


def test_a_build_begins_only_where_neither_an_index_nor_a_statement_is_there() -> None:
    assert {there for there in There if FOUND[Phase.BUILDING][there] is Next.GO_ON} == {There.NOTHING}


def test_what_a_dead_worker_has_begun_is_taken_over_by_one_without_its_record() -> None:
    for phase, there in product((Phase.CHECKING, Phase.SAMPLING_BASELINE), (*OURS, There.STATEMENT)):
        assert FOUND[phase][there] is Next.TAKE_OVER
        assert TRANSITIONS[phase, Event.BUILD_FOUND] is Phase.BUILDING


def test_nothing_is_decided_on_what_nobody_has_seen() -> None:
    assert {FOUND[phase][There.UNSEEN] for phase in UNDER_WAY if phase is not Phase.SCHEDULED} == {Next.LOOK}


EVENTS = {
    Next.TAKE_OVER: Event.BUILD_FOUND,
    Next.COUNT_AS_BUILT: Event.BUILD_FINISHED,
    Next.TABLE_IS_GONE: Event.BUILD_FAILED,
    Next.NAME_IS_TAKEN: Event.BUILD_FAILED,
    Next.COUNT_AS_STOPPED: Event.BUILD_STOPPED,
    Next.COUNT_AS_DROPPED: Event.INDEX_DROPPED,
    Next.INDEX_IS_LOST: Event.INDEX_LOST,
    Next.ASK_A_PERSON: Event.PERSON_NEEDED,
}


@pytest.mark.parametrize(("phase", "there"), list(product(UNDER_WAY, There)))
def test_every_step_that_is_an_event_may_happen_in_its_phase(phase: Phase, there: There) -> None:
    event = EVENTS.get(FOUND[phase][there])
    assert event is None or (phase, event) in TRANSITIONS


# --- what is there ---------------------------------------------------------------------------------------------------

WORLD = FakeWorld()
NOTHING = TargetFacts(server=WORLD.server.facts(), table=WORLD.server.table("orders"))
STATEMENT = RunningChange(connection_id=7, marker=Marker(RUN_ID, 2))
ANOTHERS = RunningChange(connection_id=7, marker=Marker(RunId("run-2"), 1))
UNKNOWN = RunningChange(connection_id=7, marker=None)


def with_index(facts: TargetFacts, comment: str) -> TargetFacts:
    assert facts.table is not None
    built = IndexFacts(
        name=INDEX.index_name.upper(), key_parts=INDEX.key_parts, unique=False, kind="BTREE", comment=comment
    )
    return replace(facts, table=replace(facts.table, indexes=(*facts.table.indexes, built)))


@pytest.mark.parametrize(
    ("facts", "there"),
    [
        (None, There.UNSEEN),
        (NOTHING, There.NOTHING),
        (replace(NOTHING, running=STATEMENT), There.STATEMENT),
        (replace(NOTHING, table=None, running=STATEMENT), There.STATEMENT),
        (with_index(NOTHING, str(Marker(RUN_ID, 1))), There.INDEX),
        (replace(with_index(NOTHING, str(Marker(RUN_ID, 1))), running=STATEMENT), There.INDEX_AND_STATEMENT),
        (replace(with_index(NOTHING, str(Marker(RUN_ID, 1))), running=ANOTHERS), There.INDEX),
        (with_index(NOTHING, "theirs"), There.ANOTHER_INDEX),
        (with_index(NOTHING, str(Marker(RunId("run-2"), 1))), There.ANOTHER_INDEX),
        (replace(NOTHING, table=None), There.NO_TABLE),
        (replace(NOTHING, running=UNKNOWN), There.UNKNOWN_STATEMENT),
        (replace(NOTHING, running=ANOTHERS), There.ANOTHER_STATEMENT),
    ],
)
def test_a_look_shows(facts: TargetFacts | None, there: There) -> None:
    assert what_is_there(facts, INDEX, RUN_ID) is there


def test_the_table_in_the_documents_has_a_row_for_each_phase() -> None:
    rows = reconciliation_table().splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == [str(phase) for phase in FOUND]
