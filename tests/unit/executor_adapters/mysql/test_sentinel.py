"""What the sentinel says of those who hold the lock."""

import pytest

from executor_adapters.mysql.locks import Holder
from executor_adapters.mysql.sentinel import named


def holder(number: int, age_s: float | None = 1.0) -> Holder:
    return Holder(lock=(number, 1), account="app@10.0.0.5", connection_id=number, age_s=age_s)


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (holder(42, 12.34), "app@10.0.0.5 (connection 42, for 12.3 s)"),
        (holder(42, None), "app@10.0.0.5 (connection 42)"),
        (Holder(lock=(42, 1)), "a session that is gone, such as that of a prepared XA transaction"),
    ],
)
def test_a_holder_is_named_by_account_connection_and_age(one: Holder, said: str) -> None:
    assert str(one) == said
    assert named((one,)) == said


def test_the_oldest_holders_are_named_and_the_rest_counted() -> None:
    assert named(tuple(holder(number, float(number)) for number in range(1, 6))) == (
        "app@10.0.0.5 (connection 5, for 5.0 s), app@10.0.0.5 (connection 4, for 4.0 s),"
        " app@10.0.0.5 (connection 3, for 3.0 s) and 2 more"
    )


def test_one_session_with_two_locks_is_named_once() -> None:
    twice = Holder(lock=(7, 2), account="app@10.0.0.5", connection_id=7, age_s=1.0)
    assert named((holder(7), twice)) == "app@10.0.0.5 (connection 7, for 1.0 s)"
