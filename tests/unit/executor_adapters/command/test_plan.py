"""What ``executor plan`` prints of a plan, and the exit code that it ends with."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from executor_adapters.command import plan as command
from executor_adapters.command.exit_codes import ExitCode
from executor_adapters.command.main import main
from executor_adapters.command.plan import describe, exit_code
from executor_adapters.memory import FakeWorld
from executor_core.change_plan import ChangePlan, plan_run
from executor_core.errors import Refused

Shown = pytest.CaptureFixture[str]


def planned(world: FakeWorld, column: str = "customer_id", **options: frozenset[str]) -> ChangePlan:
    return plan_run(world.run(column), world.database, **options)


def test_a_plan_for_people_has_everything_that_matters() -> None:
    world = FakeWorld()
    world.server.around = replace(world.server.around, replicas=2, threads_running=99)
    text = describe(planned(world, waived=frozenset({"replicas"})))
    lines = text.splitlines()
    assert lines[0] == "run-1: would run"
    assert lines[1].startswith("  warning replicas (waived): 2 replicas")
    assert lines[2].startswith("  warning busy: 99 statements")
    assert lines[3] == "  exposure: staged"
    assert lines[4].startswith("  build:    ALTER TABLE `shop`.`orders` ADD INDEX")
    assert lines[5].startswith("  publish:  ALTER TABLE `shop`.`orders` ALTER INDEX")
    assert lines[6].startswith("  rollback: ALTER TABLE `shop`.`orders` ALTER INDEX")
    assert lines[7].startswith("            ALTER TABLE `shop`.`orders` DROP INDEX")
    assert lines[8].startswith("  expected: an index of ")
    assert " of writes logged meanwhile" in lines[8]


@pytest.mark.parametrize(
    ("column", "engine", "code", "says"),
    [
        ("customer_id", "InnoDB", ExitCode.COMPLETED, "would run"),
        ("nowhere", "InnoDB", ExitCode.FAILED, "would end failed (execution_error) before anything is touched: "),
        ("id", "MyISAM", ExitCode.REQUIRES_MANUAL, "would end requires_manual (execution_error) before"),
        ("lower(id)", "InnoDB", ExitCode.FAILED, "would end failed (out_of_scope) before anything is touched: "),
    ],
)
def test_the_exit_code_is_that_of_the_run(column: str, engine: str, code: ExitCode, says: str) -> None:
    world = FakeWorld()
    world.server.add_table("orders", {"id": "int", "customer_id": "int"}, engine=engine)
    plan = planned(world, column)
    assert exit_code(plan) == code
    assert says in describe(plan).splitlines()[0]
    assert "publish" not in describe(plan) or plan.statements is not None


def test_what_is_there_already_is_gone_on_from() -> None:
    world = FakeWorld()
    world.server.add_index("orders", "idx_customer_id", ["customer_id"], comment="executor:run=run-1;attempt=1")
    plan = planned(world)
    assert exit_code(plan) == ExitCode.COMPLETED
    assert "would go on from what this run has begun already" in describe(plan)


def test_without_staged_exposure_there_is_nothing_to_publish() -> None:
    world = FakeWorld()
    world.server.can_stage = False
    world.server.around = replace(world.server.around, writes_per_second=None)
    text = describe(planned(world))
    assert "exposure: direct" in text
    assert "publish:" not in text
    assert "logged meanwhile" not in text


# --- as a command ----------------------------------------------------------------------------------------------------


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> FakeWorld:
    """A world whose database is what every connection means to the command."""
    world = FakeWorld()

    class Targets:
        def __enter__(self):
            return lambda _connection_id: world.database

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(command, "targets_of", lambda _settings: Targets())
    return world


def call(world: FakeWorld, tmp_path: Path, *options: str) -> int:
    path = tmp_path / "run.json"
    path.write_text(world.run("customer_id").model_dump_json(exclude_none=True), encoding="utf-8")
    return main(["plan", str(path), *options])


def test_json_is_one_object(world: FakeWorld, tmp_path: Path, capsys: Shown) -> None:
    assert call(world, tmp_path, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["outlook"] == "run"
    assert world.server.statements == []


def test_the_control_plane_is_not_asked_and_nothing_is_stored(world: FakeWorld, tmp_path: Path, capsys: Shown) -> None:
    state_dir = tmp_path / "state"
    assert call(world, tmp_path, "--api-url", "http://127.0.0.1:9", "--state-dir", str(state_dir)) == 0
    assert capsys.readouterr().out.startswith("run-1: would run\n")
    assert not state_dir.exists()


def test_warnings_are_waived_by_name(world: FakeWorld, tmp_path: Path, capsys: Shown) -> None:
    world.server.around = replace(world.server.around, replicas=1)
    assert call(world, tmp_path, "--waive", "busy,replicas") == 0
    assert "warning replicas (waived)" in capsys.readouterr().out
    assert call(world, tmp_path, "--waive", "read_only") == 2
    assert "--waive (EXECUTOR_WAIVE): 'read_only' is no warning" in capsys.readouterr().err


def test_limits_that_the_forecast_breaks_are_told(world: FakeWorld, tmp_path: Path, capsys: Shown) -> None:
    assert call(world, tmp_path, "--build-limit", "100ms") == 0
    assert "  warning build_limit: the build is expected to take " in capsys.readouterr().out


def test_a_database_that_does_not_let_us_look_is_a_wrong_call(world: FakeWorld, tmp_path: Path, capsys: Shown) -> None:
    world.database.fail("inspect", Refused("the account may not"))
    assert call(world, tmp_path) == 2
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "executor: the account may not\n")
