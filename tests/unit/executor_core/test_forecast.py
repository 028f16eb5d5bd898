"""What a build is expected to take."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.executor_core.facts import an_index, definition, server, surrounded, table, target, without_table

from executor_core.flavor import Flavor
from executor_core.forecast import INDEX_FILL, LEAST_BYTES, MOST_SLOWER, ROOM_FACTOR, SPEED, Forecast, forecast
from executor_core.index_definition import IndexDefinition
from executor_core.target import ColumnFacts, TargetFacts

MILLION = target(rows=1_000_000, data_bytes=150_000_000)


def expected(facts: TargetFacts = MILLION, index: IndexDefinition | None = None) -> Forecast:
    found = forecast(facts, index or definition("customer_id"))
    assert found is not None
    return found


def test_an_entry_has_its_keys_and_the_primary_key() -> None:
    assert expected().index_bytes == pytest.approx(1_000_000 * (4 + 8 + 5) / INDEX_FILL, abs=1)


def test_columns_of_the_primary_key_are_not_stored_twice() -> None:
    assert expected(index=definition("customer_id", "id")).index_bytes == expected().index_bytes


def test_a_table_without_a_primary_key_has_row_ids() -> None:
    facts = replace(MILLION, table=replace(table(rows=1_000_000, data_bytes=150_000_000), indexes=()))
    assert expected(facts).index_bytes == pytest.approx(1_000_000 * (4 + 6 + 5) / INDEX_FILL, abs=1)


def test_a_prefix_takes_no_more_than_its_length() -> None:
    whole, prefix = expected(index=definition("note")), expected(index=definition("note(10)"))
    assert prefix.index_bytes == pytest.approx(1_000_000 * (11 + 8 + 5) / INDEX_FILL, abs=1)
    assert prefix.index_bytes < whole.index_bytes


def test_the_smallest_index_is_a_page() -> None:
    assert expected(target(rows=0, data_bytes=0)).index_bytes == LEAST_BYTES


def test_sorting_takes_room_beside_the_index() -> None:
    found = expected()
    assert found.room_bytes == pytest.approx(found.index_bytes * ROOM_FACTOR, abs=1)
    assert found.sort_bytes == pytest.approx(found.room_bytes - found.index_bytes, abs=1)


def test_more_rows_longer_keys_and_texts_take_longer() -> None:
    times = [
        expected(target(rows=1000, data_bytes=150_000)).build_time,
        expected().build_time,
        expected(index=definition("customer_id", "id")).build_time,
        expected(index=definition("note(10)")).build_time,
        expected(target(rows=10_000_000, data_bytes=1_500_000_000)).build_time,
    ]
    assert times == sorted(times)
    assert len(set(times)) == len(times)


def test_mariadb_builds_in_less_time() -> None:
    assert expected(replace(MILLION, server=server(flavor=Flavor.MARIADB))).build_time < expected().build_time


def test_a_table_that_does_not_fit_into_memory_is_read_first() -> None:
    cold = expected(surrounded(MILLION, buffer_pool_bytes=50_000_000))
    assert cold.build_time == expected().build_time + timedelta(seconds=1)


def test_lengths_that_were_looked_at_come_before_guesses() -> None:
    seen = surrounded(MILLION, text_bytes={"note": 30.0})
    assert expected(seen, definition("note")).index_bytes == pytest.approx(1_000_000 * (31 + 8 + 5) / INDEX_FILL, abs=1)


@pytest.mark.parametrize(("slower", "taken"), [(3.0, 3.0), (0.5, 0.5), (1000.0, MOST_SLOWER), (1e-6, 1 / MOST_SLOWER)])
def test_a_server_that_is_slow_at_the_moment_takes_longer_within_bounds(slower: float, taken: float) -> None:
    slow = surrounded(MILLION, arithmetic=SPEED[Flavor.MYSQL].arithmetic * slower)
    assert expected(slow).build_time / expected().build_time == pytest.approx(taken, rel=0.01)


def test_writes_during_the_build_are_logged() -> None:
    assert expected().logged_bytes is None
    found = expected(surrounded(MILLION, writes_per_second=100.0))
    assert found.logged_bytes == int(100 * found.build_time.total_seconds() * (4 + 8 + 5) * 2)


@pytest.mark.parametrize(
    ("facts", "columns"), [(without_table(), ("id",)), (MILLION, ("nowhere",))], ids=["no table", "no column"]
)
def test_nothing_is_expected_of_what_is_not_there(facts: TargetFacts, columns: tuple[str, ...]) -> None:
    assert forecast(facts, definition(*columns)) is None


def test_parts_of_the_primary_key_that_can_t_be_seen_are_left_out() -> None:
    there = replace(
        table(rows=1_000_000, data_bytes=150_000_000),
        columns=(ColumnFacts(name="customer_id", column_type="int"),),
        indexes=(an_index("PRIMARY", "id", unique=True),),
    )
    assert expected(replace(MILLION, table=there)).index_bytes == pytest.approx(1_000_000 * 9 / INDEX_FILL, abs=1)
