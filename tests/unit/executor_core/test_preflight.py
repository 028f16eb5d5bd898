"""The checks before anything is changed, each by itself; and what a build changed beside its own index."""

from dataclasses import replace

import pytest
from tests.unit.executor_core.facts import (
    INDEX,
    PRIMARY,
    RUN_ID,
    an_index,
    definition,
    our_index,
    server,
    table,
    target,
    without_table,
)

from executor_core.ddl import Marker
from executor_core.index_definition import IndexDefinition
from executor_core.model import RunId
from executor_core.preflight import (
    CHECKS,
    Finding,
    Severity,
    columns_exist,
    differences,
    long_texts_have_a_prefix,
    name_is_free,
    no_foreign_key_index_is_displaced,
    not_a_duplicate,
    prefixes_are_prefixes,
    preflight,
    room_for_an_index,
    server_is_writable,
    statistics_are_collected,
    table_can_be_indexed,
)
from executor_core.target import ColumnFacts, ForeignKeyFacts, IndexFacts, TableFacts, TargetFacts

FINE = target()


def of_server(**changes: object) -> TargetFacts:
    return replace(FINE, server=server(**changes))


def test_a_target_in_order_has_no_findings() -> None:
    assert preflight(FINE, INDEX, RUN_ID) == ()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_no_check_trips_over_a_missing_table(check: object) -> None:
    assert [f.code for f in check(without_table(), INDEX, RUN_ID)] in ([], ["table_missing"])  # type: ignore[operator]


def test_a_missing_table_is_the_only_finding_about_it() -> None:
    assert [finding.code for finding in preflight(without_table(), INDEX, RUN_ID)] == ["table_missing"]


def test_findings_come_in_the_order_of_the_checks() -> None:
    facts = TargetFacts(server=server(read_only=True, performance_schema=False), table=table(engine="MyISAM"))
    codes = [finding.code for finding in preflight(facts, definition("nowhere"), RUN_ID)]
    assert codes == ["read_only", "engine", "column_missing", "performance_schema_off"]


def test_a_read_only_server_blocks() -> None:
    assert list(server_is_writable(FINE, INDEX, RUN_ID)) == []
    assert list(server_is_writable(of_server(read_only=True), INDEX, RUN_ID)) == [
        Finding(
            code="read_only",
            severity=Severity.BLOCKING,
            sentence="the server is read-only for this account: connect to the primary server",
        )
    ]


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        (of_server(performance_schema=False, statement_digests=False), "performance_schema_off"),
        (of_server(statement_digests=False), "digests_off"),
    ],
)
def test_statistics_that_are_off_block(facts: TargetFacts, code: str) -> None:
    (finding,) = statistics_are_collected(facts, INDEX, RUN_ID)
    assert (finding.code, finding.severity) == (code, Severity.BLOCKING)
    assert list(statistics_are_collected(FINE, INDEX, RUN_ID)) == []


@pytest.mark.parametrize(
    ("facts", "code", "severity"),
    [
        (without_table(), "table_missing", Severity.BLOCKING),
        (target(base_table=False, engine=None), "not_a_table", Severity.BLOCKING),
        (target(engine="MyISAM"), "engine", Severity.PERSON_NEEDED),
        (target(engine="MEMORY"), "engine", Severity.PERSON_NEEDED),
    ],
)
def test_what_is_no_table_that_can_be_indexed_online_is_found(
    facts: TargetFacts, code: str, severity: Severity
) -> None:
    (finding,) = table_can_be_indexed(facts, INDEX, RUN_ID)
    assert (finding.code, finding.severity) == (code, severity)


@pytest.mark.parametrize("engine", ["InnoDB", "innodb", None])
def test_a_table_of_innodb_or_of_an_engine_that_is_not_told_can_be_indexed(engine: str | None) -> None:
    assert list(table_can_be_indexed(target(engine=engine), INDEX, RUN_ID)) == []


def test_each_missing_column_blocks() -> None:
    found = list(columns_exist(FINE, definition("nowhere", "ID", "lost(3)"), RUN_ID))
    assert [finding.sentence for finding in found] == [
        "the table 'orders' has no column 'nowhere'",
        "the table 'orders' has no column 'lost'",
    ]
    assert {(finding.code, finding.severity) for finding in found} == {("column_missing", Severity.BLOCKING)}


def test_the_columns_of_a_view_are_not_looked_for() -> None:
    assert list(columns_exist(target(base_table=False), definition("nowhere"), RUN_ID)) == []


def of_type(column_type: str, length: int | None = None) -> TargetFacts:
    return target(columns=(ColumnFacts(name="Body", column_type=column_type, character_length=length),))


