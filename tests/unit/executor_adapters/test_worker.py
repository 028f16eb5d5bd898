"""The worker on the fakes; its clock moves when everything waits, so that nothing here takes time."""

import threading
from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest

from executor_adapters.driving import STILL_BUILDING, STOPPED
from executor_adapters.memory import FakeDatabase, FakeWorld
from executor_adapters.worker import LONGEST_PAUSE, POLL, REST, End, Worker
from executor_core.carrying import Finished, Interrupted, NotClaimed, Rules, Step, Waiting
from executor_core.engine import Engine
from executor_core.errors import CheckpointUnusable, ExecutorError, InvalidInput, Refused, Unavailable
from executor_core.model import ExecutionRun, ExecutionStatus, RunId, WorkerId
from executor_core.pacing import Pacing

SHORT = Rules(
    pacing=Pacing(
        baseline_window=timedelta(seconds=30), after_window=timedelta(seconds=30), extended_window=timedelta(0)
    )
)


class Watched(Engine):
    """An engine that finds out how many steps of one run, and how many runs, it was given at once."""

    def __init__(self, world: FakeWorld) -> None:
        super().__init__(ports=world.ports(), worker_id=WorkerId("worker-1"), rules=SHORT)
        self.most_steps_of_a_run = 0
        self.seen: set[str] = set()
        self.break_on: dict[str, Exception] = {}
        self._guard = threading.Lock()
        self._steps: Counter[str] = Counter()

    def advance(self, run: ExecutionRun) -> Step:
        with self._guard:
            self._steps[run.id] += 1
            self.seen.add(run.id)
            self.most_steps_of_a_run = max(self.most_steps_of_a_run, self._steps[run.id])
        try:
            if run.id in self.break_on:
                raise self.break_on[run.id]
            return super().advance(run)
        finally:
            with self._guard:
                self._steps[run.id] -= 1


class House:
    """A world whose table has many columns, an engine, a worker, and the runs that ended."""

    def __init__(self, *, runs_at_once: int = 100, threads: int = 4) -> None:
        self.world = FakeWorld()
        self.engine = Watched(self.world)
        self.ends: dict[str, End] = {}
        self.worker = Worker(
            engine=self.engine,
            control_plane=self.world.control_plane,
            clock=self.world.clock,
            runs_at_once=runs_at_once,
            threads=threads,
            ended=self._ended,
            jitter=lambda: 0.5,
        )

    def _ended(self, run: ExecutionRun, end: End) -> None:
        self.ends[run.id] = end

    def schedule_on_one_table(self, count: int) -> list[str]:
        """Runs on the table `wide`; returns the column of each."""
        columns = [f"c{number}" for number in range(count)]
        self.world.server.add_table("wide", {"id": "int"} | dict.fromkeys(columns, "int"))
        for column in columns:
            run = self.world.run(column, run_id=f"run-{column}")
            self.world.control_plane.schedule(run.model_copy(update={"table_name": "wide", "query_digests": ()}))
        return columns

    def schedule(self, count: int) -> list[str]:
        """Runs on tables of their own."""
        ids = [f"run-{number}" for number in range(count)]
        for number, run_id in enumerate(ids):
            self.world.server.add_table(f"t{number}", {"id": "int", "customer_id": "int"})
            run = self.world.run("customer_id", run_id=run_id)
            self.world.control_plane.schedule(run.model_copy(update={"table_name": f"t{number}", "query_digests": ()}))
        return ids

    def status(self, run_id: str) -> ExecutionStatus:
        return self.world.control_plane.run(RunId(run_id)).status

    def interrupt_when(self, call: str) -> None:
        self.world.database.on(call, self.world.clock.interrupt)


def test_many_runs_come_to_their_ends() -> None:
    house = House()
    ids = house.schedule(12)
    house.worker.work(once=True)
    assert sorted(house.ends) == sorted(ids)
    assert all(isinstance(end, Finished) for end in house.ends.values())
    assert {house.status(run_id) for run_id in ids} == {ExecutionStatus.COMPLETED}
    assert sum("ADD INDEX" in statement for statement in house.world.server.statements) == 12


