"""Whether a plan uses an index, read from the JSON of MySQL's two versions."""

import json
from typing import Any

import pytest

from executor_adapters.mysql.explain import uses_index
from executor_core.index_definition import IndexDefinition, KeyPart

INDEX = IndexDefinition("orders", "ix_customer", (KeyPart("customer_id"),))


def version_1(*tables: dict[str, Any]) -> str:
    loop = [{"table": {"access_type": "ref", "possible_keys": ["ix_customer"]} | table} for table in tables]
    return json.dumps({"query_block": {"select_id": 1, "ordering_operation": {"nested_loop": loop}}})


def version_2(*inputs: dict[str, Any]) -> str:
    steps = [{"access_type": "index", "schema_name": "shop"} | step for step in inputs]
    return json.dumps({"query": "...", "query_plan": {"access_type": "join", "inputs": steps}})


@pytest.mark.parametrize(
    ("plan", "uses"),
    [
        (version_1({"table_name": "orders", "key": "ix_customer"}), True),
        (version_1({"table_name": "orders", "key": "IX_CUSTOMER"}), True),
        (version_1({"table_name": "o", "key": "ix_customer"}), True),
        (version_1({"table_name": "c", "key": "PRIMARY"}, {"table_name": "o", "key": "ix_customer"}), True),
        (version_1({"table_name": "o", "key": "sort_union(ix_customer,intersect(ix_b,PRIMARY))"}), True),
        (version_1({"table_name": "o", "key": "union(ix_b,ix_customer)"}), True),
        (version_1({"table_name": "orders", "key": "PRIMARY"}), False),
        (version_1({"table_name": "orders"}), False),
        (version_1({"table_name": "orders", "key": "ix_customer_2"}), False),
        (version_2({"table_name": "orders", "index_name": "ix_customer", "alias": "o"}), True),
        (version_2({"table_name": "customers", "index_name": "ix_customer"}), False),
        (version_2({"table_name": "orders", "access_type": "table"}), False),
        (json.dumps({"query_block": {"select_id": 1, "message": "no matching row in const table"}}), None),
        ("-> Table scan on orders", None),
    ],
)
def test_whether_a_plan_uses_the_index(plan, uses):
    assert uses_index(plan, INDEX) is uses


@pytest.mark.parametrize(
    ("plan", "uses"),
    [
        (version_1({"table_name": "orders", "key": "ix_customer"}), True),
        (version_1({"table_name": "o", "key": "ix_customer"}), None),
        (version_1({"table_name": "o", "key": "PRIMARY"}), False),
        (version_2({"table_name": "orders", "index_name": "ix_customer", "alias": "o"}), True),
        (version_2({"table_name": "customers", "index_name": "ix_customer"}), False),
    ],
)
def test_where_another_table_has_an_index_of_this_name_an_alias_tells_nothing(plan, uses):
    assert uses_index(plan, INDEX, ambiguous=True) is uses
