"""Turns: so many builds on an instance, one on a table."""

from executor_core.model import RunId
from executor_core.turns import Turns

ONE, TWO, THREE = RunId("run-1"), RunId("run-2"), RunId("run-3")


def test_an_instance_has_as_many_turns_as_it_was_given() -> None:
    turns = Turns(2)
    assert turns.take(ONE, instance="a", table="t1")
    assert turns.take(TWO, instance="a", table="t2")
    assert not turns.take(THREE, instance="a", table="t3")
    turns.give_back(ONE)
    assert turns.take(THREE, instance="a", table="t3")


def test_a_run_that_got_no_turn_keeps_its_table_for_nobody() -> None:
    turns = Turns(1)
    assert turns.take(ONE, instance="a", table="t1")
    assert not turns.take(TWO, instance="a", table="t2")
    turns.give_back(ONE)
    assert turns.take(THREE, instance="a", table="t2")


def test_instances_know_nothing_of_each_other() -> None:
    turns = Turns(1)
    assert turns.take(ONE, instance="a", table="t")
    assert turns.take(TWO, instance="b", table="t")


def test_a_table_is_built_on_by_one_run_at_a_time() -> None:
    turns = Turns(5)
    assert turns.take(ONE, instance="a", table="t")
    assert not turns.take(TWO, instance="a", table="t")
    turns.give_back(ONE)
    assert turns.take(TWO, instance="a", table="t")


def test_a_turn_is_taken_and_given_back_once() -> None:
    turns = Turns(1)
    assert turns.take(ONE, instance="a", table="t")
    assert turns.take(ONE, instance="a", table="t")
    turns.give_back(ONE)
    turns.give_back(ONE)
    turns.give_back(TWO)
    assert turns.take(TWO, instance="a", table="t")
