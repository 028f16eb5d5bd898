"""Actions are values: equal when they say the same, and never changed."""

from dataclasses import FrozenInstanceError, fields, is_dataclass
from typing import get_args

import pytest

from executor_core import actions
from executor_core.actions import Action, Inspect, Move, TakeSample
from executor_core.lifecycle import Event
from executor_core.state import WindowKind


def test_every_action_of_the_module_is_one_that_the_planner_may_decide_on() -> None:
    defined = {
        thing for thing in vars(actions).values() if is_dataclass(thing) and thing.__module__ == actions.__name__
    }
    assert set(get_args(Action)) == defined


@pytest.mark.parametrize("action", get_args(Action), ids=lambda action: action.__name__)
def test_every_action_says_what_it_is(action: type) -> None:
    assert action.__doc__
    assert not action.__doc__.startswith(action.__name__)


def test_actions_that_say_the_same_are_equal() -> None:
    assert Inspect() == Inspect()
    assert TakeSample(WindowKind.AFTER) == TakeSample(WindowKind.AFTER)
    assert TakeSample(WindowKind.AFTER) != TakeSample(WindowKind.BASELINE)


def test_an_action_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        TakeSample(WindowKind.AFTER).window = WindowKind.BASELINE  # type: ignore[misc]


def test_a_move_says_no_more_than_its_event_by_default() -> None:
    bare = Move(event=Event.POSTCHECK_PASSED)
    assert {field.name: getattr(bare, field.name) for field in fields(bare)} == {
        "event": Event.POSTCHECK_PASSED,
        "fail_reason": None,
        "message": None,
        "error_message": None,
        "stop": None,
        "details": {},
    }


def test_no_two_moves_share_their_details() -> None:
    assert Move(event=Event.RUN_STARTED).details is not Move(event=Event.RUN_STARTED).details
