"""Choosing among the digests that a server knows."""

from executor_adapters.mysql.statistics import (
    MAX_CONTROL_CANDIDATES,
    KnownDigest,
    control_candidates,
    table_digests,
    target_keys,
)
from executor_core.metrics import DigestKey


def known(digest: str, text: str = "SELECT ?", *, schema: str | None = "shop", **numbers: int) -> KnownDigest:
    return KnownDigest(
        schema, digest, text, numbers.get("executions", 1), numbers.get("time", 1), bool(numbers.get("recent", 1))
    )


def test_targets_come_in_the_order_asked_for_whatever_their_case_and_each_once():
    rows = [known("aa"), known("bb"), known("cc")]
    keys = target_keys(rows, "shop", ["CC", "aa", "unknown", "cc"])
    assert keys == [DigestKey("shop", "cc"), DigestKey("shop", "aa")]


def test_a_target_is_taken_from_its_own_schema_then_from_none_and_never_from_another():
    rows = [known("aa", schema=None), known("aa"), known("bb", schema=None), known("cc", schema="other")]
    assert target_keys(rows, "shop", ["aa", "bb", "cc"]) == [DigestKey("shop", "aa"), DigestKey(None, "bb")]


def test_the_table_s_digests_are_the_heaviest_of_the_schema_besides_the_targets():
    update = "UPDATE `orders` SET `a` = ?"
    rows = [
        known("light", update, time=1),
        known("heavy", update, time=9),
        known("target", update, time=99),
        known("elsewhere", update, time=99, schema="other"),
        known("read", "SELECT * FROM `orders`", time=99),
    ]
    besides = [DigestKey("shop", "target")]
    writes = table_digests(rows, "shop", lambda text: text.startswith("UPDATE"), besides=besides, most=9)
    assert [write.digest for write in writes] == ["heavy", "light"]
    many = [known(str(number), update) for number in range(7)]
    assert len(table_digests(many, "shop", lambda _text: True, besides=[], most=5)) == 5


def test_controls_are_the_busiest_recent_reads_of_other_tables_of_any_application():
    read = "SELECT * FROM `customers`"
    rows = [
        known("seldom", read, executions=1),
        known("often", read, executions=9, schema="other"),
        known("stale", read, executions=99, recent=0),
        known("target", read, executions=99),
        known("system", read, executions=99, schema="mysql"),
        known("same table", "SELECT * FROM `orders`", executions=99),
    ]
    controls = control_candidates(rows, "orders", besides=[DigestKey("shop", "target")])
    assert [control.digest for control in controls] == ["often", "seldom"]
    many = [known(str(number), read) for number in range(MAX_CONTROL_CANDIDATES + 5)]
    assert len(control_candidates(many, "orders", besides=[])) == MAX_CONTROL_CANDIDATES
