"""The checks of the server and of the account, each by itself."""

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.executor_core.facts import case, server, surrounded, target, without_table

from executor_core.finding import Case, Look
from executor_core.flavor import Flavor
from executor_core.server_checks import (
    account_may_alter,
    account_may_read_columns,
    digests_are_collected,
    digests_have_room,
    group_members_agree,
    no_galera_stands_still,
    privileges_are_clear,
    replicas_keep_up,
    server_answers_itself,
    server_is_writable,
    statements_are_counted,
    statistics_are_on,
)
from executor_core.surroundings import Account, Cluster, Privilege

ALTER, SELECT = Privilege.ALTER, Privilege.SELECT


def of_server(**changes: object) -> Case:
    return case(replace(target(), server=server(**changes)))


def around(**around: Any) -> Case:
    return case(surrounded(**around))


def holding(*held: Privilege, certain: bool = True, **table: Any) -> Case:
    return case(surrounded(target(**table), account=Account(held=frozenset(held), certain=certain)))


def test_a_read_only_server_is_found() -> None:
    assert list(server_is_writable(case())) == []
    assert list(server_is_writable(of_server(read_only=True))) == [
        "the server is read-only for this account: connect to the primary server"
    ]


@pytest.mark.parametrize(
    ("look", "wrong", "says"),
    [
        (server_answers_itself, around(proxied=True), "connect to the primary server itself"),
        (no_galera_stands_still, around(cluster=Cluster.GALERA), "wsrep_OSU_method=RSU"),
        (group_members_agree, around(cluster=Cluster.GROUP_REPLICATION), "multi-primary mode"),
        (replicas_keep_up, around(replicas=2), "2 replicas"),
        (statistics_are_on, of_server(performance_schema=False, statement_digests=False), "performance_schema=ON"),
        (digests_are_collected, of_server(statement_digests=False), "setup_consumers"),
        (digests_have_room, around(digests_lost=17), "left out 17 statements"),
        (statements_are_counted, around(prepared_share=0.251), "25% of the statements"),
    ],
)
def test_what_is_wrong_with_the_server_is_found(look: Look, wrong: Case, says: str) -> None:
    (sentence,) = look(wrong)
    assert says in sentence
    assert list(look(case())) == []


@pytest.mark.parametrize(
    ("look", "fine"),
    [
        (server_answers_itself, around(proxied=False)),
        (no_galera_stands_still, around(cluster=Cluster.GROUP_REPLICATION)),
        (group_members_agree, around(cluster=Cluster.GALERA)),
        (replicas_keep_up, around(replicas=0)),
        (digests_are_collected, of_server(performance_schema=False, statement_digests=False)),
        (digests_have_room, around(digests_lost=0)),
        (statements_are_counted, around(prepared_share=0.009)),
    ],
)
def test_what_is_in_order_is_not_found(look: Look, fine: Case) -> None:
    assert list(look(fine)) == []


@pytest.mark.parametrize(("flavor", "says"), [(Flavor.MYSQL, "EXECUTE"), (Flavor.MARIADB, "no digest")])
def test_prepared_statements_are_counted_otherwise_by_each_family(flavor: Flavor, says: str) -> None:
    facts = replace(surrounded(prepared_share=0.5), server=server(flavor=flavor))
    (sentence,) = statements_are_counted(case(facts))
    assert says in sentence


def test_an_account_that_may_not_alter_is_told_the_number_and_the_grant() -> None:
    (sentence,) = account_may_alter(holding(SELECT))
    assert "error 1142" in sentence
    assert sentence.endswith("GRANT ALTER ON shop.orders")
    (sentence,) = account_may_alter(case(surrounded(without_table(), account=Account(held=frozenset()))))
    assert sentence.endswith("GRANT ALTER ON orders")


@pytest.mark.parametrize("fine", [case(), holding(ALTER), holding(certain=False)], ids=["unseen", "held", "unclear"])
def test_an_account_that_may_alter_or_may_be_able_to_is_let_on(fine: Case) -> None:
    assert list(account_may_alter(fine)) == []


def test_an_account_that_sees_no_column_needs_to_be_able_to_read() -> None:
    (sentence,) = account_may_read_columns(holding(ALTER, columns=()))
    assert sentence.endswith("GRANT SELECT ON shop.orders")


@pytest.mark.parametrize(
    "fine",
    [case(), holding(ALTER), holding(SELECT, columns=()), holding(columns=(), certain=False), case(without_table())],
    ids=["unseen", "sees them by another privilege", "held", "unclear", "no table"],
)
def test_an_account_that_sees_columns_or_may_see_them_is_let_on(fine: Case) -> None:
    assert list(account_may_read_columns(fine)) == []


def test_privileges_that_are_not_clear_are_named() -> None:
    (sentence,) = privileges_are_clear(holding(certain=False))
    assert "has ALTER and SELECT on the table can't be told" in sentence
    assert "GRANT ALTER, SELECT ON shop.orders" in sentence
    (sentence,) = privileges_are_clear(holding(ALTER, certain=False))
    assert "has SELECT on" in sentence


@pytest.mark.parametrize("fine", [case(), holding(), holding(ALTER, SELECT, certain=False)])
def test_privileges_that_are_clear_are_no_finding(fine: Case) -> None:
    assert list(privileges_are_clear(fine)) == []
