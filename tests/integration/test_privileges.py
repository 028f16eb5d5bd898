"""The documented grants on real servers: each set is enough, and without any one of its privileges it is said so."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.integration.conftest import Database, Server
from tests.integration.crash_stage import Stage, stage
from tests.integration.shop import finish

pytestmark = pytest.mark.integration

DOCUMENT = Path(__file__).parents[2] / "docs" / "privileges.md"
PLACES = ("localhost", "127.0.0.1")
HOW = {"run": (), "direct": ("--exposure", "direct")}


def documented(use: str, kind: str) -> list[str]:
    """What the document grants for a use: each privilege with its place, such as ``ALTER ON shop.orders``."""
    text = DOCUMENT.read_text(encoding="utf-8")
    blocks = re.findall(r"<!-- (\w+) on ([\w ]+): run by a test -->\n```sql\n(.*?)```", text, re.DOTALL)
    (sql,) = [sql for name, kinds, sql in blocks if name == use and kind in kinds.split(" and ")]
    grants = re.findall(r"GRANT (.+?) ON (\S+) TO executor;", sql)
    return [f"{privilege} ON {place}" for privileges, place in grants for privilege in privileges.split(", ")]


@contextmanager
def user_of(database: Database, grants: list[str]) -> Generator[str]:
    """Make a user with these grants and no others; give the URL by which it reaches the schema."""
    user, schema = f"p_{database.name[-12:]}", f"`{database.name}`"
    with ExitStack() as opened:
        for place in PLACES:
            database.execute(f"CREATE USER {user}@'{place}' IDENTIFIED BY 'pw'")
            opened.callback(database.execute, f"DROP USER {user}@'{place}'")
            for grant in grants:
                where = grant.replace("shop.orders", f"{schema}.test_orders").replace("executor_test.*", f"{schema}.*")
                database.execute(f"GRANT {where} TO {user}@'{place}'")
        yield database.url.replace("//root@", f"//{user}:pw@")


@contextmanager
def account(played: Stage, grants: list[str]) -> Generator[None]:
    """Let the command work as a user of its own, with these grants and no others."""
    with user_of(played.database, grants) as url:
        played.command.mysql_url = url
        yield


@dataclass(frozen=True)
class Planned:
    """What ``executor plan`` said."""

    code: int
    document: dict[str, Any]
    errors: str

    @property
    def codes(self) -> set[str]:
        """The codes of its findings."""
        return {finding["code"] for finding in self.document["findings"]}


def plan(played: Stage, *options: str) -> Planned:
    """Run ``executor plan`` on the run of the stage."""
    ended = subprocess.run(
        [sys.executable, "-m", "executor_adapters.command.main", "plan", "-", "--json", *options],
        input=played.run.model_dump_json(exclude_none=True),
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "EXECUTOR_MYSQL_URL": played.command.mysql_url, "SAAS_API_URL": "http://127.0.0.1:9"},
    )
    return Planned(ended.returncode, json.loads(ended.stdout or "{}"), ended.stderr)


def test_what_is_documented_for_a_plan_is_enough_for_one(server: Server, tmp_path: Path) -> None:
    with stage(server, tmp_path / "run") as played, account(played, documented("plan", server.kind)):
        planned = plan(played)
        assert planned.code == 4, planned.errors
        assert planned.document["forecast"]["index_bytes"] > 0
        assert {"alter_missing"} <= planned.codes
        assert played.definition() == played.before
        assert played.server.calls == []


@pytest.mark.parametrize("use", HOW)
def test_what_is_documented_for_a_run_is_enough_for_one(server: Server, tmp_path: Path, use: str) -> None:
    with stage(server, tmp_path / "run") as played, account(played, documented(use, server.kind)):
        planned = plan(played, *HOW[use])
        assert (planned.code, planned.document["outlook"]) == (0, "run"), planned
        exposure = "staged" if use == "run" else "direct"
        assert planned.document["exposure"] == exposure
        ended = finish(played.command.start(played.run, exposure=exposure))
        assert played.problems(ended, "completed") == []
        assert ended.result["executed_sql"] == planned.document["sql"]["build"]
        assert (played.actions()["index_published"] == 1) is (use == "run")


MISSED = {
    "ALTER ON shop.orders": (4, "alter_missing"),
    "SELECT ON shop.orders": (4, "select_missing"),
    "SELECT ON performance_schema.*": (2, None),
    "PROCESS ON *.*": (0, "direct_exposure"),
}


def test_without_one_of_them_the_plan_says_so(server: Server, tmp_path: Path) -> None:
    grants = documented("run", server.kind)
    with stage(server, tmp_path / "run") as played:
        for missing in grants:
            with account(played, [grant for grant in grants if grant != missing]):
                planned = plan(played)
            code, finding = MISSED[missing]
            assert planned.code == code, (missing, planned)
            if finding is None:
                assert "GRANT SELECT ON performance_schema.*" in planned.errors
            else:
                assert finding in planned.codes


@pytest.mark.parametrize("missing", ["ALTER ON shop.orders", "SELECT ON shop.orders", "SELECT ON performance_schema.*"])
def test_without_one_of_them_a_run_ends_before_anything_is_touched(
    server: Server, tmp_path: Path, missing: str
) -> None:
    grants = [grant for grant in documented("run", server.kind) if grant != missing]
    with stage(server, tmp_path / "run") as played, account(played, grants):
        ended = finish(played.command.start(played.run))
        assert (ended.code, ended.result["fail_reason"]) == (4, "execution_error"), ended
        assert "GRANT" in ended.result["error_message"]
        assert played.builds() == 0
        assert played.definition() == played.before
        assert played.actions()["baseline_metrics_collected"] == 0


def test_privileges_of_an_active_role_count(server: Server, tmp_path: Path) -> None:
    with stage(server, tmp_path / "run") as played, ExitStack() as opened:
        role = f"r_{played.database.name[-12:]}"
        played.database.execute(f"CREATE ROLE {role}")
        opened.callback(played.database.execute, f"DROP ROLE {role}")
        played.database.execute(f"GRANT ALTER, SELECT ON `{played.database.name}`.* TO {role}")
        opened.enter_context(account(played, ["SELECT ON performance_schema.*"]))
        assert plan(played).code == 2  # without any privilege on it the schema is not to be seen
        user = f"p_{played.database.name[-12:]}"
        for place in PLACES:
            played.database.execute(f"GRANT {role} TO {user}@'{place}'")
            to = "TO" if server.kind == "mysql" else "FOR"
            played.database.execute(f"SET DEFAULT ROLE {role} {to} {user}@'{place}'")
        planned = plan(played)
        assert planned.code == 0, planned
        assert not planned.codes & {"alter_missing", "select_missing", "privileges_unclear"}


@pytest.fixture(
    params=[
        pytest.param("mysql", marks=pytest.mark.mysql),
        pytest.param("mariadb", marks=pytest.mark.mariadb),
    ]
)
def schema(request: pytest.FixtureRequest) -> Database:
    found = request.getfixturevalue(f"{request.param}_database")
    assert isinstance(found, Database)
    return found


def accept(url: str, out: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """Run ``executor acceptance --embedded`` on the server of `url`."""
    command = [sys.executable, "-m", "executor_adapters.command.main", "acceptance", "--embedded", "--window", "2s"]
    return subprocess.run(
        [*command, "--out", str(out), *options],
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "EXECUTOR_MYSQL_URL": url},
    )


@pytest.mark.timeout(900)
def test_what_is_documented_for_an_acceptance_is_enough_for_one(schema: Database, tmp_path: Path) -> None:
    """The cases in which an index is made and dropped, is there before, can't be made, and can't be dropped."""
    wanted = ("TC-03", "TC-04", "TC-05", "TC-07")
    with user_of(schema, documented("acceptance", schema.server.kind)) as url:
        schema.execute(f"DROP DATABASE `{schema.name}`")
        try:
            ended = accept(url, tmp_path, "--cases", ",".join(wanted), "--json")
        finally:
            with schema.server.connect() as connection, connection.cursor() as cursor:
                left = cursor.execute("SHOW DATABASES LIKE %s", (schema.name,))
                cursor.execute(f"CREATE DATABASE IF NOT EXISTS `{schema.name}`")
    assert left == 0
    cases = {case["case"]: case["status"] for case in json.loads(ended.stdout)["cases"]}
    assert {case: cases[case] for case in wanted} == dict.fromkeys(wanted, "PASS"), ended.stderr


@pytest.mark.timeout(900)
def test_without_one_of_them_an_acceptance_does_not_begin(schema: Database, tmp_path: Path) -> None:
    grants = documented("acceptance", schema.server.kind)
    for missing in (grant for grant in grants if not grant.startswith("PROCESS")):
        with user_of(schema, [grant for grant in grants if grant != missing]) as url:
            ended = accept(url, tmp_path / missing.partition(" ")[0])
        assert ended.returncode == 2, (missing, ended)
        assert "what is missing" in ended.stderr
        assert schema.execute("SHOW TABLES") == [], missing
