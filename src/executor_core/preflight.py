"""What is looked at before anything is changed: each check is one small function from facts to findings.

A *blocking* finding ends the run untouched: ``failed``, or ``requires_manual`` where a person can make the
change possible. A *warning* is told and audited, and the run goes on.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from executor_core.index_definition import IndexDefinition
from executor_core.model import RunId
from executor_core.target import ColumnFacts, IndexFacts, TableFacts, TargetFacts, normalized

MAX_INDEXES = 64


class Severity(StrEnum):
    """What a finding means for the run."""

    BLOCKING = "blocking"
    PERSON_NEEDED = "person_needed"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a check found: a stable code, and a sentence that says what to do about it."""

    code: str
    severity: Severity
    sentence: str


Check = Callable[[TargetFacts, IndexDefinition, RunId], Iterator[Finding]]


def _blocking(code: str, sentence: str) -> Finding:
    return Finding(code=code, severity=Severity.BLOCKING, sentence=sentence)


def server_is_writable(facts: TargetFacts, _index: IndexDefinition, _run: RunId) -> Iterator[Finding]:
    """A read-only server refuses the change; so does this check, before it is asked."""
    if facts.server.read_only:
        yield _blocking("read_only", "the server is read-only for this account: connect to the primary server")


def statistics_are_collected(facts: TargetFacts, _index: IndexDefinition, _run: RunId) -> Iterator[Finding]:
    """Without statement statistics no verdict could be reached."""
    if not facts.server.performance_schema:
        yield _blocking(
            "performance_schema_off",
            "performance_schema is off, so the index could not be verified: "
            "start the server with performance_schema=ON",
        )
    elif not facts.server.statement_digests:
        yield _blocking(
            "digests_off",
            "the consumer statements_digest is off, so the index could not be verified: "
            "set it to YES in performance_schema.setup_consumers",
        )


def table_can_be_indexed(facts: TargetFacts, index: IndexDefinition, _run: RunId) -> Iterator[Finding]:
    """The table exists, is a base table, and its engine builds online."""
    table = facts.table
    if table is None:
        yield _blocking("table_missing", f"there is no table {index.table_name!r} in this schema")
    elif not table.base_table:
        yield _blocking("not_a_table", f"{index.table_name!r} is a view: name the table that it reads")
    elif table.engine is not None and table.engine.lower() != "innodb":
        yield Finding(
            code="engine",
            severity=Severity.PERSON_NEEDED,
            sentence=f"the table's engine {table.engine} can't build an index online (error 1845): "
            "convert it to InnoDB",
        )


def columns_exist(facts: TargetFacts, index: IndexDefinition, _run: RunId) -> Iterator[Finding]:
    """Every key part names a column of the table."""
    if facts.table is None or not facts.table.base_table:
        return
    known = {column.name.casefold() for column in facts.table.columns}
    for part in index.key_parts:
        if part.column.casefold() not in known:
            yield _blocking("column_missing", f"the table {index.table_name!r} has no column {part.column!r}")


def long_texts_have_a_prefix(facts: TargetFacts, index: IndexDefinition, _run: RunId) -> Iterator[Finding]:
    """A TEXT, BLOB or JSON column needs a prefix length; some servers choose one silently instead of refusing."""
    if facts.table is None:
        return
    types = {column.name.casefold(): base_type(column) for column in facts.table.columns}
    for part in index.key_parts:
        kind = types.get(part.column.casefold(), "")
        if part.prefix_length is None and kind.endswith(("text", "blob", "json")):
            yield _blocking(
                "prefix_needed",
                f"the column {part.column!r} is {kind}: index a prefix, such as {part.column}(100)",
            )


def base_type(column: ColumnFacts) -> str:
    """Return the type of `column` without lengths, members and attributes: ``enum``, ``mediumtext``."""
    return column.column_type.lower().partition("(")[0].partition(" ")[0]


def prefixes_are_prefixes(facts: TargetFacts, index: IndexDefinition, _run: RunId) -> Iterator[Finding]:
    """A prefix is a part of a text: a number has none, and one as long as its column the server silently drops."""
    if facts.table is None:
        return
    columns = {column.name.casefold(): column for column in facts.table.columns}
    for part in index.key_parts:
        column = columns.get(part.column.casefold())
        if column is None or part.prefix_length is None:
            continue
        kind, length = base_type(column), column.character_length
        if not kind.endswith(("char", "binary", "text", "blob")):
            sentence = f"the column {part.column!r} is {kind}, which has no prefixes: index it whole"
            yield _blocking("prefix_of_a_number", sentence)
        elif kind.endswith(("char", "binary")) and length is not None and part.prefix_length >= length:
            yield _blocking(
                "prefix_too_long",
                f"the column {part.column!r} is {length} long, so {part} is no prefix of it: index it whole",
            )


