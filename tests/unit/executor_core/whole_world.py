"""A world for a model of the whole: computers with workers that die, sleep and mishear, on the fakes.

A *computer* has a state directory and a wall clock, which may be wrong. A *worker* is one process on it. Accidents are
armed for a worker and strike in its next call of the kind that they wait for. `Inspector` looks after each call that
any worker makes of the target, and remembers what must never be.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from tests.unit.executor_core.workers_clock import WorkersClock

from executor_adapters.memory import FakeClock, FakeControlPlane, FakeDatabase, FakeWorld, MemoryJournal
from executor_core.carrying import Finished, NotClaimed, Ports, Rules, Step, Waiting
from executor_core.ddl import Marker
from executor_core.engine import Engine
from executor_core.errors import ExecutorError, OutcomeUnknown, Unavailable
from executor_core.lifecycle import TERMINAL_STATUSES
from executor_core.model import ExecutionRun, ExecutionStatus, RunId, WorkerId
from executor_core.pacing import Pacing
from executor_core.ports import Message, MessageKind

TABLE = "orders"
RULES = Rules(
    pacing=Pacing(baseline_window=timedelta(seconds=2), after_window=timedelta(seconds=2), extended_window=timedelta(0))
)


class ProcessDied(BaseException):
    """The process is gone: nothing catches this."""


class Kind(StrEnum):
    """What happens to a call."""

    DIES_BEFORE = "the process dies before it"
    DIES_AFTER = "the process dies after it"
    CUT = "the connection is cut before the request"
    ANSWER_LOST = "it happens, and the answer is lost"
    PAUSED = "the process is stopped before it, and goes on after its lease"


CHANGES = frozenset({"start_build", "drop_index", "publish_index"})
REMOTE = frozenset({
    "claim", "renew", "kill_switch", "deliver", "inspect", "running_change", "stop_build", "open_transactions",
    "choose_digests", "snapshot", "plans_using", *CHANGES,
})  # fmt: skip
"""The calls that go over a network; the others are the process's own disk."""
WRITES = frozenset({"save", "append", "add_sample", "delivered"})


@dataclass(frozen=True)
class Accident:
    """What strikes, at the `after`-th next call of one name, or of any that it can happen to."""

    kind: Kind
    call: str | None = None
    after: int = 0

    def may_strike(self, call: str) -> bool:
        """Whether it can happen to this call."""
        if self.call is not None and call != self.call:
            return False
        if self.kind is Kind.CUT:
            return call in REMOTE or call in ("save", "append")
        return call in REMOTE or (self.kind is not Kind.ANSWER_LOST and call in WRITES)


class LenientControlPlane(FakeControlPlane):
    """A control plane that overwrites any status with any other, as the six calls alone may, and remembers it all."""

    def __init__(self, clock: FakeClock, *, leases: bool) -> None:
        super().__init__(clock, leases=leases)
        self.keys: list[str] = []

    def _take(self, message: Message) -> None:
        self.keys.append(message.key)
        super()._take(message)

    def _change_status(self, run_id: RunId, body: dict[str, Any]) -> None:
        self._update(run_id, status=ExecutionStatus(body["status"]))


class Computer(WorkersClock):
    """A state directory, and a wall clock that may be set."""

    def __init__(self, world: FakeWorld) -> None:
        super().__init__(world.clock)
        self.journal = MemoryJournal()


