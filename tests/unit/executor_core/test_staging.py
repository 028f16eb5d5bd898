"""A hidden index through the engine, on the fakes: drained, asked about, published, and taken back where it must be."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from tests.unit.executor_core.engine_world import SHORT, Process, entered

from executor_adapters.memory import Cost, FakeWorld, MemoryJournal, Query
from executor_core.carrying import Finished, Rules, Waiting
from executor_core.errors import OutcomeUnknown, Refused, Unavailable
from executor_core.exposure import Exposure
from executor_core.lifecycle import Phase
from executor_core.model import ConnectionId, ExecutionRun, ExecutionStatus, FailReason, RunId

NAME = "idx_customer_id"
DIRECT = Rules(pacing=SHORT.pacing, exposure=Exposure.DIRECT)
NO_PLANS_BUT_OURS = Query(
    text="SELECT * FROM `orders` WHERE `note` = ?",
    per_second=20,
    cost=Cost(latency=timedelta(milliseconds=5), rows_examined=100),
    table="orders",
)
"""A read of the table that no index on `customer_id` helps."""


def end(step: object) -> tuple[ExecutionStatus, FailReason | None]:
    assert isinstance(step, Finished), step
    return step.state.status, step.state.fail_reason


def visible(world: FakeWorld) -> bool | None:
    index = world.server.indexes("orders").get(NAME)
    return None if index is None else index.visible


def published(world: FakeWorld) -> int:
    return sum(" VISIBLE," in statement for statement in world.server.statements)


@contextmanager
def draining(world: FakeWorld, rules: Rules = SHORT) -> Generator[tuple[Process, ExecutionRun]]:
    """A run that waits, its index hidden, for a transaction that stays open until the end."""
    run = world.run("customer_id")
    process = Process(world, rules=rules)
    process.carry(run, until=entered(Phase.BUILDING))
    with world.server.open_transaction():
        step = process.carry(run, until=entered(Phase.DRAINING))
        assert isinstance(step, Waiting)
        yield process, run


def publishing(world: FakeWorld) -> tuple[Process, ExecutionRun]:
    """A run that would publish its index, and finds the table busy whenever it tries."""
    run = world.run("customer_id")
    process = Process(world, rules=SHORT)
    process.carry(run, until=entered(Phase.BUILDING))
    process.database.fail("publish_index", Unavailable("busy"))
    step = process.carry(run, until=lambda step: step.state.phase is Phase.PUBLISHING and step.state.tries == 1)
    assert isinstance(step, Waiting)
    return process, run


# --- draining --------------------------------------------------------------------------------------------------------


def test_an_old_transaction_delays_the_publication_and_a_young_one_does_not() -> None:
    world = FakeWorld()
    with draining(world) as (process, run), world.server.open_transaction():
        step = process.carry(run, until=lambda step: step.state.give_up_at is not None)
        assert isinstance(step, Waiting)
        assert step.state.draining is not None
        assert len(step.state.draining) == 1
        until = world.clock.now() + timedelta(minutes=1)
        process.carry(run, until=lambda _: world.clock.now() >= until)
        assert visible(world) is False
    with world.server.open_transaction():
        assert end(process.carry(run)) == (ExecutionStatus.COMPLETED, None)
    assert visible(world) is True
    assert published(world) == 1


def test_open_transactions_are_asked_for_no_faster_than_twice_a_second() -> None:
    world = FakeWorld()
    with draining(world) as (process, run):
        looks: list[timedelta] = []
        process.database.on("open_transactions", lambda: looks.append(world.clock.monotonic()))
        until = world.clock.now() + timedelta(seconds=30)
        process.carry(run, until=lambda _: world.clock.now() >= until)
    assert 30 < len(looks) <= 61
    assert all(later - sooner >= timedelta(seconds=0.5) for sooner, later in pairwise(looks))


def test_the_after_window_begins_when_the_index_is_published() -> None:
    world = FakeWorld()
    with draining(world) as (process, run):
        until = world.clock.now() + timedelta(minutes=2)
        process.carry(run, until=lambda _: world.clock.now() >= until)
    step = process.carry(run, until=entered(Phase.WATCHING))
    assert isinstance(step, Waiting)
    assert step.state.after is not None
    assert step.state.built_at is not None
    assert step.state.after.begins_at - step.state.built_at > timedelta(minutes=2)


def test_a_transaction_that_stays_costs_the_index_and_is_named() -> None:
    world = FakeWorld()
    with draining(world) as (process, run):
        step = process.carry(run)
    assert end(step) == (ExecutionStatus.ROLLED_BACK, FailReason.EXECUTION_ERROR)
    assert isinstance(step, Finished)
    assert "REPEATABLE READ of app@localhost" in str(step.state.message)
    assert visible(world) is None
    assert published(world) == 0


def test_a_kill_switch_in_the_drain_takes_the_index_back_within_seconds() -> None:
    world = FakeWorld()
    with draining(world) as (process, run):
        world.control_plane.set_kill_switch(active=True, connection_id=ConnectionId("shop"), reason="incident")
        since = world.clock.now()
        assert end(process.carry(run)) == (ExecutionStatus.ROLLED_BACK, FailReason.KILL_SWITCH)
        assert world.clock.now() - since < timedelta(seconds=10)


def test_a_look_that_fails_now_is_repeated() -> None:
    world = FakeWorld()
    with draining(world) as (process, run):
        process.database.fail("open_transactions", Unavailable("too busy"), times=3)
        process.carry(run, until=lambda step: step.state.give_up_at is not None)
    assert end(process.carry(run)) == (ExecutionStatus.COMPLETED, None)


@pytest.mark.parametrize("error", [Refused("denied", number=1227), OutcomeUnknown("cut off")])
def test_transactions_that_cannot_be_seen_any_more_cost_the_index(error: Refused | OutcomeUnknown) -> None:
    world = FakeWorld()
    with draining(world) as (process, run):
        process.database.fail("open_transactions", error)
        assert end(process.carry(run)) == (ExecutionStatus.ROLLED_BACK, FailReason.EXECUTION_ERROR)


@pytest.mark.parametrize("same_journal", [True, False], ids=["same-state", "no-state"])
def test_a_successor_drains_on_with_the_transactions_that_it_sees(same_journal: bool) -> None:
    world = FakeWorld()
    with draining(world) as (first, run):
        first.die()
        world.clock.advance(timedelta(minutes=5))
        second = Process(world, "worker-2", rules=SHORT, journal=None if same_journal else MemoryJournal())
        step = second.carry(run, until=lambda step: bool(step.state.draining))
        assert isinstance(step, Waiting)
        assert visible(world) is False
    assert end(second.carry(run)) == (ExecutionStatus.COMPLETED, None)
    assert (visible(world), published(world)) == (True, 1)


def test_an_index_that_somebody_drops_while_it_is_hidden_is_lost() -> None:
    world = FakeWorld()
    with draining(world) as (process, run):
        world.server.remove_index("orders", NAME)
    assert end(process.carry(run)) == (ExecutionStatus.FAILED, FailReason.VERIFICATION_FAILED)


def test_an_idle_transaction_is_ended_where_the_operator_wants_that_and_is_named() -> None:
    world = FakeWorld()
    rules = replace(SHORT, pacing=replace(SHORT.pacing, end_idle_transactions=timedelta(minutes=1)))
    with draining(world, rules) as (process, run):
        assert end(process.carry(run)) == (ExecutionStatus.COMPLETED, None)
    (told,) = [entry for entry in world.control_plane.audit if entry["action"] == "idle_transaction_ended"]
    assert "app@localhost" in told["details"]["session"]
    assert told["details"]["idle_for_at_least_s"] == 60


def test_a_transaction_that_cannot_be_ended_is_waited_for() -> None:
    world = FakeWorld()
    rules = replace(SHORT, pacing=replace(SHORT.pacing, end_idle_transactions=timedelta(minutes=1)))
    with draining(world, rules) as (process, run):
        process.database.fail("end_idle_transactions", Unavailable("too busy"))
        until = world.clock.now() + timedelta(minutes=3)
        process.carry(run, until=lambda _: world.clock.now() >= until)
    assert end(process.carry(run)) == (ExecutionStatus.COMPLETED, None)
    assert "idle_transaction_ended" not in world.control_plane.actions(RunId(run.id))


# --- publishing ------------------------------------------------------------------------------------------------------


def test_a_busy_table_delays_the_publication() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world, rules=SHORT)
    process.carry(run, until=entered(Phase.BUILDING))
    process.database.fail("publish_index", Unavailable("lock wait timeout"), times=3)
    assert end(process.carry(run)) == (ExecutionStatus.COMPLETED, None)
    actions = world.control_plane.actions(RunId(run.id))
    assert [actions.count(name) for name in ("publish_started", "publish_postponed", "index_published")] == [4, 3, 1]


def test_a_publication_is_written_down_before_it_is_tried() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world, rules=SHORT)
    told: list[str] = []
    pending = world.journal.pending
    process.database.on("publish_index", lambda: told.extend(entry.body["action"] for entry in pending(RunId(run.id))))
    process.carry(run)
    assert told == ["publish_started"]


@pytest.mark.parametrize("happened", [True, False])
def test_a_lost_answer_to_the_publication_is_looked_into(happened: bool) -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world, rules=SHORT)
    process.database.lose_connection("publish_index", happened=happened)
    assert end(process.carry(run)) == (ExecutionStatus.COMPLETED, None)
    assert (visible(world), published(world)) == (True, 1)


@pytest.mark.parametrize("error", [Refused("denied", number=1142), Unavailable("busy")])
def test_an_index_that_cannot_be_published_is_taken_back(error: Refused | Unavailable) -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world, rules=SHORT)
    process.database.fail("publish_index", error)
    step = process.carry(run)
    assert end(step) == (ExecutionStatus.ROLLED_BACK, FailReason.EXECUTION_ERROR)
    assert isinstance(step, Finished)
    assert "could not be published" in str(step.state.error_message)
    assert visible(world) is None


def test_a_kill_switch_before_the_publication_takes_the_index_back() -> None:
    world = FakeWorld()
    process, run = publishing(world)
    world.control_plane.set_kill_switch(active=True, connection_id=ConnectionId("shop"), reason="incident")
    assert end(process.carry(run)) == (ExecutionStatus.ROLLED_BACK, FailReason.KILL_SWITCH)
    assert published(world) == 0


# --- what the optimizer says -----------------------------------------------------------------------------------------


def useless(world: FakeWorld, query: Query = NO_PLANS_BUT_OURS) -> ExecutionRun:
    """A run for a statement that its index does not help."""
    world.server.add_query(query)
    world.clock.advance(timedelta(minutes=1))
    return world.run("customer_id").model_copy(update={"query_digests": (query.digest,)})


def test_an_index_that_no_statement_would_use_is_never_published() -> None:
    world = FakeWorld()
    step = Process(world, rules=SHORT).carry(useless(world))
    assert end(step) == (ExecutionStatus.ROLLED_BACK, FailReason.VERIFICATION_FAILED)
    assert isinstance(step, Finished)
    assert "an index that nobody uses only costs" in str(step.state.message)
    assert step.state.verdict is not None
    assert published(world) == 0


def test_an_index_that_is_useless_at_first_may_be_found_useful() -> None:
    world = FakeWorld()
    run = useless(world)
    process = Process(world, rules=SHORT)
    process.carry(run, until=lambda step: step.state.useful is False)
    helped = Cost(latency=timedelta(milliseconds=1), rows_examined=1)
    world.server.add_query(replace(NO_PLANS_BUT_OURS, indexed={"customer_id": helped}))
    assert end(process.carry(run)) == (ExecutionStatus.COMPLETED, None)
    assert published(world) == 1


def test_a_kill_switch_while_an_index_is_useless_takes_it_back_for_its_own_reason() -> None:
    world = FakeWorld()
    run = useless(world)
    process = Process(world, rules=SHORT)
    process.carry(run, until=lambda step: step.state.useful is False)
    world.control_plane.set_kill_switch(active=True, connection_id=ConnectionId("shop"), reason="incident")
    assert end(process.carry(run)) == (ExecutionStatus.ROLLED_BACK, FailReason.KILL_SWITCH)


def test_statements_that_cannot_be_explained_speak_against_nothing() -> None:
    world = FakeWorld()
    run = useless(world, replace(NO_PLANS_BUT_OURS, explainable=False))
    assert isinstance(Process(world, rules=SHORT).carry(run), Finished)
    assert published(world) == 1


def test_an_optimizer_that_cannot_be_asked_speaks_against_nothing() -> None:
    world = FakeWorld()
    process = Process(world, rules=SHORT)
    process.database.fail("plans_using", Unavailable("too busy"), times=1)
    assert isinstance(process.carry(useless(world)), Finished)
    assert published(world) == 1


def test_statements_that_ran_too_rarely_to_be_judged_speak_against_nothing() -> None:
    world = FakeWorld()
    run = useless(world, replace(NO_PLANS_BUT_OURS, per_second=0.05))
    assert isinstance(Process(world, rules=SHORT).carry(run), Finished)
    assert published(world) == 1


def test_statements_that_ran_too_rarely_since_the_build_speak_against_nothing() -> None:
    world = FakeWorld()
    run = useless(world)
    process = Process(world, rules=SHORT)
    process.carry(run, until=entered(Phase.BUILDING))
    world.server.add_query(replace(NO_PLANS_BUT_OURS, per_second=0.05))
    assert end(process.carry(run)) == (ExecutionStatus.COMPLETED, None)
    assert published(world) == 1


def test_one_statement_that_cannot_be_explained_may_be_the_one_that_the_index_is_for() -> None:
    world = FakeWorld()
    run = useless(world)
    other = replace(NO_PLANS_BUT_OURS, text="SELECT * FROM `orders` WHERE `kind` = ?", explainable=False)
    world.server.add_query(other)
    run = run.model_copy(update={"query_digests": (*run.query_digests, other.digest)})
    assert isinstance(Process(world, rules=SHORT).carry(run), Finished)
    assert published(world) == 1


@pytest.mark.parametrize("columns", ["customer_id", "status"])
def test_without_digests_of_the_run_nothing_speaks_against_the_index(columns: str) -> None:
    world = FakeWorld()
    run = world.run(columns).model_copy(update={"query_digests": ()})
    assert isinstance(Process(world, rules=SHORT).carry(run), Finished)
    assert published(world) == 1


def test_without_counters_since_the_build_nothing_speaks_against_the_index() -> None:
    world = FakeWorld()
    run = useless(world)
    process = Process(world, rules=SHORT)
    process.carry(run, until=entered(Phase.BUILDING))
    process.database.fail("snapshot", Unavailable("too busy"))
    process.carry(run, until=entered(Phase.WATCHING))
    process.database.faults.heal()
    assert end(process.carry(run)) == (ExecutionStatus.COMPLETED, None)
    assert published(world) == 1


def test_a_server_that_cannot_be_read_while_the_index_is_hidden_speaks_against_nothing() -> None:
    world = FakeWorld()
    run = useless(world)
    process = Process(world, rules=SHORT)
    process.carry(run, until=lambda step: step.state.useful is False)
    process.database.fail("plans_using", Unavailable("too busy"))
    assert isinstance(process.carry(run), Finished)
    assert published(world) == 1


def test_a_successor_without_a_record_has_no_baseline_to_speak_against_the_index() -> None:
    world = FakeWorld()
    with draining(world) as (first, run):
        first.die()
        world.clock.advance(timedelta(minutes=5))
    second = Process(world, "worker-2", rules=SHORT, journal=MemoryJournal())
    assert end(second.carry(run)) == (ExecutionStatus.COMPLETED, None)


# --- direct ----------------------------------------------------------------------------------------------------------


def direct_warnings(world: FakeWorld) -> list[str]:
    return [
        entry["details"]["sentence"]
        for entry in world.control_plane.audit
        if entry["action"] == "preflight_warning" and entry["details"]["code"] == "direct_exposure"
    ]


def test_whoever_asks_for_direct_exposure_gets_it_and_is_warned() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    assert end(Process(world, rules=DIRECT).carry(run)) == (ExecutionStatus.COMPLETED, None)
    assert "drain_started" not in world.control_plane.actions(RunId(run.id))
    assert len(world.server.statements) == 1
    assert len(direct_warnings(world)) == 1


def test_an_account_that_cannot_see_transactions_exposes_directly_and_is_warned() -> None:
    world = FakeWorld()
    world.server.can_stage = False
    run = world.run("customer_id")
    assert end(Process(world, rules=SHORT).carry(run)) == (ExecutionStatus.COMPLETED, None)
    assert "drain_started" not in world.control_plane.actions(RunId(run.id))
    assert "staged exposure needs" in direct_warnings(world)[0]


def test_what_was_ordered_once_is_ordered_again() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world, rules=SHORT)
    process.carry(run, until=entered(Phase.SAMPLING_BASELINE))
    with world.server.holding_lock("orders"):
        process.carry(run, until=lambda step: step.state.phase is Phase.BUILDING and step.state.tries == 1)
        world.server.can_stage = False
    step = process.carry(run, until=entered(Phase.DRAINING))
    assert end(step if isinstance(step, Finished) else process.carry(run)) == (
        ExecutionStatus.ROLLED_BACK,
        FailReason.EXECUTION_ERROR,
    )
    assert all("INVISIBLE" in statement for statement in world.server.statements if "ADD INDEX" in statement)
