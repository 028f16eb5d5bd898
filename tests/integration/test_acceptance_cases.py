"""TC-01 to TC-10 from outside: the command as a process, a real server, real HTTP; the state checked on all sides.

Every case runs against a control plane that has just the six calls and against the reference server, on MySQL; and
those that change something on MariaDB too.
"""

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.integration.control_planes import LEASE, SHORT_LEASE, Reference, SixCalls
from tests.integration.shop import (
    HELPED,
    MISLED,
    Command,
    Ended,
    Workload,
    create,
    digest_of,
    finish,
    indexes,
    wait_for,
)

from executor_adapters.control_plane.server import ControlPlaneServer
from executor_adapters.testing.six_calls import Misbehaviour, SixCallsServer
from executor_core.evidence import Evidence
from executor_core.model import ExecutionRun
from executor_core.verification import verify_evidence

pytestmark = pytest.mark.integration

BEFORE = {"PRIMARY", "idx_tenant"}


@dataclass
class Trial:
    """A case: the table and its load, the control plane, and the command."""

    database: Any
    api: SixCalls | Reference
    command: Command
    house: ExitStack

    def runs_too(self, query: str) -> str:
        """Have the application run `query` as well, until the case has ended; return its digest."""
        self.house.enter_context(Workload(self.database, [query]))
        return digest_of(self.database, query)

    def schedule(self, case: str, index_name: str, *columns: str, digest: str | None = None) -> ExecutionRun:
        number = case.removeprefix("tc")
        run = ExecutionRun(
            id=f"test-{case}-001",
            connection_id=f"conn-0{number}",
            action="ADD_INDEX",
            table_name="test_orders",
            index_name=index_name,
            columns=columns,
            query_digests=(digest or digest_of(self.database, HELPED),),
        )
        self.api.schedule(run)
        return run

    def indexes(self) -> set[str]:
        return indexes(self.database)


def _trial(
    kind: str, server: str, request: pytest.FixtureRequest, tmp_path: Path, lease: timedelta = LEASE
) -> Iterator[Trial]:
    database = request.getfixturevalue(f"{server}_database")
    create(database)
    with ExitStack() as house:
        house.enter_context(Workload(database, [HELPED]))
        if kind == "six-calls":
            api: SixCalls | Reference = SixCalls(house.enter_context(SixCallsServer(lease=lease)))
        else:
            address = f"sqlite:///{tmp_path / 'api.db'}"
            reference = house.enter_context(ControlPlaneServer(address, default_lease=lease))
            api = house.enter_context(Reference(reference))
        yield Trial(database, api, Command(database.url, api.base_url, tmp_path / "state"), house)


ON_MYSQL = [
    pytest.param(("six-calls", "mysql"), marks=pytest.mark.mysql, id="six-calls-mysql"),
    pytest.param(("reference", "mysql"), marks=pytest.mark.mysql, id="reference-mysql"),
]
ON_MARIADB_TOO = [*ON_MYSQL, pytest.param(("six-calls", "mariadb"), marks=pytest.mark.mariadb, id="six-calls-mariadb")]


@pytest.fixture(params=ON_MYSQL)
def trial(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Trial]:
    """Each control plane, and the server, in turn."""
    kind, server, *lease = request.param
    yield from _trial(kind, server, request, tmp_path, *lease)


on_mariadb_too = pytest.mark.parametrize("trial", ON_MARIADB_TOO, indirect=True)
with_leases_that_end = pytest.mark.parametrize(
    "trial",
    [pytest.param((*each.values[0], SHORT_LEASE), marks=each.marks, id=each.id) for each in ON_MARIADB_TOO],
    indirect=True,
)


@pytest.fixture
def six_calls_trial(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Trial]:
    """The control plane that can be made to fail."""
    yield from _trial("six-calls", "mysql", request, tmp_path)


CALM = "5s"
"""An after window in which a success stays one, even if the machine stands still for a second or two of it."""


def check(ended: Ended, code: int, status: str, fail_reason: str | None) -> None:
    assert (ended.code, ended.result["status"], ended.result["fail_reason"]) == (code, status, fail_reason), ended


@on_mariadb_too
def test_tc01_worker_claim_conflict(trial: Trial) -> None:
    run = trial.schedule("tc01", "idx_tc01_customer", "customer_id")
    workers = [
        trial.command.start(run, worker_id=name, state_dir=str(trial.command.state_dir / name), after_window=CALM)
        for name in "ab"
    ]
    ends = sorted((finish(worker) for worker in workers), key=lambda ended: ended.code)
    check(ends[0], 0, "completed", None)
    check(ends[1], 6, "scheduled", "claim_failed")
    assert trial.indexes() == BEFORE | {"idx_tc01_customer"}
    assert trial.api.statuses(run.id) == ["running", "completed"]
    assert trial.api.actions(run.id).count("claim_failed") == 1
    assert trial.api.actions(run.id).count("index_added") == 1
    comparison = ends[0].result["verification"]["metrics_comparison"]
    assert ends[0].result["verification"]["status"] == "success"
    assert comparison["rows_examined_change_percent"] < -90
    assert Path(ends[0].result["evidence"]).is_file()


