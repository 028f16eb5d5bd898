"""What a run would do: told before it does it, and the same that it then does."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.executor_core.facts import (
    INDEX,
    our_index,
    run,
    running,
    server,
    surrounded,
    table,
    target,
    without_table,
)

from executor_adapters.memory import FakeWorld
from executor_core.carrying import Waiting
from executor_core.change_plan import ChangePlan, Outlook, plan_change, plan_run
from executor_core.engine import Engine
from executor_core.errors import Unavailable
from executor_core.exposure import Exposure
from executor_core.flavor import Flavor
from executor_core.model import ExecutionStatus, FailReason, WorkerId
from executor_core.target import TargetFacts

ABLE = replace(target(), can_stage=True)


def planned(facts: TargetFacts = ABLE, **options: object) -> ChangePlan:
    return plan_change(run(), INDEX, facts, schema_name="shop", **options)  # type: ignore[arg-type]


def test_a_staged_change_is_built_hidden_and_published() -> None:
    plan = planned()
    assert (plan.outlook, plan.refusal, plan.exposure) == (Outlook.RUN, None, Exposure.STAGED)
    assert plan.statements is not None
    assert plan.statements.build.endswith("attempt=1' INVISIBLE, ALGORITHM=INPLACE, LOCK=NONE")
    assert plan.statements.publish == (
        "ALTER TABLE `shop`.`orders` ALTER INDEX `idx_customer` VISIBLE, ALGORITHM=INPLACE, LOCK=NONE"
    )
    assert plan.statements.rollback.startswith("ALTER TABLE `shop`.`orders` DROP INDEX `idx_customer`")


def test_each_family_has_its_own_words() -> None:
    statements = planned(replace(ABLE, server=server(flavor=Flavor.MARIADB))).statements
    assert statements is not None
    assert " IGNORED," in statements.build
    assert " NOT IGNORED," in str(statements.publish)


@pytest.mark.parametrize(("facts", "exposure"), [(ABLE, Exposure.DIRECT), (target(), Exposure.STAGED)])
def test_a_direct_change_has_nothing_to_publish(facts: TargetFacts, exposure: Exposure) -> None:
    plan = planned(facts, exposure=exposure)
    assert plan.exposure is Exposure.DIRECT
    assert plan.statements is not None
    assert plan.statements.publish is None
    assert [finding.code for finding in plan.findings] == ["direct_exposure"]


@pytest.mark.parametrize(
    ("facts", "status", "sentence"),
    [
        (without_table(), ExecutionStatus.FAILED, "there is no table 'orders' in this schema"),
        (target(engine="MyISAM"), ExecutionStatus.REQUIRES_MANUAL, "error 1845"),
    ],
)
def test_what_blocks_is_how_the_run_would_end(facts: TargetFacts, status: ExecutionStatus, sentence: str) -> None:
    plan = planned(facts)
    assert plan.outlook is Outlook.REFUSE
    assert plan.refusal is not None
    assert (plan.refusal.status, plan.refusal.fail_reason) == (status, FailReason.EXECUTION_ERROR)
    assert plan.refusal.sentence.startswith(sentence)


@pytest.mark.parametrize("facts", [target(our_index()), target(running=running())], ids=["an index", "a build"])
def test_what_the_run_has_begun_it_goes_on_from_whatever_else_is_found(facts: TargetFacts) -> None:
    plan = planned(replace(facts, server=server(read_only=True)))
    assert (plan.outlook, plan.refusal) == (Outlook.TAKE_OVER, None)


@pytest.mark.parametrize(
    ("facts", "outlook"),
    [(target(running=running("run-9")), Outlook.RUN), (target(running=running(None)), Outlook.RUN)],
)
def test_what_others_have_begun_is_waited_for(facts: TargetFacts, outlook: Outlook) -> None:
    assert planned(facts).outlook is outlook


def test_a_plan_as_json_is_one_document_of_plain_values() -> None:
    facts = surrounded(ABLE, writes_per_second=3.0, replicas=1, threads_running=100)
    document = planned(facts, waived=frozenset({"replicas"})).as_json()
    assert json.loads(json.dumps(document)) == document
    assert [(finding["code"], finding["waived"]) for finding in document["findings"]] == [
        ("replicas", True),
        ("busy", False),
    ]
    assert (document["id"], document["outlook"], document["status"]) == ("run-1", "run", None)
    assert set(document["sql"]) == {"build", "publish", "hide", "rollback"}
    assert document["forecast"]["index_bytes"] > 0
    assert document["table"] == {"rows": 200_000, "data_bytes": 30_000_000}
    assert document["server"] == {"flavor": "mysql", "version": "9.7.4"}


def test_what_is_missing_is_null_in_json() -> None:
    document = planned(without_table()).as_json()
    assert (document["forecast"], document["table"]) == (None, None)
    assert (document["status"], document["fail_reason"]) == ("failed", "execution_error")


# --- with a look -----------------------------------------------------------------------------------------------------


def test_a_look_at_the_target_changes_nothing() -> None:
    world = FakeWorld()
    plan = plan_run(world.run("customer_id"), world.database)
    assert (plan.outlook, plan.findings) == (Outlook.RUN, ())
    assert world.server.statements == []
    assert plan.facts is not None
    assert plan.facts.surroundings is not None


@pytest.mark.parametrize(
    ("asked", "known", "found"),
    [
        (("a", "B"), frozenset("cb"), 0),
        (("a", "B"), frozenset("c"), 1),
        (("a",), frozenset(), 1),
        (("a",), None, 0),
        ((), frozenset(), 0),
    ],
)
def test_digests_of_which_the_server_knows_none_are_a_warning(
    asked: tuple[str, ...], known: frozenset[str] | None, found: int
) -> None:
    plan = plan_change(run(query_digests=asked), INDEX, ABLE, schema_name="shop", known_digests=known)
    assert [finding.code for finding in plan.findings] == ["digests_unknown"] * found
    assert plan.outlook is Outlook.RUN


def test_a_look_knows_the_digests_that_the_server_knows() -> None:
    world = FakeWorld()
    asked = world.run("customer_id")
    assert plan_run(asked, world.database).findings == ()
    (finding,) = plan_run(asked.model_copy(update={"query_digests": ("f" * 64,)}), world.database).findings
    assert finding.code == "digests_unknown"


def test_the_run_sends_the_statements_of_its_plan() -> None:
    world = FakeWorld()
    asked = world.run("status")
    plan = plan_run(asked, world.database)
    engine = Engine(ports=world.ports(), worker_id=WorkerId("worker-1"))
    while isinstance(step := engine.advance(asked), Waiting):
        world.clock.wait(step.until - world.clock.now())
    assert plan.statements is not None
    sql = plan.statements
    assert world.server.statements == [sql.build, sql.publish, sql.hide, sql.rollback]


@pytest.mark.parametrize(
    ("changes", "schema_name", "says"),
    [
        ({"action": "DROP_INDEX"}, "shop", "the action 'DROP_INDEX'"),
        ({"columns": ["lower(name)"]}, "shop", "is not a column"),
        ({}, "mysql", "belongs to the server itself"),
    ],
)
def test_what_is_out_of_scope_is_refused_without_a_look(
    changes: dict[str, object], schema_name: str, says: str
) -> None:
    world = FakeWorld()
    world.server.schema_name = schema_name
    world.database.fail("inspect", Unavailable("nobody is there"))
    plan = plan_run(run(**changes), world.database)
    assert plan.refusal is not None
    assert (plan.refusal.status, plan.refusal.fail_reason) == (ExecutionStatus.FAILED, FailReason.OUT_OF_SCOPE)
    assert says in plan.refusal.sentence
    document = plan.as_json()
    assert (document["sql"], document["server"], document["exposure"]) == (None, None, None)


def test_a_target_that_is_not_there_has_no_plan() -> None:
    world = FakeWorld()
    world.database.fail("survey", Unavailable("nobody is there"))
    with pytest.raises(Unavailable):
        plan_run(world.run("customer_id"), world.database)


def test_the_forecast_of_a_small_table_is_short() -> None:
    plan = planned(replace(ABLE, table=table(rows=10, data_bytes=16384)))
    assert plan.forecast is not None
    assert plan.forecast.build_time < timedelta(seconds=1)
