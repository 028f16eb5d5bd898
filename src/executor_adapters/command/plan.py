"""``executor plan``: what a run would do here and now; nothing is touched and nobody is told."""

import argparse
from datetime import timedelta
from typing import assert_never

from executor_adapters.command.exit_codes import ExitCode
from executor_adapters.command.inputs import read_run
from executor_adapters.command.output import say, say_object
from executor_adapters.container import targets_of
from executor_adapters.settings import Settings
from executor_core.change_plan import ChangePlan, Outlook, plan_run
from executor_core.errors import InvalidInput, Refused, Unavailable
from executor_core.finding import Severity
from executor_core.forecast import Forecast
from executor_core.model import ConnectionId, ExecutionStatus
from executor_core.traffic_checks import in_bytes


def plan(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print what the run of ``RUN.json`` would do; return the code that `exit_code` says.

    The control plane is not asked, nothing is claimed, stored or changed. Raises `InvalidInput` for anything that is
    wrong with the call or its settings, a database that can't be looked at included.
    """
    asked, pacing = read_run(arguments.run), settings.pacing()
    with targets_of(settings) as targets:
        target = targets(ConnectionId(asked.connection_id))
        try:
            planned = plan_run(asked, target, exposure=settings.exposure, pacing=pacing, waived=settings.waive)
        except (Unavailable, Refused) as error:
            raise InvalidInput(str(error)) from None
    if arguments.json:
        say_object(planned.as_json())
    else:
        say(describe(planned))
    return exit_code(planned)


def exit_code(planned: ChangePlan) -> ExitCode:
    """Return 0 for a run that could begin, else the code with which the run itself would end."""
    if planned.refusal is None:
        return ExitCode.COMPLETED
    return ExitCode.FAILED if planned.refusal.status is ExecutionStatus.FAILED else ExitCode.REQUIRES_MANUAL


def describe(planned: ChangePlan) -> str:
    """Return a plan for people: the outlook, the findings, the statements, and what they would take."""
    lines = [f"{planned.run.id}: {_outlook(planned)}"]
    for finding in planned.findings:
        waived = " (waived)" if finding.code in planned.waived else ""
        lines.append(f"  {_MARKS[finding.severity]} {finding.code}{waived}: {finding.sentence}")
    if planned.statements is not None:
        lines.append(f"  exposure: {planned.exposure}")
        lines.append(f"  build:    {planned.statements.build}")
        if planned.statements.publish is not None:
            lines.append(f"  publish:  {planned.statements.publish}")
        lines.append(f"  rollback: {planned.statements.hide}")
        lines.append(f"            {planned.statements.rollback}")
    if planned.forecast is not None:
        lines.append(f"  expected: {_expected(planned.forecast)}")
    return "\n".join(lines) + "\n"


_MARKS = {Severity.BLOCKING: "refused", Severity.PERSON_NEEDED: "person needed", Severity.WARNING: "warning"}


def _outlook(planned: ChangePlan) -> str:
    match planned.outlook:
        case Outlook.RUN:
            return "would run"
        case Outlook.TAKE_OVER:
            return "would go on from what this run has begun already"
        case Outlook.REFUSE:
            assert planned.refusal is not None, "a refusal has its reason"  # noqa: S101 -- states the invariant
            end = f"{planned.refusal.status} ({planned.refusal.fail_reason})"
            return f"would end {end} before anything is touched: {planned.refusal.sentence}"
        case _:  # pragma: no cover
            assert_never(planned.outlook)


def _expected(forecast: Forecast) -> str:
    logged = "" if forecast.logged_bytes is None else f", {in_bytes(forecast.logged_bytes)} of writes logged meanwhile"
    return (
        f"an index of {in_bytes(forecast.index_bytes)}, built in {in_seconds(forecast.build_time)} or so, "
        f"with {in_bytes(forecast.sort_bytes)} for sorting{logged}"
    )


def in_seconds(duration: timedelta) -> str:
    """Return a duration for people.

    >>> in_seconds(timedelta(milliseconds=300)), in_seconds(timedelta(seconds=75)), in_seconds(timedelta(hours=3))
    ('0.3 s', '75 s', '180 min')
    """
    seconds = duration / timedelta(seconds=1)
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"
