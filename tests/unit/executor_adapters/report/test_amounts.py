import doctest
import math
from datetime import timedelta

import pytest

from executor_adapters.report import amounts


def test_the_examples_show_what_they_do() -> None:
    found = doctest.testmod(amounts)
    assert found.failed == 0
    assert found.attempted >= 6


@pytest.mark.parametrize(
    ("change", "before", "after", "expected"),
    [
        (100.0, 1.0, 2.0, math.log(2)),
        (None, 0.0, 5.0, math.inf),
        (0.0, 0.0, 0.0, 0.0),
        (-100.0, 3.0, 0.0, -math.inf),
    ],
)
def test_a_ratio_is_drawn_even_from_and_to_nothing(
    change: float | None, before: float, after: float, expected: float
) -> None:
    assert amounts.log_ratio(change, before, after) == expected


def test_what_is_unknown_is_a_dash() -> None:
    told = (amounts.milliseconds(None), amounts.duration(None), amounts.moment(None), amounts.clock_time(None))
    assert set(told) == {amounts.NONE}


def test_a_span_of_an_hour_and_a_half() -> None:
    assert amounts.duration(timedelta(minutes=90)) == "1 h 30 min"
