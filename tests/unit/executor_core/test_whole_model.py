"""A model of the whole: many runs and workers, crashes, lost answers, stopped processes and clocks that are set.

Hypothesis chooses what happens next; after each step the invariants must hold, and in the end calm comes, in which
every run has to find its end. ``EXECUTOR_MODEL_EXAMPLES`` is the number of histories.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.unit.executor_core.whole_world import CHANGES, TABLE, Accident, Kind, Whole, Worker

from executor_adapters.memory.world import CONNECTION

EXAMPLES = int(os.environ.get("EXECUTOR_MODEL_EXAMPLES", "25"))
STEPS = 30
MOST_RUNS = 3
COUNTS: Counter[str] = Counter()
"""What happened in all histories together, for the report of a long run."""
COLUMNS = st.sampled_from(["customer_id", "status"])
WHICH = st.integers(0, 7)
CLOCKS = st.none() | st.sampled_from([-86_400, -30, 0, 30, 86_400])
SWITCHES = {"switch": None, "connection switch": CONNECTION}
ANYWHERE = st.builds(Accident, st.sampled_from(Kind), st.none(), st.integers(0, 12))
AT_A_CHANGE = st.builds(Accident, st.sampled_from(Kind), st.sampled_from(sorted(CHANGES)))
AT_A_CALL = st.builds(
    Accident,
    st.sampled_from(Kind),
    st.sampled_from(["claim", "renew", "deliver", "save", "stop_build"]),
    st.integers(0, 4),
)
ACCIDENTS = st.lists(ANYWHERE | AT_A_CHANGE | AT_A_CALL, min_size=1, max_size=3)


class RunsWorkersAndTime(RuleBasedStateMachine):
    """See the module's docstring."""

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[str, ExitStack] = {}

    @initialize(leases=st.booleans(), build_s=st.sampled_from([0, 10]), column=COLUMNS)
    def begin(self, leases: bool, build_s: int, column: str) -> None:
        self.whole = Whole(leases=leases)
        self.whole.world.server.build_time = timedelta(seconds=build_s)
        self.whole.schedule(column)
        self.whole.start(0, same_name=True)
        self.whole.start(1, same_name=True)

    # --- runs and workers

    @precondition(lambda self: len(self.whole.runs) < MOST_RUNS)
    @rule(column=COLUMNS)
    def one_more_run(self, column: str) -> None:
        self.whole.schedule(column)

    @precondition(lambda self: sum(worker.alive for worker in self.whole.workers) < 3)
    @rule(computer=st.integers(0, 1), same_name=st.booleans())
    def a_worker_starts(self, computer: int, same_name: bool) -> None:
        self.whole.start(computer, same_name=same_name)

    @rule(which=WHICH, run=WHICH, steps=st.sampled_from([1, 3, 20, 60]))
    def a_worker_goes_on(self, which: int, run: int, steps: int) -> None:
        self.whole.carry(self._worker(which), self.whole.runs[run % len(self.whole.runs)], steps)

    @rule(which=WHICH, run=WHICH, accidents=ACCIDENTS)
    def a_worker_goes_on_into_accidents(self, which: int, run: int, accidents: list[Accident]) -> None:
        worker = self._worker(which)
        worker.accidents.extend(accidents)
        self.whole.carry(worker, self.whole.runs[run % len(self.whole.runs)], 60)

    @rule(which=WHICH, run=WHICH, killed=st.booleans())
    def a_worker_ends(self, which: int, run: int, killed: bool) -> None:
        worker = self._worker(which)
        if killed:
            worker.die()
        else:
            worker.leave(self.whole.runs[run % len(self.whole.runs)])

    def _worker(self, which: int) -> Worker:
        alive = [worker for worker in self.whole.workers if worker.alive]
        return alive[which % len(alive)] if alive else self.whole.start(which % 2, same_name=which > 3)

    # --- time and the world

    @rule(seconds=st.sampled_from([1, 5, 30, 90, 600]), computer=st.integers(0, 1), wrong_by=CLOCKS)
    def time_passes(self, seconds: int, computer: int, wrong_by: int | None) -> None:
        """Time passes, and a clock may be set meanwhile."""
        self.whole.world.clock.advance(timedelta(seconds=seconds))
        if wrong_by is not None:
            self.whole.computers[computer].wrong_by = timedelta(seconds=wrong_by)

    @rule(what=st.sampled_from(["switch", "connection switch", "lock", "transaction", "restart"]))
    def the_world_gets_in_the_way(self, what: str) -> None:
        """A kill switch, a lock or an open transaction comes or goes, or the database server starts anew."""
        server = self.whole.world.server
        if what == "restart":
            self._let_go("lock", "transaction")
            server.restart()
            self.whole.inspector.look()
        elif what in self.held:
            self._let_go(what)
        else:
            stack = self.held[what] = ExitStack()
            if what in ("lock", "transaction"):
                stack.enter_context(server.holding_lock(TABLE) if what == "lock" else server.open_transaction())
            else:
                switch = partial(self.whole.control_plane.set_kill_switch, connection_id=SWITCHES[what])
                switch(active=True)
                stack.callback(switch, active=False)

    @precondition(lambda self: not self.whole.world.server.running())  # who changes a table keeps others from it
    @rule(column=COLUMNS, run=WHICH)
    def somebody_meddles(self, column: str, run: int) -> None:
        """Somebody drops the index of a run, or has one of that name."""
        server, inspector = self.whole.world.server, self.whole.inspector
        name = self.whole.runs[run % len(self.whole.runs)].index_name
        if name in server.indexes(TABLE):
            server.remove_index(TABLE, name)
            inspector.strangers.pop(name, None)
        else:
            server.add_index(TABLE, name, [column], comment="somebody else's")
            inspector.strangers[name] = "somebody else's"
        self.whole.meddled.update(each.id for each in self.whole.runs if each.index_name == name)
        inspector.look()

    def _let_go(self, *what: str) -> None:
        for each in what:
            self.held.pop(each, ExitStack()).close()

    # --- what holds

    @invariant()
    def all_is_well(self) -> None:
        if hasattr(self, "whole"):
            assert not self.whole.problems(), self.whole.problems()

    def teardown(self) -> None:
        if hasattr(self, "whole"):
            self._let_go(*list(self.held))
            problems = self.whole.come_to_rest()
            COUNTS.update(self.whole.counts())
            assert not problems, problems


