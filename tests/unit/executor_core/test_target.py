"""What the target looks like, and how an index is known as the one that a run built."""

import pytest
from tests.unit.executor_core.facts import INDEX, PRIMARY, RUN_ID, an_index, definition, our_index, table

from executor_core.ddl import Marker
from executor_core.index_definition import KeyPart
from executor_core.model import RunId
from executor_core.target import IndexFacts, TableFacts, normalized

OURS = str(Marker(RUN_ID, 1))


def test_the_index_that_a_run_built_has_its_name_its_parts_and_its_marker() -> None:
    assert our_index().is_built_by(RUN_ID, INDEX)


@pytest.mark.parametrize("attempt", [1, 2, 99])
def test_it_is_known_whichever_attempt_built_it(attempt: int) -> None:
    assert our_index(attempt).is_built_by(RUN_ID, INDEX)


def test_it_is_known_whatever_the_case_of_its_name_and_its_columns() -> None:
    assert an_index("IDX_Customer", "Customer_ID", "NOTE(10) DESC", comment=OURS).is_built_by(RUN_ID, INDEX)


@pytest.mark.parametrize(
    "other",
    [
        an_index(),
        an_index(comment="made by hand"),
        an_index(comment=str(Marker(RunId("run-2"), 1))),
        an_index(comment=f"{OURS} and more"),
        an_index("idx_other", comment=OURS),
        an_index(INDEX.index_name, "customer_id", comment=OURS),
        an_index(INDEX.index_name, "note(10) DESC", "customer_id", comment=OURS),
        an_index(INDEX.index_name, "customer_id", "note(10) DESC", "id", comment=OURS),
    ],
    ids=[
        "no marker",
        "another comment",
        "another run's marker",
        "a marker and more",
        "another name",
        "a part less",
        "another order",
        "a part more",
    ],
)
def test_any_other_index_is_not_ours(other: IndexFacts) -> None:
    assert not other.is_built_by(RUN_ID, INDEX)


@pytest.mark.parametrize("note", ["note(11) DESC", "note DESC", "note(10)"])
def test_the_index_that_a_run_built_may_have_come_out_otherwise_than_asked_for(note: str) -> None:
    built = an_index(INDEX.index_name, "customer_id", note, comment=OURS)
    assert built.is_built_by(RUN_ID, INDEX)
    assert not built.has_parts(INDEX)


def test_a_functional_part_is_no_column_that_was_asked_for() -> None:
    functional = IndexFacts(
        name="idx_customer", key_parts=(KeyPart("customer_id"), None), unique=False, kind="BTREE", comment=OURS
    )
    assert not functional.is_built_by(RUN_ID, INDEX)
    assert normalized(None) is None


def test_the_marker_is_read_from_the_comment() -> None:
    assert our_index(3).marker == Marker(RUN_ID, 3)
    assert an_index(comment="made by hand").marker is None


def test_an_index_that_is_not_visible_is_still_ours() -> None:
    assert an_index(comment=OURS, visible=False).is_built_by(RUN_ID, INDEX)


def test_an_index_is_found_by_its_name_whatever_the_case() -> None:
    orders = table(our_index())
    assert orders.index_named("IDX_CUSTOMER") == our_index()
    assert orders.index_named("primary") == PRIMARY
    assert orders.index_named("idx_other") is None


def test_parts_are_compared_without_the_name() -> None:
    assert an_index("idx_other", "a", "b(3)").has_parts(definition("A", "b(3)"))
    assert not an_index("idx_other", "a").is_named(definition("a"))


def test_the_shape_of_a_table_is_the_same_whatever_we_built_and_however_it_is_written() -> None:
    theirs = an_index("theirs", "note(10)")
    seen = table(theirs).shape_besides(INDEX)
    assert seen.rows == 200_000
    assert table(our_index(), theirs).shape_besides(INDEX) == seen
    assert table(an_index(INDEX.index_name.upper()), theirs).shape_besides(INDEX) == seen
    assert table(theirs, an_index("other", comment=str(Marker(RunId("run-2"), 1)))).shape_besides(INDEX) == seen
    assert table(an_index("THEIRS", "NOTE(10)")).shape_besides(INDEX) == seen
    assert table(indexes=(theirs, PRIMARY)).shape_besides(INDEX) == seen


@pytest.mark.parametrize(
    "changed",
    [
        table(),
        table(an_index("theirs", "note(11)")),
        table(an_index("theirs", "note(10)", visible=False)),
        table(an_index("theirs", "note(10)", unique=True)),
        table(an_index("theirs", "note(10)"), columns=table().columns[:2]),
        table(an_index("theirs", "note(10)"), partitioned=True),
    ],
    ids=["dropped", "another prefix", "hidden", "unique", "a column less", "partitioned"],
)
def test_what_somebody_else_changes_changes_the_shape(changed: TableFacts) -> None:
    assert (
        changed.shape_besides(INDEX).definition != table(an_index("theirs", "note(10)")).shape_besides(INDEX).definition
    )
