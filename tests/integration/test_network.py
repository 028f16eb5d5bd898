"""A network that lies, between the worker and both of its neighbours: whatever is lost, the run comes to its right end.

A fault proxy stands between the command and the control plane, and another one between it and the database server.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.integration.conftest import Server
from tests.integration.crash_stage import Stage, all_of, stage
from tests.integration.shop import finish

from executor_adapters.testing.fault_proxy import Fault, FaultProxy, HttpRequests, MySQLCommands

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]

LONG = bool(os.environ.get("EXECUTOR_NETWORK"))
"""Whether every loss is tried at every message; else each message and each kind of loss is met at least once."""
NOT_CLAIMED = 6
CALLS = {
    "claim": "POST /api/executions/",
    "kill switch": "GET /api/kill-switch",
    "audit entry of the build": '"build_started"',
    "audit entry of the index": '"index_added"',
    "rollback record": "POST /api/rollbacks",
    "status": "PATCH ",
}
STATEMENTS = {
    "look": "SELECT IS_USED_LOCK",
    "advisory lock": "SELECT GET_LOCK",
    "ALTER": "ADD INDEX",
    "publication": "ALTER INDEX",
    "DROP": "DROP INDEX",
}
ROLLED_BACK = {"rollback record", "DROP"}
"""What only a run that harms comes to."""


@dataclass(frozen=True)
class Loss:
    """What is lost, the first time that it is sent, and how."""

    what: str
    fault: Fault

    def __str__(self) -> str:
        return f"{self.what}, {self.fault.name}"

    @property
    def harmful(self) -> bool:
        """Whether the run must be one that harms."""
        return self.what in ROLLED_BACK

    @property
    def end(self) -> str:
        """How the run has to end: without an answer of the kill switch before it changed anything, nothing changes."""
        if self.what == "kill switch" and self.fault is not Fault.TWICE:
            return "failed"
        return "rolled_back" if self.harmful else "completed"

    def is_lost(self, text: str) -> bool:
        """Whether this request is it."""
        return {**CALLS, **STATEMENTS}[self.what] in text


@dataclass
class Network:
    """A stage whose command reaches both of its neighbours through a proxy."""

    played: Stage
    api: FaultProxy
    database: FaultProxy

    def strike(self, loss: Loss) -> FaultProxy:
        """Arm the loss; return the proxy that it will happen at."""
        proxy = self.api if loss.what in CALLS else self.database
        proxy.strike(loss.is_lost, loss.fault)
        return proxy


@contextmanager
def network(server: Server, folder: Path, *, harmful: bool) -> Iterator[Network]:
    """A stage, and the proxies that its command goes through."""
    address = urlsplit(server.base_url)
    upstream = (address.hostname or "127.0.0.1", address.port or 3306)
    with stage(server, folder, harmful=harmful) as played:
        api = urlsplit(played.server.base_url)
        assert api.hostname is not None
        assert api.port is not None
        with (
            FaultProxy((api.hostname, api.port), HttpRequests) as saas,
            FaultProxy(upstream, MySQLCommands) as database,
        ):
            played.command.api_url = f"http://127.0.0.1:{saas.port}"
            played.command.options = {**played.command.options, "api_timeout": "4s"}  # that of each stalled call
            account = address.netloc.rpartition("@")[0] or "root"
            played.command.mysql_url = (
                f"mysql://{account}@127.0.0.1:{database.port}/{played.database.name}?ssl=disabled"
            )
            yield Network(played, saas, database)


def play(server: Server, folder: Path, loss: Loss) -> list[str]:
    """Let one thing be lost on the way of a run, and return what does not hold afterwards."""
    with network(server, folder, harmful=loss.harmful) as net:
        proxy = net.strike(loss)
        ended = finish(net.played.command.start(net.played.run))
        while ended.code == NOT_CLAIMED:  # as after a claim whose answer was lost
            ended = net.played.go_on()
        changed = loss.end != "failed"
        problems = net.played.problems(ended, loss.end, builds=int(changed), whole_trail=changed)
        return problems if proxy.struck else [f"nothing was struck, of {len(proxy.seen)}", *problems]


def losses(*whats: str, faults: tuple[Fault, ...]) -> list[Loss]:
    """Each of the messages with each of the faults in the long form; in the short one, each once, turn by turn."""
    if LONG:
        return [Loss(what, fault) for what in whats for fault in faults]
    turns = max(len(whats), len(faults))
    return [Loss(whats[turn % len(whats)], faults[turn % len(faults)]) for turn in range(turns)]


ANY = (Fault.CUT_AFTER, Fault.CUT_BEFORE, Fault.CUT_DURING, Fault.HALF_ANSWER, Fault.RESET, Fault.STALL)


@pytest.mark.mysql
def test_what_the_control_plane_is_told_is_lost(mysql_server: Server, tmp_path: Path) -> None:
    cases = [*losses(*CALLS, faults=(*ANY, Fault.TWICE)), Loss("claim", Fault.STALL), Loss("status", Fault.CUT_AFTER)]
    found = all_of(lambda number, loss: play(mysql_server, tmp_path / str(number), loss), cases)
    assert found == {}


@pytest.mark.mysql
def test_what_the_database_is_told_is_lost(mysql_server: Server, tmp_path: Path) -> None:
    cases = [*losses("ALTER", faults=ANY), *losses("DROP", "publication", "look", "advisory lock", faults=ANY)]
    found = all_of(lambda number, loss: play(mysql_server, tmp_path / str(number), loss), cases)
    assert found == {}


@pytest.mark.mariadb
def test_what_mariadb_is_told_is_lost(mariadb_server: Server, tmp_path: Path) -> None:
    faults = ANY if LONG else (Fault.CUT_AFTER, Fault.CUT_DURING)
    cases = [Loss(what, fault) for what in ("ALTER", "DROP") for fault in faults]
    found = all_of(lambda number, loss: play(mariadb_server, tmp_path / str(number), loss), cases)
    assert found == {}


OUTAGE_S = 3


@pytest.mark.mysql
def test_both_ways_are_down_for_a_while(mysql_server: Server, tmp_path: Path) -> None:
    def both_down(number: int, what: str) -> list[str]:
        harmful = what in ROLLED_BACK
        with network(mysql_server, tmp_path / str(number), harmful=harmful) as net:
            fallen = threading.Event()

            def fall(text: str) -> bool:
                if {**CALLS, **STATEMENTS}[what] in text and not fallen.is_set():
                    for proxy in (net.api, net.database):
                        proxy.go_down()
                    fallen.set()
                return False

            (net.api if what in CALLS else net.database).strike(fall, Fault.CUT_AFTER)
            worker = net.played.command.start(net.played.run)
            assert fallen.wait(240), finish(worker).errors
            threading.Event().wait(OUTAGE_S)
            for proxy in (net.api, net.database):
                proxy.come_up()
            return net.played.problems(finish(worker), "rolled_back" if harmful else "completed")

    assert all_of(both_down, ["look", "ALTER", "publication", "audit entry of the index", "DROP"]) == {}
