"""What is asked for: parsed to a table, a name and key parts, or refused with one sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor_core.ddl import quote_identifier
from executor_core.errors import InvalidInput
from executor_core.index_definition import (
    MAX_PREFIX,
    IndexDefinition,
    KeyPart,
    check_identifier,
    parse_index_definition,
    parse_key_part,
    parse_key_parts,
)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("customer_id", KeyPart("customer_id")),
        ("  customer_id ", KeyPart("customer_id")),
        ("note(10)", KeyPart("note", 10)),
        ("note (10)", KeyPart("note", 10)),
        ("note( 10 )", KeyPart("note", 10)),
        ("note(1)", KeyPart("note", 1)),
        (f"note({MAX_PREFIX})", KeyPart("note", MAX_PREFIX)),
        ("created_at DESC", KeyPart("created_at", descending=True)),
        ("created_at desc", KeyPart("created_at", descending=True)),
        ("created_at ASC", KeyPart("created_at")),
        ("note(10) DESC", KeyPart("note", 10, descending=True)),
        ("note(10)\tasc", KeyPart("note", 10)),
        ("`customer_id`", KeyPart("customer_id")),
        ("`note`(10) DESC", KeyPart("note", 10, descending=True)),
        ("`a``b`", KeyPart("a`b")),
        ("`a,b`", KeyPart("a,b")),
        ("`created_at DESC`", KeyPart("created_at DESC")),
        ("`lower(name)`", KeyPart("lower(name)")),
        ("straße", KeyPart("straße")),
        ("order date", KeyPart("order date")),
        ("DESC", KeyPart("DESC")),
        ("desc desc", KeyPart("desc", descending=True)),
        ("a;b", KeyPart("a;b")),
        ("a" * 64, KeyPart("a" * 64)),
    ],
)
def test_a_column_with_a_prefix_or_a_direction_is_understood(text: str, part: KeyPart) -> None:
    assert parse_key_part(text) == part


@pytest.mark.parametrize(
    "text",
    [
        "lower(name)",
        "(a + b)",
        "((a))",
        "(CAST(tags AS UNSIGNED ARRAY))",
        "note(10",
        "note10)",
        "note(-1)",
        "note(1.5)",
        "note(999999)",
        "note(10)(10)",
        "note(10) DESC DESC",
        "a, b",
        "a) COMMENT 'x', DROP COLUMN b, ADD INDEX i (a",
        "a`",
        "`a",
        "`a` b",
        "`a`b`",
        "``",
        "a` (b), ALGORITHM=COPY -- ",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_key_part(text)
    assert str(refused.value) == f"the key part {text!r} is not a column: write name, name(10) or name DESC"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "a column name is empty"),
        ("  \t", "a column name is empty"),
        ("note(0)", f"the prefix length of 'note' must be from 1 to {MAX_PREFIX}"),
        ("note(3073)", f"the prefix length of 'note' must be from 1 to {MAX_PREFIX}"),
        ("a\x00b", "the column name 'a\\x00b' contains a NUL character"),
        ("`a `", "the column name 'a ' ends with a space, which MySQL does not allow"),
        ("a" * 65, f"the column name {'a' * 65!r} has 65 characters; MySQL allows 64"),
    ],
)
def test_a_column_that_cannot_be_is_refused_with_the_reason(text: str, sentence: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_key_part(text)
    assert str(refused.value) == sentence


COLUMNS = st.text(
    st.characters(codec="utf-8", max_codepoint=0xFFFF, exclude_characters="\x00"), min_size=1, max_size=64
).filter(lambda name: name == name.rstrip())


@given(column=COLUMNS, length=st.none() | st.integers(1, MAX_PREFIX), descending=st.booleans())
def test_any_column_can_be_asked_for_by_quoting_it(column: str, length: int | None, descending: bool) -> None:
    part = KeyPart(column, length, descending)
    assert parse_key_part(str(KeyPart(quote_identifier(column), length, descending))) == part


@given(st.text())
def test_no_text_is_more_than_one_column_or_a_clear_refusal(text: str) -> None:
    try:
        part = parse_key_part(text)
    except InvalidInput:
        return
    assert check_identifier(part.column, "column") == part.column


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "the index name is empty"),
        ("i" * 65, "the index name has 65 characters; MySQL allows 64"),
        ("a\x00b", "the index name contains a NUL character"),
        ("a\N{PILE OF POO}", "the index name has a character that MySQL does not allow in a name"),
        ("a\ud800", "the index name has a character that MySQL does not allow in a name"),
        ("name ", "the index name ends with a space, which MySQL does not allow"),
        ("name\n", "the index name ends with a space, which MySQL does not allow"),
    ],
)
def test_a_name_that_mysql_does_not_allow_is_refused(name: str, sentence: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_identifier(name, "index name")
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    "name", ["idx", "i" * 64, "a`b", "a.b", "größe", " leading", "a b", "1", "'; DROP TABLE t; --"]
)
def test_a_name_that_mysql_allows_is_taken_as_it_is(name: str) -> None:
    assert check_identifier(name, "index name") == name


def test_an_index_definition_is_a_table_a_name_and_key_parts() -> None:
    assert parse_index_definition("orders", "idx", ["a", "b(5)"]) == IndexDefinition(
        "orders", "idx", (KeyPart("a"), KeyPart("b", 5))
    )


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ([], "the index has no columns"),
        ([f"c{number}" for number in range(17)], "the index has 17 columns; MySQL allows 16"),
        (["a", "b", "a"], "the column 'a' stands twice in the index"),
        (["a", "A DESC"], "the column 'A' stands twice in the index"),
        (["a(1)", "`a`(2)"], "the column 'a' stands twice in the index"),
        (["a", ""], "a column name is empty"),
    ],
)
def test_columns_that_make_no_index_are_refused(columns: list[str], sentence: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_key_parts(columns)
    assert str(refused.value) == sentence


def test_sixteen_columns_are_allowed() -> None:
    assert len(parse_key_parts([f"c{number}" for number in range(16)])) == 16


@pytest.mark.parametrize("name", ["PRIMARY", "primary", "GEN_CLUST_INDEX"])
def test_names_that_mysql_keeps_for_itself_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_index_definition("orders", name, ["a"])
    assert str(refused.value) == f"{name} is a name that MySQL keeps for itself; choose another index name"


@pytest.mark.parametrize(
    ("table_name", "index_name", "what"),
    [("", "idx", "table name"), ("orders", "", "index name"), ("t ", "idx", "table name")],
)
def test_the_refusal_says_which_name_is_wrong(table_name: str, index_name: str, what: str) -> None:
    with pytest.raises(InvalidInput, match=f"^the {what} "):
        parse_index_definition(table_name, index_name, ["a"])
