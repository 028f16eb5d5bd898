from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor_adapters.durations import LONGEST, parse_duration, write_duration
from executor_core.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("90s", timedelta(seconds=90)),
        ("5m", timedelta(minutes=5)),
        ("1h", timedelta(hours=1)),
        ("250ms", timedelta(milliseconds=250)),
        ("1.5s", timedelta(milliseconds=1500)),
        (" 1H30M ", timedelta(minutes=90)),
        ("0s", timedelta(0)),
        ("168h", LONGEST),
    ],
)
def test_reads_what_people_write(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["", "5", "m", "-5m", "5 m", "5d", "five minutes", "1e3s", "inf s", "nan", "٥m "])
def test_refuses_anything_else_and_says_how_to_write_it(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not a duration: write 90s, 5m or 1h"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["169h", "9999999999999999999999h"])
def test_refuses_more_than_a_week(text: str) -> None:
    with pytest.raises(InvalidInput, match="longer than a week"):
        parse_duration(text)


@given(st.integers(min_value=0, max_value=LONGEST // timedelta(milliseconds=1)))
def test_reads_what_it_writes(milliseconds: int) -> None:
    duration = timedelta(milliseconds=milliseconds)
    assert parse_duration(write_duration(duration)) == duration
