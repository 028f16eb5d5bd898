"""``executor run``: one run, carried to its end."""

import argparse
from typing import Any

from executor_adapters.command.inputs import read_run
from executor_adapters.command.outcome import exit_code, result
from executor_adapters.command.output import say, say_object
from executor_adapters.command.progress import ProgressLines
from executor_adapters.command.report import report_beside_evidence
from executor_adapters.command.signals import interrupting
from executor_adapters.container import production
from executor_adapters.driving import carry
from executor_adapters.mysql.database import MySQLTarget
from executor_adapters.settings import Settings
from executor_core.errors import InvalidInput, Refused, Unavailable
from executor_core.model import ConnectionId, ExecutionRun
from executor_core.scope import index_in_scope


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Carry the run of ``RUN.json`` to its end; return the exit code.

    Raises `InvalidInput`, `CheckpointUnusable` or `Unavailable` for anything that is wrong with the call or its
    settings, before anything is touched.
    """
    asked = read_run(arguments.run)
    with production(settings, ProgressLines()) as container:
        clock, engine = container.clock(), container.engine()
        _check_target(asked, container.connections()(ConnectionId(asked.connection_id)))
        with interrupting(clock):
            engine.deliver_backlog()
            end = carry(engine, asked, clock)
        report = report_beside_evidence(end, container.journal(), container.archive())
        backlog = sum(container.journal().backlog().values())
    outcome = result(asked, end, settings.worker_id, report) | {"backlog": backlog}
    if arguments.json:
        say_object(outcome)
    else:
        say(describe(outcome))
    return exit_code(end)


def _check_target(asked: ExecutionRun, target: MySQLTarget) -> None:
    """Connect once, so that a wrong password is a wrong call and not a failed run. Out of scope: don't even ask."""
    try:
        index_in_scope(asked)
    except InvalidInput:
        return
    try:
        target.check()
    except (Unavailable, Refused) as error:
        raise InvalidInput(str(error)) from None


def describe(outcome: dict[str, Any]) -> str:
    """Return a run's result for people: the status and why, and where the evidence is."""
    reason = f" ({outcome['fail_reason']})" if outcome["fail_reason"] else ""
    lines = [f"{outcome['id']}: {outcome['status']}{reason}", f"  message: {outcome['message']}"]
    if outcome["error_message"] not in (None, outcome["message"]):
        lines.append(f"  error message: {outcome['error_message']}")
    if outcome["evidence"]:
        lines.append(f"  evidence: {outcome['evidence']}")
    if outcome["report"]:
        lines.append(f"  report: {outcome['report']}")
    if outcome["undelivered"]:
        lines.append(
            f"  undelivered: {outcome['undelivered']} messages could not be told to the control plane; they are kept "
            "and delivered first next time"
        )
    if outcome["refused"]:
        lines.append(f"  refused: {outcome['refused']} messages that the control plane would not take; they are kept")
    return "\n".join(lines) + "\n"
