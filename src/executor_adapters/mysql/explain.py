"""What the optimizer would do: whether a statement's plan uses an index, from EXPLAIN alone.

Nothing is executed, and the connection can't write. Only servers that keep a sample of each statement (MySQL)
have something to explain.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from executor_adapters.mysql.catalogue import index_facts, performance_schema_rows
from executor_adapters.mysql.connection import Connection
from executor_adapters.mysql.digest_text import is_cut_off
from executor_adapters.mysql.errors import Reaction, StatementFailed
from executor_core.index_definition import IndexDefinition
from executor_core.target import WatchedDigest

_SELECT = re.compile(r"(?:\s|\(|/\*.*?\*/)*(?:SELECT|WITH)\b", re.IGNORECASE | re.DOTALL)
_MERGED = re.compile(r"(?:sort_union|sort_intersect|union|intersect)\((?P<keys>.*)\)")


def plans_using(connection: Connection, index: IndexDefinition, digests: Sequence[WatchedDigest]) -> dict[str, bool]:
    """Return for each digest that can be explained whether its plan uses the index, or would if it were visible."""
    if not connection.dialect.samples:
        return {}
    hidden = [there for there in index_facts(connection, index.table_name) if not there.visible]
    if any(there.is_named(index) for there in hidden):
        if len(hidden) > 1:  # the switch below shows all of them, so nothing is told of ours alone
            return {}
        connection.set_session({"optimizer_switch": "use_invisible_indexes=on"})
    else:  # as it was, should this connection have explained a hidden one before
        connection.rows("SET SESSION optimizer_switch = DEFAULT")
    connection.offer_session("explain_json_format_version", 1)
    ambiguous = _shares_its_name(connection, index)
    found: dict[str, bool] = {}
    for watched in digests:
        if watched.key.schema_name not in (connection.database, None):
            continue
        plan = _plan(connection, watched)
        uses = None if plan is None else uses_index(plan, index, ambiguous=ambiguous)
        if uses is not None:
            found[watched.key.digest] = uses
    return found


@dataclass(frozen=True, slots=True)
class _Step:
    """One table access of a plan: the table's name (or only its alias) and the indexes used, in lower case."""

    table: str
    aliased: bool
    keys: list[str]


def uses_index(plan: str, index: IndexDefinition, *, ambiguous: bool = False) -> bool | None:
    """Whether a plan in JSON (MySQL's version 1 or 2) uses `index`; None when it can't be told.

    Version 1 names a table by its alias alone. So where another table of the schema has an index of the same
    name (`ambiguous`), a step that uses such an index under an alias tells nothing.
    """
    try:
        steps = list(_steps(json.loads(plan)))
    except ValueError:
        return None
    table = index.table_name.casefold()
    through = [step for step in steps if index.index_name.casefold() in step.keys]
    if any(step.table == table or (step.aliased and not ambiguous) for step in through):
        return True
    return None if not steps or any(step.aliased for step in through) else False


def _steps(node: object) -> Iterator[_Step]:
    if isinstance(node, list):
        for item in cast("list[object]", node):
            yield from _steps(item)
    elif isinstance(node, dict):
        step = cast("dict[str, object]", node)
        table = step.get("table_name")
        if isinstance(table, str) and "access_type" in step:
            aliased = "schema_name" not in step
            key = step.get("key" if aliased else "index_name")
            yield _Step(table.casefold(), aliased, _index_names(key) if isinstance(key, str) else [])
        for value in step.values():
            yield from _steps(value)


def _index_names(key: str) -> list[str]:
    """Return the indexes of a step, in lower case; of an index merge all.

    >>> _index_names("ix_a"), _index_names("union(ix_a,intersect(ix_b,PRIMARY))")
    (['ix_a'], ['ix_a', 'ix_b', 'primary'])
    """
    match = _MERGED.fullmatch(key)
    if match is None:
        return [key.casefold()]
    inner = re.sub(r"\b(?:sort_union|sort_intersect|union|intersect)\(|\)", "", match["keys"])
    return [name.strip().casefold() for name in inner.split(",")]


def _plan(connection: Connection, watched: WatchedDigest) -> str | None:
    """Return the plan of the digest's sample, or None when it has none that is a whole, single reading."""
    rows = performance_schema_rows(
        connection,
        "SELECT QUERY_SAMPLE_TEXT FROM performance_schema.events_statements_summary_by_digest"
        " WHERE SCHEMA_NAME <=> %s AND DIGEST = %s",
        watched.key.schema_name,
        watched.key.digest,
    )
    sample = str(rows[0][0] or "") if rows else ""
    if _SELECT.match(sample) is None or is_cut_off(sample):
        return None
    try:
        return str(connection.row(f"EXPLAIN FORMAT=JSON {sample}")[0])
    except StatementFailed as failure:
        if failure.reaction is Reaction.LOST:
            raise
        return None


def _shares_its_name(connection: Connection, index: IndexDefinition) -> bool:
    return bool(
        connection.rows(
            "SELECT 1 FROM information_schema.STATISTICS"
            " WHERE TABLE_SCHEMA = %s AND TABLE_NAME <> %s AND INDEX_NAME = %s LIMIT 1",
            connection.database,
            connection.table_name(index.table_name),
            index.index_name,
        )
    )
