"""Whoever sets the wall clock, forth or back: a run waits as long as it would have, and comes to the same end."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.executor_core.engine_world import SHORT
from tests.unit.executor_core.facts import INDEX, after, seconds, state, window
from tests.unit.executor_core.stubs import StandingClock, Unused
from tests.unit.executor_core.workers_clock import WorkersClock

from executor_adapters.memory import FakeWorld
from executor_core.carrying import Carried, Finished, Waiting
from executor_core.engine import Engine
from executor_core.kill_switch import KillSwitchReading
from executor_core.lifecycle import Phase
from executor_core.model import WorkerId
from executor_core.timekeeping import keep_time

DAY = timedelta(days=1)


def length_of_a_run(disturbed: Phase | None = None, *set_by: timedelta) -> timedelta:
    """Carry a run to its good end, with the clock set at each wait in one phase, by turns; return how long it took."""
    world = FakeWorld()
    run, clock = world.run("customer_id"), WorkersClock(world.clock)
    engine = Engine(ports=replace(world.ports(), clock=clock), worker_id=WorkerId("worker-1"), rules=SHORT)
    begun, turn = clock.monotonic(), 0
    while isinstance(step := engine.advance(run), Waiting):
        pause = step.until - clock.now()
        if step.state.phase is disturbed:
            clock.wrong_by += set_by[turn % len(set_by)]
            turn += 1
        clock.wait(pause)
        assert clock.monotonic() - begun < timedelta(hours=1), "no end in sight"
    assert isinstance(step, Finished)
    assert step.state.status == "completed"
    assert turn or disturbed is None
    return clock.monotonic() - begun


@pytest.mark.parametrize("set_by", [[DAY], [-DAY], [-DAY, DAY]], ids=["forth", "back", "back and forth"])
@pytest.mark.parametrize("phase", [Phase.SAMPLING_BASELINE, Phase.BUILDING, Phase.WATCHING])
def test_a_run_takes_no_longer_and_no_less(phase: Phase, set_by: list[timedelta]) -> None:
    assert length_of_a_run(phase, *set_by) == length_of_a_run()


def carried() -> Carried:
    due = state(Phase.WATCHING, after=window(next_in=10), give_up_at=after(60), started_at=after(0))
    return Carried(state=due, index=INDEX, target=Unused())  # type: ignore[arg-type]


def test_what_is_due_moves_along_and_what_was_stays() -> None:
    held, clock = carried(), StandingClock()
    held.sight.unreachable_since, held.queued_at = after(5), after(6)
    held.sight.kill_switch = KillSwitchReading(at=after(0), answer=None, error="away")
    keep_time(held, clock)
    clock.wall += DAY
    keep_time(held, clock)
    assert held.state.after == window(next_in=10).moved_by(DAY)
    assert (held.state.give_up_at, held.state.started_at) == (after(60) + DAY, after(0))
    assert (held.sight.unreachable_since, held.queued_at) == (after(5) + DAY, after(6) + DAY)
    assert (held.sight.kill_switch, held.sight.drained_at) == (None, None)


@pytest.mark.parametrize("set_by", [seconds(0), seconds(0.9), -seconds(0.9)])
def test_a_clock_that_is_put_right_by_little_changes_nothing(set_by: timedelta) -> None:
    held, clock = carried(), StandingClock()
    keep_time(held, clock)
    clock.wall += set_by
    keep_time(held, clock)
    assert held.state == carried().state


def test_a_process_that_was_stopped_between_two_looks_at_the_clocks_looks_again() -> None:
    class Stopped(StandingClock):
        """A clock under which the process is stopped whenever it has read the wall time."""

        def monotonic(self) -> timedelta:
            self.since += DAY
            return self.since

    held = carried()
    keep_time(held, Stopped())
    assert held.wall_at_zero is None
