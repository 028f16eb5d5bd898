"""What a run would do here and now, as a value: its statements, what was found, what it would take, how it would end.

`plan_change` is pure; `plan_run` looks through the port first. A product that embeds Executor shows the plan before
it schedules the run.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any

from executor_core.ddl import Marker, add_index, drop_index, hide_index, publish_index
from executor_core.errors import InvalidInput
from executor_core.exposure import Exposure, is_hidden
from executor_core.finding import Case, Finding, Severity
from executor_core.forecast import Forecast, forecast
from executor_core.index_definition import IndexDefinition
from executor_core.lifecycle import Phase
from executor_core.model import ExecutionRun, ExecutionStatus, FailReason, RunId
from executor_core.pacing import Pacing
from executor_core.ports import TargetDatabase
from executor_core.preflight import obstacle, preflight
from executor_core.reconciliation import Authority, Next, next_step, what_is_there
from executor_core.scope import index_in_scope, schema_in_scope
from executor_core.target import TargetFacts

USUAL_PACING = Pacing()


class Outlook(StrEnum):
    """What the run would do now."""

    RUN = "run"
    """It would collect the baseline and build."""
    TAKE_OVER = "take_over"
    """It would go on from an index or a build of its own that is there already."""
    REFUSE = "refuse"
    """It would end, and touch nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """How the run would end at once, and why: `sentence` says what to do about it."""

    status: ExecutionStatus
    fail_reason: FailReason
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Statements:
    """What would be sent. `publish` is None where the index is visible as soon as it is built.

    A rollback first hides an index that is visible, where the account and the server can, and then drops it.
    """

    build: str
    publish: str | None
    hide: str
    rollback: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePlan:
    """What a run would do. Everything but the run and the outlook is missing for a run that is out of scope."""

    run: ExecutionRun
    schema_name: str
    outlook: Outlook
    refusal: Refusal | None = None
    exposure: Exposure | None = None
    """The exposure that would be used, which is not always the one that was asked for."""
    statements: Statements | None = None
    forecast: Forecast | None = None
    findings: tuple[Finding, ...] = ()
    waived: frozenset[str] = frozenset()
    """The codes of the warnings that are not heeded."""
    facts: TargetFacts | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as the command prints it."""
        refusal, sql, expected, table = self.refusal, self.statements, self.forecast, None
        if self.facts is not None and self.facts.table is not None:
            table = {"rows": self.facts.table.rows, "data_bytes": self.facts.table.data_bytes}
        return {
            "id": self.run.id,
            "outlook": self.outlook,
            "status": None if refusal is None else refusal.status,
            "fail_reason": None if refusal is None else refusal.fail_reason,
            "message": None if refusal is None else refusal.sentence,
            "schema_name": self.schema_name,
            "table_name": self.run.table_name,
            "index_name": self.run.index_name,
            "exposure": self.exposure,
            "sql": None
            if sql is None
            else {"build": sql.build, "publish": sql.publish, "hide": sql.hide, "rollback": sql.rollback},
            "forecast": None if expected is None else _forecast_as_json(expected),
            "findings": [
                {
                    "code": finding.code,
                    "severity": finding.severity,
                    "sentence": finding.sentence,
                    "waived": finding.code in self.waived,
                }
                for finding in self.findings
            ],
            "server": None
            if self.facts is None
            else {"flavor": self.facts.server.flavor, "version": self.facts.server.version},
            "table": table,
        }


def plan_run(
    run: ExecutionRun,
    target: TargetDatabase,
    *,
    exposure: Exposure = Exposure.STAGED,
    pacing: Pacing = USUAL_PACING,
    waived: frozenset[str] = frozenset(),
) -> ChangePlan:
    """Look at `target`, without touching it, and return what `run` would do there under the limits of `pacing`.

    Raises `Unavailable` or `Refused` when it can't be looked at.
    """
    schema_name = target.schema_name
    try:
        index = index_in_scope(run)
        schema_in_scope(schema_name)
    except InvalidInput as error:
        refusal = Refusal(
            status=ExecutionStatus.FAILED, fail_reason=FailReason.OUT_OF_SCOPE, sentence=f"out of scope: {error}"
        )
        return ChangePlan(run=run, schema_name=schema_name, outlook=Outlook.REFUSE, refusal=refusal)
    facts = replace(target.inspect(index), surroundings=target.survey(index))
    watched = target.choose_digests(index, run.query_digests)
    known = frozenset(digest.key.digest.casefold() for digest in watched)
    return plan_change(
        run,
        index,
        facts,
        schema_name=schema_name,
        known_digests=known,
        exposure=exposure,
        pacing=pacing,
        waived=waived,
    )


def plan_change(
    run: ExecutionRun,
    index: IndexDefinition,
    facts: TargetFacts,
    *,
    schema_name: str,
    known_digests: frozenset[str] | None = None,
    exposure: Exposure = Exposure.STAGED,
    pacing: Pacing = USUAL_PACING,
    waived: frozenset[str] = frozenset(),
) -> ChangePlan:
    """Return what `run`, which asks for `index`, would do where things are as `facts` say.

    `facts` are those of one look, with its surroundings; `known_digests` are those of the run that the server has
    counted, in lower case, where that was looked up. The kill switch and the claim are not foreseen.
    """
    run_id = RunId(run.id)
    findings = preflight(Case(facts=facts, index=index, run_id=run_id, exposure=exposure, pacing=pacing))
    begun = next_step(Phase.CHECKING, what_is_there(facts, index, run_id), Authority.GRANTED) is Next.TAKE_OVER
    blocking = None if begun else obstacle(findings)
    hidden, flavor = is_hidden(exposure, facts), facts.server.flavor
    return ChangePlan(
        run=run,
        schema_name=schema_name,
        outlook=Outlook.TAKE_OVER if begun else Outlook.RUN if blocking is None else Outlook.REFUSE,
        refusal=None if blocking is None else _refusal(blocking),
        exposure=Exposure.STAGED if hidden else Exposure.DIRECT,
        statements=Statements(
            build=add_index(schema_name, index, Marker(run_id, 1), hidden_on=flavor if hidden else None),
            publish=publish_index(schema_name, index.table_name, index.index_name, flavor) if hidden else None,
            hide=hide_index(schema_name, index.table_name, index.index_name, flavor),
            rollback=drop_index(schema_name, index.table_name, index.index_name),
        ),
        forecast=forecast(facts, index),
        findings=(*findings, *_unknown_digests(run, known_digests)),
        waived=waived,
        facts=facts,
    )


def _unknown_digests(run: ExecutionRun, known: frozenset[str] | None) -> tuple[Finding, ...]:
    """Return a warning where the server has counted none of the run's digests: some may be executed by then."""
    asked = run.query_digests
    if known is None or not asked or any(digest.casefold() in known for digest in asked):
        return ()
    sentence = (
        f"the server knows none of the digests {', '.join(asked)} in this schema: unless one is executed until the "
        "baseline ends, the run will be refused: check query_digests"
    )
    return (Finding(code="digests_unknown", severity=Severity.WARNING, sentence=sentence),)


def _refusal(finding: Finding) -> Refusal:
    blocked = finding.severity is Severity.BLOCKING
    return Refusal(
        status=ExecutionStatus.FAILED if blocked else ExecutionStatus.REQUIRES_MANUAL,
        fail_reason=FailReason.EXECUTION_ERROR,
        sentence=finding.sentence,
    )


def _forecast_as_json(expected: Forecast) -> dict[str, Any]:
    return {
        "index_bytes": expected.index_bytes,
        "sort_bytes": expected.sort_bytes,
        "room_bytes": expected.room_bytes,
        "build_time_s": round(expected.build_time / timedelta(seconds=1), 3),
        "logged_bytes": expected.logged_bytes,
    }