@pytest.mark.parametrize(
    "column_type", ["text", "TINYTEXT", "mediumtext", "longtext", "blob", "longblob", "json", "text /*M! COMPRESSED*/"]
)
def test_a_long_text_without_a_prefix_blocks(column_type: str) -> None:
    (finding,) = long_texts_have_a_prefix(of_type(column_type), definition("body"), RUN_ID)
    assert (finding.code, finding.severity) == ("prefix_needed", Severity.BLOCKING)
    assert finding.sentence.endswith("index a prefix, such as body(100)")
    assert list(long_texts_have_a_prefix(of_type(column_type), definition("body(20)"), RUN_ID)) == []


@pytest.mark.parametrize("column_type", ["int", "varchar(255)", "enum('text','blob')", "set('json')", "binary(16)"])
def test_other_types_need_no_prefix(column_type: str) -> None:
    assert list(long_texts_have_a_prefix(of_type(column_type), definition("body"), RUN_ID)) == []


def test_a_column_that_is_not_there_is_no_long_text() -> None:
    assert list(long_texts_have_a_prefix(FINE, definition("nowhere"), RUN_ID)) == []


@pytest.mark.parametrize(
    ("column_type", "length"), [("varchar(10)", 10), ("char(10)", 10), ("VARBINARY(8)", 8), ("binary(10)", 10)]
)
def test_a_prefix_as_long_as_its_column_blocks(column_type: str, length: int) -> None:
    facts = of_type(column_type, length)
    (finding,) = prefixes_are_prefixes(facts, definition("body(10)"), RUN_ID)
    assert finding == Finding(
        code="prefix_too_long",
        severity=Severity.BLOCKING,
        sentence=f"the column 'body' is {length} long, so body(10) is no prefix of it: index it whole",
    )


@pytest.mark.parametrize("column_type", ["int", "decimal(10,2)", "datetime(6)", "enum('text','char')", "json"])
def test_a_prefix_of_what_is_no_text_blocks(column_type: str) -> None:
    (finding,) = prefixes_are_prefixes(of_type(column_type), definition("body(3)"), RUN_ID)
    assert (finding.code, finding.severity) == ("prefix_of_a_number", Severity.BLOCKING)


@pytest.mark.parametrize(
    ("facts", "column"),
    [
        (of_type("varchar(10)", 10), "body(9)"),
        (of_type("varchar(10)", 10), "body"),
        (of_type("tinytext", 255), "body(255)"),
        (of_type("varchar(10)"), "body(10)"),
        (of_type("varchar(10)", 10), "other(10)"),
    ],
    ids=["shorter", "no prefix", "a text keeps its prefix", "length not told", "column not there"],
)
def test_a_real_prefix_is_no_finding(facts: TargetFacts, column: str) -> None:
    assert list(prefixes_are_prefixes(facts, definition(column), RUN_ID)) == []


@pytest.mark.parametrize("other", [an_index(), an_index("IDX_CUSTOMER", "id"), an_index(comment="made by hand")])
def test_an_index_of_that_name_blocks_with_the_servers_own_number(other: IndexFacts) -> None:
    assert list(name_is_free(target(other), INDEX, RUN_ID)) == [
        Finding(
            code="name_taken",
            severity=Severity.BLOCKING,
            sentence="error 1061: the table 'orders' already has an index 'idx_customer' that this run did not build; "
            "it was left alone",
        )
    ]


@pytest.mark.parametrize("facts", [FINE, target(our_index()), without_table()], ids=["free", "ours", "no table"])
def test_a_name_that_is_free_or_ours_is_no_finding(facts: TargetFacts) -> None:
    assert list(name_is_free(facts, INDEX, RUN_ID)) == []


def test_a_table_with_64_indexes_beside_its_primary_key_blocks() -> None:
    full = target(*(an_index(f"idx_{number}", "id") for number in range(64)))
    (finding,) = room_for_an_index(full, INDEX, RUN_ID)
    assert (finding.code, finding.severity) == ("too_many_indexes", Severity.BLOCKING)


def test_a_table_with_63_indexes_has_room() -> None:
    assert list(room_for_an_index(target(*(an_index(f"i{n}", "id") for n in range(63))), INDEX, RUN_ID)) == []


def keyed(*indexes: IndexFacts, columns: tuple[str, ...] = ("customer_id",)) -> TargetFacts:
    """A table with a foreign key."""
    return target(*indexes, foreign_keys=(ForeignKeyFacts(name="orders_ibfk_1", columns=columns),))


