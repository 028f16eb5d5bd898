"""What SHOW GRANTS says of one table, on both families, whatever its names look like."""

import pytest

from executor_adapters.mysql.grants import account
from executor_core.surroundings import Account, Privilege

TO = "TO `u`@`%`"
BOTH = frozenset(Privilege)
ALTER = frozenset({Privilege.ALTER})
SELECT = frozenset({Privilege.SELECT})
NONE = frozenset[Privilege]()


def of(*lines: str, schema: str = "shop", table: str = "orders") -> Account:
    return account(lines, schema, table)


@pytest.mark.parametrize(
    ("line", "held"),
    [
        (f"GRANT USAGE ON *.* {TO}", NONE),
        (f"GRANT ALL PRIVILEGES ON *.* {TO} WITH GRANT OPTION", BOTH),
        (f"GRANT ALL PRIVILEGES ON `shop`.* {TO}", BOTH),
        (f"GRANT SELECT, INSERT, ALTER ON *.* {TO}", BOTH),
        (f"GRANT SELECT, ALTER ROUTINE ON *.* {TO}", SELECT),
        (f"GRANT ALTER ON `shop`.* {TO}", ALTER),
        (f"GRANT ALTER ON `shop`.`orders` {TO}", ALTER),
        (f"GRANT ALTER ON TABLE `shop`.`orders` {TO}", ALTER),
        (f"GRANT ALTER ON `shop`.`ORDERS` {TO}", ALTER),
        (f"GRANT ALTER ON `shop`.`customers` {TO}", NONE),
        (f"GRANT ALTER ON `other`.* {TO}", NONE),
        (f"GRANT ALTER ON `sh%`.* {TO}", ALTER),
        (f"GRANT ALTER ON `sho_`.* {TO}", ALTER),
        (f"GRANT ALTER ON `sho\\_`.* {TO}", NONE),
        (f"GRANT ALTER ON `s_p`.* {TO}", NONE),
        (f"GRANT EXECUTE ON FUNCTION `shop`.`orders` {TO}", NONE),
        ("GRANT SELECT ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*D821 ON `shop`.* TO x'", SELECT),
        ("GRANT SELECT ON `shop`.* TO PUBLIC", SELECT),
        (f"GRANT ALTER ON `shop`.* {TO} REQUIRE SSL WITH GRANT OPTION", ALTER),
        (f"GRANT APPLICATION_PASSWORD_ADMIN,XA_RECOVER_ADMIN,OPTIMIZE_LOCAL_TABLE ON *.* {TO}", NONE),
    ],
)
def test_a_line_gives_what_it_says(line: str, held: frozenset[Privilege]) -> None:
    assert of(line) == Account(held=held)


@pytest.mark.parametrize(
    ("grant", "schema", "table"),
    [
        ("`a``b`.*", "a`b", "t"),
        ("`a``b`.`t``u`", "a`b", "t`u"),
        ("`my shop`.`new orders`", "my shop", "new orders"),
        ("`shop\\_1`.*", "shop_1", "t"),
        ("`100\\%`.*", "100%", "t"),
        ("` TO `.` ON `", " TO ", " ON "),
        ("`sh_p`.`t`", "sh_p", "t"),
    ],
)
def test_names_are_read_as_they_are_quoted(grant: str, schema: str, table: str) -> None:
    assert of(f"GRANT SELECT, ALTER ON {grant} {TO}", schema=schema, table=table) == Account(held=BOTH)


@pytest.mark.parametrize(
    "line",
    [
        f"GRANT `reader`@`%` {TO}",
        f"GRANT `reader`@`%`,`writer`@`%` {TO}",
        f"GRANT `reader` {TO} WITH ADMIN OPTION",
        f"GRANT reader {TO}",
        "GRANT PROXY ON ``@`` TO `root`@`localhost` WITH GRANT OPTION",
        "GRANT PROXY ON ''@'%' TO 'root'@'localhost' WITH GRANT OPTION",
        "SET DEFAULT ROLE `r1` FOR `u`@`localhost`",
    ],
)
def test_roles_and_proxies_say_nothing_of_a_table(line: str) -> None:
    assert of(line) == Account(held=NONE)


@pytest.mark.parametrize(
    ("lines", "held"),
    [
        ((f"GRANT SELECT, ALTER ON *.* {TO}", "REVOKE ALTER ON `shop`.* FROM `u`@`%`"), BOTH),
        ((f"GRANT SELECT (`id`, `na``me`), INSERT ON `shop`.`orders` {TO}",), NONE),
        ((f"GRANT select on something new {TO}",), NONE),
        ((f"GRANT SELECT; ALTER ON `shop`.* {TO}",), NONE),
        ((f"GRANT ALTER ON `shop`.* {TO}", "WHO KNOWS WHAT"), ALTER),
    ],
    ids=["taken back in part", "columns alone", "not understood", "not understood in part", "one of two understood"],
)
def test_what_is_not_plain_is_not_certain(lines: tuple[str, ...], held: frozenset[Privilege]) -> None:
    assert of(*lines) == Account(held=held, certain=False)


def test_columns_of_another_table_or_of_another_privilege_are_no_matter() -> None:
    assert of(f"GRANT SELECT (`id`) ON `shop`.`customers` {TO}", f"GRANT UPDATE (`id`) ON `shop`.`orders` {TO}") == (
        Account(held=NONE)
    )


def test_lines_add_up() -> None:
    assert of(f"GRANT SELECT ON `shop`.* {TO}", f"GRANT ALTER ON `shop`.`orders` {TO}") == Account(held=BOTH)


def test_an_account_without_any_line_has_nothing() -> None:
    assert of() == Account(held=NONE)
