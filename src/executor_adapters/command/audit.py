"""``executor audit flush``: what the control plane has not been told yet, told now."""

import argparse

from executor_adapters.command.exit_codes import ExitCode
from executor_adapters.command.output import say, say_object
from executor_adapters.container import production
from executor_adapters.settings import Settings
from executor_core.delivery import Flushed


def audit(arguments: argparse.Namespace, settings: Settings) -> int:
    """Deliver the backlog of the state directory, say what came of it, and return the exit code."""
    with production(settings) as container:
        flushed = container.engine().deliver_backlog()
    if arguments.json:
        counts = {"delivered": flushed.delivered, "refused": flushed.refused, "undelivered": flushed.undelivered}
        say_object({**counts, "error": flushed.error})
    else:
        say(describe(flushed))
    if flushed.undelivered:
        return ExitCode.NOT_CLAIMED
    return ExitCode.FAILED if flushed.refused else ExitCode.COMPLETED


def describe(flushed: Flushed) -> str:
    """Return the counts for people, and why messages are left where some are."""
    lines = [f"delivered: {flushed.delivered}", f"undelivered: {flushed.undelivered}"]
    if flushed.undelivered:
        lines[-1] += f" ({flushed.error or 'their runs are still under way, or in other hands'}); they are kept"
    if flushed.refused:
        lines.append(f"refused: {flushed.refused} that the control plane would not take; they are kept")
    return "\n".join(lines) + "\n"
