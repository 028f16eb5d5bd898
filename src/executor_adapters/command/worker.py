"""``executor worker``: scheduled runs from the control plane, many at once."""

import argparse
import json
import sys
from typing import Any

from dependency_injector import providers

from executor_adapters.command.outcome import ExitCode, result
from executor_adapters.command.progress import ProgressLines
from executor_adapters.command.signals import interrupting
from executor_adapters.container import Production
from executor_adapters.observers import LoggingObserver, SeveralObservers
from executor_adapters.settings import Settings
from executor_adapters.worker import End, Worker
from executor_core.model import ExecutionRun


def worker(arguments: argparse.Namespace, settings: Settings) -> int:
    """Carry runs until a signal comes, or with ``--once`` until none is left; return the exit code.

    Raises `Unavailable` or `Refused` when the control plane can't list its scheduled runs at the start.
    """
    container = Production(settings=providers.Object(settings))
    container.observer.override(providers.Object(SeveralObservers([LoggingObserver(), ProgressLines()])))
    clock, connections = container.clock(), container.connections()
    results: list[dict[str, Any]] = []

    def ended(run: ExecutionRun, end: End) -> None:
        results.append(result(run, end, settings.worker_id))

    try:
        with interrupting(clock):
            engine = container.engine()
            engine.deliver_backlog()
            Worker(
                engine=engine,
                control_plane=container.control_plane(),
                clock=clock,
                runs_at_once=arguments.runs,
                ended=ended,
            ).work(once=arguments.once)
    finally:
        connections.close()
    if arguments.json:
        json.dump({"worker_id": settings.worker_id, "runs": results}, sys.stdout, ensure_ascii=False)
        sys.stdout.write("\n")
    return ExitCode.INTERRUPTED if clock.interrupted else ExitCode.COMPLETED
