"""Measure how much one process carries, and how it grows.

    python -m bench.load whole     whole runs on the fakes, one after another in one engine: runs per second
    python -m bench.load waiting   runs that wait in one worker: memory of each, processor time of all, late wake-ups
    python -m bench.load claims    claims on the reference control plane over HTTP, by 1 to 32 clients

Each prints one line of figures for each size, so that growth can be read off.
"""

import argparse
import gc
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from executor_adapters.clock import SystemClock
from executor_adapters.control_plane.database import Database
from executor_adapters.control_plane.server import ControlPlaneServer, serve
from executor_adapters.control_plane.store import ControlPlaneStore
from executor_adapters.memory import FakeClock, FakeControlPlane, FakeDatabase, FakeServer, FakeWorld, MemoryJournal
from executor_adapters.memory.world import CONTROLS, INSERT, MISLED, SLOW, TABLE
from executor_adapters.saas.control_plane import HttpControlPlane
from executor_adapters.worker import Worker
from executor_core.carrying import Finished, Ports, Rules, Waiting
from executor_core.engine import Engine
from executor_core.model import ConnectionId, ExecutionRun, RunId, WorkerId
from executor_core.pacing import Pacing
from executor_core.ports import Notice, RollbackRequest
from executor_core.state import RunState

COLUMNS = {"id": "int", "customer_id": "int", "status": "varchar(20)", "note": "text"}
MEBIBYTE = 2**20


def a_run(number: int) -> ExecutionRun:
    """A run of its own on a database of its own."""
    return ExecutionRun(
        id=f"run-{number:06}",
        connection_id=f"shop-{number}",
        action="ADD_INDEX",
        table_name=TABLE,
        index_name="idx_customer_id",
        columns=("customer_id",),
        query_digests=(SLOW.digest, MISLED.digest),
    )


class Silent:
    """An observer that hears nothing."""

    def notice(self, notice: Notice) -> None:
        """Hear of it, and forget it."""


class ManyDatabases:
    """A control plane, stores and any number of databases in memory, with one engine for them all."""

    def __init__(self, pacing: Pacing) -> None:
        self.clock = FakeClock()
        self.control_plane = FakeControlPlane(self.clock)
        self.journal = MemoryJournal()
        self._databases: dict[ConnectionId, FakeDatabase] = {}
        ports = Ports(
            control_plane=self.control_plane,
            target=self._databases.__getitem__,
            checkpoints=self.journal,
            outbox=self.journal,
            archive=FakeWorld().archive,
            clock=self.clock,
            jitter=lambda: 0.5,
            observer=Silent(),
        )
        self.engine = Engine(ports=ports, worker_id=WorkerId("worker-1"), rules=Rules(pacing=pacing))

    def schedule(self, run: ExecutionRun) -> ExecutionRun:
        """Make the run's database and let the control plane know the run."""
        server = FakeServer(self.clock, build_time=timedelta(seconds=1))
        server.add_table(TABLE, COLUMNS, rows=200_000)
        for query in (SLOW, MISLED, INSERT, *CONTROLS):
            server.add_query(query)
        self._databases[ConnectionId(run.connection_id)] = FakeDatabase(server)
        return self.control_plane.schedule(run)

    def carry(self, run: ExecutionRun) -> None:
        """Carry one run to its end, which is a good one."""
        while isinstance(step := self.engine.advance(run), Waiting):
            self.clock.wait(step.until - self.clock.now())
        assert isinstance(step, Finished)
        assert step.state.status == "completed"


def whole(sizes: Sequence[int], pacing: Pacing, name: str) -> None:
    """Print how many whole runs a second are carried, for each number of them."""
    for size in sizes:
        world = ManyDatabases(pacing)
        runs = [world.schedule(a_run(number)) for number in range(size)]
        world.clock.advance(timedelta(minutes=1))
        begun = time.process_time()
        for run in runs:
            world.carry(run)
        spent = time.process_time() - begun
        print(f"{size:>7,} runs, {name}: {size / spent:,.1f} runs per second of processor time", flush=True)


# --- waiting ---------------------------------------------------------------------------------------------------------


class Patient:
    """An engine whose runs all wait, and that notes how late each is woken.

    What a real engine keeps of a run is in `waiting_in_an_engine`; this one shows the worker's own queue.
    """

    def __init__(self, clock: SystemClock, wait: timedelta, state: RunState) -> None:
        self._clock = clock
        self._wait = wait
        self._state = state
        self._due: dict[str, float] = {}
        self.late: list[float] = []

    def advance(self, run: ExecutionRun) -> Waiting:
        """Wait again."""
        now = self._clock.monotonic().total_seconds()
        if (due := self._due.get(run.id)) is not None:
            self.late.append(now - due)
        self._due[run.id] = now + self._wait.total_seconds()
        return Waiting(self._clock.now() + self._wait, self._state)

    def leave(self, _run: ExecutionRun) -> bool:
        """Nothing is under way."""
        return True

    def holds(self, _run: ExecutionRun) -> bool:
        """Nothing was claimed."""
        return False


class Listing:
    """A control plane that lists each run once, as many at a time as it is asked for."""

    def __init__(self, size: int) -> None:
        self._left = [a_run(number) for number in range(size)]

    def scheduled_runs(self, limit: int) -> list[ExecutionRun]:
        """The next ones."""
        listed, self._left = self._left[:limit], self._left[limit:]
        return listed

    def rollback_requests(self) -> list[RollbackRequest]:
        """Nobody wants anything back."""
        return []


