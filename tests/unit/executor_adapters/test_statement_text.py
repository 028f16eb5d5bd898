import doctest

from executor_adapters import statement_text


def test_the_examples_show_what_it_does() -> None:
    assert doctest.testmod(statement_text) == (0, 2)


def test_a_long_statement_is_cut_to_the_width() -> None:
    text = statement_text.readable("SELECT " + " , ".join(f"`column_{number}`" for number in range(50)), 90)
    assert len(text) == 90
    assert text.endswith(" …")


def test_without_a_width_nothing_is_lost() -> None:
    assert statement_text.readable("SELECT\n  `a`" + " , `b`" * 100).count("b") == 100