def test_tc02_kill_switch_before_start(trial: Trial) -> None:
    run = trial.schedule("tc02", "idx_tc02_status", "status")
    trial.api.kill(active=True, connection_id=run.connection_id)
    ended = trial.command.run(run)
    check(ended, 4, "failed", "kill_switch")
    assert trial.indexes() == BEFORE
    assert trial.api.statuses(run.id) == ["running", "failed"]
    assert trial.api.last(run.id)["fail_reason"] == "kill_switch"
    assert "index_added" not in trial.api.actions(run.id)


@on_mariadb_too
def test_tc03_kill_switch_after_add_index(trial: Trial) -> None:
    run = trial.schedule("tc03", "idx_tc03_date", "order_date")
    trial.api.when_audited(run.id, "index_added", lambda: trial.api.kill(active=True))
    ended = trial.command.run(run, after_window="60s")  # it never lasts so long: the switch is seen before
    check(ended, 3, "rolled_back", "kill_switch")
    assert trial.indexes() == BEFORE
    assert trial.api.statuses(run.id) == ["running", "rolled_back"]
    (record,) = trial.api.rollbacks(run.id)
    assert (record["status"], record["rollback_type"]) == ("completed", "auto")
    assert "idx_tc03_date" in record["rollback_sql"]


@on_mariadb_too
def test_tc04_lock_none_not_supported(trial: Trial) -> None:
    run = trial.schedule("tc04", "idx_tc04_place", "place")
    if trial.database.server.kind == "mariadb":  # builds that one; an engine that can't is refused by both
        trial.database.execute("ALTER TABLE test_orders DROP COLUMN place, ENGINE=Aria")
        run = run.model_copy(update={"columns": ("customer_id",)})
    ended = trial.command.run(run)
    check(ended, 5, "requires_manual", "execution_error")
    assert "184" in ended.result["error_message"]
    assert trial.indexes() == BEFORE
    assert trial.api.statuses(run.id) == ["running", "requires_manual"]
    assert trial.api.last(run.id)["message"]


def test_tc05_index_already_exists(trial: Trial) -> None:
    trial.database.execute("CREATE INDEX idx_tc05_existing ON test_orders (status)")
    run = trial.schedule("tc05", "idx_tc05_existing", "customer_id")
    ended = trial.command.run(run)
    check(ended, 4, "failed", "execution_error")
    assert "1061" in ended.result["error_message"]
    columns = trial.database.execute("SHOW INDEX FROM test_orders WHERE Key_name = 'idx_tc05_existing'")
    assert [row["Column_name"] for row in columns] == ["status"]
    assert trial.api.rollbacks(run.id) == []


@on_mariadb_too
def test_tc06_verification_fail_and_rollback_ok(trial: Trial) -> None:
    run = trial.schedule("tc06", "idx_tc06_perf", "order_date", digest=trial.runs_too(MISLED))
    ended = trial.command.run(run, baseline_window="5s", after_window="10s")
    check(ended, 3, "rolled_back", "verification_failed")
    assert trial.indexes() == BEFORE
    assert trial.api.statuses(run.id) == ["running", "rolled_back"]
    (record,) = trial.api.rollbacks(run.id)
    assert (record["status"], record["trigger_reason"]) == ("completed", "verification_failed")
    assert ended.result["verification"]["metrics_comparison"]["avg_latency_change_percent"] > 10


def test_gross_harm_is_taken_back_well_before_the_window_ends(trial: Trial) -> None:
    run = trial.schedule("early", "idx_early", "order_date", digest=trial.runs_too(MISLED))
    ended = trial.command.run(run, baseline_window="15s", after_window="60s")
    check(ended, 3, "rolled_back", "verification_failed")
    assert trial.indexes() == BEFORE
    evidence = json.loads(Path(ended.result["evidence"]).read_text())
    assert evidence["interim"]
    assert evidence["window_minutes"] < 0.7
    replayed = verify_evidence(Evidence.model_validate_json(json.dumps(evidence)))
    assert replayed.status == ended.result["verification"]["status"] == "failed"


