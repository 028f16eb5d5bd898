"""The text of the change: quoted, online, marked; and the marker read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.executor_core.facts import definition, run

from executor_core.ddl import (
    MAX_COMMENT,
    MAX_LOCK_NAME,
    Marker,
    add_index,
    advisory_lock,
    drop_index,
    publish_index,
    quote_identifier,
    quote_text,
)
from executor_core.errors import InvalidInput
from executor_core.flavor import Flavor
from executor_core.index_definition import IndexDefinition, KeyPart
from executor_core.model import RunId

MARKER = Marker(RunId("run-1"), 2)
NAMES = st.text(st.characters(codec="utf-8", max_codepoint=0xFFFF), min_size=1, max_size=64)
RUN_IDS = st.text(
    st.characters(codec="utf-8", max_codepoint=0xFFFF, exclude_categories=["Z", "Cc"], exclude_characters="/?#;'\\"),
    min_size=1,
    max_size=255,
)


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("orders", "`orders`"),
        ("a`b", "`a``b`"),
        ("`", "````"),
        ("`; DROP TABLE orders; -- ", "```; DROP TABLE orders; -- `"),
        ("order date", "`order date`"),
        ("a.b", "`a.b`"),
        ("größe", "`größe`"),
        ("a'b\"c\\d", "`a'b\"c\\d`"),
        ("select", "`select`"),
    ],
)
def test_an_identifier_is_quoted(name: str, quoted: str) -> None:
    assert quote_identifier(name) == quoted


@given(NAMES)
def test_nothing_gets_out_of_the_quotes(name: str) -> None:
    quoted = quote_identifier(name)
    assert (quoted[0], quoted[-1]) == ("`", "`")
    assert "`" not in quoted[1:-1].replace("``", "")
    assert quoted[1:-1].replace("``", "`") == name


def test_a_text_is_quoted_so_that_every_sql_mode_reads_it_alike() -> None:
    assert quote_text("it's") == "'it''s'"
    assert quote_text('"größe" `x`') == "'\"größe\" `x`'"


@pytest.mark.parametrize("text", ["a\\b", "a\nb", "a\x00b", "\x1f"])
def test_a_text_whose_meaning_depends_on_the_sql_mode_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="neither backslashes nor control characters"):
        quote_text(text)


def test_the_addition_is_online_and_marked() -> None:
    assert add_index("shop", definition("customer_id"), MARKER) == (
        "ALTER TABLE `shop`.`orders` ADD INDEX `idx_customer` (`customer_id`) "
        "COMMENT 'executor:run=run-1;attempt=2', ALGORITHM=INPLACE, LOCK=NONE"
    )


@pytest.mark.parametrize(("flavor", "word"), [(Flavor.MYSQL, "INVISIBLE"), (Flavor.MARIADB, "IGNORED")])
def test_a_hidden_addition_is_online_too(flavor: Flavor, word: str) -> None:
    index = definition("a", name="i")
    assert add_index("shop", index, Marker(RunId("r"), 1), hidden_on=flavor) == (
        f"ALTER TABLE `shop`.`orders` ADD INDEX `i` (`a`) COMMENT 'executor:run=r;attempt=1' {word}, "
        "ALGORITHM=INPLACE, LOCK=NONE"
    )


@pytest.mark.parametrize(("flavor", "word"), [(Flavor.MYSQL, "VISIBLE"), (Flavor.MARIADB, "NOT IGNORED")])
def test_the_publication_is_online_and_every_identifier_is_quoted(flavor: Flavor, word: str) -> None:
    assert publish_index("s`hop", "or`ders", "i`x", flavor) == (
        f"ALTER TABLE `s``hop`.`or``ders` ALTER INDEX `i``x` {word}, ALGORITHM=INPLACE, LOCK=NONE"
    )


def test_the_addition_has_prefixes_and_directions() -> None:
    assert add_index("shop", definition("a", "b(10)", "c DESC", "d(5) desc"), MARKER) == (
        "ALTER TABLE `shop`.`orders` ADD INDEX `idx_customer` (`a`, `b`(10), `c` DESC, `d`(5) DESC) "
        "COMMENT 'executor:run=run-1;attempt=2', ALGORITHM=INPLACE, LOCK=NONE"
    )


def test_every_identifier_of_the_addition_is_quoted() -> None:
    nasty = IndexDefinition("ta`ble", "in`dex", (KeyPart("col`umn", 3),))
    assert add_index("sche`ma", nasty, MARKER).startswith(
        "ALTER TABLE `sche``ma`.`ta``ble` ADD INDEX `in``dex` (`col``umn`(3)) COMMENT "
    )


def test_a_marker_that_does_not_fit_into_a_comment_is_refused() -> None:
    overhead = len(str(Marker(RunId(""), 1)))
    fits = Marker(RunId("r" * (MAX_COMMENT - overhead)), 1)
    assert str(fits) in add_index("shop", definition("a"), fits)
    with pytest.raises(InvalidInput, match="too long to be stored in an index comment of 1024 characters"):
        add_index("shop", definition("a"), Marker(RunId(fits.run_id + "r"), 1))


def test_the_drop_is_online_and_drops_one_index() -> None:
    assert drop_index("sh`op", "ord`ers", "id`x") == (
        "ALTER TABLE `sh``op`.`ord``ers` DROP INDEX `id``x`, ALGORITHM=INPLACE, LOCK=NONE"
    )


@given(run_id=RUN_IDS, attempt=st.integers(1, 999_999_999))
def test_the_marker_of_every_run_is_read_back_from_its_comment_and_its_statement(run_id: str, attempt: int) -> None:
    marker = Marker(RunId(run(id=run_id).id), attempt)
    assert Marker.parse(str(marker)) == marker
    assert Marker.find(add_index("shop", definition("a"), marker)) == marker


@pytest.mark.parametrize(
    "comment",
    [
        "",
        "orders by customer",
        "executor:run=run-1",
        "executor:run=;attempt=1",
        "executor:run=run-1;attempt=",
        "executor:run=run-1;attempt=0",
        "executor:run=run-1;attempt=01",
        "executor:run=run-1;attempt=-1",
        "executor:run=run-1;attempt=1234567890",
        "executor:run=run-1;attempt=1 ",
        " executor:run=run-1;attempt=1",
        "executor:run=run-1;attempt=1\n",
        "executor:run=run 1;attempt=1",
        "executor:run=run-1;attempt=1;attempt=2",
        "Executor:run=run-1;attempt=1",
        "see executor:run=run-1;attempt=1",
    ],
)
def test_a_comment_that_is_not_exactly_a_marker_is_none(comment: str) -> None:
    assert Marker.parse(comment) is None


def test_a_statement_without_a_marker_has_none() -> None:
    assert Marker.find("ALTER TABLE `shop`.`orders` ADD INDEX `i` (`a`)") is None


def test_the_advisory_lock_names_the_table() -> None:
    assert advisory_lock("executor_test", "test_orders") == "executor:executor_test.test_orders"


def test_the_advisory_lock_is_the_same_whatever_the_case() -> None:
    assert advisory_lock("Shop", "ORDERS") == advisory_lock("shop", "orders") == "executor:shop.orders"


def test_a_name_of_exactly_64_characters_is_kept() -> None:
    name = advisory_lock("s", "t" * 53)
    assert name == f"executor:s.{'t' * 53}"
    assert len(name) == MAX_LOCK_NAME


def test_a_longer_name_ends_in_a_digest_of_the_whole() -> None:
    name = advisory_lock("s", "t" * 54)
    assert len(name) == MAX_LOCK_NAME
    assert name.startswith(f"executor:s.{'t' * 36}~")


def test_long_names_that_begin_alike_have_locks_of_their_own() -> None:
    locks = {advisory_lock("s" * 64, "t" * 60 + str(number)) for number in range(1000)}
    assert len(locks) == 1000


@given(schema=NAMES, table=NAMES)
def test_every_advisory_lock_fits_and_is_lower_case(schema: str, table: str) -> None:
    name = advisory_lock(schema, table)
    assert len(name) <= MAX_LOCK_NAME
    assert name == name.lower()
    assert name.startswith("executor:")
