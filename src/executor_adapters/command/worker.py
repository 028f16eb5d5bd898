"""``executor worker``: scheduled runs from the control plane, many at once."""

import argparse
from typing import Any

from executor_adapters.checkpoints.occupancy import occupied
from executor_adapters.command.exit_codes import ExitCode
from executor_adapters.command.outcome import result
from executor_adapters.command.output import say_object
from executor_adapters.command.progress import ProgressLines
from executor_adapters.command.report import report_beside_evidence
from executor_adapters.command.signals import interrupting
from executor_adapters.container import production
from executor_adapters.settings import Settings
from executor_adapters.worker import End, Worker
from executor_core.errors import InvalidInput, Refused, Unavailable
from executor_core.model import ExecutionRun


def worker(arguments: argparse.Namespace, settings: Settings) -> int:
    """Carry runs until a signal comes, or with ``--once`` until none is left; return the exit code.

    Raises `InvalidInput`, `CheckpointUnusable` or `Unavailable` when a setting is wrong. A control plane that can't
    say at the start which runs there are is an exit code.
    """
    if settings.mysql_url is None and settings.connections is None:
        raise InvalidInput("no database is configured: give --mysql-url or --connections")
    progress = ProgressLines()
    results: list[dict[str, Any]] = []

    def ended(run: ExecutionRun, end: End) -> None:
        report = report_beside_evidence(end, container.journal(), container.archive())
        outcome = result(run, end, settings.worker_id, report)
        progress.line(f"{run.id}: {outcome['status']}: {outcome['message']}")
        if arguments.json:
            results.append(outcome)

    with occupied(settings.state_dir, settings.worker_id), production(settings, progress) as container:
        clock, engine = container.clock(), container.engine()
        carrier = Worker(
            engine=engine,
            control_plane=container.control_plane(),
            clock=clock,
            runs_at_once=arguments.runs,
            ended=ended,
        )
        code = ExitCode.COMPLETED
        with interrupting(clock):
            engine.deliver_backlog()
            try:
                carrier.work(once=arguments.once)
            except Refused as error:
                raise InvalidInput(f"the control plane lists no scheduled runs for a worker: {error}") from None
            except Unavailable as error:
                progress.line(f"executor: {error}")
                code = ExitCode.NOT_CLAIMED
    if arguments.json:
        say_object({"worker_id": settings.worker_id, "runs": results})
    return ExitCode.INTERRUPTED if clock.interrupted else code
