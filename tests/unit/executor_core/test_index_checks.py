"""The checks of the index that is asked for, each by itself."""

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.executor_core.facts import (
    PRIMARY,
    an_index,
    case,
    definition,
    our_index,
    server,
    surrounded,
    table,
    target,
    without_table,
)

from executor_core.finding import Case
from executor_core.flavor import Flavor
from executor_core.index_checks import (
    columns_exist,
    descending_is_understood,
    key_is_short_enough,
    long_texts_have_a_prefix,
    no_geometry,
    no_json,
    no_other_becomes_redundant,
    not_a_duplicate,
    prefixes_are_of_texts,
    prefixes_are_shorter,
)
from executor_core.surroundings import Account, Privilege
from executor_core.target import ColumnFacts, IndexFacts, TargetFacts


def of_type(column_type: str, length: int | None = None, *parts: str, **changes: Any) -> Case:
    """A table whose column `body` has that type, and an index on it."""
    column = ColumnFacts(name="Body", column_type=column_type, character_length=length, bytes_per_character=4)
    return case(target(columns=(column,), **changes), definition(*(parts or ("body",))))


def test_each_missing_column_is_found() -> None:
    assert list(columns_exist(case(index=definition("nowhere", "ID", "lost(3)")))) == [
        "the table 'orders' has no column 'nowhere'",
        "the table 'orders' has no column 'lost'",
    ]


def test_the_columns_of_a_view_are_not_looked_for() -> None:
    assert list(columns_exist(case(target(base_table=False), definition("nowhere")))) == []


@pytest.mark.parametrize(("held", "found"), [(frozenset({Privilege.SELECT}), 1), (frozenset({Privilege.ALTER}), 0)])
def test_columns_are_missed_only_by_whoever_would_see_them(held: frozenset[Privilege], found: int) -> None:
    facts = surrounded(account=Account(held=held))
    assert len(list(columns_exist(case(facts, definition("nowhere"))))) == found


@pytest.mark.parametrize(
    "column_type", ["text", "TINYTEXT", "mediumtext", "longtext", "blob", "longblob", "text /*M! COMPRESSED*/"]
)
def test_a_long_text_without_a_prefix_is_found(column_type: str) -> None:
    (sentence,) = long_texts_have_a_prefix(of_type(column_type))
    assert sentence.endswith("index a prefix, such as body(100)")
    assert list(long_texts_have_a_prefix(of_type(column_type, None, "body(20)"))) == []


@pytest.mark.parametrize("column_type", ["int", "varchar(255)", "enum('text','blob')", "set('json')", "binary(16)"])
def test_other_types_need_no_prefix(column_type: str) -> None:
    assert list(long_texts_have_a_prefix(of_type(column_type))) == []


def test_json_is_not_indexed_with_a_prefix_either() -> None:
    assert len(list(no_json(of_type("json")))) == len(list(no_json(of_type("json", None, "body(3)")))) == 1
    assert list(no_json(of_type("set('json')"))) == []


@pytest.mark.parametrize("column_type", ["point", "geometry", "GEOMCOLLECTION", "multipolygon"])
def test_mysql_takes_an_index_on_a_geometry_for_a_spatial_one(column_type: str) -> None:
    (sentence,) = no_geometry(of_type(column_type))
    assert sentence.startswith("error 1846")
    mariadb = of_type(column_type)
    mariadb = replace(mariadb, facts=replace(mariadb.facts, server=server(flavor=Flavor.MARIADB)))
    assert list(no_geometry(mariadb)) == []
    assert list(no_geometry(of_type("int"))) == []


@pytest.mark.parametrize("column_type", ["int", "decimal(10,2)", "datetime(6)", "enum('text','char')", "json"])
def test_a_prefix_of_what_is_no_text_is_found(column_type: str) -> None:
    assert len(list(prefixes_are_of_texts(of_type(column_type, None, "body(3)")))) == 1
    assert list(prefixes_are_of_texts(of_type(column_type))) == []


