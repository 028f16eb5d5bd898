"""The shop's statements are known again by their digest texts, on every server."""

from random import Random

import pytest

from executor_adapters.demo import shop
from executor_adapters.demo.plan import CHANGES, HARMFUL, HELPFUL

STATEMENTS = [statement for client in shop.CLIENTS for statement in client]


@pytest.mark.parametrize(
    ("digest_text", "statement"),
    [
        ("SELECT `id` , `state` , `amount` FROM `orders` WHERE `customer_id` = ?", shop.ORDERS_OF_CUSTOMER),
        ("SELECT ID , `state` , `amount` FROM `orders` WHERE `customer_id` = ? ", shop.ORDERS_OF_CUSTOMER),
        (
            "SELECT `id` , `amount` , `created_at` FROM `orders` WHERE `tenant_id` = ? ORDER BY `created_at` LIMIT ?",
            shop.FIRST_ORDER_OF_TENANT,
        ),
        (
            "SELECT COUNT ( * ) , SUM ( `amount` ) FROM `orders` WHERE `created_at` >= ? AND `created_at` < ?",
            shop.REPORT_OF_DAY,
        ),
        (
            "SELECT COUNT ( * ) , MAX ( `created_at` ) FROM `orders` WHERE `customer_id` = ? AND `state` = ? ",
            shop.OPEN_ORDERS_OF_CUSTOMER,
        ),
    ],
)
def test_a_servers_digest_text_has_the_shape_of_its_statement(digest_text, statement):
    assert shop.shape_of(digest_text) == statement.shape


def test_no_two_statements_have_one_shape():
    assert len({statement.shape for statement in STATEMENTS}) == len(STATEMENTS)


def test_every_statement_gets_as_many_values_as_it_has_places():
    for statement in STATEMENTS:
        assert len(statement.arguments(Random(1))) == statement.sql.count("%s")


def test_the_tables_are_filled_whole():
    steps = list(shop.filling())
    assert steps[-1][2] == shop.ORDERS
    assert [first for _, first, orders in steps if orders] == list(range(0, shop.ORDERS, shop.CHUNK))
    assert all(sql.count("%s") == 1 for sql, _, _ in steps)


def test_the_statements_of_the_changes_are_all_run():
    for change in CHANGES:
        assert all(statement in STATEMENTS for statement in change.statements)


def test_one_change_is_to_stay_and_one_is_to_go():
    assert (HELPFUL.stays, HARMFUL.stays) == (True, False)
    assert HELPFUL.index_name != HARMFUL.index_name


def test_a_change_asks_for_its_statements_digests():
    digests = {statement.shape: f"digest {number}" for number, statement in enumerate(STATEMENTS)}
    run = HARMFUL.execution_run(digests)
    assert run.query_digests == tuple(digests[statement.shape] for statement in HARMFUL.statements)
    assert (run.table_name, run.columns) == ("orders", ("created_at",))
