"""``executor run``: one run, carried to its end."""

import argparse
import json
import sys
from typing import Any

from dependency_injector import providers

from executor_adapters.command.inputs import read_run
from executor_adapters.command.outcome import exit_code, result
from executor_adapters.command.progress import ProgressLines
from executor_adapters.command.signals import interrupting
from executor_adapters.container import Production
from executor_adapters.driving import carry
from executor_adapters.mysql.database import MySQLTarget
from executor_adapters.observers import LoggingObserver, SeveralObservers
from executor_adapters.settings import Settings
from executor_core.errors import InvalidInput, Refused, Unavailable
from executor_core.model import ConnectionId, ExecutionRun
from executor_core.scope import index_in_scope


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Carry the run of ``RUN.json`` to its end; return the exit code.

    Raises `InvalidInput` for anything that is wrong with the call, before anything is touched.
    """
    asked = read_run(arguments.run)
    progress = ProgressLines()
    container = Production(settings=providers.Object(settings))
    container.observer.override(providers.Object(SeveralObservers([LoggingObserver(), progress])))
    clock, connections = container.clock(), container.connections()
    try:
        target = connections(ConnectionId(asked.connection_id))
        _check_target(asked, target)
        engine = container.engine()
        with interrupting(clock):
            engine.deliver_backlog()
            end = carry(engine, asked, clock)
    finally:
        connections.close()
    outcome = result(asked, end, settings.worker_id)
    if arguments.json:
        json.dump(outcome, sys.stdout, ensure_ascii=False)
        sys.stdout.write("\n")
    else:
        _say(outcome)
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


def _say(outcome: dict[str, Any]) -> None:
    say = sys.stdout.write
    say(f"{outcome['id']}: {outcome['status']}")
    say(f" ({outcome['fail_reason']})\n" if outcome["fail_reason"] else "\n")
    for name in ("message", "error_message", "evidence"):
        if (outcome[name] and outcome[name] != outcome["message"]) or name == "message":
            say(f"  {name.replace('_', ' ')}: {outcome[name]}\n")
    if outcome["undelivered"]:
        say(
            f"  undelivered: {outcome['undelivered']} messages could not be told to the control plane; they are kept "
            "and delivered first next time\n"
        )
