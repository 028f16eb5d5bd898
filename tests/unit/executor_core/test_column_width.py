"""How many bytes a column takes: by its type, at most, and on average."""

import pytest
from tests.unit.executor_core.facts import table

from executor_core.column_width import PAGE_FILL, ROW_OVERHEAD, average_bytes, fixed_bytes, key_part_bytes
from executor_core.index_definition import KeyPart
from executor_core.target import ColumnFacts


def column(kind: str, length: int | None = None, widest: int = 1, name: str = "a") -> ColumnFacts:
    return ColumnFacts(name=name, column_type=kind, character_length=length, bytes_per_character=widest)


@pytest.mark.parametrize(
    ("kind", "width"),
    [
        ("tinyint(1)", 1),
        ("SMALLINT unsigned", 2),
        ("mediumint", 3),
        ("int", 4),
        ("bigint unsigned", 8),
        ("float", 4),
        ("double", 8),
        ("decimal(10,2)", 5),
        ("decimal(18,9)", 8),
        ("numeric(3)", 2),
        ("decimal", 5),
        ("date", 3),
        ("year", 1),
        ("time", 3),
        ("timestamp", 4),
        ("datetime", 5),
        ("datetime(6)", 8),
        ("time(3)", 5),
        ("bit", 1),
        ("bit(9)", 2),
        ("enum('a','b''c')", 1),
        (f"enum({','.join(repr(str(n)) for n in range(256))})", 2),
        ("set('a','b')", 1),
        (f"set({','.join(repr(str(n)) for n in range(9))})", 2),
        (f"set({','.join(repr(str(n)) for n in range(64))})", 8),
        ("uuid", 16),
        ("varchar(10)", None),
        ("text", None),
        ("json", None),
        ("point", None),
    ],
)
def test_types_of_one_length_have_their_width(kind: str, width: int | None) -> None:
    assert fixed_bytes(column(kind)) == width


@pytest.mark.parametrize(
    ("part", "of", "most"),
    [
        (KeyPart("a"), column("int"), 4),
        (KeyPart("a"), column("varchar(10)", 10, 4), 40),
        (KeyPart("a", 3), column("varchar(10)", 10, 4), 12),
        (KeyPart("a", 100), column("text", 65535, 3), 300),
        (KeyPart("a"), column("varbinary(10)", 10), 10),
        (KeyPart("a"), column("geometry"), None),
    ],
)
def test_a_key_part_takes_no_more_than_its_prefix_or_its_column(
    part: KeyPart, of: ColumnFacts, most: int | None
) -> None:
    assert key_part_bytes(part, of) == most


def averages(*columns: ColumnFacts, rows: int = 1000, row_bytes: float = 100) -> dict[str, float]:
    return average_bytes(table(columns=columns, rows=rows, data_bytes=int(rows * row_bytes / PAGE_FILL)))


def test_what_the_average_row_takes_beyond_its_fixed_columns_is_its_text() -> None:
    found = averages(column("int", name="ID"), column("varchar(100)", 100, 4, name="Note"))
    assert found["id"] == 4
    assert found["note"] == pytest.approx(100 - ROW_OVERHEAD - 4 - 1, abs=0.2)


def test_longer_columns_are_taken_to_hold_more_but_not_in_proportion() -> None:
    found = averages(column("varchar(25)", 25, name="a"), column("varchar(100)", 100, name="b"), row_bytes=50)
    assert found["b"] / found["a"] == pytest.approx(2)
    assert found["a"] + found["b"] == pytest.approx(50 - ROW_OVERHEAD - 2, abs=0.2)


def test_no_column_is_taken_to_hold_more_than_it_can() -> None:
    found = averages(column("varchar(5)", 5, name="a"), column("text", 65535, name="b"), row_bytes=900)
    assert found["a"] == 5
    assert found["b"] == pytest.approx(900 - ROW_OVERHEAD - 2 - 5, abs=0.2)


def test_texts_of_a_table_whose_rows_are_full_are_full() -> None:
    assert averages(column("varchar(5)", 5, name="a"), column("char(9)", 9, name="b"), row_bytes=900) == {
        "a": 5,
        "b": 9,
    }


@pytest.mark.parametrize("rows", [0, 1000])
def test_texts_of_a_table_that_has_no_room_for_them_are_empty(rows: int) -> None:
    assert averages(column("bigint", name="a"), column("point", name="b"), rows=rows, row_bytes=1) == {"a": 8, "b": 0}


def test_a_table_without_texts_needs_no_sharing_out() -> None:
    assert averages(column("bigint", name="a")) == {"a": 8}