def name_is_free(facts: TargetFacts, index: IndexDefinition, run_id: RunId) -> Iterator[Finding]:
    """The name is free, or the index under it is the one that this very run built."""
    there = None if facts.table is None else facts.table.index_named(index.index_name)
    if there is not None and not there.is_built_by(run_id, index):
        yield _blocking("name_taken", name_taken(index))


def name_taken(index: IndexDefinition) -> str:
    """The sentence for an index of that name that is somebody else's."""
    return (
        f"error 1061: the table {index.table_name!r} already has an index {index.index_name!r} that this run did not "
        "build; it was left alone"
    )


def room_for_an_index(facts: TargetFacts, _index: IndexDefinition, _run: RunId) -> Iterator[Finding]:
    """A table holds 64 secondary indexes."""
    if facts.table is not None and sum(i.name != "PRIMARY" for i in facts.table.indexes) >= MAX_INDEXES:
        yield _blocking("too_many_indexes", f"the table has {MAX_INDEXES} indexes already, the most that it can have")


def no_foreign_key_index_is_displaced(facts: TargetFacts, index: IndexDefinition, _run: RunId) -> Iterator[Finding]:
    """The server silently drops an index that it made for a foreign key when ours can serve the key instead.

    Ours could then never be dropped again (error 1553). An index that the server made is named like the
    constraint or like its first column.
    """
    if facts.table is None:
        return
    ours = [None if part.prefix_length else part.column.casefold() for part in index.key_parts]
    for key in facts.table.foreign_keys:
        columns = [column.casefold() for column in key.columns]
        for other in facts.table.indexes:
            made_for_key = other.name.casefold() in (key.name.casefold(), columns[0]) and not other.unique
            same = [part and part.column.casefold() for part in other.key_parts] == columns
            if made_for_key and same and ours[: len(columns)] == columns:
                yield Finding(
                    code="foreign_key_index_displaced",
                    severity=Severity.PERSON_NEEDED,
                    sentence=(
                        f"the new index would silently replace {other.name!r}, which seems to be the server's own for "
                        f"the foreign key {key.name!r}, and could then not be dropped again: give {other.name!r} "
                        "another name first (ALTER TABLE … RENAME INDEX), which makes it permanent"
                    ),
                )


def not_a_duplicate(facts: TargetFacts, index: IndexDefinition, _run: RunId) -> Iterator[Finding]:
    """An index with the same leading key parts serves already; ours would only cost."""
    if facts.table is None:
        return
    ours = [normalized(part) for part in index.key_parts]
    for other in facts.table.indexes:
        if not other.is_named(index) and [normalized(part) for part in other.key_parts][: len(ours)] == ours:
            yield Finding(
                code="already_served",
                severity=Severity.WARNING,
                sentence=f"the index {other.name!r} begins with the same columns and may serve already",
            )


CHECKS: tuple[Check, ...] = (
    server_is_writable,
    table_can_be_indexed,
    name_is_free,
    columns_exist,
    long_texts_have_a_prefix,
    prefixes_are_prefixes,
    room_for_an_index,
    no_foreign_key_index_is_displaced,
    statistics_are_collected,
    not_a_duplicate,
)


def preflight(facts: TargetFacts, index: IndexDefinition, run_id: RunId) -> tuple[Finding, ...]:
    """Return what every check found, in the order of `CHECKS`."""
    return tuple(finding for check in CHECKS for finding in check(facts, index, run_id))


def differences(before: tuple[IndexFacts, ...], after: TableFacts, index: IndexDefinition) -> tuple[str, ...]:
    """Return a sentence for every index that is not what it was before the build.

    Left out are ours, and those that other runs of ours built: they are published and taken back at any time.
    """
    was = {i.name.casefold(): i for i in before if not i.is_named(index) and i.marker is None}
    now = {i.name.casefold(): i for i in after.indexes if not i.is_named(index)}
    gone = [f"the index {was[name].name!r} disappeared" for name in was if name not in now]
    changed = [f"the index {was[name].name!r} changed" for name in was if name in now and was[name] != now[name]]
    return (*gone, *changed)
