"""Checks of the table and of the indexes that it has: can it have one more, and what would become of the others?"""

from collections.abc import Iterator

from executor_core.ddl import quote_identifier
from executor_core.finding import Case
from executor_core.index_definition import IndexDefinition

MAX_INDEXES = 64


def table_is_there(case: Case) -> Iterator[str]:
    """There is a table of that name."""
    if case.facts.table is None:
        yield f"there is no table {case.index.table_name!r} in this schema"


def table_is_no_view(case: Case) -> Iterator[str]:
    """Only tables have indexes: not views, sequences or temporary tables."""
    if case.facts.table is not None and case.table is None:
        yield f"{case.index.table_name!r} is a view or temporary: name the table itself"


def engine_builds_online(case: Case) -> Iterator[str]:
    """No engine but InnoDB builds an index without a lock."""
    table = case.table
    if table is not None and table.engine is not None and table.engine.lower() != "innodb":
        yield (
            f"error 1845: the table's engine {table.engine} can't build an index without a lock: convert it to InnoDB"
        )


def table_is_whole(case: Case) -> Iterator[str]:
    """An index of a partitioned table is one index for each partition."""
    if case.table is not None and case.table.partitioned:
        yield (
            f"the table {case.index.table_name!r} is partitioned: a query that does not name the partition looks into "
            "the index of each"
        )


def table_is_not_compressed(case: Case) -> Iterator[str]:
    """Compressed pages make the build slower and the forecast rough."""
    row_format = "" if case.table is None else (case.table.row_format or "")
    if row_format.lower() == "compressed":
        yield "the table has ROW_FORMAT=COMPRESSED: the build takes longer than the forecast says, and is smaller"


def table_has_room(case: Case) -> Iterator[str]:
    """A table holds 64 secondary indexes."""
    if case.table is not None and sum(i.name != "PRIMARY" for i in case.table.indexes) >= MAX_INDEXES:
        yield f"error 1069: the table has {MAX_INDEXES} indexes already, the most that it can have: drop one first"


def name_is_free(case: Case) -> Iterator[str]:
    """The name is free, or the index under it is the one that this very run built."""
    there = None if case.table is None else case.table.index_named(case.index.index_name)
    if there is not None and not there.is_built_by(case.run_id, case.index):
        yield name_taken(case.index)


def name_taken(index: IndexDefinition) -> str:
    """The sentence for an index of that name that is somebody else's."""
    return (
        f"error 1061: the table {index.table_name!r} already has an index {index.index_name!r} that this run did not "
        "build; it was left alone"
    )


def no_foreign_key_index_is_displaced(case: Case) -> Iterator[str]:
    """The server silently drops an index that it made for a foreign key when ours can serve the key instead.

    Ours could then never be dropped again (error 1553). An index that the server made is named like the
    constraint or like its first column; under any other name it is somebody's own, and stays.
    """
    if case.table is None:
        return
    ours = [None if part.prefix_length else part.column.casefold() for part in case.index.key_parts]
    place = f"{quote_identifier(case.table.schema_name)}.{quote_identifier(case.table.table_name)}"
    for key in case.table.foreign_keys:
        columns = [column.casefold() for column in key.columns]
        for other in case.table.indexes:
            made_for_key = other.name.casefold() in (key.name.casefold(), columns[0]) and not other.unique
            same = [part and part.column.casefold() for part in other.key_parts] == columns
            if made_for_key and same and ours[: len(columns)] == columns:
                kept = quote_identifier(f"{other.name[:61]}_fk")
                yield (
                    f"the new index would silently replace {other.name!r}, which seems to be the server's own for "
                    f"the foreign key {key.name!r}, and could then not be dropped again (error 1553): give it a name "
                    f"of its own first, which makes it permanent: ALTER TABLE {place} RENAME INDEX "
                    f"{quote_identifier(other.name)} TO {kept}"
                )


def nothing_is_left_behind(case: Case) -> Iterator[str]:
    """A hidden index of another run is used by nobody and slows down every write."""
    for other in () if case.table is None else case.table.indexes:
        if other.marker is not None and other.marker.run_id != case.run_id and not other.visible:
            yield (
                f"the hidden index {other.name!r} is of run {other.marker.run_id}: unless that is still under way, let "
                "it be carried to its end or drop the index by hand"
            )
