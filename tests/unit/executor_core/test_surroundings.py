"""What an account may do, as far as its grants are understood."""

import pytest

from executor_core.surroundings import Account, Privilege


@pytest.mark.parametrize(
    ("account", "lacks"),
    [
        (Account(held=frozenset({Privilege.ALTER})), False),
        (Account(held=frozenset({Privilege.ALTER}), certain=False), False),
        (Account(held=frozenset({Privilege.SELECT})), True),
        (Account(held=frozenset({Privilege.SELECT}), certain=False), None),
    ],
    ids=["held", "held at least", "not held", "unclear"],
)
def test_a_privilege_is_held_or_lacking_or_unclear(account: Account, lacks: bool | None) -> None:
    assert account.lacks(Privilege.ALTER) is lacks
