"""The table from error numbers to reactions, walked row by row, and what each reaction amounts to."""

import pytest

from executor_adapters.mysql.errors import BUILD_OUTCOMES, REACTIONS, Reaction, StatementFailed, reaction
from executor_core.errors import OutcomeUnknown, Refused, StillNeeded, Unavailable
from executor_core.target import BuildOutcome

EXPECTED = {
    Reaction.LOST: (BuildOutcome.UNKNOWN, Unavailable, OutcomeUnknown),
    Reaction.UNAVAILABLE: (BuildOutcome.BUSY, Unavailable, Unavailable),
    Reaction.BUSY: (BuildOutcome.BUSY, Unavailable, Unavailable),
    Reaction.STOPPED: (BuildOutcome.STOPPED, Unavailable, Unavailable),
    Reaction.NOT_ONLINE: (BuildOutcome.NOT_ONLINE, Refused, Refused),
    Reaction.NAME_TAKEN: (BuildOutcome.NAME_TAKEN, Refused, Refused),
    Reaction.GONE: (BuildOutcome.REFUSED, Refused, Refused),
    Reaction.NEEDED: (BuildOutcome.REFUSED, Refused, StillNeeded),
    Reaction.REFUSED: (BuildOutcome.REFUSED, Refused, Refused),
}


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        *REACTIONS.items(),
        (None, Reaction.LOST),
        (0, Reaction.LOST),
        (2003, Reaction.LOST),
        (2006, Reaction.LOST),
        (2013, Reaction.LOST),
        (2055, Reaction.LOST),
        (1062, Reaction.REFUSED),
        (1142, Reaction.REFUSED),
        (1290, Reaction.REFUSED),
        (1799, Reaction.REFUSED),
        (3999, Reaction.REFUSED),
    ],
)
def test_every_number_has_its_reaction_outcome_and_error(number, expected):
    outcome, of_reading, of_change = EXPECTED[expected]
    failure = StatementFailed(number, "a text")
    assert reaction(number) is failure.reaction is expected
    assert failure.outcome is outcome
    assert type(failure.of_reading()) is of_reading
    assert type(failure.of_change()) is of_change


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1205, Reaction.BUSY),
        (1061, Reaction.NAME_TAKEN),
        (1091, Reaction.GONE),
        (1553, Reaction.NEEDED),
        (1317, Reaction.STOPPED),
        (1845, Reaction.NOT_ONLINE),
        (1846, Reaction.NOT_ONLINE),
        (1927, Reaction.LOST),
        (4031, Reaction.LOST),
    ],
)
def test_the_numbers_that_matter_most_are_in_the_table(number, expected):
    assert REACTIONS[number] is expected


def test_every_reaction_is_used_and_has_an_outcome():
    assert set(REACTIONS.values()) | {Reaction.REFUSED} == set(Reaction) == set(BUILD_OUTCOMES)


def test_a_refusal_carries_the_number():
    error = StatementFailed(1142, "ALTER command denied").of_change()
    assert isinstance(error, Refused)
    assert error.number == 1142
    assert str(error) == "the server answered with error 1142: ALTER command denied"


def test_the_text_decides_nothing():
    assert StatementFailed(1146, "Lost connection; Lock wait timeout exceeded").reaction is Reaction.REFUSED
