"""What may be asked for, and what is refused before anything else happens."""

import pytest
from tests.unit.executor_core.facts import INDEX, run

from executor_core.errors import InvalidInput
from executor_core.scope import SYSTEM_SCHEMAS, index_in_scope, schema_in_scope


def test_an_index_of_plain_columns_is_in_scope() -> None:
    assert index_in_scope(run()) == INDEX


@pytest.mark.parametrize("action", ["DROP_INDEX", "add_index", "ADD_INDEX ", "", "ADD_INDEX; DROP TABLE orders"])
def test_any_other_action_is_out_of_scope(action: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        index_in_scope(run(action=action))
    assert str(refused.value) == f"the action {action!r} is out of scope: Executor does ADD_INDEX and nothing else"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"columns": []}, "the index has no columns"),
        ({"columns": ["lower(note)"]}, "is not a column"),
        ({"table_name": ""}, "the table name is empty"),
        ({"index_name": "PRIMARY"}, "choose another index name"),
    ],
)
def test_an_index_that_is_not_understood_is_out_of_scope(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        index_in_scope(run(**changes))


def test_a_schema_of_the_customers_own_is_in_scope() -> None:
    assert schema_in_scope("executor_test") == "executor_test"


@pytest.mark.parametrize("schema", [*sorted(SYSTEM_SCHEMAS), "MySQL", "SYS"])
def test_a_schema_of_the_servers_own_is_never_changed(schema: str) -> None:
    with pytest.raises(InvalidInput, match=f"the schema {schema} belongs to the server itself"):
        schema_in_scope(schema)