def test_tc07_verification_fail_and_rollback_fail(trial: Trial) -> None:
    run = trial.schedule("tc07", "idx_tc07_fail", "order_date", digest=trial.runs_too(MISLED))
    user = f"u_{trial.database.name[-12:]}"
    trial.database.execute(f"CREATE USER {user}@'%%' IDENTIFIED BY 'pw'", ())
    trial.database.execute(f"GRANT ALTER, INDEX, SELECT ON {trial.database.name}.* TO {user}@'%%'", ())
    trial.database.execute(f"GRANT SELECT ON performance_schema.* TO {user}@'%%'", ())
    trial.command.mysql_url = trial.database.url.replace("//root@", f"//{user}:pw@")
    revoke = f"REVOKE ALTER, INDEX ON {trial.database.name}.* FROM {user}@'%%'"
    trial.api.when_audited(run.id, "index_published", lambda: trial.database.execute(revoke, ()))
    try:
        ended = trial.command.run(run, baseline_window="5s", after_window="10s")
    finally:
        trial.database.execute(f"DROP USER {user}@'%%'", ())
    check(ended, 4, "failed", "execution_error")
    assert ended.result["verification"]["status"] == "failed"
    assert trial.indexes() == BEFORE | {"idx_tc07_fail"}
    assert trial.api.statuses(run.id) == ["running", "failed"]
    (record,) = trial.api.rollbacks(run.id)
    assert record["status"] == "failed"
    assert "rollback_failed" in trial.api.actions(run.id)
    assert "by hand" in ended.result["message"]
    assert "pw" not in ended.errors


def test_tc08_low_sample_is_inconclusive(trial: Trial) -> None:
    rare = "SELECT id, tenant, note FROM test_orders WHERE status = '{n}'"
    run = trial.schedule("tc08", "idx_tc08_low", "status", digest=digest_of(trial.database, rare))
    ended = trial.command.run(run)
    check(ended, 0, "completed", None)
    assert ended.result["verification"]["status"] == "inconclusive"
    assert "inconclusive" in ended.result["message"].lower()
    assert "inconclusive" in trial.api.last(run.id)["message"].lower()
    assert trial.indexes() == BEFORE | {"idx_tc08_low"}
    assert trial.api.rollbacks(run.id) == []


@pytest.mark.mysql
@pytest.mark.parametrize("fault", [500, "hang", "close", "html", "redirect", "garbage", "missing_fields"])
def test_tc09_kill_switch_api_failure(six_calls_trial: Trial, fault: int | Misbehaviour) -> None:
    trial = six_calls_trial
    assert isinstance(trial.api, SixCalls)
    run = trial.schedule("tc09", "idx_tc09_api", "customer_id")
    trial.api.server.fail(call="kill_switch", with_=fault)
    ended = trial.command.run(run, api_timeout="4s" if fault == "hang" else "10s")
    check(ended, 4, "failed", "kill_switch")
    assert trial.indexes() == BEFORE
    assert trial.api.last(run.id)["fail_reason"] == "kill_switch"


@pytest.mark.mysql
def test_tc09_api_not_there_at_all(six_calls_trial: Trial) -> None:
    trial = six_calls_trial
    run = trial.schedule("tc09", "idx_tc09_api", "customer_id")
    trial.command.api_url = "http://127.0.0.1:9"
    ended = trial.command.run(run)
    check(ended, 6, "scheduled", "claim_failed")
    assert trial.indexes() == BEFORE


@with_leases_that_end
@pytest.mark.parametrize("same_state", [True, False], ids=["same-state-dir", "another-machine"])
def test_tc10_worker_crash_and_lease_expiry(trial: Trial, same_state: bool) -> None:
    run = trial.schedule("tc10", "idx_tc10_crash", "customer_id")
    first = trial.command.start(run, after_window="60s")  # however late the kill comes
    wait_for(lambda: "idx_tc10_crash" in trial.indexes(), "the index is there")
    first.send_signal(signal.SIGKILL)
    first.communicate()
    if not same_state:
        trial.command.state_dir = trial.command.state_dir / "elsewhere"
    ends: list[Ended] = []

    def claimed() -> bool:
        ends.append(trial.command.run(run, after_window=CALM))
        return ends[-1].code != 6

    wait_for(claimed, "the lease has ended")
    check(ends[-1], 0, "completed", None)
    assert trial.indexes() == BEFORE | {"idx_tc10_crash"}
    assert trial.api.statuses(run.id)[-1] == "completed"
    taken = [
        entry
        for entry in trial.api.audit(run.id)
        if entry["action"] in ("run_taken_over", "index_adopted", "build_found")
    ]
    assert taken
    assert ends[-1].result["verification"]["status"] == ("success" if same_state else "inconclusive")
