"""A stage for crashes: a table under load, a control plane that remembers, a worker that is killed, and its successor.

A stage has a schema, a control plane and a state directory of its own, so that many of them may be played at once.
`problems` says what does not hold after the end: the list is the same whenever and wherever the worker died.
"""

import json
import os
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.integration.conftest import Database, Server, _schema
from tests.integration.shop import HELPED, MISLED, Command, Ended, Workload, create, digest_of, finish, wait_for

from executor_adapters.testing.six_calls import Call, SixCallsServer
from executor_core.ddl import advisory_lock
from executor_core.lifecycle import TERMINAL_STATUSES
from executor_core.model import ExecutionRun

LEASE = timedelta(minutes=10)
"""So long that none ends by itself: that of a dead worker is ended when its successor is started."""
ROWS = 4_000
AT_ONCE = 6
"""Runs mostly wait, so several of them share the two cores of a CI machine."""
WINDOWS = {"baseline_window": "2s", "after_window": "4s"}
HARMFUL_WINDOWS = {"baseline_window": "3s", "after_window": "8s"}
"""A statement that an index made slow runs ten times by the end, on a busy machine too; most are convicted before."""
RUNNING_BUILDS = "SELECT id FROM information_schema.processlist WHERE db = %s AND info LIKE 'ALTER TABLE%%'"
ONCE = (
    "baseline_metrics_collected",
    "index_added",
    "after_metrics_collected",
    "verification_completed",
)
ONCE_ROLLED_BACK = ("rollback_started", "index_dropped")


@dataclass(frozen=True)
class Moment:
    """A call to the control plane: which, and for audit entries and statuses what it tells."""

    call: str
    tells: str | None = None

    def __str__(self) -> str:
        return self.call if self.tells is None else f"{self.call} {self.tells}"

    def is_now(self, call: Call) -> bool:
        """Whether `call` is it."""
        told = (call.body or {}).get("action" if call.call == "audit" else "status")
        if told == "status_change":
            told = f"status_change to {call.body['new_status']}"
        return call.call == self.call and self.tells in (None, told)


@dataclass
class Stage:
    """One run: its table and load, its control plane, and the command."""

    database: Database
    server: SixCallsServer
    command: Command
    run: ExecutionRun
    query: str
    workload: Workload
    before: list[Any] = field(default_factory=list[Any])

    def load(self) -> Workload:
        """The run's query, again and again, in the context of what is returned."""
        return Workload(self.database, [self.query], pause=0.02)

    def die_at(self, moment: Moment) -> None:
        """Carry the run until `moment`, and kill the worker after that call took effect and before its answer."""
        reached, workers = threading.Event(), list["subprocess.Popen[str]"]()

        def strike(call: Call) -> None:
            if moment.is_now(call) and not reached.is_set():
                workers[0].kill()
                reached.set()

        self.server.on(moment.call, strike)  # type: ignore[arg-type]  # the six names
        workers.append(self.command.start(self.run))
        _, errors = workers[0].communicate(timeout=600)
        assert reached.is_set(), f"the run never came to: {moment}; {errors}"

    def die_after(self, seconds: float) -> bool:
        """Kill the worker so long after its claim; return whether it was still alive then."""
        claimed = threading.Event()
        self.server.on("claim", lambda _: claimed.set())
        worker = self.start_successor()  # of the one that died before it, if any
        assert claimed.wait(180), finish(worker).errors
        threading.Event().wait(seconds)
        alive = worker.poll() is None
        finish_killed(worker)
        return alive

    def go_on(self, *, elsewhere: bool = False, **options: str) -> Ended:
        """Let another worker carry the run on: see `start_successor`."""
        return finish(self.start_successor(elsewhere=elsewhere, **options))

    def start_successor(self, *, elsewhere: bool = False, **options: str) -> "subprocess.Popen[str]":
        """End the lease and start another worker: with the state directory of the dead one, or `elsewhere`."""
        if elsewhere:
            self.command.state_dir = self.command.state_dir / "elsewhere"
        self.server.end_lease(self.run.id)
        return self.command.start(self.run, **options)

    def definition(self) -> list[Any]:
        """The table as the server describes it, without the run's own index."""
        (created,) = self.database.execute("SHOW CREATE TABLE test_orders")
        lines = [line.strip(" ,") for line in created["Create Table"].splitlines()]
        return [line for line in lines[:-1] if f"`{self.run.index_name}`" not in line]

    def index_is_there(self) -> bool:
        """Whether the run's index is there."""
        return bool(self.database.execute("SHOW INDEX FROM test_orders WHERE Key_name = %s", (self.run.index_name,)))

    def build_runs(self) -> bool:
        """Whether the server works on the run's statement, whoever asked for it and whether or not he lives."""
        return bool(self.database.execute(RUNNING_BUILDS, (self.database.name,)))

    def builds(self) -> int:
        """How often the server has added an index in this schema."""
        (row,) = self.database.execute(
            "SELECT COALESCE(SUM(COUNT_STAR - SUM_ERRORS), 0) AS n "
            "FROM performance_schema.events_statements_summary_by_digest "
            "WHERE SCHEMA_NAME = %s AND DIGEST_TEXT LIKE 'ALTER TABLE%%ADD INDEX%%'",
            (self.database.name,),
        )
        return int(row["n"])

    def told(self) -> list[tuple[str, Any]]:
        """What the control plane was told, once a key: pairs of call and body in order of first arrival."""
        first: dict[str, tuple[str, Any]] = {}
        for call in list(self.server.calls):
            if call.call in ("audit", "status", "rollback"):
                first.setdefault(call.headers["idempotency-key"], (call.call, call.body))
        return list(first.values())

    def actions(self) -> Counter[str]:
        """How often each action is in the audit trail, once a key."""
        return Counter(body["action"] for call, body in self.told() if call == "audit")

    def statuses(self) -> list[str]:
        """Every status that was told, repeated ones included."""
        return [body["status"] for _, body in self.server.statuses]

    def problems(self, ended: Ended, status: str, *, builds: int = 1, whole_trail: bool = True) -> list[str]:
        """What does not hold after the run has ended; empty when all does.

        With `whole_trail` every effect is in the audit trail exactly once: some process had the record of each.
        """
        left_behind = self._left_behind()  # first, so that no connection that is about to go holds anything
        result = ended.result
        if not result:
            return [f"exit code {ended.code}, no result: {ended.errors[-2000:]}"]
        told = self.statuses()
        terminal = [place for place, each in enumerate(told) if each in TERMINAL_STATUSES]
        found = {
            f"ended as {result['status']}: {result['message']}": result["status"] != status,
            f"the control plane was told {told}": told[-1] != result["status"],
            f"a terminal status was overwritten: {told}": len(set(told[terminal[0] :] if terminal else ())) != 1,
            "a message is undelivered": result["undelivered"] != 0 or result["refused"] != 0,
            f"the index is there: {self.index_is_there()}": self.index_is_there() != (result["status"] == "completed"),
            f"an index was added {self.builds()} times": self.builds() != builds,
            f"the table is not as it was: {self.definition()}": self.definition() != self.before,
            "the advisory lock is held": not self._lock_is_free(),
            "one key, two bodies": self._keys_are_ambiguous(),
        }
        expected = ONCE + (ONCE_ROLLED_BACK if status == "rolled_back" else ())
        actions = self.actions()
        if whole_trail:
            found |= {f"audited {actions[name]} times: {name}": actions[name] != 1 for name in expected}
        if status == "rolled_back":
            records = [body["status"] for call, body in self.told() if call == "rollback"]
            found[f"rollback records: {records}"] = records != ["completed"]
        return [problem for problem, holds in found.items() if holds] + left_behind

    def _lock_is_free(self) -> bool:
        (row,) = self.database.execute(
            "SELECT IS_FREE_LOCK(%s) AS free", (advisory_lock(self.database.name, "test_orders"),)
        )
        return bool(row["free"])

    def _keys_are_ambiguous(self) -> bool:
        bodies: dict[str, Any] = {}
        calls = [call for call in list(self.server.calls) if "idempotency-key" in call.headers]
        return any(bodies.setdefault(call.headers["idempotency-key"], call.body) != call.body for call in calls)

    def _left_behind(self) -> list[str]:
        """Connections into the schema that neither the load nor this question explains."""
        self.workload.stop()
        rows: list[dict[str, Any]] = []

        def none_left() -> bool:
            rows[:] = self.database.execute(
                "SELECT id, command, info FROM information_schema.processlist WHERE db = %s AND id <> CONNECTION_ID()",
                (self.database.name,),
            )
            return not rows

        try:
            wait_for(none_left, "nothing of ours runs on the server", seconds=60)
        except AssertionError:
            return [f"left behind: {rows}"]
        return []