def resident() -> int:
    """The process's resident memory, in bytes."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


def waiting_in_an_engine(size: int) -> float:
    """Return the KiB that a real engine and the fakes keep for each run that waits in its baseline window."""
    world = ManyDatabases(Pacing())
    runs = [world.schedule(a_run(number)) for number in range(size)]
    gc.collect()
    before = resident()
    for run in runs:
        step = world.engine.advance(run)
        assert isinstance(step, Waiting), step
    gc.collect()
    return (resident() - before) / size / 1024


def waiting(sizes: Sequence[int], pause: timedelta) -> None:
    """Print what runs cost that all wait, for each number of them."""
    for size in sizes:
        each = waiting_in_an_engine(size)
        clock = SystemClock()
        state = RunState(run=a_run(0), worker_id=WorkerId("worker-1"), origin="bench")
        engine = Patient(clock, pause, state)
        gc.collect()
        before = resident()
        worker = Worker(
            engine=engine,  # type: ignore[arg-type]
            control_plane=Listing(size),  # type: ignore[arg-type]
            clock=clock,
            runs_at_once=size,
            ended=lambda *_: None,
        )
        thread = threading.Thread(target=worker.work)
        thread.start()
        while len(engine._due) < size:
            time.sleep(0.05)
        grown = resident() - before
        engine.late.clear()
        spent = time.process_time()
        time.sleep(2 * pause.total_seconds())
        spent = (time.process_time() - spent) / (2 * pause.total_seconds())
        late = sorted(engine.late)
        clock.interrupt()
        thread.join()
        print(
            f"{size:>7,} waiting: {each:.1f} KiB each in the engine and the fakes, {grown / MEBIBYTE:.1f} MiB for the "
            f"worker's queue; all woken every {pause.total_seconds():.0f} s: {100 * spent:.1f} % of a core, late by "
            f"{1000 * late[len(late) // 2]:.0f} ms (median), {1000 * late[-1]:.0f} ms (most)",
            flush=True,
        )


# --- claims ----------------------------------------------------------------------------------------------------------

SERVE = "import sys; from bench.load import serve_stored; serve_stored(sys.argv[1], int(sys.argv[2]))"


def serve_stored(url: str, size: int) -> None:
    """Store so many runs, and serve them until this process is ended."""
    store = ControlPlaneStore(Database(url))
    for number in range(size):
        store.schedule(a_run(number), now=datetime.now(UTC))
    store.close()
    serve(ControlPlaneServer(url), announce=lambda base_url: print(base_url, flush=True))


def claims(url: str, name: str, clients: Sequence[int], stored: int, each: int) -> None:
    """Print how many claims a second are granted to so many clients, among so many stored runs."""
    needed = each * len(clients)
    size = max(stored, needed)
    server = subprocess.Popen(
        [sys.executable, "-c", SERVE, url, str(size)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert server.stdout is not None
    try:
        base_url = server.stdout.readline().strip()
        begun = 0
        for many in clients:
            mine = [RunId(a_run(number).id) for number in range(begun, begun + each)]
            begun += each
            spent = claimed_by(base_url, mine, many)
            print(f"{name}, {size:,} runs stored, {many:>2} clients: {each / spent:,.0f} claims a second", flush=True)
    finally:
        server.terminate()
        server.wait(30)
        server.stdout.close()


def claimed_by(base_url: str, run_ids: Sequence[RunId], clients: int) -> float:
    """Claim every run, by so many clients at once; return the seconds that it took."""
    connected = [HttpControlPlane(base_url, None) for _ in range(clients)]
    for client in connected:
        client.kill_switch(ConnectionId("warm"))

    def work(number: int) -> None:
        for run_id in run_ids[number::clients]:
            connected[number].claim(run_id, WorkerId(f"w{number}"))

    with ThreadPoolExecutor(clients) as pool:
        begun = time.perf_counter()
        list(pool.map(work, range(clients)))
        spent = time.perf_counter() - begun
    for client in connected:
        client.close()
    return spent


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure one thing and print it."""
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    what = parser.add_subparsers(dest="what", required=True)
    for name, sizes in (("whole", [100, 1_000]), ("waiting", [100, 1_000, 10_000])):
        sub = what.add_parser(name)
        sub.add_argument("--sizes", type=int, nargs="+", default=sizes)
    sub = what.add_parser("claims")
    sub.add_argument("--db", help="URL of an empty database; without it, a SQLite file")
    sub.add_argument("--clients", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32])
    sub.add_argument("--stored", type=int, nargs="+", default=[0], help="how many runs there are at least")
    sub.add_argument("--claims", type=int, default=200, help="by each number of clients")
    options = parser.parse_args(arguments)
    measure: dict[str, Callable[[], None]] = {
        "whole": lambda: measure_whole(options.sizes),
        "waiting": lambda: waiting(options.sizes, timedelta(seconds=10)),
        "claims": lambda: measure_claims(options.db, options.clients, options.stored, options.claims),
    }
    measure[options.what]()


def measure_whole(sizes: Sequence[int]) -> None:
    """With the shortest windows, and with the usual ones."""
    short = Pacing(
        baseline_window=timedelta(seconds=1), after_window=timedelta(seconds=1), extended_window=timedelta(0)
    )
    whole(sizes, short, "windows of one second")
    whole(sizes[:1], Pacing(), "windows of five minutes")


def measure_claims(db: str | None, clients: Sequence[int], stored: Sequence[int], each: int) -> None:
    """On one database, or on a fresh SQLite file for each size."""
    for size in stored:
        with TemporaryDirectory() as folder:
            url = db or f"sqlite:///{Path(folder)}/c.db"
            claims(url, url.split(":")[0], clients, size, each)


if __name__ == "__main__":
    main()