def test_a_prefix_of_a_text_is_no_finding() -> None:
    assert list(prefixes_are_of_texts(of_type("varchar(20)", 20, "body(3)"))) == []


@pytest.mark.parametrize("column_type", ["varchar(10)", "char(10)", "VARBINARY(10)", "binary(10)"])
def test_a_prefix_as_long_as_its_column_is_found(column_type: str) -> None:
    assert list(prefixes_are_shorter(of_type(column_type, 10, "body(10)"))) == [
        "the column 'body' is 10 long, so body(10) is no prefix of it: index it whole"
    ]


@pytest.mark.parametrize(
    "fine",
    [
        of_type("varchar(10)", 10, "body(9)"),
        of_type("varchar(10)", 10, "body"),
        of_type("tinytext", 255, "body(255)"),
        of_type("varchar(10)", None, "body(10)"),
        of_type("varchar(10)", 10, "other(10)"),
    ],
    ids=["shorter", "no prefix", "a text keeps its prefix", "length not told", "column not there"],
)
def test_a_real_prefix_is_no_finding(fine: Case) -> None:
    assert list(prefixes_are_shorter(fine)) == []


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (of_type("varchar(769)", 769), "body takes up to 3076 bytes, and this table allows 3072"),
        (of_type("text", 65535, "body(769)"), "body(769) takes up to 3076 bytes"),
        (of_type("varchar(192)", 192, row_format="Redundant"), "takes up to 768 bytes, and this table allows 767"),
        (of_type("varchar(192)", 192, row_format="Compact"), "allows 767"),
    ],
)
def test_a_key_that_is_too_long_is_found(wrong: Case, says: str) -> None:
    sentence = next(key_is_short_enough(wrong))
    assert sentence.startswith("error 1071")
    assert says in sentence


def test_small_pages_allow_short_keys() -> None:
    column = ColumnFacts(name="body", column_type="varchar(200)", character_length=200, bytes_per_character=4)
    facts = target(columns=(column,))
    assert list(key_is_short_enough(case(facts, definition("body")))) == []
    small = surrounded(facts, page_bytes=4096)
    assert "allows 768" in next(key_is_short_enough(case(small, definition("body"))))


def test_the_parts_of_a_key_add_up() -> None:
    columns = tuple(
        ColumnFacts(name=name, column_type="varchar(400)", character_length=400, bytes_per_character=4) for name in "ab"
    )
    (sentence,) = key_is_short_enough(case(target(columns=columns), definition("a", "b")))
    assert "the key takes up to 3200 bytes" in sentence
    assert list(key_is_short_enough(case(target(columns=columns), definition("a", "b(100)")))) == []


@pytest.mark.parametrize(
    "fine",
    [
        of_type("varchar(768)", 768),
        of_type("varchar(191)", 191, row_format="COMPACT"),
        of_type("geometry"),
        case(without_table()),
    ],
    ids=["as long as can be", "in an old format", "a length that is not known", "no table"],
)
def test_a_key_that_is_short_enough_is_no_finding(fine: Case) -> None:
    assert list(key_is_short_enough(fine)) == []


@pytest.mark.parametrize(
    ("flavor", "version", "column", "found"),
    [
        (Flavor.MARIADB, "10.6.18-MariaDB", "id DESC", 1),
        (Flavor.MARIADB, "10.6.18-MariaDB", "id", 0),
        (Flavor.MARIADB, "10.11.4-MariaDB", "id DESC", 0),
        (Flavor.MARIADB, "unknown", "id DESC", 0),
        (Flavor.MYSQL, "8.0.28", "id DESC", 0),
    ],
)
def test_a_server_that_ignores_a_direction_is_found(flavor: Flavor, version: str, column: str, found: int) -> None:
    facts = replace(target(), server=server(flavor=flavor, version=version))
    assert len(list(descending_is_understood(case(facts, definition(column))))) == found


