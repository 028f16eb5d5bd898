"""The long trials of failures: which are played how often, and what is told of them."""

from argparse import Namespace
from collections import Counter
from itertools import islice

from bench.reliability import Result, rounds, table


def options(*, minutes: float, only: str = "") -> Namespace:
    return Namespace(kills=20, histories=100, seed=5, minutes=minutes, only=only)


def test_each_matrix_is_played_once() -> None:
    played = list(rounds(options(minutes=0)))
    assert len({matrix.name for matrix in played}) == len(played)
    assert {matrix.seed for matrix in played} == {None, 5}


def test_while_there_is_time_what_is_chance_is_played_with_the_next_seed() -> None:
    once = len(list(rounds(options(minutes=0))))
    again = list(islice(rounds(options(minutes=60)), once, once + 4))
    assert [matrix.seed for matrix in again] == [6, 6, 7, 7]


def test_what_is_no_chance_is_not_played_again() -> None:
    assert len(list(rounds(options(minutes=60, only="every effect")))) == 1


def test_the_table_names_the_seeds_and_what_was_wrong() -> None:
    several = Result(case="kills", seeds=[5, 6, 7], counts=Counter(cases=1200, wrong=1), passed=False)
    once = Result(case="losses", counts=Counter(cases=3))
    assert table({"a": several, "b": once}).splitlines()[2:] == [
        "| a | 1,200 kills, seed 5 to 7 | 1, and a test failed |",
        "| b | 3 losses | 0 |",
    ]
