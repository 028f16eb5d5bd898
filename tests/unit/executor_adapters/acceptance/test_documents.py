import doctest

from executor_adapters.acceptance import documents


def test_the_examples_hold() -> None:
    assert doctest.testmod(documents) == (0, 2)


def test_what_is_no_word_has_no_capitals() -> None:
    assert (documents.upper("failed"), documents.upper(None), documents.upper(7)) == ("FAILED", None, None)