def test_runs_on_one_table_take_turns() -> None:
    house = House()
    columns = house.schedule_on_one_table(5)
    house.worker.work(once=True)
    assert [type(end) for end in house.ends.values()] == [Finished] * 5
    assert set(house.world.server.indexes("wide")) == {"PRIMARY", *(f"idx_{column}" for column in columns)}
    assert {house.status(run_id) for run_id in house.ends} == {ExecutionStatus.COMPLETED}


def test_once_ends_at_once_when_there_is_nothing_to_do() -> None:
    house = House()
    before = house.world.clock.now()
    house.worker.work(once=True)
    assert house.world.clock.now() == before


def test_no_two_steps_of_one_run_run_at_once() -> None:
    house = House(threads=8)
    house.schedule(6)
    house.worker.work(once=True)
    assert house.engine.most_steps_of_a_run == 1


def test_no_more_runs_are_carried_than_were_allowed() -> None:
    house = House(runs_at_once=2)
    ids = house.schedule(5)
    carried: set[str] = set()
    most = 0

    def count() -> None:
        nonlocal most
        carried.update(house.engine.seen)
        most = max(most, len(carried - house.ends.keys()))

    house.world.database.on("snapshot", count)
    house.worker.work(once=True)
    assert most == 2
    assert sorted(house.ends) == ids


