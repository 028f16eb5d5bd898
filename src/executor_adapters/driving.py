"""Driving an engine with a clock: one run to its end, with nothing but waits between the steps."""

from datetime import timedelta

from executor_adapters.clock import SystemClock
from executor_core.carrying import Finished, Interrupted, NotClaimed, Waiting
from executor_core.engine import Engine
from executor_core.model import ExecutionRun
from executor_core.ports import Clock

LEAVE_PATIENCE = timedelta(seconds=30)
LEAVE_POLL = timedelta(milliseconds=100)


def carry(engine: Engine, run: ExecutionRun, clock: Clock) -> Finished | NotClaimed | Interrupted:
    """Carry `run` to its end, or until `clock` is interrupted.

    Raises what `Engine.advance` raises.
    """
    while True:
        step = engine.advance(run)
        if not isinstance(step, Waiting):
            return step
        clock.wait(step.until - clock.now())
        if isinstance(clock, SystemClock) and clock.interrupted:
            return leave(engine, run)


def leave(engine: Engine, run: ExecutionRun) -> Interrupted:
    """Let go of `run`: a build of ours is stopped on the server, and another worker can go on."""
    clock = SystemClock()  # the interrupted one does not wait any more
    until = clock.monotonic() + LEAVE_PATIENCE
    while not engine.leave(run) and clock.monotonic() < until:
        clock.wait(LEAVE_POLL)
    return Interrupted("stopped by a signal; another worker can go on")
