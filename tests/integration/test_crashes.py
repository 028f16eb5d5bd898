"""Workers that are really killed, at every effect and at any moment: the next one carries the run to its right end."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.conftest import Server
from tests.integration.crash_stage import AT_ONCE, Moment, all_of, stage

from executor_adapters.local_server import LocalServer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]

KILLS = int(os.environ.get("EXECUTOR_CRASHES", "6"))
SEED = int(os.environ.get("EXECUTOR_CRASH_SEED", "1"))
"""How many workers are killed at chance moments; the long form is ``EXECUTOR_CRASHES=200``, with any seed."""

HELPFUL = [
    Moment("claim"),
    Moment("status", "running"),
    Moment("kill_switch"),
    Moment("audit", "baseline_metrics_collected"),
    Moment("audit", "build_started"),
    Moment("audit", "index_added"),
    Moment("audit", "drain_started"),
    Moment("audit", "publish_started"),
    Moment("audit", "index_published"),
    Moment("audit", "after_metrics_collected"),
    Moment("audit", "verification_completed"),
    Moment("audit", "status_change to completed"),
    Moment("status", "completed"),
]
HARMFUL = [
    *HELPFUL[4:-2],  # what comes before knows nothing of the verdict
    Moment("audit", "rollback_started"),
    Moment("audit", "index_dropped"),
    Moment("rollback"),
    Moment("audit", "status_change to rolled_back"),
    Moment("status", "rolled_back"),
]


@pytest.mark.mysql
@pytest.mark.parametrize("harmful", [False, True], ids=["helpful", "harmful"])
def test_killed_at_every_effect(mysql_server: Server, tmp_path: Path, harmful: bool) -> None:
    def play(number: int, moment: Moment) -> list[str]:
        with stage(mysql_server, tmp_path / str(number), harmful=harmful) as played:
            played.die_at(moment)
            return played.problems(played.go_on(), "rolled_back" if harmful else "completed")

    assert all_of(play, HARMFUL if harmful else HELPFUL) == {}


@pytest.mark.mysql
def test_killed_and_carried_on_without_the_record(mysql_server: Server, tmp_path: Path) -> None:
    def play(number: int, case: tuple[bool, Moment, str, int]) -> list[str]:
        harmful, moment, status, builds = case
        with stage(mysql_server, tmp_path / str(number), harmful=harmful) as played:
            played.die_at(moment)
            ended = played.go_on(elsewhere=True)
            return played.problems(ended, status, builds=builds, whole_trail=False)

    cases = [
        (False, Moment("status", "running"), "completed", 1),
        (False, Moment("audit", "index_added"), "completed", 1),
        (False, Moment("audit", "verification_completed"), "completed", 1),
        # Whether or not the statement had been sent: it is adopted, or sent for the first time.
        (False, Moment("audit", "build_started"), "completed", 1),
        # Nothing but the marker says that there was a run: its index is kept, since no evidence speaks against it.
        (True, Moment("audit", "rollback_started"), "completed", 1),
        # Not even the marker is left: the run begins anew, and comes to the same end.
        (True, Moment("audit", "index_dropped"), "rolled_back", 2),
    ]
    assert all_of(play, cases) == {}


@pytest.mark.mariadb
def test_killed_on_mariadb(mariadb_server: Server, tmp_path: Path) -> None:
    def play(number: int, case: tuple[bool, Moment]) -> list[str]:
        harmful, moment = case
        with stage(mariadb_server, tmp_path / str(number), harmful=harmful) as played:
            played.die_at(moment)
            return played.problems(played.go_on(), "rolled_back" if harmful else "completed")

    cases = [
        (False, Moment("audit", "build_started")),
        (False, Moment("status", "completed")),
        (True, Moment("audit", "index_added")),
        (True, Moment("rollback")),
    ]
    assert all_of(play, cases) == {}


@pytest.fixture
def roomy_server(mysql_server: Server) -> Iterator[Server]:
    """A MySQL that counts the statements of some hundred schemas apart; those given by a URL are taken as they are."""
    if mysql_server.local is None or KILLS <= AT_ONCE:
        yield mysql_server
        return
    room = f"--performance-schema-digests-size={200 * KILLS + 1000}"
    with LocalServer(mysql_server.local.installation, flags=[room]) as local:
        yield Server(local.url().removesuffix("/"), local.kind, local.version, local)


@pytest.mark.mysql
@pytest.mark.timeout(1200 + 30 * KILLS)
def test_killed_at_any_moment(roomy_server: Server, tmp_path: Path) -> None:
    chance = random.Random(SEED)

    def play(number: int, case: tuple[bool, list[float]]) -> list[str]:
        harmful, moments = case
        with stage(roomy_server, tmp_path / str(number), harmful=harmful) as played:
            for moment in moments:
                played.die_after(moment)
            return played.problems(played.go_on(), "rolled_back" if harmful else "completed")

    cases = [
        (chance.random() < 0.5, [chance.uniform(0, 6) for _ in range(chance.choice([1, 1, 2]))]) for _ in range(KILLS)
    ]
    assert all_of(play, cases) == {}
