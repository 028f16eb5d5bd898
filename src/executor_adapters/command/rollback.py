"""``executor rollback``: a person takes the index of a run back that has ended."""

import argparse
from datetime import timedelta

from executor_adapters.clock import InterruptibleClock
from executor_adapters.command.exit_codes import ExitCode
from executor_adapters.command.outcome import End, exit_code, result
from executor_adapters.command.output import say, say_object
from executor_adapters.command.progress import ProgressLines
from executor_adapters.command.report import report_beside_evidence
from executor_adapters.command.run import describe
from executor_adapters.command.signals import interrupting
from executor_adapters.container import Production, production
from executor_adapters.settings import Settings
from executor_core.carrying import Finished, Interrupted, Waiting
from executor_core.delivery import LAST_WORD_PATIENCE
from executor_core.engine import Engine
from executor_core.errors import ExecutorError, InvalidInput, Refused, Unavailable
from executor_core.manual_rollback import ManualRollback, state_of_ended
from executor_core.model import ConnectionId, RollbackRecord, RollbackStatus, RunId
from executor_core.state import RunState

LAST_WORD_POLL = timedelta(milliseconds=500)
STOPPED = "stopped by a signal; repeat the rollback to go on"


def rollback(arguments: argparse.Namespace, settings: Settings) -> int:
    """Take the index of the run ``RUN_ID`` back; return the exit code.

    Raises `InvalidInput` where there is nothing to take back, and whatever else is wrong with the call or its
    settings, before anything is touched.
    """
    reason = " ".join(arguments.reason.split())
    if not reason:
        raise InvalidInput("--reason: say why, in a few words; they go into the records")
    with production(settings, ProgressLines()) as container:
        clock, engine = container.clock(), container.engine()
        state = _ended_run(container, settings, RunId(arguments.run_id))
        container.connections()(ConnectionId(state.run.connection_id)).check()
        with interrupting(clock):
            taking = ManualRollback(
                state,
                reason,
                ports=container.ports(),
                worker_id=container.worker_id(),
                pacing=container.pacing(),
            )
            end = _taken_back(taking, clock)
            if isinstance(end, Finished):
                end = _told(engine, end, clock)
        report = report_beside_evidence(end, container.journal(), container.archive())
    outcome = result(state.run, end, settings.worker_id, report)
    if arguments.json:
        say_object(outcome)
    else:
        say(describe(outcome))
    return _exit_code(end)


def _ended_run(container: Production, settings: Settings, run_id: RunId) -> RunState:
    """Return the run as the state directory has it, or else as the control plane has it. Raises `InvalidInput`."""
    stored = container.journal().load(run_id)
    if stored is not None and stored.finished:
        return stored
    where = f"{settings.state_dir} knows no run {run_id}" if stored is None else f"{run_id} has not ended here"
    try:
        recorded = container.control_plane().recorded_run(run_id)
    except (Unavailable, Refused) as error:
        raise InvalidInput(
            f"{where}, and the control plane can't tell of it ({error}): give the --state-dir of the worker that "
            "carried it to its end"
        ) from None
    return state_of_ended(recorded, container.worker_id(), container.clock().now(), stored=stored)


def _taken_back(taking: ManualRollback, clock: InterruptibleClock) -> Finished | Interrupted:
    begun = False
    while True:
        try:
            step = taking.advance()
        except ExecutorError as error:
            if not begun:
                raise
            return Interrupted(f"{error}; repeat the rollback to go on")
        if not isinstance(step, Waiting):
            return step
        begun = True
        clock.wait(step.until - clock.now())
        if clock.interrupted:
            return Interrupted(STOPPED)


def _told(engine: Engine, end: Finished, clock: InterruptibleClock) -> Finished:
    """Tell the control plane, for a little while; what is left is kept and delivered first next time."""
    until = clock.monotonic() + LAST_WORD_PATIENCE
    while True:
        told = engine.recall(end.state)
        if not told.undelivered or clock.interrupted or clock.monotonic() >= until:
            return told
        clock.wait(LAST_WORD_POLL)


def _exit_code(end: End) -> ExitCode:
    """Return the exit code: a rollback that failed leaves the run what it was, but is no success."""
    match end:
        case Finished(state=RunState(rollback=RollbackRecord(status=RollbackStatus.FAILED))):
            return ExitCode.FAILED
        case _:
            return exit_code(end)
