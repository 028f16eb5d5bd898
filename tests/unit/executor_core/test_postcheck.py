"""What a build changed: its own index against what was asked for, and every other one."""

from dataclasses import replace

import pytest
from tests.unit.executor_core.facts import INDEX, PRIMARY, an_index, our_index, table

from executor_core.ddl import Marker
from executor_core.index_definition import KeyPart
from executor_core.model import RunId
from executor_core.postcheck import differences, surprises
from executor_core.target import IndexFacts, TableFacts

BUILT = our_index()
OTHER = an_index("idx_other", "id")
OTHERS = replace(OTHER, comment=str(Marker(RunId("another-run"), 1)))


@pytest.mark.parametrize("hidden", [False, None])
def test_an_index_as_it_was_asked_for_is_no_surprise(hidden: bool | None) -> None:
    assert surprises(BUILT, INDEX, hidden=hidden, before=(PRIMARY,), table=table(BUILT)) == ()


@pytest.mark.parametrize(
    "built",
    [
        replace(BUILT, key_parts=(KeyPart("customer_id"), KeyPart("note", 9, descending=True))),
        replace(BUILT, key_parts=(KeyPart("customer_id"), KeyPart("note", 10))),
        replace(BUILT, key_parts=(KeyPart("note", 10, descending=True), KeyPart("customer_id"))),
        replace(BUILT, unique=True),
        replace(BUILT, kind="HASH"),
    ],
    ids=["a shorter prefix", "another direction", "another order", "unique", "another kind"],
)
def test_an_index_that_came_out_otherwise_is_told(built: IndexFacts) -> None:
    (sentence,) = surprises(built, INDEX, hidden=None, before=None, table=table(built))
    assert sentence.startswith("the index is not the one asked for: ")


@pytest.mark.parametrize(("visible", "says"), [(True, "the index is visible"), (False, "the index is hidden")])
def test_a_visibility_that_was_not_ordered_is_told(visible: bool, says: str) -> None:
    built = replace(BUILT, visible=visible)
    (sentence,) = surprises(built, INDEX, hidden=visible, before=None, table=table(built))
    assert sentence == f"{says}, and was not ordered so"


def test_every_surprise_is_told() -> None:
    built = replace(BUILT, unique=True)
    found = surprises(built, INDEX, hidden=True, before=(PRIMARY, OTHER), table=table(built))
    assert len(found) == 3


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
