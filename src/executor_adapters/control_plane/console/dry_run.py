"""The dry run of a request: what can be said of it before it is scheduled, without any database."""

import re
from dataclasses import dataclass

from pydantic import ValidationError

from executor_adapters.control_plane.wire import RunToSchedule
from executor_adapters.validation import first_problem
from executor_core.ddl import Marker, add_index
from executor_core.errors import InvalidInput
from executor_core.model import ExecutionAction, RunId
from executor_core.scope import index_in_scope

SCHEMA = "‹schema›"
"""Stands for the schema of the connection, which the worker knows and the control plane doesn't."""

FIELDS = ("id", "connection_id", "table_name", "index_name", "columns", "query_digests")
_SEPARATED = re.compile(r"[\r\n]+|,(?![^(]*\))")


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """What would be done. `sql` is what the worker would send but for the schema; `warnings` are for a person."""

    run: RunToSchedule
    sql: str
    warnings: tuple[str, ...]


def dry_run(fields: dict[str, str]) -> DryRun:
    """Return what a filled-in form asks for; raise `InvalidInput` in one line that says what is wrong with it."""
    try:
        run = RunToSchedule.model_validate(
            {
                **{name: fields.get(name, "") for name in FIELDS},
                "action": ExecutionAction.ADD_INDEX,
                "columns": listed(fields.get("columns", "")),
                "query_digests": listed(fields.get("query_digests", "")),
            }
        )
    except ValidationError as invalid:
        raise InvalidInput(first_problem(invalid)) from None
    index = index_in_scope(run)
    warnings: tuple[str, ...] = ()
    if not run.query_digests:
        warnings = ("No digest is named: the verdict will be inconclusive, since nothing says what the index is for.",)
    return DryRun(run=run, sql=add_index(SCHEMA, index, Marker(RunId(run.id), 1)), warnings=warnings)


def listed(text: str) -> tuple[str, ...]:
    """Return the entries of a list that a person typed: a line each, or separated by commas.

    >>> listed("a, b(10) DESC"), listed(" a ")
    (('a', 'b(10) DESC'), ('a',))
    """
    return tuple(part.strip() for part in _SEPARATED.split(text) if part.strip())
