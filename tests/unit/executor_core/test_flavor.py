"""The families of servers, as they are stored."""

from executor_core.flavor import Flavor


def test_the_words_that_are_stored_stay_what_they_are() -> None:
    assert [flavor.value for flavor in Flavor] == ["mysql", "mariadb"]