@dataclass
class Worker:
    """One process. `due` says when each of its runs wants to go on, by the monotonic clock."""

    whole: "Whole"
    name: str
    computer: Computer
    due: dict[str, timedelta] = field(default_factory=dict[str, timedelta])
    accidents: list[Accident] = field(default_factory=list[Accident])
    alive: bool = True
    busy: bool = False

    def __post_init__(self) -> None:
        world = self.whole.world
        self.database = FakeDatabase(world.server)
        target = Wire(self, self.database)
        journal = Wire(self, self.computer.journal)
        ports = Ports(
            control_plane=Wire(self, self.whole.control_plane),  # type: ignore[arg-type]
            target=lambda _: target,  # type: ignore[arg-type,return-value]
            checkpoints=journal,  # type: ignore[arg-type]
            outbox=journal,  # type: ignore[arg-type]
            archive=world.archive,
            clock=self.computer,
            jitter=lambda: 0.5,
            observer=world.observer,
        )
        self.engine = Engine(ports=ports, worker_id=WorkerId(self.name), rules=RULES)

    def step(self, run: ExecutionRun) -> Step | None:
        """Carry a run one step further; None when the process died or had to let go of it."""
        self.busy = True
        try:
            return self._stepped(run)
        except ProcessDied:
            self.die()
        except ExecutorError as error:
            self.whole.errors[type(error).__name__] += 1
            self._let_go(run)
        finally:
            self.busy = False
        return None

    def _stepped(self, run: ExecutionRun) -> Step:
        step = self.engine.advance(run)
        if isinstance(step, Waiting):
            clock = self.whole.world.clock
            pause = max(step.until - self.computer.now(), timedelta())
            self.due[run.id] = clock.monotonic() + pause
        else:
            self.due.pop(run.id, None)
        if isinstance(step, Finished):
            self.whole.ended[self.name, run.id] = step
        return step

    def _let_go(self, run: ExecutionRun) -> None:
        self.due.pop(run.id, None)
        self.accidents.clear()
        try:
            while not self.engine.leave(run):
                self.whole.world.clock.advance(timedelta(milliseconds=200))
        except ProcessDied:
            self.die()

    def leave(self, run: ExecutionRun) -> None:
        """Hand a run back."""
        self.busy = True
        try:
            self._let_go(run)
        except ExecutorError as error:
            self.whole.errors[type(error).__name__] += 1
        finally:
            self.busy = False

    def die(self) -> None:
        """Be killed: the server goes on with what it was told."""
        self.alive = False
        self.due.clear()
        self.database.crash()


class Wire:
    """A port as one worker reaches it: accidents happen on the way."""

    def __init__(self, worker: Worker, port: Any) -> None:
        self._worker = worker
        self._port = port

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._port, name)
        if not callable(attribute):
            return attribute
        return lambda *given, **named: self._called(name, lambda: attribute(*given, **named))

    def _called(self, name: str, call: Callable[[], Any]) -> Any:
        whole, worker = self._worker.whole, self._worker
        accident = self._struck(name)
        kind = None if accident is None else accident.kind
        if kind is Kind.DIES_BEFORE:
            raise ProcessDied
        if kind is Kind.CUT:
            raise Unavailable("the connection was cut")
        if kind is Kind.PAUSED and whole.leases:  # else nobody could tell in the midst of a call that a lease has ended
            whole.sleep_through(worker)
        if kind is Kind.ANSWER_LOST and name in CHANGES:
            worker.database.lose_connection(name, happened=True)
        result = call()
        whole.inspector.look()
        if kind is Kind.DIES_AFTER:
            raise ProcessDied
        if kind is Kind.ANSWER_LOST and name not in CHANGES:
            raise OutcomeUnknown("the answer was lost") if name == "stop_build" else Unavailable("the answer was lost")
        return result

    def _struck(self, name: str) -> Accident | None:
        for number, accident in enumerate(self._worker.accidents):
            if accident.may_strike(name):
                if accident.after:
                    self._worker.accidents[number] = Accident(accident.kind, accident.call, accident.after - 1)
                    return None
                del self._worker.accidents[number]
                self._worker.whole.accidents[accident.kind] += 1
                return accident
        return None


class Inspector:
    """Looks at the server after each call, and keeps count of what came and went."""

    def __init__(self, whole: "Whole") -> None:
        self._whole = whole
        self._seen: dict[str, str] = {}
        self._statements = 0
        self.appeared: Counter[str] = Counter()
        self.problems: list[str] = []
        self.strangers: dict[str, str] = {}

    def look(self) -> None:
        """Compare what is there with what was there."""
        server = self._whole.world.server
        there = {name: index.comment for name, index in server.indexes(TABLE).items() if name != "PRIMARY"}
        for name, comment in there.items():
            marker = Marker.find(comment)
            if marker is not None and self._seen.get(name) != comment:
                self.appeared[marker.run_id] += 1
        self._seen = there
        ours = {name for name, comment in there.items() if Marker.find(comment) is not None}
        theirs = {name: comment for name, comment in there.items() if name not in ours}
        if theirs != self.strangers:
            self.problems.append(f"indexes of others were {self.strangers} and are {theirs}")
        for statement in server.statements[self._statements :]:
            self._announced(statement)
        self._statements = len(server.statements)

    def _announced(self, statement: str) -> None:
        """Before anything was sent it was written down, by whoever sent it: delivered, or in a state directory."""
        whole = self._whole
        marker = Marker.find(statement)
        if marker is not None:
            action, run_ids = "build_started", {str(marker.run_id)}
        else:
            action = "publish_started" if " VISIBLE" in statement else "rollback_started"
            run_ids = {run.id for run in whole.runs if f"`{run.index_name}`" in statement}
        if not any(action in whole.written_down(run_id) for run_id in run_ids):
            self.problems.append(f"not written down before it was sent: {statement}")


