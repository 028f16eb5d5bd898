"""Driving an engine with a clock: one run to its end, with nothing but waits between the steps."""

from datetime import timedelta

from executor_adapters.clock import InterruptibleClock
from executor_core.carrying import Finished, Interrupted, NotClaimed, Waiting
from executor_core.engine import Engine
from executor_core.errors import CheckpointUnusable, ExecutorError, InvalidInput
from executor_core.model import ExecutionRun

LEAVE_PATIENCE = timedelta(seconds=30)
LEAVE_POLL = timedelta(milliseconds=100)
STOPPED = "stopped by a signal; another worker can go on"
STILL_BUILDING = "its build could not be proven to have ended: look before you go on"


def carry(engine: Engine, run: ExecutionRun, clock: InterruptibleClock) -> Finished | NotClaimed | Interrupted:
    """Carry `run` to its end, or until `clock` is interrupted.

    What goes wrong here once the run is claimed, such as a disk that is full, interrupts it too. Raises
    `InvalidInput` and `CheckpointUnusable` as `Engine.advance` does: before anything was touched.
    """
    while True:
        try:
            step = engine.advance(run)
        except ExecutorError as error:
            if not engine.holds(run) and isinstance(error, (InvalidInput, CheckpointUnusable)):
                raise
            return leave(engine, run, clock, why=str(error))
        if not isinstance(step, Waiting):
            return step
        clock.wait(step.until - clock.now())
        if clock.interrupted:
            return leave(engine, run, clock, why=STOPPED)


def leave(engine: Engine, run: ExecutionRun, clock: InterruptibleClock, *, why: str) -> Interrupted:
    """Let go of `run`: a build of ours is stopped on the server, and another worker can go on."""
    until = clock.monotonic() + LEAVE_PATIENCE
    try:
        while not engine.leave(run):
            if clock.monotonic() >= until:
                return Interrupted(f"{why}; {STILL_BUILDING}")
            clock.wait_anyway(LEAVE_POLL)
    except ExecutorError as error:
        return Interrupted(why if str(error) == why else f"{why}; leaving it was incomplete: {error}")
    return Interrupted(why)
