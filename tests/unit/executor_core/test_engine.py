"""A run through the engine, on the fakes: the specification's cases, and what else can happen to a run."""

from datetime import timedelta

import pytest
from tests.unit.executor_core.engine_world import SHORT, Process, entered

from executor_adapters.memory import FakeControlPlane, FakeWorld
from executor_core.carrying import Finished, Interrupted, NotClaimed, Rules, Waiting
from executor_core.errors import CheckpointUnusable, OutcomeUnknown, Refused, Unavailable
from executor_core.model import ConnectionId, ExecutionStatus, FailReason, RollbackStatus, RunId
from executor_core.pacing import Pacing

CONNECTION = ConnectionId("shop")


def end(step: object) -> tuple[ExecutionStatus, FailReason | None]:
    assert isinstance(step, Finished), step
    return step.state.status, step.state.fail_reason


def indexes(world: FakeWorld) -> set[str]:
    return set(world.server.indexes("orders"))


def switch_on(world: FakeWorld) -> None:
    world.control_plane.set_kill_switch(active=True, connection_id=CONNECTION, reason="incident")


# --- the acceptance cases ---------------------------------------------------------------------------------------------


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
    assert len(world.server.statements) == 1


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


# --- before the build -------------------------------------------------------------------------------------------------


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


def test_a_privilege_that_is_missing_is_seen_before_the_build() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world)
    process.database.fail("choose_digests", Refused("SELECT denied on performance_schema", number=1142))
    step = process.carry(run)
    assert end(step) == (ExecutionStatus.FAILED, FailReason.EXECUTION_ERROR)
    assert world.server.statements == []


# --- the build --------------------------------------------------------------------------------------------------------


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
    assert len(world.server.statements) == 1


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


# --- the windows ------------------------------------------------------------------------------------------------------


def test_a_kill_switch_in_the_after_window_takes_the_index_back_within_seconds() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    process = Process(world)
    process.carry(run, until=entered("watching"))
    switch_on(world)
    since = world.clock.now()
    assert end(process.carry(run)) == (ExecutionStatus.ROLLED_BACK, FailReason.KILL_SWITCH)
    assert world.clock.now() - since < timedelta(seconds=10)


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


# --- the rollback -----------------------------------------------------------------------------------------------------


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


# --- telling the control plane ----------------------------------------------------------------------------------------


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
    assert Process(world, "worker-2").engine.deliver_backlog() == 0
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
    assert len(world.server.statements) == 1


def test_a_stored_state_for_another_change_is_refused() -> None:
    world = FakeWorld()
    run = world.run("customer_id")
    Process(world, rules=SHORT).carry(run)
    other = run.model_copy(update={"columns": ("status",)})
    with pytest.raises(CheckpointUnusable, match="columns differ"):
        Process(world, "worker-2").carry(other)


# --- leases -----------------------------------------------------------------------------------------------------------


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
