"""The errors: one class for each reaction, told apart by class and by a stable code."""

import pytest

from executor_core import errors
from executor_core.errors import ExecutorError, Refused, Unavailable

REACTIONS = {
    "InvalidInput": "invalid_input",
    "Unavailable": "unavailable",
    "Refused": "refused",
    "StillNeeded": "still_needed",
    "LeaseLost": "lease_lost",
    "OutcomeUnknown": "outcome_unknown",
    "IllegalTransition": "illegal_transition",
    "CheckpointUnusable": "checkpoint_unusable",
}


def test_there_is_one_class_for_each_reaction_and_no_other() -> None:
    found = {
        name: thing.code
        for name, thing in vars(errors).items()
        if isinstance(thing, type) and issubclass(thing, ExecutorError) and thing is not ExecutorError
    }
    assert found == REACTIONS


@pytest.mark.parametrize("name", REACTIONS)
def test_the_module_tells_what_each_class_means(name: str) -> None:
    assert f"`{name}`" in (errors.__doc__ or "")


@pytest.mark.parametrize("name", REACTIONS)
def test_no_error_is_another_one(name: str) -> None:
    assert getattr(errors, name).__mro__[1] is ExecutorError


def test_only_what_did_not_happen_may_be_repeated() -> None:
    assert {name for name in REACTIONS if getattr(errors, name).retryable} == {"Unavailable"}


def test_the_text_is_the_sentence() -> None:
    assert str(Unavailable("the server is away")) == "the server is away"


def test_a_refusal_keeps_the_number_it_came_with() -> None:
    refused = Refused("somebody holds it", number=409)
    assert (str(refused), refused.number) == ("somebody holds it", 409)
    assert Refused("no").number is None