AB = ("customer_id", "note(10) DESC")


@pytest.mark.parametrize(
    ("other", "ours"),
    [
        (an_index("idx_other", *AB), AB),
        (an_index("idx_other", "CUSTOMER_ID", "note(10) DESC", "id"), AB),
        (an_index("idx_other", "customer_id DESC", "note(10)"), AB),
        (an_index("idx_other", "customer_id", "note(20) DESC"), AB),
        (an_index("idx_other", "customer_id", "note DESC"), AB),
        (an_index("idx_other", "customer_id", unique=True), ("customer_id",)),
        (an_index("idx_other", "customer_id", visible=False), ("customer_id",)),
        (PRIMARY, ("id",)),
        (an_index("idx_other", "customer_id"), ("customer_id", "id")),
    ],
    ids=[
        "same",
        "longer",
        "turned round",
        "a longer prefix",
        "no prefix",
        "unique",
        "hidden",
        "the primary key",
        "all but the primary key",
    ],
)
def test_an_index_that_serves_already_is_found(other: IndexFacts, ours: tuple[str, ...]) -> None:
    facts = target() if other is PRIMARY else target(other)
    (sentence,) = not_a_duplicate(case(facts, definition(*ours)))
    assert other.name in sentence
    assert ("made visible again" in sentence) is not other.visible


@pytest.mark.parametrize(
    ("facts", "ours"),
    [
        (target(), AB),
        (target(our_index()), AB),
        (target(an_index("idx_short", "customer_id")), AB),
        (target(an_index("idx_other", "customer_id", "note(10)")), AB),
        (target(an_index("idx_other", "customer_id", "note(9) DESC")), AB),
        (target(an_index("idx_other", "note(10)", "customer_id")), ("note", "customer_id")),
        (target(an_index("idx_other", "note(20)", "customer_id")), ("note(10)", "customer_id")),
        (target(an_index("idx_text", "note", kind="FULLTEXT")), ("note(5)",)),
        (
            TargetFacts(
                server=server(),
                table=table(IndexFacts(name="f", key_parts=(None,), unique=False, kind="BTREE", comment="")),
            ),
            ("customer_id",),
        ),
        (TargetFacts(server=server(), table=replace(table(), indexes=(an_index("x", "note(3)"),))), ("note",)),
        (without_table(), AB),
    ],
    ids=[
        "none",
        "itself",
        "a shorter one",
        "one direction turned round",
        "a shorter prefix",
        "a prefix before another column",
        "a longer prefix before another column",
        "full text",
        "an expression",
        "a prefix of what is wanted whole",
        "no table",
    ],
)
def test_an_index_that_serves_less_is_no_finding(facts: TargetFacts, ours: tuple[str, ...]) -> None:
    assert list(not_a_duplicate(case(facts, definition(*ours)))) == []


@pytest.mark.parametrize(
    "other",
    [an_index("idx_short", "customer_id"), an_index("idx_short", "customer_id DESC")],
    ids=["shorter", "turned round"],
)
def test_an_index_that_would_be_redundant_is_found(other: IndexFacts) -> None:
    (sentence,) = no_other_becomes_redundant(case(target(other)))
    assert other.name in sentence


@pytest.mark.parametrize(
    "facts",
    [
        target(),
        target(an_index("idx_short", "customer_id", unique=True)),
        target(an_index("idx_short", "customer_id", comment="executor:run=run-9;attempt=1")),
        target(an_index("idx_other", "note(10)")),
        target(an_index("idx_same", "customer_id", "note(10) DESC")),
        target(IndexFacts(name="f", key_parts=(None,), unique=False, kind="BTREE", comment="")),
        without_table(),
    ],
    ids=["none", "unique", "of another run", "of another column", "the same", "an expression", "no table"],
)
def test_an_index_that_is_still_of_use_is_no_finding(facts: TargetFacts) -> None:
    assert list(no_other_becomes_redundant(case(facts))) == []
