"""Cases, checks and findings as values."""

from dataclasses import replace

import pytest
from tests.unit.executor_core.facts import case, definition, surrounded, target, without_table

from executor_core.finding import Case, Check, Finding, Severity
from executor_core.surroundings import UNSEEN, Surroundings


@pytest.mark.parametrize(
    ("severity", "blocks"), [(Severity.BLOCKING, True), (Severity.PERSON_NEEDED, True), (Severity.WARNING, False)]
)
def test_all_but_warnings_block(severity: Severity, blocks: bool) -> None:
    assert Finding(code="some", severity=severity, sentence="something").blocks is blocks


def test_a_check_gives_its_code_and_severity_to_whatever_it_finds() -> None:
    def look(case: Case):
        """Everything is
        wrong.

        Always.
        """
        yield f"{case.index.table_name} is wrong"

    check = Check("wrong", Severity.WARNING, look)
    assert check.what == "Everything is wrong."
    assert list(check.findings(case())) == [
        Finding(code="wrong", severity=Severity.WARNING, sentence="orders is wrong")
    ]


def test_a_view_and_a_missing_table_have_no_indexes_to_look_at() -> None:
    assert case().table == target().table
    assert case(target(base_table=False)).table is None
    assert case(without_table()).table is None


def test_what_was_not_looked_at_is_not_seen() -> None:
    assert case().surroundings is UNSEEN
    assert case(surrounded(replicas=3)).surroundings == Surroundings(replicas=3)


def test_key_columns_are_those_that_are_there_in_the_order_of_the_index() -> None:
    found = case(index=definition("note(3)", "nowhere", "ID")).key_columns()
    assert [(str(part), column.name) for part, column in found] == [("note(3)", "note"), ("ID", "id")]
    assert list(replace(case(), facts=without_table()).key_columns()) == []
