"""The marker in a running statement, and what a progress report is made of."""

import pytest

from executor_adapters.mysql.changes import fraction, marker_of, short_stage
from executor_core import ddl
from executor_core.ddl import Marker
from executor_core.index_definition import parse_index_definition
from executor_core.model import RunId


@pytest.mark.parametrize("run_id", ["r-1", "O'Brien", "run=2", "a''b"])
def test_the_marker_of_an_addition_is_found_whatever_the_run_is_called(run_id):
    marker = Marker(RunId(run_id), 12)
    statement = ddl.add_index("shop", parse_index_definition("t", "i", ["a"]), marker)
    assert marker_of(statement) == marker


def test_a_statement_cut_off_at_any_place_never_names_another_attempt():
    marker = Marker(RunId("r"), 12)
    statement = ddl.add_index("shop", parse_index_definition("t", "i", ["a"]), marker)
    found = {marker_of(statement[:length]) for length in range(len(statement))}
    assert found == {None, marker}


@pytest.mark.parametrize(
    "statement",
    ["", "SELECT 'executor:run=r;attempt=1'", "DO RELEASE_LOCK('executor:shop.t')", "ALTER TABLE t DROP INDEX i"],
)
def test_other_statements_have_no_marker(statement):
    assert marker_of(statement) is None


@pytest.mark.parametrize(
    ("done", "estimated", "expected"),
    [(0, 8, 0.0), (2, 8, 0.25), (9, 8, 1.0), (None, 8, None), (3, 0, None), (3, None, None)],
)
def test_progress_is_from_0_to_1_or_unknown(done, estimated, expected):
    assert fraction(done, estimated) == expected


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("stage/innodb/alter table (read PK and internal sort)", "read PK and internal sort"),
        ("stage/sql/Waiting for table metadata lock", "Waiting for table metadata lock"),
        ("something else", "something else"),
    ],
)
def test_a_stage_is_shortened(name, short):
    assert short_stage(name) == short