@contextmanager
def stage(
    server: Server,
    folder: Path,
    *,
    harmful: bool = False,
    rows: int = ROWS,
    lease: timedelta = LEASE,
    port: int = 0,
) -> Iterator[Stage]:
    """A stage on `server` for a helpful or a harmful run; `lease` and `port` are the control plane's."""
    query, column = (MISLED, "order_date") if harmful else (HELPED, "customer_id")
    with ExitStack() as opened:
        database = opened.enter_context(contextmanager(_schema)(server))
        create(database, rows=rows)
        api = opened.enter_context(SixCallsServer(lease=lease, port=port))
        run = ExecutionRun(
            id=f"crash-{folder.name}",
            connection_id="conn-crash",
            action="ADD_INDEX",
            table_name="test_orders",
            index_name=f"idx_{column}",
            columns=(column,),
            query_digests=(digest_of(database, query),),
        )
        api.add_run(run.model_dump(mode="json", exclude_none=True))
        workload = opened.enter_context(Workload(database, [query], pause=0.02))
        command = Command(database.url, api.base_url, folder / "state", HARMFUL_WINDOWS if harmful else WINDOWS)
        played = Stage(database, api, command, run, query, workload)
        played.before = played.definition()
        yield played


def finish_killed(worker: "subprocess.Popen[str]") -> None:
    """Kill a worker, if it has not ended yet, and close its pipes."""
    worker.kill()
    worker.communicate(timeout=60)
    assert worker.returncode in (-signal.SIGKILL, 0, 3)


def all_of(play: Callable[[int, Any], list[str]], cases: Sequence[Any]) -> dict[str, list[str]]:
    """Play every case, some at once; return what was wrong, by case.

    The numbers go to the file that ``EXECUTOR_RELIABILITY_REPORT`` names, a JSON object a line.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(play, range(len(cases)), cases))
    if path := os.environ.get("EXECUTOR_RELIABILITY_REPORT"):
        test = os.environ["PYTEST_CURRENT_TEST"].partition("::")[2].partition(" ")[0]
        with Path(path).open("a") as report:
            report.write(json.dumps({"test": test, "cases": len(cases), "wrong": sum(map(bool, found))}) + "\n")
    return {
        f"{number}: {case}": problems
        for number, (case, problems) in enumerate(zip(cases, found, strict=True))
        if problems
    }
