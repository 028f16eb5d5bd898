import doctest

import pytest

from executor_adapters.control_plane.console import dry_run as module
from executor_adapters.control_plane.console.dry_run import dry_run
from executor_core.errors import InvalidInput

ASKED = {
    "id": "run-1",
    "connection_id": "conn-1",
    "table_name": "orders",
    "index_name": "idx`x",
    "columns": "a\nb(10) DESC, c",
    "query_digests": "d1\r\nd2",
}


def test_the_example_shows_what_it_does() -> None:
    assert doctest.testmod(module) == (0, 1)


def test_the_statement_is_the_one_that_a_worker_would_send_but_for_the_schema() -> None:
    planned = dry_run(ASKED)
    assert planned.sql == (
        "ALTER TABLE `‹schema›`.`orders` ADD INDEX `idx``x` (`a`, `b`(10) DESC, `c`) "
        "COMMENT 'executor:run=run-1;attempt=1', ALGORITHM=INPLACE, LOCK=NONE"
    )
    assert planned.run.query_digests == ("d1", "d2")
    assert planned.warnings == ()


def test_without_digests_it_warns() -> None:
    assert "inconclusive" in dry_run({**ASKED, "query_digests": ""}).warnings[0]


@pytest.mark.parametrize(
    ("field", "value"),
    [("id", "a/b"), ("id", ""), ("connection_id", ""), ("table_name", ""), ("columns", "lower(a)"), ("columns", "")],
)
def test_what_is_out_of_scope_is_refused_in_one_line(field: str, value: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        dry_run({**ASKED, field: value})
    assert "\n" not in str(refused.value)