@pytest.fixture(autouse=True, scope="module")
def report() -> Iterator[None]:
    """Append what happened to the file that ``EXECUTOR_RELIABILITY_REPORT`` names, as a JSON object on a line."""
    yield
    if path := os.environ.get("EXECUTOR_RELIABILITY_REPORT"):
        with Path(path).open("a") as file:
            file.write(json.dumps({"test": "model", "cases": COUNTS["histories"], "wrong": 0, **COUNTS}) + "\n")


RunsWorkersAndTime.TestCase.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    print_blob=True,
    phases=[Phase.explicit, Phase.reuse, Phase.generate] if os.environ.get("NOSHRINK") else list(Phase),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestRunsWorkersAndTime = RunsWorkersAndTime.TestCase


@pytest.mark.parametrize("column", ["customer_id", "status"])
@pytest.mark.parametrize("call", sorted(CHANGES))
@pytest.mark.parametrize("computer", [0, 1], ids=["same-state", "another-machine"])
def test_a_process_that_is_stopped_just_before_a_change_changes_nothing(column: str, call: str, computer: int) -> None:
    """While it stands still its lease ends, and another carries the run to its end, whichever that is."""
    whole = Whole(leases=True)
    whole.world.server.build_time = timedelta()
    whole.schedule(column)
    sleeper = whole.start(0, same_name=False)
    whole.start(computer, same_name=False)
    sleeper.accidents.append(Accident(Kind.PAUSED, call))
    whole.carry(sleeper, whole.runs[0], 100)
    expected = 0 if (column, call) == ("customer_id", "drop_index") else 1  # a helpful index is never dropped
    assert whole.accidents[Kind.PAUSED] == expected
    assert whole.problems() == []
    assert whole.come_to_rest() == []