@pytest.mark.parametrize(
    ("facts", "index"),
    [
        (keyed(an_index("customer_id", "customer_id")), INDEX),
        (keyed(an_index("ORDERS_IBFK_1", "Customer_Id")), INDEX),
        (keyed(an_index("customer_id", "customer_id")), definition("customer_id")),
        (keyed(an_index("orders_ibfk_1", "a", "b"), columns=("a", "b")), definition("a", "b", "c")),
    ],
    ids=["named like its column", "named like its key", "the same columns", "two columns"],
)
def test_an_index_that_the_server_made_for_a_foreign_key_would_be_displaced(
    facts: TargetFacts, index: IndexDefinition
) -> None:
    (finding,) = no_foreign_key_index_is_displaced(facts, index, RUN_ID)
    assert (finding.code, finding.severity) == ("foreign_key_index_displaced", Severity.PERSON_NEEDED)
    assert "RENAME INDEX" in finding.sentence


@pytest.mark.parametrize(
    ("facts", "index"),
    [
        (target(an_index("customer_id", "customer_id")), INDEX),
        (keyed(an_index("customer_id", "customer_id", unique=True)), INDEX),
        (keyed(an_index("idx_by_hand", "customer_id")), INDEX),
        (keyed(an_index("customer_id", "customer_id", "id")), INDEX),
        (keyed(an_index("customer_id", "customer_id")), definition("id", "customer_id")),
        (keyed(an_index("customer_id", "customer_id")), definition("customer_id(3)")),
        (keyed(an_index("customer_id", "customer_id")), definition("note(3)", "customer_id")),
        (keyed(an_index("a", "a", "b"), columns=("a", "b")), definition("a")),
        (without_table(), INDEX),
    ],
    ids=[
        "no foreign key",
        "a unique index",
        "an index that somebody named",
        "an index with more columns",
        "another first column",
        "a prefix",
        "a prefix before it",
        "too few columns",
        "no table",
    ],
)
def test_any_other_index_stays_where_it_is(facts: TargetFacts, index: IndexDefinition) -> None:
    assert list(no_foreign_key_index_is_displaced(facts, index, RUN_ID)) == []


def test_a_functional_index_serves_no_foreign_key() -> None:
    functional = IndexFacts(name="customer_id", key_parts=(None,), unique=False, kind="BTREE", comment="")
    assert list(no_foreign_key_index_is_displaced(keyed(functional), INDEX, RUN_ID)) == []


@pytest.mark.parametrize(
    "other",
    [an_index("idx_same"), an_index("idx_longer", "customer_id", "note(10) DESC", "id")],
    ids=["same", "longer"],
)
def test_an_index_that_begins_alike_is_a_warning(other: IndexFacts) -> None:
    (finding,) = not_a_duplicate(target(other), INDEX, RUN_ID)
    assert (finding.code, finding.severity) == ("already_served", Severity.WARNING)
    assert repr(other.name) in finding.sentence


@pytest.mark.parametrize(
    "facts",
    [
        FINE,
        target(our_index()),
        target(an_index("idx_short", "customer_id")),
        target(an_index("idx_other", "customer_id", "note(10)")),
        without_table(),
    ],
    ids=["none", "itself", "a shorter one", "another direction", "no table"],
)
def test_an_index_that_serves_less_is_no_warning(facts: TargetFacts) -> None:
    assert list(not_a_duplicate(facts, INDEX, RUN_ID)) == []


OTHER = an_index("idx_other", "id")
OTHERS = replace(OTHER, comment=str(Marker(RunId("another-run"), 1)))


@pytest.mark.parametrize(
    ("before", "now", "sentences"),
    [
        ((PRIMARY, OTHER), table(OTHER, our_index()), ()),
        ((PRIMARY, OTHER), table(our_index()), ("the index 'idx_other' disappeared",)),
        ((PRIMARY, OTHER), table(replace(OTHER, visible=False)), ("the index 'idx_other' changed",)),
        ((PRIMARY, OTHER), table(replace(OTHER, name="IDX_OTHER")), ("the index 'idx_other' changed",)),
        ((PRIMARY,), table(OTHER, our_index()), ()),
        ((PRIMARY, an_index()), table(our_index()), ()),
        ((PRIMARY, OTHERS), table(replace(OTHERS, visible=False)), ()),
        ((PRIMARY, OTHERS), table(our_index()), ()),
        (
            (PRIMARY, OTHER, an_index("idx_gone", "id")),
            table(replace(OTHER, comment="touched")),
            ("the index 'idx_gone' disappeared", "the index 'idx_other' changed"),
        ),
    ],
    ids=[
        "ours apart",
        "gone",
        "changed",
        "renamed in case",
        "a new one",
        "ours was another",
        "another run's, hidden",
        "another run's, taken back",
        "gone and changed",
    ],
)
def test_what_a_build_changed_beside_its_own_index_is_told(
    before: tuple[IndexFacts, ...], now: TableFacts, sentences: tuple[str, ...]
) -> None:
    assert differences(before, now, INDEX) == sentences
