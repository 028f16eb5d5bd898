import json
from datetime import timedelta

import pytest

from executor_adapters.command.exit_codes import ExitCode
from executor_adapters.command.outcome import exit_code, result
from executor_adapters.driving import carry
from executor_adapters.memory import FakeWorld
from executor_core.carrying import Finished, Interrupted, NotClaimed, Rules
from executor_core.engine import Engine
from executor_core.errors import Refused
from executor_core.model import WorkerId
from executor_core.pacing import Pacing

FIELDS = {
    "id",
    "status",
    "fail_reason",
    "message",
    "error_message",
    "index_name",
    "table_name",
    "executed_sql",
    "verification",
    "rollback",
    "evidence",
    "report",
    "started_at",
    "completed_at",
    "worker_id",
}


def carried(world: FakeWorld, *columns: str) -> Finished:
    rules = Rules(pacing=Pacing(extended_window=timedelta(0)))
    engine = Engine(ports=world.ports(), worker_id=WorkerId("worker-1"), rules=rules)
    end = carry(engine, world.run(*columns), world.clock)
    assert isinstance(end, Finished)
    return end


def test_the_codes_are_those_that_were_promised() -> None:
    assert {code.name: code.value for code in ExitCode} == {
        "COMPLETED": 0,
        "USAGE": 2,
        "ROLLED_BACK": 3,
        "FAILED": 4,
        "REQUIRES_MANUAL": 5,
        "NOT_CLAIMED": 6,
        "INTERRUPTED": 7,
        "CONDITIONAL": 10,
        "BLOCKED": 11,
    }


def test_a_completed_run() -> None:
    world = FakeWorld()
    end = carried(world, "customer_id")
    outcome = result(end.state.run, end, "worker-1")
    assert exit_code(end) is ExitCode.COMPLETED
    assert outcome.keys() >= FIELDS
    written = json.loads(json.dumps(outcome))
    assert (written["status"], written["fail_reason"], written["rollback"]) == ("completed", None, None)
    assert written["verification"]["status"] == "success"
    assert written["verification"]["sample_count"] >= 10
    assert written["verification"]["metrics_comparison"]["rows_examined_change_percent"] < -90
    assert "extend" not in written["verification"]
    assert written["executed_sql"].startswith("ALTER TABLE")
    assert written["started_at"] < written["completed_at"]
    assert written["completed_at"].endswith("Z")
    assert (written["undelivered"], written["refused"]) == (0, 0)


def test_a_run_that_was_rolled_back() -> None:
    world = FakeWorld()
    end = carried(world, "status")
    outcome = json.loads(json.dumps(result(end.state.run, end, "worker-1")))
    assert exit_code(end) is ExitCode.ROLLED_BACK
    assert outcome["fail_reason"] == "verification_failed"
    assert outcome["rollback"]["rollback_type"] == "auto"
    assert outcome["rollback"]["status"] == "completed"
    assert "DROP" in outcome["rollback"]["rollback_sql"]


def test_a_run_that_failed() -> None:
    world = FakeWorld()
    world.control_plane.set_kill_switch(active=True)
    end = carried(world, "customer_id")
    assert exit_code(end) is ExitCode.FAILED
    assert result(end.state.run, end, "worker-1")["fail_reason"] == "kill_switch"


def test_a_run_that_needs_a_person() -> None:
    world = FakeWorld()
    world.server.not_online.add("orders")
    end = carried(world, "customer_id")
    assert exit_code(end) is ExitCode.REQUIRES_MANUAL
    assert "1846" in result(end.state.run, end, "worker-1")["error_message"]


def test_messages_that_were_refused_are_counted() -> None:
    world = FakeWorld()
    world.control_plane.fail("audit", Refused("unknown action", number=422), times=2)
    end = carried(world, "customer_id")
    assert result(end.state.run, end, "worker-1")["refused"] == 2


@pytest.mark.parametrize(
    ("end", "code", "fail_reason"),
    [
        (NotClaimed("worker-2 holds it"), ExitCode.NOT_CLAIMED, "claim_failed"),
        (Interrupted("worker-2 holds it"), ExitCode.INTERRUPTED, None),
    ],
)
def test_a_run_that_did_not_come_to_its_end_here(
    end: NotClaimed | Interrupted, code: ExitCode, fail_reason: str | None
) -> None:
    run = FakeWorld().run("customer_id")
    outcome = result(run, end, "worker-1")
    assert exit_code(end) is code
    assert outcome.keys() >= FIELDS
    assert (outcome["status"], outcome["fail_reason"]) == ("scheduled", fail_reason)
    assert outcome["message"] == "worker-2 holds it"
    assert outcome["verification"] is outcome["evidence"] is None
