"""A run through the engine, on the fakes: the specification's cases, and what else can happen to a run."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from pytest_mock import MockerFixture
from tests.unit.executor_core.engine_world import SHORT, Process, entered

from executor_adapters.memory import Cost, FakeControlPlane, FakeWorld, MemoryJournal, Query
from executor_core.carrying import Finished, Interrupted, NotClaimed, Rules, Waiting
from executor_core.delivery import Flushed
from executor_core.engine import Engine
from executor_core.errors import CheckpointUnusable, ExecutorError, LeaseLost, OutcomeUnknown, Refused, Unavailable
from executor_core.evidence import Evidence
from executor_core.kill_switch import KillSwitchReading
from executor_core.lease import Claim
from executor_core.model import (
    ConnectionId,
    ExecutionRun,
    ExecutionStatus,
    FailReason,
    RollbackStatus,
    RunId,
    WorkerId,
)
from executor_core.pacing import Pacing
from executor_core.state import WindowKind
from executor_core.surroundings import Account, Privilege
from executor_core.switchboard import look_at_switch
from executor_core.target import RunningChange
from executor_core.tenure import Tenure
from executor_core.verification import verify_evidence

CONNECTION = ConnectionId("shop")


def end(step: object) -> tuple[ExecutionStatus, FailReason | None]:
    assert isinstance(step, Finished), step
    return step.state.status, step.state.fail_reason


def indexes(world: FakeWorld) -> set[str]:
    return set(world.server.indexes("orders"))


def additions(world: FakeWorld) -> list[str]:
    return [statement for statement in world.server.statements if "ADD INDEX" in statement]


def switch_on(world: FakeWorld) -> None:
    world.control_plane.set_kill_switch(active=True, connection_id=CONNECTION, reason="incident")


# --- the acceptance cases --------------------------------------------------------------------------------------------


def test_a_helpful_index_completes() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    step = Process(world).carry(run)
    assert end(step) == (ExecutionStatus.COMPLETED, None)
    assert "idx_customer_id" in indexes(world)
    assert world.control_plane.run(RunId(run.id)).status == ExecutionStatus.COMPLETED
    assert world.control_plane.actions(RunId(run.id)) == [
        "run_claimed",
        "status_change",
        "baseline_metrics_collected",
        "build_started",
        "index_added",
        "drain_started",
        "drain_completed",
        "publish_started",
        "index_published",
        "after_metrics_collected",
        "verification_completed",
        "status_change",
    ]
    assert isinstance(step, Finished)
    assert step.undelivered == 0
    assert step.state.evidence is not None


def test_tc01_the_second_worker_touches_nothing() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    first, second = Process(world, "worker-1"), Process(world, "worker-2")
    first.carry(run, until=entered("sampling_baseline"))
    refused = second.carry(run)
    assert isinstance(refused, NotClaimed)
    assert world.control_plane.actions(RunId(run.id))[-1] == "claim_failed"
    assert end(first.carry(run)) == (ExecutionStatus.COMPLETED, None)
    assert len(additions(world)) == 1


def test_tc02_a_kill_switch_before_the_start() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    switch_on(world)
    assert end(Process(world).carry(run)) == (ExecutionStatus.FAILED, FailReason.KILL_SWITCH)
    assert world.server.statements == []
    assert "kill_switch_engaged" in world.control_plane.actions(RunId(run.id))


def test_tc03_a_kill_switch_after_the_index_was_added() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    world.control_plane.on("audit", lambda: _when_added(world, run.id))
    assert end(Process(world).carry(run)) == (ExecutionStatus.ROLLED_BACK, FailReason.KILL_SWITCH)
    assert indexes(world) == {"PRIMARY"}
    assert [record["status"] for record in world.control_plane.rollbacks] == ["completed"]
    assert world.control_plane.rollbacks[0]["trigger_reason"] == "kill_switch"


def _when_added(world: FakeWorld, run_id: str) -> None:
    if "index_added" in world.control_plane.actions(RunId(run_id)):
        switch_on(world)


def test_tc06_a_harmful_index_is_taken_back() -> None:
    world = FakeWorld()
    run = world.run("status")
    assert end(Process(world).carry(run)) == (ExecutionStatus.ROLLED_BACK, FailReason.VERIFICATION_FAILED)
    assert indexes(world) == {"PRIMARY"}
    assert [record["status"] for record in world.control_plane.rollbacks] == ["completed"]


def test_tc07_a_rollback_that_fails_leaves_word_for_a_person() -> None:
    world = FakeWorld()
    run = world.run("status")
    process = Process(world)
    process.database.fail("drop_index", Refused("ALTER command denied", number=1142))
    step = process.carry(run)
    assert end(step) == (ExecutionStatus.FAILED, FailReason.EXECUTION_ERROR)
    assert "idx_status" in indexes(world)
    assert [record["status"] for record in world.control_plane.rollbacks] == ["failed"]
    assert "rollback_failed" in world.control_plane.actions(RunId(run.id))
    assert isinstance(step, Finished)
    assert step.state.rollback is not None
    assert step.state.rollback.status is RollbackStatus.FAILED
    assert "by hand" in str(step.state.message)
    assert "1142" in str(step.state.error_message)


@pytest.mark.parametrize("error", [Unavailable("HTTP 500"), Unavailable("timed out"), Refused("no", number=403)])
def test_tc09_a_kill_switch_that_cannot_be_read_is_active(error: Unavailable | Refused) -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    world.control_plane.fail("kill_switch", error)
    assert end(Process(world).carry(run)) == (ExecutionStatus.FAILED, FailReason.KILL_SWITCH)
    assert world.server.statements == []


# --- before the build ------------------------------------------------------------------------------------------------


def test_an_action_out_of_scope_is_refused_without_a_claim() -> None:
    world = FakeWorld()
    run = world.run("customer_id").model_copy(update={"action": "DROP_TABLE"})
    assert end(Process(world).carry(run)) == (ExecutionStatus.FAILED, FailReason.OUT_OF_SCOPE)
    assert world.control_plane.actions(RunId(run.id)) == ["scope_refused", "status_change"]
    assert world.server.statements == []


def test_a_missing_column_ends_the_run_untouched() -> None:
    world = FakeWorld()
    run = world.run("nowhere")
    step = Process(world).carry(run)
    assert end(step) == (ExecutionStatus.FAILED, FailReason.EXECUTION_ERROR)
    assert isinstance(step, Finished)
    assert "no column 'nowhere'" in str(step.state.error_message)
    assert world.server.statements == []


def test_digests_that_are_too_rare_for_any_window_are_warned_of() -> None:
    world = FakeWorld()
    rare = Query(
        text="SELECT `rare`", per_second=0.002, cost=Cost(latency=timedelta(1), rows_examined=9), table="orders"
    )
    world.server.add_query(rare)
    world.clock.advance(timedelta(hours=1))
    run = world.run("customer_id").model_copy(update={"query_digests": (rare.digest,)})
    Process(world).carry(run)
    warnings = [entry["details"] for entry in world.control_plane.audit if entry["action"] == "preflight_warning"]
    assert [warning["code"] for warning in warnings] == ["undecidable"]


def test_digests_that_the_server_does_not_know_end_the_run_before_the_build() -> None:
    world = FakeWorld()
    run = world.run("customer_id").model_copy(update={"query_digests": ("f" * 64,)})
    step = Process(world, rules=SHORT).carry(run)
    assert end(step) == (ExecutionStatus.FAILED, FailReason.EXECUTION_ERROR)
    assert isinstance(step, Finished)
    assert "query_digests" in str(step.state.error_message)
    assert world.server.statements == []


def test_a_target_that_cannot_be_reached_ends_the_run_after_a_while() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world)
    process.database.fail("inspect", Unavailable("connection refused"))
    assert end(process.carry(run)) == (ExecutionStatus.FAILED, FailReason.EXECUTION_ERROR)
    assert world.server.statements == []


def test_a_target_that_comes_back_is_waited_for() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world, rules=SHORT)
    for call in ("inspect", "choose_digests", "snapshot"):
        process.database.fail(call, Unavailable("connection refused"), times=3)
    assert end(process.carry(run)) == (ExecutionStatus.COMPLETED, None)


@pytest.mark.parametrize("call", ["choose_digests", "snapshot"])
def test_statistics_that_cannot_be_read_end_the_run_after_a_while(call: str) -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world, rules=SHORT)
    process.database.fail(call, Unavailable("too busy"))
    assert end(process.carry(run)) == (ExecutionStatus.FAILED, FailReason.EXECUTION_ERROR)
    assert world.server.statements == []


def test_a_privilege_that_is_missing_is_seen_before_the_build() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world)
    process.database.fail("choose_digests", Refused("SELECT denied on performance_schema", number=1142))
    step = process.carry(run)
    assert end(step) == (ExecutionStatus.FAILED, FailReason.EXECUTION_ERROR)
    assert world.server.statements == []


# --- the build -------------------------------------------------------------------------------------------------------


def test_an_index_of_that_name_that_is_somebody_elses_is_left_alone() -> None:
    world = FakeWorld()
    world.server.add_index("orders", "idx_customer_id", ["customer_id"])
    run = world.run("customer_id")
    step = Process(world).carry(run)
    assert end(step) == (ExecutionStatus.FAILED, FailReason.EXECUTION_ERROR)
    assert isinstance(step, Finished)
    assert "1061" in str(step.state.error_message)
    assert "idx_customer_id" in indexes(world)
    assert world.server.statements == []


def test_a_busy_table_is_tried_again() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world, rules=SHORT)
    process.carry(run, until=entered("sampling_baseline"))
    with world.server.holding_lock("orders"):
        process.carry(run, until=lambda step: step.state.phase == "building" and step.state.tries == 2)
    assert end(process.carry(run)) == (ExecutionStatus.COMPLETED, None)
    assert world.control_plane.actions(RunId(run.id)).count("build_postponed") >= 2


def test_a_table_that_stays_busy_is_given_up() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world, rules=SHORT)
    process.carry(run, until=entered("sampling_baseline"))
    with world.server.holding_lock("orders"):
        step = process.carry(run)
    assert end(step) == (ExecutionStatus.FAILED, FailReason.EXECUTION_ERROR)
    assert indexes(world) == {"PRIMARY"}


def test_a_build_that_was_lost_at_its_commit_is_worth_a_longer_wait_the_next_time() -> None:
    """Each commit comes when a transaction has just begun: the usual budget would be too short for ever."""
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world, rules=SHORT)
    world.server.build_time = timedelta(seconds=1.2)
    process.carry(run, until=entered("sampling_baseline"))
    with world.server.short_transactions("orders", held=timedelta(seconds=0.5), free=timedelta(milliseconds=20)):
        step = process.carry(run)
    assert end(step) == (ExecutionStatus.COMPLETED, None)
    assert isinstance(step, Finished)
    assert step.state.lost_builds == 1
    assert step.state.built_at is not None
    entered_at = [n.at for n in world.observer.notices if n.name == "phase.entered" and n.fields["phase"] == "building"]
    assert step.state.built_at - entered_at[0] < timedelta(minutes=1)


def test_a_ceiling_that_is_too_low_for_the_application_loses_every_build() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    rules = replace(SHORT, pacing=replace(SHORT.pacing, commit_lock_wait=timedelta(0)))
    process = Process(world, rules=rules)
    world.server.build_time = timedelta(seconds=1.2)
    process.carry(run, until=entered("sampling_baseline"))
    with world.server.short_transactions("orders", held=timedelta(seconds=0.5), free=timedelta(milliseconds=20)):
        step = process.carry(run)
    assert end(step) == (ExecutionStatus.FAILED, FailReason.EXECUTION_ERROR)
    assert isinstance(step, Finished)
    assert step.state.lost_builds > 2
    assert indexes(world) == {"PRIMARY"}


def test_a_table_that_another_change_holds_is_given_up_without_a_statement() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world, rules=SHORT)
    process.carry(run, until=entered("sampling_baseline"))
    with world.server.holding_advisory_lock("orders"):
        step = process.carry(run)
    assert end(step) == (ExecutionStatus.FAILED, FailReason.EXECUTION_ERROR)
    assert world.server.statements == []


def test_a_lost_build_connection_is_looked_into_not_repeated() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world, rules=SHORT)
    process.carry(run, until=entered("building"))
    process.database.lose_build_connection()
    assert end(process.carry(run)) == (ExecutionStatus.COMPLETED, None)
    assert len(additions(world)) == 1


def test_a_kill_switch_in_the_middle_of_the_build_ends_the_statement() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world, rules=SHORT)
    process.carry(run, until=entered("building"))
    switch_on(world)
    assert end(process.carry(run)) == (ExecutionStatus.FAILED, FailReason.KILL_SWITCH)
    assert indexes(world) == {"PRIMARY"}
    assert world.server.running() == []
    assert "build_stopped" in world.control_plane.actions(RunId(run.id))


# --- the windows -----------------------------------------------------------------------------------------------------


def test_a_kill_switch_in_the_after_window_takes_the_index_back_within_seconds() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world)
    process.carry(run, until=entered("watching"))
    switch_on(world)
    since = world.clock.now()
    assert end(process.carry(run)) == (ExecutionStatus.ROLLED_BACK, FailReason.KILL_SWITCH)
    assert world.clock.now() - since < timedelta(seconds=10)


def test_gross_harm_ends_the_after_window_early() -> None:
    world = FakeWorld()
    step = Process(world).carry(run := world.run("status"))
    assert end(step) == (ExecutionStatus.ROLLED_BACK, FailReason.VERIFICATION_FAILED)
    assert isinstance(step, Finished)
    window, ended_at = step.state.after, step.state.completed_at
    assert window is not None
    assert ended_at is not None
    assert ended_at - window.begins_at <= (window.ends_at - window.begins_at) / 4
    kept = Evidence.from_json(world.archive.evidence[run.id].to_json())
    assert kept.interim
    assert kept.histogram_upper_bounds_ps is not None
    assert kept.verdict is not None
    assert verify_evidence(kept).status == kept.verdict["status"] == "failed"


def test_an_index_that_helps_is_looked_at_and_kept() -> None:
    world = FakeWorld()
    step = Process(world).carry(world.run("customer_id"))
    assert end(step) == (ExecutionStatus.COMPLETED, None)
    assert world.observer.names.count("window.looked_at") == 4


def test_one_failed_look_in_a_window_is_bridged() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world)
    process.carry(run, until=entered("watching"))
    world.control_plane.fail("kill_switch", Unavailable("HTTP 502"), times=2)
    assert end(process.carry(run)) == (ExecutionStatus.COMPLETED, None)


def test_a_switch_that_stays_unreadable_in_a_window_counts_as_active() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world)
    process.carry(run, until=entered("watching"))
    world.control_plane.fail("kill_switch", Unavailable("HTTP 502"))
    assert end(process.carry(run)) == (ExecutionStatus.ROLLED_BACK, FailReason.KILL_SWITCH)


def test_a_verdict_waits_for_a_switch_that_cannot_be_read_just_now() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world, rules=SHORT)
    process.carry(run, until=lambda step: step.state.after is not None and _nearly_over(world, step))
    world.control_plane.fail("kill_switch", Unavailable("HTTP 502"))
    assert end(process.carry(run)) == (ExecutionStatus.ROLLED_BACK, FailReason.KILL_SWITCH)


def _nearly_over(world: FakeWorld, step: Waiting) -> bool:
    window = step.state.after
    return window is not None and window.ends_at - world.clock.now() < timedelta(seconds=3)


def test_an_index_that_somebody_drops_is_not_rolled_back() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world)
    process.carry(run, until=entered("watching"))
    world.server.remove_index("orders", "idx_customer_id")
    step = process.carry(run)
    assert end(step) == (ExecutionStatus.FAILED, FailReason.VERIFICATION_FAILED)
    assert world.control_plane.rollbacks == []


def test_a_snapshot_that_fails_for_good_needs_a_person_once_the_index_is_there() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world)
    process.carry(run, until=entered("watching"))
    process.database.fail("snapshot", Refused("denied", number=1142))
    process.database.fail("inspect", Refused("denied", number=1142))
    assert end(process.carry(run)) == (ExecutionStatus.REQUIRES_MANUAL, FailReason.EXECUTION_ERROR)


# --- the rollback ----------------------------------------------------------------------------------------------------


def test_a_busy_table_delays_a_rollback() -> None:
    world = FakeWorld()
    run = world.run("status")
    process = Process(world)
    process.database.fail("drop_index", Unavailable("lock wait timeout"), times=3)
    assert end(process.carry(run)) == (ExecutionStatus.ROLLED_BACK, FailReason.VERIFICATION_FAILED)
    assert world.control_plane.actions(RunId(run.id)).count("rollback_postponed") == 3


@pytest.mark.parametrize("happened", [True, False])
def test_a_lost_answer_to_the_drop_is_looked_into(happened: bool) -> None:
    world = FakeWorld()
    run = world.run("status")
    process = Process(world)
    process.database.lose_connection("drop_index", happened=happened)
    assert end(process.carry(run)) == (ExecutionStatus.ROLLED_BACK, FailReason.VERIFICATION_FAILED)
    assert indexes(world) == {"PRIMARY"}


def test_a_drop_whose_outcome_stays_unknown_is_given_up() -> None:
    world = FakeWorld()
    run = world.run("status")
    process = Process(world)
    process.database.fail("drop_index", OutcomeUnknown("connection lost"))
    assert end(process.carry(run)) == (ExecutionStatus.FAILED, FailReason.EXECUTION_ERROR)


# --- telling the control plane ---------------------------------------------------------------------------------------


def test_a_control_plane_that_does_not_listen_is_told_later_in_order() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    world.control_plane.fail("deliver", Unavailable("HTTP 503"))
    step = Process(world).carry(run)
    assert end(step) == (ExecutionStatus.COMPLETED, None)
    assert isinstance(step, Finished)
    assert step.undelivered > 0
    assert world.control_plane.audit == []
    world.control_plane.faults.heal()
    assert Process(world, "worker-2").engine.deliver_backlog().undelivered == 0
    assert world.control_plane.actions(RunId(run.id))[0] == "run_claimed"
    assert world.control_plane.run(RunId(run.id)).status == ExecutionStatus.COMPLETED


def test_a_message_that_is_refused_for_good_is_set_aside_and_counted() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    world.control_plane.fail("audit", Refused("unknown action", number=422), times=1)
    step = Process(world, rules=SHORT).carry(run)
    assert isinstance(step, Finished)
    assert (step.undelivered, step.refused) == (0, 1)


def test_a_finished_run_is_not_carried_again() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    Process(world, rules=SHORT).carry(run)
    told = len(world.control_plane.audit)
    assert end(Process(world, "worker-2").carry(run)) == (ExecutionStatus.COMPLETED, None)
    assert len(world.control_plane.audit) == told
    assert len(additions(world)) == 1


def test_a_stored_state_for_another_change_is_refused() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    Process(world, rules=SHORT).carry(run)
    other = run.model_copy(update={"columns": ("status",)})
    with pytest.raises(CheckpointUnusable, match="columns differ"):
        Process(world, "worker-2").carry(other)


# --- leases ----------------------------------------------------------------------------------------------------------


def test_a_lease_is_renewed_for_as_long_as_the_run_takes() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world)
    process.carry(run, until=entered("watching"))
    assert isinstance(Process(world, "worker-2").carry(run), NotClaimed)
    assert end(process.carry(run)) == (ExecutionStatus.COMPLETED, None)


def test_a_worker_that_lost_its_lease_stops_its_build_and_touches_nothing_more() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world, rules=SHORT)
    process.carry(run, until=entered("building"))
    world.control_plane.fail("renew", Unavailable("HTTP 503"))
    world.control_plane.fail("kill_switch", Unavailable("HTTP 503"))
    world.clock.advance(timedelta(minutes=2))
    step = process.carry(run)
    assert isinstance(step, Interrupted)
    assert world.control_plane.run(RunId(run.id)).status == ExecutionStatus.RUNNING


def test_a_control_plane_without_renewal_is_claimed_again() -> None:
    world = _six_calls_world()
    run = world.run("customer_id")
    assert end(Process(world).carry(run)) == (ExecutionStatus.COMPLETED, None)


def _six_calls_world() -> FakeWorld:
    world = FakeWorld()
    object.__setattr__(world, "control_plane", FakeControlPlane(world.clock, leases=False))
    return world


@pytest.mark.parametrize("taken", [True, False])
def test_a_worker_that_stood_still_asks_whether_the_run_is_still_its_own(taken: bool) -> None:
    world = _six_calls_world()
    run = world.run("status")
    process = Process(world, rules=SHORT)
    process.carry(run, until=entered("watching"))
    world.clock.advance(timedelta(minutes=5))
    if taken:
        world.control_plane.claim(RunId(run.id), WorkerId("worker-2"))
    step = process.carry(run)
    if taken:
        assert isinstance(step, Interrupted)
        assert "idx_status" in indexes(world)
        assert world.control_plane.run(RunId(run.id)).status is ExecutionStatus.RUNNING
    else:
        assert end(step) == (ExecutionStatus.ROLLED_BACK, FailReason.VERIFICATION_FAILED)


def test_a_worker_whose_state_another_went_on_from_touches_nothing_more() -> None:
    world = _six_calls_world()
    run = world.run("status")
    first, second = Process(world, rules=SHORT), Process(world, "worker-2", rules=SHORT)
    first.carry(run, until=entered("watching"))
    world.control_plane.end_lease(RunId(run.id))
    second.carry(run, until=entered("watching"))
    assert isinstance(first.carry(run), Interrupted)
    assert "idx_status" in indexes(world)
    assert end(second.carry(run)) == (ExecutionStatus.ROLLED_BACK, FailReason.VERIFICATION_FAILED)


def test_a_run_is_left_to_others_in_good_order() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world, rules=SHORT)
    assert process.engine.leave(run)
    process.carry(run, until=entered("building"))
    while not process.engine.leave(run):
        world.clock.advance(timedelta(milliseconds=100))
    assert indexes(world) == {"PRIMARY"}
    assert end(Process(world, "worker-2", rules=SHORT).carry(run)) == (ExecutionStatus.COMPLETED, None)


def test_a_noisy_baseline_is_extended_once() -> None:
    world = FakeWorld()
    run = world.run("customer_id").model_copy(update={"query_digests": ()})
    rules = Rules(pacing=Pacing(extended_window=timedelta(minutes=30)))
    step = Process(world, rules=rules).carry(run)
    assert isinstance(step, Finished)
    assert step.state.status is ExecutionStatus.COMPLETED


# --- less usual turns ------------------------------------------------------------------------------------------------


def test_a_baseline_that_tells_too_little_is_extended_and_told() -> None:
    world = FakeWorld()
    world.server.add_query(RARE)
    world.clock.advance(timedelta(hours=1))
    run = world.run("customer_id").model_copy(update={"query_digests": (RARE.digest,)})
    rules = Rules(pacing=Pacing(baseline_window=timedelta(minutes=1), after_window=timedelta(minutes=1)))
    step = Process(world, rules=rules).carry(run)
    assert end(step) == (ExecutionStatus.COMPLETED, None)
    assert isinstance(step, Finished)
    assert step.state.baseline is not None
    assert step.state.baseline.extended
    assert step.state.after is not None
    assert step.state.after.extended
    assert step.state.verdict is not None
    assert not step.state.verdict.extend


RARE = Query(
    text="SELECT 'rare' FROM `orders` WHERE `customer_id` = ?",
    per_second=1 / 15,
    cost=Cost(latency=timedelta(milliseconds=60), rows_examined=200_000, full_scan=True),
    table="orders",
    indexed={"customer_id": Cost(latency=timedelta(milliseconds=1), rows_examined=20)},
)


def test_a_build_that_cannot_be_begun_just_now_is_tried_again() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world, rules=SHORT)
    process.database.fail("start_build", Unavailable("too many connections"), times=2)
    assert end(process.carry(run)) == (ExecutionStatus.COMPLETED, None)
    assert world.control_plane.actions(RunId(run.id)).count("build_postponed") == 2


def test_a_build_that_may_not_be_begun_fails() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world, rules=SHORT)
    process.database.fail("start_build", Refused("too old", number=1142))
    step = process.carry(run)
    assert end(step) == (ExecutionStatus.FAILED, FailReason.EXECUTION_ERROR)
    assert isinstance(step, Finished)
    assert "1142" in str(step.state.error_message)


def test_progress_and_plans_are_a_courtesy() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world, rules=SHORT)
    process.database.fail("running_change", Unavailable("no"))
    process.database.fail("plans_using", Refused("no", number=1142))
    process.database.fail("histogram_upper_bounds_ps", Refused("no", number=1142))
    assert end(process.carry(run)) == (ExecutionStatus.COMPLETED, None)


def test_a_statement_that_may_not_be_ended_is_waited_for_and_its_index_taken_back() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world, rules=SHORT)
    process.carry(run, until=entered("building"))
    process.database.fail("stop_build", Refused("KILL denied", number=1095))
    switch_on(world)
    assert end(process.carry(run)) == (ExecutionStatus.ROLLED_BACK, FailReason.KILL_SWITCH)
    assert indexes(world) == {"PRIMARY"}


def test_a_clock_that_was_set_back_makes_the_verdict_inconclusive() -> None:
    world = FakeWorld()
    run = world.run("status")
    process = Process(world, rules=SHORT)
    process.carry(run, until=entered("watching"))
    for snapshot in process.ports.checkpoints.samples(RunId(run.id), WindowKind.BASELINE):
        late = snapshot.model_copy(update={"taken_at": snapshot.taken_at + timedelta(minutes=2)})
        process.ports.checkpoints.add_sample(RunId(run.id), WindowKind.BASELINE, late)
    step = process.carry(run)
    assert end(step) == (ExecutionStatus.COMPLETED, None)
    assert isinstance(step, Finished)
    assert "inconclusive" in str(step.state.message)


def test_a_successor_with_nothing_waits_until_it_can_choose_what_to_watch() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    first = Process(world, rules=SHORT)
    first.carry(run, until=entered("watching"))
    first.die()
    world.control_plane.end_lease(RunId(run.id))
    second = Process(world, "worker-2", rules=SHORT, journal=MemoryJournal())
    second.database.fail("choose_digests", Unavailable("starting"), times=2)
    step = second.carry(run)
    assert end(step) == (ExecutionStatus.COMPLETED, None)
    assert "index_adopted" in world.control_plane.actions(RunId(run.id))
    assert isinstance(step, Finished)
    assert "inconclusive" in str(step.state.message)


def test_a_successor_may_find_that_running_was_told_already() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    first = Process(world, rules=SHORT)
    first.carry(run, until=entered("watching"))
    first.die()
    world.control_plane.end_lease(RunId(run.id))
    world.control_plane.fail("status", LeaseLost("HTTP 409: it is running"), times=1)
    second = Process(world, "worker-2", rules=SHORT, journal=MemoryJournal())
    step = second.carry(run)
    assert end(step) == (ExecutionStatus.COMPLETED, None)
    assert isinstance(step, Finished)
    assert step.refused == 1


def test_a_status_that_a_newer_claim_forbids_ends_the_work() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    world.control_plane.fail("status", LeaseLost("HTTP 409: stale token"))
    assert isinstance(Process(world, rules=SHORT).carry(run), Interrupted)
    assert world.server.statements == []


def test_losing_the_lease_in_the_middle_of_a_build_ends_the_statement_first() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world, rules=SHORT)
    process.carry(run, until=entered("building"))
    world.control_plane.fail("renew", LeaseLost("somebody else's"))
    world.control_plane.end_lease(RunId(run.id))
    world.server.build_time = timedelta(minutes=5)
    world.clock.advance(timedelta(seconds=25))
    assert isinstance(process.carry(run), Interrupted)
    assert world.server.running() == []


def notices(world: FakeWorld, name: str) -> list[dict[str, Any]]:
    return [notice.fields for notice in world.observer.notices if notice.name == name]


LEFT_NOTHING = {"index_is_there": False, "lock_is_held": False}


def test_a_build_that_is_left_is_stopped_and_what_it_left_is_told_and_audited() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world, rules=SHORT)
    process.carry(run, until=entered("building"))
    while not process.engine.leave(run):
        world.clock.advance(timedelta(milliseconds=100))
    (told,) = notices(world, "build.stopped")
    assert told.items() >= LEFT_NOTHING.items()
    assert 0 < told["stopped_within_s"] < 1
    (entry,) = [entry for entry in world.control_plane.audit if entry["action"] == "build_stopped"]
    assert entry["details"].items() >= told.items()


def test_a_build_that_ends_by_itself_while_its_run_is_left_was_not_stopped() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world, rules=SHORT)
    process.carry(run, until=entered("building"))
    world.clock.advance(world.server.build_time)
    assert process.engine.leave(run)
    assert notices(world, "build.stopped") == []
    assert "idx_customer_id" in indexes(world)


def test_a_stopped_build_whose_remains_cannot_be_seen_is_told_too() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world, rules=SHORT)
    process.carry(run, until=entered("building"))
    assert not process.engine.leave(run)
    process.database.fail("inspect", Unavailable("away"))
    assert process.engine.leave(run)
    assert notices(world, "build.stopped")[0]["error"] == "away"


def test_a_build_that_would_break_its_limit_is_stopped_early() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    world.server.build_time = timedelta(hours=1)
    rules = replace(SHORT, pacing=replace(SHORT.pacing, build_limit=timedelta(minutes=10)))
    step = Process(world, rules=rules).carry(run)
    assert end(step) == (ExecutionStatus.FAILED, FailReason.EXECUTION_ERROR)
    assert isinstance(step, Finished)
    assert "would take much longer than 0:10:00" in str(step.state.error_message)
    assert step.state.build_begun_at is not None
    assert step.state.stopping_since is not None
    assert step.state.stopping_since - step.state.build_begun_at < timedelta(minutes=3)
    assert indexes(world) == {"PRIMARY"}
    actions = world.control_plane.actions(RunId(run.id))
    assert actions[-3:] == ["build_given_up", "build_stopped", "status_change"]


def given_up(world: FakeWorld, run: ExecutionRun, **limits: Any) -> str:
    """Why a long build of `run` is given up, within minutes and without a trace."""
    world.server.build_time = timedelta(hours=1)
    step = Process(world, rules=replace(SHORT, pacing=replace(SHORT.pacing, **limits))).carry(run)
    assert end(step) == (ExecutionStatus.FAILED, FailReason.EXECUTION_ERROR)
    assert isinstance(step, Finished)
    assert step.state.build_begun_at is not None
    assert step.state.stopping_since is not None
    assert step.state.stopping_since - step.state.build_begun_at < timedelta(minutes=3)
    assert indexes(world) == {"PRIMARY"}
    assert world.server.running() == []
    actions = world.control_plane.actions(RunId(run.id))
    assert actions[-3:] == ["build_given_up", "build_stopped", "status_change"]
    return str(step.state.error_message)


def test_a_build_that_would_leave_replicas_too_far_behind_is_given_up() -> None:
    world = FakeWorld()
    world.server.around = replace(world.server.around, replicas=2)
    why = given_up(world, world.run("customer_id"), replica_lag_limit=timedelta(minutes=10))
    assert "replicas would be behind" in why


def test_a_build_whose_log_would_overflow_is_given_up() -> None:
    world = FakeWorld()
    world.server.around = replace(world.server.around, online_log_bytes=100_000)
    assert "would be logged by the end of the build" in given_up(world, world.run("customer_id"))


def test_a_build_that_slows_the_application_down_is_given_up() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    world.control_plane.on("audit", lambda: _slowed(world, run))
    assert "took 10.0 times as long" in given_up(world, run, slowdown_limit=5.0)


def _slowed(world: FakeWorld, run: ExecutionRun) -> None:
    if world.control_plane.actions(RunId(run.id))[-1] == "build_started":
        for query in world.server.queries():
            slower = replace(query.cost, latency=max(query.cost.latency, timedelta(milliseconds=1)) * 10)
            world.server.add_query(replace(query, cost=slower))


@pytest.mark.parametrize("unseen", ["snapshot", "samples"])
def test_a_slowdown_that_cannot_be_seen_stops_no_build(unseen: str, mocker: MockerFixture) -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world, rules=replace(SHORT, pacing=replace(SHORT.pacing, slowdown_limit=5.0)))
    process.carry(run, until=entered("building"))
    if unseen == "snapshot":
        process.database.fail("snapshot", Unavailable("away"), times=2)
        assert end(process.carry(run)) == (ExecutionStatus.COMPLETED, None)
    else:
        unusable = mocker.patch.object(process.journal or world.journal, "samples", side_effect=CheckpointUnusable("?"))
        process.carry(run, until=lambda step: step.state.phase != "building")
        assert unusable.called
        assert "idx_customer_id" in indexes(world)


def test_an_index_that_a_foreign_key_needs_by_now_is_left_hidden_to_a_person() -> None:
    world = FakeWorld()
    run = world.run("status")
    world.server.needed.add("idx_status")
    step = Process(world, rules=SHORT).carry(run)
    assert end(step) == (ExecutionStatus.REQUIRES_MANUAL, FailReason.EXECUTION_ERROR)
    assert world.server.indexes("orders")["idx_status"].visible is False
    assert [record["status"] for record in world.control_plane.rollbacks] == ["failed"]
    assert isinstance(step, Finished)
    assert "hidden from the optimizer" in str(step.state.message)


def test_who_keeps_the_table_idle_is_ended_where_the_operator_wants_that() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    rules = replace(SHORT, pacing=replace(SHORT.pacing, end_idle_transactions=timedelta(seconds=40)))
    with world.server.holding_lock("orders"):
        assert end(Process(world, rules=rules).carry(run)) == (ExecutionStatus.COMPLETED, None)
    assert world.control_plane.actions(RunId(run.id)).count("idle_transaction_ended") == 1


@pytest.mark.parametrize("error", [Unavailable("gone"), None])
def test_a_lease_that_cannot_be_handed_back_does_not_matter(error: Unavailable | None) -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world, rules=SHORT)
    process.carry(run, until=entered("sampling_baseline"))
    if error is not None:
        world.control_plane.fail("release", error)
    assert process.engine.leave(run)
    assert isinstance(Process(world, "worker-2", rules=SHORT).engine.advance(run), NotClaimed) is (error is not None)


def test_a_run_that_has_ended_is_handed_back() -> None:
    world = FakeWorld()
    world.control_plane = FakeControlPlane(world.clock, lease=timedelta(hours=1))
    run = world.run("customer_id")
    process, keeper = kept_process(world)
    process.carry(run, until=entered("watching"))
    ((tenure, _),) = keeper.kept.items()
    order: list[str] = []

    def handed_back() -> None:
        order.append("lease")
        assert keeper.kept == {}  # no renewal may come after it
        with pytest.raises(LeaseLost):  # nor may anything be done under it
            tenure.check(world.clock.monotonic())

    for kind in ("status", "audit", "rollback"):
        world.control_plane.on(kind, partial(order.append, kind))
    world.control_plane.on("release", handed_back)
    step = process.carry(run)
    assert isinstance(step, Finished)
    assert (step.undelivered, step.refused) == (0, 0)
    assert order[-1] == "lease"
    assert order.count("lease") == 1
    world.control_plane.request_rollback(RunId(run.id), "orders got slow")
    newer = world.control_plane.claim_rollback(RunId(run.id), WorkerId("worker-2"))
    assert (newer.fencing_token or 0) > (tenure.lease.claim.fencing_token or 0)


def test_an_end_stands_though_the_lease_could_not_be_handed_back() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    world.control_plane.fail("release", Unavailable("HTTP 503"))
    assert end(Process(world, rules=SHORT).carry(run)) == (ExecutionStatus.COMPLETED, None)
    assert "lease.release_failed" in world.observer.names
    world.control_plane.request_rollback(RunId(run.id), "orders got slow")
    with pytest.raises(Refused):
        world.control_plane.claim_rollback(RunId(run.id), WorkerId("worker-2"))


@pytest.mark.parametrize("error", [Unavailable("HTTP 503"), Refused("too large", number=413)], ids=["late", "never"])
def test_a_run_whose_end_was_not_told_in_full_is_not_handed_back(error: ExecutorError) -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world, rules=SHORT)
    process.carry(run, until=entered("watching"))
    world.control_plane.fail("audit", error)
    world.control_plane.on("release", lambda: pytest.fail("the run was handed back"))
    assert isinstance(process.carry(run), Finished)
    world.control_plane.faults.heal()
    assert process.engine.deliver_backlog().undelivered == 0


def test_a_run_whose_authority_is_gone_is_left_without_a_word() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world, rules=SHORT)
    process.carry(run, until=entered("sampling_baseline"))
    world.control_plane.fail("audit", Unavailable("HTTP 503"))
    process.carry(run, until=entered("building"))
    world.control_plane.faults.heal()
    world.control_plane.fail("audit", LeaseLost("stale"))
    while not process.engine.leave(run):
        world.clock.advance(timedelta(milliseconds=100))


# --- the end of a run that could not be told -------------------------------------------------------------------------


def untold_end(world: FakeWorld) -> ExecutionRun:
    run = world.run("customer_id")
    process = Process(world, rules=SHORT)
    process.carry(run, until=entered("watching"))
    world.control_plane.fail("status", Unavailable("HTTP 503"))
    step = process.carry(run)
    assert isinstance(step, Finished)
    assert step.undelivered == 1
    world.control_plane.faults.heal()
    return run


def test_an_end_that_could_not_be_told_is_told_while_the_lease_lasts() -> None:
    world = FakeWorld()
    run = untold_end(world)
    Process(world, "worker-2", rules=SHORT).carry(run)
    assert world.control_plane.run(RunId(run.id)).status is ExecutionStatus.COMPLETED


def test_an_end_that_a_newer_claim_forbids_is_set_aside() -> None:
    world = FakeWorld()
    run = untold_end(world)
    world.control_plane.fail("status", LeaseLost("stale token"))
    step = Process(world, "worker-2", rules=SHORT).carry(run)
    assert isinstance(step, Finished)
    assert (step.undelivered, step.refused) == (0, 1)


class LengthWithoutToken(FakeControlPlane):
    """A control plane that says how long a claim lasts, and has neither tokens nor renewals."""

    def claim(self, run_id: RunId, worker_id: WorkerId) -> Claim:
        return replace(
            super().claim(run_id, worker_id), length=timedelta(minutes=1), fencing_token=None, renewable=False
        )


@pytest.mark.parametrize(("later", "told"), [(timedelta(0), True), (timedelta(minutes=5), True)])
def test_without_a_token_an_end_is_told_under_the_lease_or_another(later: timedelta, told: bool) -> None:
    world = FakeWorld()
    object.__setattr__(world, "control_plane", LengthWithoutToken(world.clock))
    run = untold_end(world)
    world.clock.advance(later)
    Process(world, "worker-2", rules=SHORT).carry(run)
    assert (world.control_plane.run(RunId(run.id)).status is ExecutionStatus.COMPLETED) is told


def test_without_a_token_an_end_is_not_told_while_somebody_else_holds_the_run() -> None:
    world = FakeWorld()
    object.__setattr__(world, "control_plane", LengthWithoutToken(world.clock))
    run = untold_end(world)
    world.clock.advance(timedelta(minutes=5))
    world.control_plane.claim(RunId(run.id), WorkerId("worker-3"))
    assert Process(world, "worker-2", rules=SHORT).engine.deliver_backlog().undelivered == 1
    assert world.control_plane.run(RunId(run.id)).status is ExecutionStatus.RUNNING


def test_the_backlog_of_a_run_without_a_state_is_told_too() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    world.control_plane.claim(RunId(run.id), WorkerId("worker-3"))
    world.control_plane.fail("audit", Unavailable("HTTP 503"))
    process = Process(world, rules=SHORT)
    assert isinstance(process.carry(run), NotClaimed)
    assert process.engine.deliver_backlog().undelivered == 1
    world.control_plane.faults.heal()
    assert process.engine.deliver_backlog().undelivered == 0
    assert world.control_plane.actions(RunId(run.id)) == ["claim_failed"]


def test_a_build_that_cannot_be_ended_just_now_is_ended_a_little_later() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world, rules=SHORT)
    process.carry(run, until=entered("building"))
    process.database.fail("end_own_build", Unavailable("gone"), times=1)
    assert not process.engine.leave(run)
    while not process.engine.leave(run):
        world.clock.advance(timedelta(milliseconds=100))
    assert indexes(world) == {"PRIMARY"}


@pytest.mark.parametrize("change", [None, RunningChange(connection_id=1, marker=None)], ids=["no build", "no progress"])
def test_a_build_whose_progress_cannot_be_seen_goes_on(mocker: MockerFixture, change: RunningChange | None) -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world, rules=SHORT)
    mocker.patch.object(process.database, "running_change", return_value=change)
    assert end(process.carry(run)) == (ExecutionStatus.COMPLETED, None)


def test_a_step_ends_even_when_there_is_more_to_do(mocker: MockerFixture) -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    mocker.patch("executor_core.engine.ACTIONS_AT_ONCE", 3)
    step = Process(world, rules=SHORT).engine.advance(run)
    assert isinstance(step, Waiting)
    assert step.until == world.clock.now()


def test_a_lost_run_is_left_as_soon_as_its_build_has_ended() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world, rules=SHORT)
    process.carry(run, until=entered("building"))
    world.control_plane.fail("renew", LeaseLost("somebody else's"))
    world.clock.advance(timedelta(seconds=25))
    world.server.build_time = timedelta(minutes=5)
    assert isinstance(process.engine.advance(run), Waiting)
    while not process.engine.leave(run):
        world.clock.advance(timedelta(milliseconds=100))
    assert world.server.running() == []
    assert isinstance(Process(world, "worker-2").engine.advance(run), NotClaimed)  # the lease was not handed back


def test_the_audit_trail_is_told_even_when_a_newer_claim_forbids_the_rest() -> None:
    world = FakeWorld()
    run = world.run("status")
    process = Process(world, rules=SHORT)
    process.carry(run, until=entered("watching"))
    world.control_plane.fail("deliver", Unavailable("HTTP 503"))
    process.carry(run)
    world.control_plane.faults.heal()
    world.control_plane.fail("rollback", LeaseLost("stale token"))
    second = Process(world, "worker-2", rules=SHORT)
    second.engine.deliver_backlog()
    assert second.engine.deliver_backlog().undelivered == 0
    assert world.control_plane.actions(RunId(run.id))[-1] == "status_change"
    assert world.control_plane.rollbacks == []


def test_waiting_for_the_last_words_is_not_standing_still() -> None:
    world = FakeWorld()
    world.control_plane = FakeControlPlane(world.clock, leases=False)
    process, run = Process(world), world.run("customer_id")
    process.carry(run, until=entered("building"))
    world.control_plane.fail("deliver", Unavailable("away"))
    away_for_long = world.clock.now() + timedelta(minutes=2)
    process.carry(run, until=lambda _: world.clock.now() >= away_for_long)
    for call in ("kill_switch", "claim"):
        world.control_plane.fail(call, Unavailable("away"))
    while isinstance(step := process.engine.advance(run), Waiting):
        world.clock.advance(step.until - world.clock.now() + timedelta(seconds=1))
    assert end(step) == (ExecutionStatus.ROLLED_BACK, FailReason.KILL_SWITCH)


# --- the preflight and the gate before the build ---------------------------------------------------------------------


def warnings_of(world: FakeWorld) -> list[dict[str, object]]:
    return [entry["details"] for entry in world.control_plane.audit if entry["action"] == "preflight_warning"]


def test_warnings_are_audited_and_those_that_are_waived_as_such() -> None:
    world = FakeWorld()
    world.server.around = replace(world.server.around, replicas=1, prepared_xa=1)
    step = Process(world, rules=replace(SHORT, waived=frozenset({"replicas"}))).carry(world.run("customer_id"))
    assert end(step) == (ExecutionStatus.COMPLETED, None)
    assert [(warning["code"], warning.get("waived", False)) for warning in warnings_of(world)] == [
        ("replicas", True),
        ("prepared_xa", False),
    ]


def test_a_limit_that_the_forecast_breaks_is_told_and_the_build_is_tried_all_the_same() -> None:
    world = FakeWorld()
    world.server.around = replace(world.server.around, arithmetic=timedelta(milliseconds=300))
    rules = replace(SHORT, pacing=replace(SHORT.pacing, build_limit=world.server.build_time * 1.2))
    step = Process(world, rules=rules).carry(world.run("customer_id"))
    assert end(step) == (ExecutionStatus.COMPLETED, None)
    (warning,) = warnings_of(world)
    assert warning["code"] == "build_limit"


def test_what_is_expected_of_a_build_is_audited_before_it() -> None:
    world = FakeWorld()
    Process(world, rules=SHORT).carry(world.run("customer_id"))
    (begun,) = [entry["details"] for entry in world.control_plane.audit if entry["action"] == "build_started"]
    assert begun["expected"]["index_bytes"] > 200_000 * 4
    assert begun["expected"]["build_seconds"] > 0


def test_a_build_begins_when_the_server_is_calm() -> None:
    world = FakeWorld()
    calm = world.server.around
    world.server.around = replace(calm, threads_running=500)
    process = Process(world, rules=SHORT)
    run = world.run("customer_id")
    process.carry(run, until=lambda step: step.state.tries == 3)
    assert additions(world) == []
    world.server.around = calm
    assert end(process.carry(run)) == (ExecutionStatus.COMPLETED, None)
    assert len(additions(world)) == 1
    assert world.control_plane.actions(RunId(run.id)).count("build_started") == 1
    assert [warning["code"] for warning in warnings_of(world)] == ["busy"]


def test_a_server_that_stays_busy_is_left_alone() -> None:
    world = FakeWorld()
    world.server.around = replace(world.server.around, threads_running=500)
    step = Process(world, rules=SHORT).carry(world.run("customer_id"))
    assert end(step) == (ExecutionStatus.FAILED, FailReason.EXECUTION_ERROR)
    assert isinstance(step, Finished)
    assert "500 statements are under way" in str(step.state.error_message)
    assert world.server.statements == []


def test_a_busy_server_that_is_waived_is_built_on() -> None:
    world = FakeWorld()
    world.server.around = replace(world.server.around, threads_running=500)
    step = Process(world, rules=replace(SHORT, waived=frozenset({"busy"}))).carry(world.run("customer_id"))
    assert end(step) == (ExecutionStatus.COMPLETED, None)


def test_a_privilege_that_is_missing_ends_the_run_before_anything_is_touched() -> None:
    world = FakeWorld()
    world.server.around = replace(world.server.around, account=Account(held=frozenset({Privilege.SELECT})))
    step = Process(world, rules=SHORT).carry(world.run("customer_id"))
    assert end(step) == (ExecutionStatus.FAILED, FailReason.EXECUTION_ERROR)
    assert isinstance(step, Finished)
    assert "GRANT ALTER ON shop.orders" in str(step.state.error_message)
    assert "baseline_metrics_collected" not in world.control_plane.actions(RunId("run-1"))
    assert world.server.statements == []


def test_surroundings_that_can_t_be_seen_for_now_are_looked_at_again() -> None:
    world = FakeWorld()
    process = Process(world, rules=SHORT)
    process.database.fail("survey", Unavailable("too many connections"), times=3)
    assert end(process.carry(world.run("customer_id"))) == (ExecutionStatus.COMPLETED, None)


# --- leases that are kept beside the steps ---------------------------------------------------------------------------


class Keeper:
    """A lease keeper that renews nothing, and says that a lease is lost when a test says so."""

    def __init__(self) -> None:
        self.kept: dict[Tenure, Callable[[], None]] = {}

    def keep(self, tenure: Tenure, lost: Callable[[], None]) -> None:
        self.kept[tenure] = lost

    def let_go(self, tenure: Tenure) -> None:
        self.kept.pop(tenure, None)

    def lose(self) -> None:
        ((tenure, lost),) = self.kept.items()
        tenure.lose("the control plane stalled")
        lost()


def kept_process(world: FakeWorld) -> tuple[Process, Keeper]:
    keeper = Keeper()
    process = Process(world, rules=SHORT)
    process.ports = replace(process.ports, lease_keeper=keeper)
    process.engine = Engine(ports=process.ports, worker_id=WorkerId("worker-1"), rules=SHORT)
    return process, keeper


def test_a_lease_that_is_lost_ends_our_statement_while_a_look_is_still_under_way() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process, keeper = kept_process(world)
    process.carry(run, until=entered("building"))
    assert world.server.running()
    left: list[int] = []

    def in_the_middle_of_a_look() -> None:
        if not left:
            keeper.lose()
            left.append(len(world.server.running()))

    process.database.on("running_change", in_the_middle_of_a_look)
    step = process.carry(run)
    assert left == [0]
    assert isinstance(step, Interrupted)
    assert step.reason == "the control plane stalled"
    assert world.server.running() == []
    assert indexes(world) == {"PRIMARY"}
    assert "lease.lost" in world.observer.names
    assert keeper.kept == {}


def test_a_lease_that_is_lost_between_two_actions_stops_before_the_next() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process, keeper = kept_process(world)
    process.carry(run, until=entered("sampling_baseline"))
    keeper.lose()
    before = len(world.control_plane.audit)
    assert process.carry(run) == Interrupted("the control plane stalled")
    assert len(world.control_plane.audit) == before
    assert not process.engine.holds(run)
    assert isinstance(Process(world, "worker-2", rules=SHORT).engine.advance(run), NotClaimed)  # it was not handed back


def test_a_run_whose_lease_is_kept_wakes_up_for_no_renewal(mocker: MockerFixture) -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process, keeper = kept_process(world)
    renew = mocker.spy(world.control_plane, "renew")
    process.carry(run, until=entered("building"))
    ((tenure, _),) = keeper.kept.items()
    assert tenure.due_at() is not None
    world.clock.advance(timedelta(seconds=50))
    process.engine.advance(run)
    assert renew.call_count == 0
    while not process.engine.leave(run):
        world.clock.advance(timedelta(milliseconds=100))
    assert keeper.kept == {}


def test_a_run_whose_lease_only_another_claim_renews_is_kept_by_its_steps_too() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process, keeper = kept_process(world)
    claim = replace(world.control_plane.claim(RunId(run.id), WorkerId("worker-1")), renewable=False)
    process.carry(run, until=entered("sampling_baseline"))
    ((tenure, _),) = keeper.kept.items()
    tenure.renewed(claim, world.clock.monotonic())
    step = process.engine.advance(run)
    assert isinstance(step, Waiting)
    world.clock.advance(timedelta(seconds=61))
    assert isinstance(process.engine.advance(run), Waiting)


def test_the_outbox_is_not_asked_while_all_is_told() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world, rules=SHORT)
    process.carry(run, until=entered("watching"))
    world.journal.faults.fail("pending", CheckpointUnusable("the file is damaged"))
    until = world.clock.now() + timedelta(seconds=10)
    assert isinstance(process.carry(run, until=lambda _: world.clock.now() >= until), Waiting)
    with pytest.raises(CheckpointUnusable):
        process.carry(run)


def test_a_run_that_can_not_be_left_in_order_is_let_go_nevertheless() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process, keeper = kept_process(world)
    process.carry(run, until=entered("sampling_baseline"))
    world.control_plane.fail("release", Unavailable("away"))
    assert process.engine.leave(run)
    assert keeper.kept == {}
    assert "lease.release_failed" in world.observer.names


@pytest.mark.parametrize("leases", [True, False], ids=["reference", "six-calls"])
def test_what_a_dead_worker_could_not_tell_of_a_run_that_another_has_ended(leases: bool) -> None:
    """Facts are told. A status is worthless by then: fencing shows that, and without fencing it stays untold."""
    world = FakeWorld()
    world.control_plane = FakeControlPlane(world.clock, leases=leases)
    run = world.run("customer_id")
    first = Process(world, "worker-1", SHORT, journal=MemoryJournal())
    world.control_plane.fail("deliver", Unavailable("away"))
    first.carry(run, until=entered("sampling_baseline"))
    first.die()
    world.control_plane.faults.heal()
    world.clock.advance(timedelta(minutes=5))
    assert isinstance(Process(world, "worker-2", SHORT, journal=MemoryJournal()).carry(run), Finished)
    again = Process(world, "worker-3", SHORT, journal=first.journal)
    assert again.engine.deliver_backlog().undelivered == (0 if leases else 1)
    assert world.control_plane.actions(RunId(run.id)).count("run_claimed") == 2
    assert [body["status"] for _, body in world.control_plane.statuses] == ["running", "completed"]
    assert again.engine.deliver_backlog().undelivered == (0 if leases else 1)


# --- kill switches that are read for many runs -----------------------------------------------------------------------


class Board:
    """A switchboard that notes what it was asked for, and by which phase."""

    def __init__(self, world: FakeWorld) -> None:
        self.world = world
        self.asked: list[timedelta] = []

    def read(self, connection_id: ConnectionId, *, since: datetime) -> KillSwitchReading:
        self.asked.append(self.world.clock.now() - since)
        return look_at_switch(connection_id, self.world.control_plane, self.world.clock)


def test_before_and_after_the_build_the_kill_switch_is_read_afresh_and_else_may_be_shared() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    board = Board(world)
    process = Process(world, rules=SHORT)
    process.ports = replace(process.ports, switchboard=board)
    process.engine = Engine(ports=process.ports, worker_id=WorkerId("worker-1"), rules=SHORT)
    half = SHORT.pacing.kill_switch_interval / 2

    def ages(phase: str) -> list[timedelta]:
        board.asked.clear()
        process.carry(run, until=entered(phase))
        return list(board.asked)

    assert ages("sampling_baseline") == [timedelta(0)]
    building = ages("building")
    assert building[-1] == timedelta(0)  # the gate before the build
    assert set(building[:-1]) == {half}
    watching = ages("watching")
    assert watching.count(timedelta(0)) == 1  # the gate after it
    assert end(process.carry(run)) == (ExecutionStatus.COMPLETED, None)


def test_a_build_that_waits_for_its_turn_passes_the_gate_when_its_turn_comes() -> None:
    world = FakeWorld()
    first, second = world.run("customer_id", run_id="run-1"), world.run("status", run_id="run-2")
    process = Process(world, rules=SHORT)
    process.carry(first, until=entered("building"))
    assert world.server.running()
    process.carry(second, until=lambda step: step.state.phase == "building" and step.state.attempt == 0)
    world.clock.advance(timedelta(seconds=1))
    assert isinstance(process.engine.advance(second), Waiting)
    assert world.observer.names.count("build.queued") == 1
    switch_on(world)
    assert end(process.carry(second)) == (ExecutionStatus.FAILED, FailReason.KILL_SWITCH)
    assert len(additions(world)) == 1


# --- samples that can't be read --------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", ["sampling_baseline", "publishing", "watching"])
def test_samples_that_can_not_be_read_end_the_run_for_a_person(phase: str) -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    rules = Rules() if phase == "sampling_baseline" else SHORT
    first = Process(world, rules=rules)
    first.carry(run, until=entered("watching" if phase == "watching" else "sampling_baseline"))
    if phase == "publishing":
        world.journal.faults.fail("samples", CheckpointUnusable("a sample of run run-1 can't be read"), times=1)
        step: object = first.carry(run)
    else:
        first.die()
        world.control_plane.end_lease(RunId(run.id))
        world.journal.faults.fail("samples", CheckpointUnusable("a sample of run run-1 can't be read"))
        step = Process(world, "worker-2", rules=rules).carry(run)
    assert end(step) == (ExecutionStatus.REQUIRES_MANUAL, FailReason.EXECUTION_ERROR)
    assert isinstance(step, Finished)
    assert "a sample of run run-1 can't be read" in str(step.state.message)
    assert "idx_customer_id" in str(step.state.message)
    assert ("idx_customer_id" in indexes(world)) is (phase != "sampling_baseline")
    assert world.control_plane.run(RunId(run.id)).status is ExecutionStatus.REQUIRES_MANUAL


def test_a_run_that_was_refused_before_its_claim_is_not_remembered() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world, rules=SHORT)
    world.control_plane.fail("claim", Unavailable("away"), times=1)
    world.journal.faults.fail("append", Unavailable("the disk is full"), times=1)
    with pytest.raises(Unavailable, match="the disk is full"):
        process.engine.advance(run)
    assert not process.engine.holds(run)
    assert process.engine.leave(run)
    assert end(process.carry(run)) == (ExecutionStatus.COMPLETED, None)


# --- the backlog -----------------------------------------------------------------------------------------------------


def test_what_becomes_of_a_backlog_is_counted() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world, rules=SHORT)
    world.control_plane.fail("deliver", Unavailable("HTTP 503"))
    step = process.carry(run)
    assert isinstance(step, Finished)
    assert "delivery.failed" in world.observer.names
    told = next(notice for notice in world.observer.notices if notice.name == "delivery.failed")
    assert told.fields["undelivered"] >= 1
    assert process.engine.deliver_backlog() == Flushed(
        delivered=0, refused=0, undelivered=step.undelivered, error="HTTP 503"
    )
    world.control_plane.faults.heal()
    world.control_plane.fail("audit", Refused("too long", number=413), times=1)
    assert process.engine.deliver_backlog() == Flushed(
        delivered=step.undelivered - 1, refused=1, undelivered=0, error=None
    )
    assert process.engine.deliver_backlog() == Flushed(delivered=0, refused=0, undelivered=0, error=None)
    assert world.control_plane.run(RunId(run.id)).status is ExecutionStatus.COMPLETED


def test_a_backlog_that_shrinks_to_nothing_in_time_is_told_too() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    world.control_plane.fail("deliver", Unavailable("HTTP 503"), times=3)
    assert end(Process(world, rules=SHORT).carry(run)) == (ExecutionStatus.COMPLETED, None)
    assert world.observer.names.count("delivery.failed") == 3
    assert world.observer.names.count("delivery.caught_up") == 1