class Whole:
    """All of it."""

    def __init__(self, *, leases: bool) -> None:
        self.world = FakeWorld()
        self.leases = leases
        self.control_plane = LenientControlPlane(self.world.clock, leases=leases)
        self.world.control_plane = self.control_plane
        self.computers = [Computer(self.world), Computer(self.world)]
        self.workers: list[Worker] = []
        self.runs: list[ExecutionRun] = []
        self.touched: dict[str, set[int]] = defaultdict(set)
        self.meddled: set[str] = set()
        self.ended: dict[tuple[str, str], Finished] = {}
        self.accidents: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.steps = 0
        self.inspector = Inspector(self)

    # --- what may happen ---------------------------------------------------------------------------------

    def schedule(self, column: str) -> None:
        """One more run; two runs may well ask for one index."""
        self.runs.append(self.world.run(column, run_id=f"run-{len(self.runs) + 1}"))

    def start(self, computer: int, *, same_name: bool) -> Worker:
        """Start a worker on a computer, under the name of all on it or one of its own."""
        name = f"worker-{computer}" if same_name else f"worker-{computer}-{len(self.workers)}"
        taken = {worker.name for worker in self.workers if worker.alive}
        worker = Worker(self, name if name not in taken else f"{name}-{len(self.workers)}", self.computers[computer])
        self.workers.append(worker)
        return worker

    def carry(self, worker: Worker, run: ExecutionRun, steps: int) -> None:
        """Let a worker carry a run through some waits."""
        for _ in range(steps):
            if not worker.alive or worker.busy:
                return
            due = worker.due.get(run.id)
            if due is not None and due > self.world.clock.monotonic():
                self.world.clock.advance(due - self.world.clock.monotonic())
            self.touched[run.id].add(self.computers.index(worker.computer))
            self.steps += 1
            step = worker.step(run)
            self.inspector.look()
            if isinstance(step, NotClaimed) and not self.is_over(run):
                self.world.clock.advance(timedelta(seconds=90))  # it comes back when the other's lease may have ended
            elif not isinstance(step, Waiting):
                return

    def sleep_through(self, sleeper: Worker) -> None:
        """A worker is stopped for longer than its lease lasts, and others go on."""
        self.world.clock.advance(timedelta(minutes=2))
        elsewhere = 1 - self.computers.index(sleeper.computer)
        others = [worker for worker in self.workers if worker.alive and not worker.busy]
        other = others[0] if others else self.start(elsewhere, same_name=False)
        for run in list(self.runs):
            self.carry(other, run, 100)

    def counts(self) -> Counter[str]:
        """What happened, to be added up over many of these."""
        ends = Counter(self.control_plane.run(RunId(run.id)).status.value for run in self.runs)
        totals = {"histories": 1, "runs": len(self.runs), "workers": len(self.workers), "steps": self.steps}
        return Counter(totals) + Counter({kind.name: n for kind, n in self.accidents.items()}) + ends

    # --- what must hold ----------------------------------------------------------------------------------

    def is_over(self, run: ExecutionRun) -> bool:
        """Whether the control plane knows of the run's end."""
        return self.control_plane.run(RunId(run.id)).status in TERMINAL_STATUSES

    def written_down(self, run_id: str) -> list[str]:
        """The actions of a run that were told, or lie in any state directory to be told."""
        told = self.control_plane.actions(RunId(run_id))
        for computer in self.computers:
            pending = computer.journal.pending(RunId(run_id))
            told.extend(str(message.body["action"]) for message in pending if message.kind is MessageKind.AUDIT)
        return told

    def problems(self) -> list[str]:
        """What does not hold now."""
        found = list(self.inspector.problems)
        for run in self.runs:
            found.extend(f"{run.id}: {problem}" for problem in self._problems_of(run))
        return found

    def _problems_of(self, run: ExecutionRun) -> list[str]:
        found = []
        builds = self.inspector.appeared[run.id]
        # A computer that knows nothing of a run that was rolled back, and not reported, begins it anew.
        if builds > max(1, len(self.touched[run.id])):
            found.append(f"its index was built {builds} times by {len(self.touched[run.id])} computers")
        told = [body["status"] for run_id, body in self.control_plane.statuses if run_id == run.id]
        ends = [status for status in told if status in TERMINAL_STATUSES]
        # Without fencing, an end that could not be told, and that no other computer knows of, is told late.
        fenced = self.leases or len(self.touched[run.id]) == 1
        if fenced and ends and set(told[told.index(ends[0]) :]) != {ends[0]}:
            found.append(f"its end was overwritten: {told}")
        if fenced and ends and run.id not in self.meddled:
            found.extend(self._wrong_index(run, ends[-1]))
        found.extend(self._wrong_trail(run))
        return found

    def _wrong_index(self, run: ExecutionRun, status: str) -> list[str]:
        there = self.world.server.indexes(TABLE).get(run.index_name)
        ours = there is not None and (marker := Marker.find(there.comment)) is not None and marker.run_id == run.id
        records = [record for record in self.control_plane.rollbacks if record["execution_run_id"] == run.id]
        kept = status == "failed" and bool(records) and records[-1]["status"] == "failed"
        if status == "requires_manual" or ours == (status == "completed" or kept):
            return []
        return [f"it is {status}, and its index is {'there' if ours else 'not there'}"]

    def _wrong_trail(self, run: ExecutionRun) -> list[str]:
        found = []
        numbers: dict[str, list[int]] = defaultdict(list)
        for key in self.control_plane.keys:
            if key.startswith(f"{run.id}:") and ":claim:" not in key:
                origin, _, number = key.rpartition(":")
                numbers[origin].append(int(number))
        for origin, delivered in numbers.items():
            if delivered != sorted(set(delivered)):
                found.append(f"told out of order or twice by {origin}: {delivered}")
        actions = Counter(self.control_plane.actions(RunId(run.id)))
        for action in ("index_added", "index_dropped", "index_published", "verification_completed"):
            if actions[action] > len(self.touched[run.id]):
                found.append(f"told {actions[action]} times: {action}")
        return found

    # --- the end -----------------------------------------------------------------------------------------

    def come_to_rest(self) -> list[str]:
        """Let calm come: every run has its end, told and on record, and nothing is left behind."""
        for worker in self.workers:
            worker.accidents.clear()
        for computer in self.computers:
            computer.wrong_by = timedelta()
        self.world.clock.advance(timedelta(minutes=2))
        for round_ in range(8):
            self._everybody_goes_on()
            if all(self.is_over(run) for run in self.runs) and self._nothing_to_tell():
                break
            self.world.clock.advance(timedelta(minutes=2))
            if round_ == 2:  # whoever holds a run for ever must not be the reason
                for worker in self.workers:
                    worker.die()
        self.inspector.look()
        found = self.problems()
        found += [
            f"{run.id} has no end: {self.control_plane.run(RunId(run.id)).status}"
            for run in self.runs
            if not self.is_over(run)
        ]
        found += [f"{build.order.marker} is still under way" for build in self.world.server.running()]
        found += [
            f"undelivered: {message.key} {message.kind} {message.body}"
            for computer in self.computers
            for message in self._untold(computer)
        ]
        return found

    def _untold(self, computer: Computer) -> list[Message]:
        """What a computer could have told and did not.

        Without fencing, a status of a run that another computer has ended could overwrite its end: it waits for ever.
        """
        return [
            message
            for message in computer.journal.pending()
            if self.leases
            or message.kind is not MessageKind.STATUS
            or ((state := computer.journal.load(message.run_id)) is not None and state.finished)
        ]

    def _nothing_to_tell(self) -> bool:
        return not any(self._untold(computer) for computer in self.computers)

    def _everybody_goes_on(self) -> None:
        for number in range(len(self.computers)):
            self.start(number, same_name=False)
        for worker in [worker for worker in self.workers if worker.alive]:
            for run in self.runs:
                self.carry(worker, run, 100)
            worker.engine.deliver_backlog()