@pytest.mark.parametrize(
    "error", [RuntimeError("a bug"), Unavailable("the disk is full")], ids=["unforeseen", "foreseen"]
)
def test_a_run_that_goes_wrong_is_let_go_and_the_others_do_not_notice(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    house = House()
    house.schedule(3)
    house.engine.break_on["run-1"] = error
    house.worker.work(once=True)
    assert isinstance(house.ends.pop("run-1"), Interrupted)
    assert all(isinstance(end, Finished) for end in house.ends.values())
    assert len(house.ends) == 2
    assert f"run run-1 is left: {error}" in caplog.text


@pytest.mark.parametrize("error", [InvalidInput("conn-9 is not configured"), CheckpointUnusable("torn")])
def test_a_run_that_can_not_be_begun_is_left_alone(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    house = House()
    house.schedule(2)
    house.engine.break_on["run-0"] = error
    house.worker.work(once=True)
    assert house.ends["run-0"] == NotClaimed(str(error))
    assert house.status("run-0") is ExecutionStatus.SCHEDULED
    assert isinstance(house.ends["run-1"], Finished)
    assert str(error) in caplog.text


def test_runs_that_rest_do_not_hide_those_behind_them() -> None:
    house = House(runs_at_once=1)
    house.schedule(3)
    house.engine.break_on["run-0"] = house.engine.break_on["run-1"] = InvalidInput("not configured")
    house.worker.work(once=True)
    assert isinstance(house.ends["run-2"], Finished)


@pytest.mark.parametrize("error", [Refused("no such status", number=422), Unavailable("HTTP 503")])
def test_a_run_whose_end_can_not_be_told_is_taken_up_now_and_then(error: ExecutorError) -> None:
    """The control plane goes on listing it as one that may be claimed."""
    house = House()
    house.schedule(1)
    house.world.control_plane.fail("status", error)
    clock, ends = house.world.clock, list[timedelta]()

    def ended(_run: ExecutionRun, _end: End) -> None:
        ends.append(clock.monotonic())
        if len(ends) == 4:
            clock.interrupt()

    Worker(engine=house.engine, control_plane=house.world.control_plane, clock=clock, ended=ended).work()
    assert all(later - earlier >= REST for earlier, later in pairwise(ends))


def test_a_run_that_is_listed_after_its_end_is_not_taken_up_at_full_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A control plane may answer from a cache, or forget to mark it."""
    house = House()
    house.schedule(1)
    listed = house.world.control_plane.scheduled_runs(10)
    monkeypatch.setattr(house.world.control_plane, "scheduled_runs", lambda _limit: listed)
    house.worker.work(once=True)
    assert list(house.ends) == ["run-0"]
    assert isinstance(house.ends["run-0"], Finished)


def test_a_run_that_was_not_claimed_is_tried_again_later() -> None:
    house = House()
    house.schedule(1)
    house.world.control_plane.fail("claim", Unavailable("HTTP 500"), times=1)
    ends: list[End] = []

    def ended(run: ExecutionRun, end: End) -> None:
        ends.append(end)
        if isinstance(end, Finished):
            house.world.clock.interrupt()

    Worker(engine=house.engine, control_plane=house.world.control_plane, clock=house.world.clock, ended=ended).work()
    assert [type(end) for end in ends] == [NotClaimed, Finished]


@pytest.mark.parametrize("error", [Unavailable("no connection"), Refused("no such call", number=404)])
def test_a_first_listing_that_fails_is_raised(error: Exception) -> None:
    house = House()
    house.world.control_plane.fail("scheduled_runs", error)  # type: ignore[arg-type]
    with pytest.raises(type(error), match=str(error)):
        house.worker.work()


def test_later_listings_that_fail_are_waited_out(caplog: pytest.LogCaptureFixture) -> None:
    house = House(runs_at_once=1)
    house.schedule(2)
    house.world.control_plane.fail("scheduled_runs", Unavailable("no connection"), times=2, after=1)
    before = house.world.clock.now()
    house.worker.work(once=True)
    assert all(isinstance(end, Finished) for end in house.ends.values())
    assert len(house.ends) == 2
    assert caplog.text.count("can't be listed: no connection") == 2
    assert house.world.clock.now() - before > 2 * POLL


@pytest.mark.parametrize("call", ["snapshot", "start_build"])
def test_interrupted_it_hands_every_run_back(call: str) -> None:
    house = House()
    ids = house.schedule(5)
    house.interrupt_when(call)
    house.worker.work()
    assert house.ends
    assert set(house.ends.values()) == {Interrupted(STOPPED)}
    claimable = {run.id for run in house.world.control_plane.scheduled_runs(100)}
    assert claimable == set(ids)
    for number in range(5):
        assert house.world.server.change(f"t{number}") is None
        assert set(house.world.server.indexes(f"t{number}")) == {"PRIMARY"}
    another = Engine(
        ports=house.world.ports(FakeDatabase(house.world.server)), worker_id=WorkerId("worker-2"), rules=SHORT
    )
    run = house.world.control_plane.run(RunId(next(iter(house.ends))))
    assert isinstance(another.advance(run), Waiting)


def test_runs_that_were_not_begun_are_not_spoken_of_when_it_is_interrupted() -> None:
    house = House(threads=1)
    house.schedule(3)
    house.world.control_plane.on("claim", house.world.clock.interrupt)
    house.worker.work()
    assert house.ends == {"run-0": Interrupted(STOPPED)}
    assert house.engine.seen == {"run-0"}


def test_a_build_that_does_not_end_is_told_and_not_waited_for_for_ever() -> None:
    house = House()
    house.schedule(1)
    house.world.server.build_time = timedelta(hours=1)
    house.world.database.fail("end_own_build", Unavailable("too many connections"))
    house.interrupt_when("start_build")
    house.worker.work()
    assert house.ends == {"run-0": Interrupted(f"{STOPPED}; {STILL_BUILDING}")}


def test_setting_the_wall_clock_back_keeps_no_run_waiting() -> None:
    house = House()
    house.schedule(1)
    set_back = False

    def an_hour_back() -> None:
        nonlocal set_back
        if not set_back:
            set_back = True
            house.world.clock.set_wall_clock(house.world.clock.now() - timedelta(hours=1))

    house.world.database.on("inspect", an_hour_back)
    before = house.world.clock.monotonic()
    house.worker.work(once=True)
    assert "run-0" in house.ends
    assert house.world.clock.monotonic() - before < timedelta(minutes=10)


def test_one_connection_that_does_not_answer_holds_up_none_but_its_own() -> None:
    house = House()
    for number in range(20):
        run = house.world.run("status", run_id=f"run-{number}")
        house.world.control_plane.schedule(run.model_copy(update={"connection_id": "stuck"}))
    house.world.clock.advance(timedelta(seconds=1))
    house.world.run("status", run_id="another")
    go_on, both_are_stuck, stuck = threading.Event(), threading.Event(), Counter[str]()

    class Stuck(Watched):
        def advance(self, run: ExecutionRun) -> Step:
            if run.connection_id == "stuck":
                stuck[run.id] += 1
                if len(stuck) > 1:
                    both_are_stuck.set()
                go_on.wait(60)
            return NotClaimed("somebody has it")

    def ended(run: ExecutionRun, end: End) -> None:
        if run.id == "another":
            house.ends[run.id] = end
            house.world.clock.interrupt()
            assert not go_on.is_set()
            assert both_are_stuck.wait(20)
            assert len(stuck) == 2  # a quarter of the threads
            go_on.set()

    engine, plane, clock = Stuck(house.world), house.world.control_plane, house.world.clock
    Worker(engine=engine, control_plane=plane, clock=clock, threads=8, ended=ended).work()
    assert house.ends == {"another": NotClaimed("somebody has it")}


def test_a_control_plane_that_is_overloaded_is_left_alone_for_as_long_as_it_asks() -> None:
    house = House(threads=4)
    ids = house.schedule(40)
    asked: list[timedelta] = []
    house.world.control_plane.fail("claim", Unavailable("HTTP 503", retry_after=timedelta(minutes=2)), times=4)
    claim = house.world.control_plane.claim

    def noted(run_id: RunId, worker_id: WorkerId) -> object:
        asked.append(house.world.clock.monotonic())
        return claim(run_id, worker_id)

    house.world.control_plane.claim = noted  # type: ignore[method-assign,assignment]
    house.worker.work(once=True)
    assert {house.status(run_id) for run_id in ids} == {ExecutionStatus.COMPLETED}
    first = [at for at in asked if at - asked[0] < timedelta(minutes=2)]
    assert len(first) <= 4  # those that were under way together; no other was begun until then


def test_a_control_plane_that_is_away_is_asked_ever_more_rarely() -> None:
    house = House()
    house.schedule(1)
    asked: list[timedelta] = []
    listed = house.world.control_plane.scheduled_runs

    def noted(limit: int) -> object:
        asked.append(house.world.clock.monotonic())
        if len(asked) == 8:
            house.world.control_plane.faults.heal()
        return listed(limit)

    house.world.control_plane.fail("scheduled_runs", Unavailable("no connection"), after=1)
    house.world.control_plane.fail("claim", Unavailable("no connection"), times=1)
    house.world.control_plane.scheduled_runs = noted  # type: ignore[method-assign,assignment]
    house.worker.work(once=True)
    pauses = [after - before for before, after in pairwise(asked[1:8])]
    assert pauses == sorted(pauses)
    assert pauses[0] >= POLL / 2
    assert pauses[-1] >= LONGEST_PAUSE / 2
    assert house.status("run-0") is ExecutionStatus.COMPLETED


def test_builds_take_turns_on_an_instance_and_no_queue_costs_patience() -> None:
    house = House()
    ids = house.schedule(5)
    house.world.server.build_time = timedelta(minutes=4)  # the last waits for longer than a busy table is waited for
    most = 0

    def count() -> None:
        nonlocal most
        most = max(most, len(house.world.server.running()))

    house.world.database.on("build_report", count)
    house.worker.work(once=True)
    assert {house.status(run_id) for run_id in ids} == {ExecutionStatus.COMPLETED}
    assert most == 1
    assert "build.queued" in house.world.observer.names


# --- rollbacks that people ask for


def completed(count: int = 1) -> tuple[House, list[str]]:
    """A house whose runs have completed, and whose leases have ended."""
    house = House()
    ids = house.schedule(count)
    house.worker.work(once=True)
    for run_id in ids:
        house.world.control_plane.end_lease(RunId(run_id))
    house.ends.clear()
    return house, ids


def test_what_people_ask_for_is_taken_back() -> None:
    house, ids = completed(3)
    for run_id in ids:
        house.world.control_plane.request_rollback(RunId(run_id), "too slow")
    house.worker.work(once=True)
    assert {house.status(run_id) for run_id in ids} == {ExecutionStatus.ROLLED_BACK}
    assert sorted(house.ends) == ids
    assert [set(house.world.server.indexes(f"t{number}")) for number in range(3)] == [{"PRIMARY"}] * 3
    assert list(house.world.control_plane.rollback_requests()) == []


def test_what_people_ask_for_on_one_table_is_done_in_turn() -> None:
    house = House()
    columns = house.schedule_on_one_table(3)
    house.worker.work(once=True)
    for column in columns:
        house.world.control_plane.request_rollback(RunId(f"run-{column}"), "too slow")
    house.worker.work(once=True)
    assert set(house.world.server.indexes("wide")) == {"PRIMARY"}
    assert {house.status(f"run-{column}") for column in columns} == {ExecutionStatus.ROLLED_BACK}


def test_two_workers_do_it_once() -> None:
    house, (run_id,) = completed()
    house.world.control_plane.request_rollback(RunId(run_id), "too slow")
    other = Engine(ports=house.world.ports(), worker_id=WorkerId("worker-2"), rules=SHORT)
    (request,) = house.world.control_plane.rollback_requests()
    house.world.database.fail("drop_index", Unavailable("busy"), times=1)
    assert isinstance(other.requested_rollback(request).advance(request.run), Waiting)
    house.worker.work(once=True)
    assert isinstance(house.ends[run_id], NotClaimed)
    assert house.world.control_plane.rollbacks == []


def test_a_request_under_a_kill_switch_is_taken_up_when_that_is_off() -> None:
    house, (run_id,) = completed()
    house.world.control_plane.request_rollback(RunId(run_id), "too slow")
    house.world.control_plane.set_kill_switch(active=True)
    house.worker.work(once=True)
    assert isinstance(house.ends[run_id], NotClaimed)
    assert house.status(run_id) is ExecutionStatus.COMPLETED
    house.world.control_plane.set_kill_switch(active=False)
    house.world.clock.advance(REST)
    house.worker.work(once=True)
    assert house.status(run_id) is ExecutionStatus.ROLLED_BACK


def test_a_control_plane_without_requests_is_asked_for_them_once(caplog: pytest.LogCaptureFixture) -> None:
    house = House(runs_at_once=1)
    house.schedule(3)
    asked: list[None] = []

    def refused() -> None:
        asked.append(None)
        raise Refused("no such call", number=404)

    house.world.control_plane.rollback_requests = refused  # type: ignore[method-assign,assignment]
    house.worker.work(once=True)
    assert [house.status(f"run-{number}") for number in range(3)] == [ExecutionStatus.COMPLETED] * 3
    assert asked == [None]
    assert "no such call" not in caplog.text


def test_requests_that_can_not_be_listed_hold_up_no_run(caplog: pytest.LogCaptureFixture) -> None:
    house, (run_id,) = completed()
    house.world.control_plane.request_rollback(RunId(run_id), "too slow")
    house.world.server.add_table("other", {"id": "int", "customer_id": "int"})
    run = house.world.run("customer_id", run_id="run-9")
    house.world.control_plane.schedule(run.model_copy(update={"table_name": "other", "query_digests": ()}))
    house.world.control_plane.fail("rollback_requests", Unavailable("HTTP 500"), times=1)
    house.worker.work(once=True)
    assert house.status("run-9") is ExecutionStatus.COMPLETED
    assert caplog.text.count("can't be listed: HTTP 500") == 1
    assert house.status(run_id) is ExecutionStatus.ROLLED_BACK


def test_interrupted_it_leaves_a_rollback_to_others() -> None:
    house, (run_id,) = completed()
    house.world.control_plane.request_rollback(RunId(run_id), "too slow")
    house.world.database.fail("drop_index", Unavailable("busy"))
    house.interrupt_when("inspect")
    house.worker.work()
    assert house.ends == {run_id: Interrupted(STOPPED)}
    assert house.world.control_plane.claim_rollback(RunId(run_id), WorkerId("worker-2"))
