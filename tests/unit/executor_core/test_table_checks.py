"""The checks of the table and of the indexes that it has, each by itself."""

from dataclasses import replace

import pytest
from tests.unit.executor_core.facts import INDEX, an_index, case, definition, our_index, target, without_table

from executor_core.ddl import Marker
from executor_core.finding import Case, Look
from executor_core.index_definition import IndexDefinition
from executor_core.model import RunId
from executor_core.table_checks import (
    engine_builds_online,
    name_is_free,
    no_foreign_key_index_is_displaced,
    nothing_is_left_behind,
    table_has_room,
    table_is_no_view,
    table_is_not_compressed,
    table_is_there,
    table_is_whole,
)
from executor_core.target import ForeignKeyFacts, IndexFacts, TargetFacts


@pytest.mark.parametrize(
    ("look", "wrong", "says"),
    [
        (table_is_there, case(without_table()), "there is no table 'orders'"),
        (table_is_no_view, case(target(base_table=False, engine=None)), "name the table itself"),
        (engine_builds_online, case(target(engine="MyISAM")), "error 1845"),
        (engine_builds_online, case(target(engine="MEMORY")), "convert it to InnoDB"),
        (table_is_whole, case(target(partitioned=True)), "partitioned"),
        (table_is_not_compressed, case(target(row_format="Compressed")), "ROW_FORMAT=COMPRESSED"),
    ],
)
def test_what_is_wrong_with_the_table_is_found(look: Look, wrong: Case, says: str) -> None:
    (sentence,) = look(wrong)
    assert says in sentence
    assert list(look(case())) == []


@pytest.mark.parametrize("engine", ["InnoDB", "innodb", None])
def test_a_table_of_innodb_or_of_an_engine_that_is_not_told_can_be_indexed(engine: str | None) -> None:
    assert list(engine_builds_online(case(target(engine=engine)))) == []


def test_a_view_is_not_asked_for_its_engine() -> None:
    assert list(engine_builds_online(case(target(base_table=False, engine="MyISAM")))) == []


@pytest.mark.parametrize("other", [an_index(), an_index("IDX_CUSTOMER", "id"), an_index(comment="made by hand")])
def test_an_index_of_that_name_is_found_with_the_servers_own_number(other: IndexFacts) -> None:
    assert list(name_is_free(case(target(other)))) == [
        "error 1061: the table 'orders' already has an index 'idx_customer' that this run did not build; "
        "it was left alone"
    ]


@pytest.mark.parametrize("facts", [target(), target(our_index()), without_table()], ids=["free", "ours", "no table"])
def test_a_name_that_is_free_or_ours_is_no_finding(facts: TargetFacts) -> None:
    assert list(name_is_free(case(facts))) == []


def test_a_table_with_64_indexes_beside_its_primary_key_has_no_room() -> None:
    (sentence,) = table_has_room(case(target(*(an_index(f"idx_{number}", "id") for number in range(64)))))
    assert "error 1069" in sentence


def test_a_table_with_63_indexes_has_room() -> None:
    assert list(table_has_room(case(target(*(an_index(f"i{n}", "id") for n in range(63)))))) == []


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
    (sentence,) = no_foreign_key_index_is_displaced(case(facts, index))
    assert "1553" in sentence


def test_the_cure_is_a_statement_that_gives_the_index_a_name_of_its_own() -> None:
    name = "o" * 64
    facts = target(an_index(name, "customer_id"), foreign_keys=(ForeignKeyFacts(name=name, columns=("customer_id",)),))
    (sentence,) = no_foreign_key_index_is_displaced(case(facts))
    assert sentence.endswith(f"ALTER TABLE `shop`.`orders` RENAME INDEX `{name}` TO `{'o' * 61}_fk`")


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
    assert list(no_foreign_key_index_is_displaced(case(facts, index))) == []


def test_a_functional_index_serves_no_foreign_key() -> None:
    functional = IndexFacts(name="customer_id", key_parts=(None,), unique=False, kind="BTREE", comment="")
    assert list(no_foreign_key_index_is_displaced(case(keyed(functional)))) == []


LEFT = an_index("idx_left", "id", comment=str(Marker(RunId("run-9"), 1)), visible=False)


def test_a_hidden_index_of_another_run_is_left_behind() -> None:
    (sentence,) = nothing_is_left_behind(case(target(LEFT)))
    assert "'idx_left'" in sentence
    assert "run-9" in sentence


@pytest.mark.parametrize(
    "facts",
    [
        target(replace(LEFT, visible=True)),
        target(replace(LEFT, comment="")),
        target(replace(our_index(), visible=False)),
        without_table(),
    ],
    ids=["in use", "somebody's", "ours", "no table"],
)
def test_what_is_in_use_or_not_ours_is_not_left_behind(facts: TargetFacts) -> None:
    assert list(nothing_is_left_behind(case(facts))) == []
