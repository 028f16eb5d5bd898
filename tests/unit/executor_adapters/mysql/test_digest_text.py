"""Which tables a normalized statement names, writes and reads; the texts are those of real servers."""

import pytest

from executor_adapters.mysql.digest_text import is_cut_off, names, reads_elsewhere, writes_to


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM `orders` WHERE `a` = ?",
        "SELECT * FROM `p` . `orders` `o` WHERE `a` = ? ",
        "SELECT * FROM `Orders`",
        "UPDATE ORDERS SET `a` = ?",
    ],
)
def test_a_table_is_named(text):
    assert names(text, "orders")


@pytest.mark.parametrize(
    "text", ["SELECT * FROM `orders2`", "SELECT * FROM `old_orders`", "UPDATE ORDERS2 SET `a` = ?", "SELECT @@ORDERS"]
)
def test_a_longer_name_and_a_variable_are_not_the_table(text):
    assert not names(text, "orders")


@pytest.mark.parametrize("text", ["SELECT ? FROM `b`c`", "SELECT ? FROM `b``c`"])
def test_a_backquote_in_a_name_is_found_doubled_or_not(text):
    assert names(text, "b`c")


def test_a_table_called_user_is_found_under_the_name_that_the_servers_write():
    assert names("UPDATE SYSTEM_USER SET `id` = ?", "user")


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO `orders` ( `a` ) VALUES (?) /* , ... */ ",
        "INSERT IGNORE INTO `p` . `orders` SET `a` = ?",
        "INSERT INTO `orders` ( `a` ) SELECT `a` FROM `other`",
        "REPLACE INTO `orders` ( ID , `a` ) VALUES (...) ",
        "UPDATE `orders` SET `a` = ? WHERE `id` = ?",
        "UPDATE `other` `x` JOIN `orders` `o` ON `o` . `id` = `x` . `id` SET `o` . `a` = ?",
        "DELETE FROM `orders` WHERE `a` = ?",
        "DELETE FROM `orders`",
        "DELETE `o` FROM `orders` `o` WHERE `o` . `a` = ?",
        "LOAD DATA INFILE ? INTO TABLE `orders`",
        "EXECUTE UPDATE `orders` SET `a` = ?",
    ],
)
def test_a_write_to_the_table(text):
    assert writes_to(text, "orders")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM `orders` FOR UPDATE",
        "INSERT INTO `archive` SELECT * FROM `orders`",
        "INSERT INTO `archive` ( `orders` ) VALUES (?)",
        "UPDATE `other` SET `a` = ( SELECT MAX ( `a` ) FROM `orders` )",
        "DELETE FROM `other` WHERE `id` IN ( SELECT `id` FROM `orders` )",
        "LOAD DATA INFILE ? INTO TABLE `other` ( `orders` )",
        "ALTER TABLE `orders` ADD INDEX `i` ( `a` )",
        "CALL `orders` ( )",
        "PREPARE UPDATE `orders` SET `a` = ?",
    ],
)
def test_no_write_to_the_table(text):
    assert not writes_to(text, "orders")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM `customers` WHERE `id` = ?",
        "( SELECT `a` FROM `customers` ) UNION ( SELECT ? )",
        "WITH `x` AS ( SELECT ? FROM `customers` ) SELECT * FROM `x`",
        "EXECUTE SELECT * FROM `customers`",
    ],
)
def test_a_read_of_another_table_is_a_control(text):
    assert reads_elsewhere(text, "orders")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM `customers` JOIN `orders` USING ( `id` )",
        "SELECT * FROM `customers` WHERE `a` IN (...) AND ...",
        "UPDATE `customers` SET `a` = ?",
        "SELECT ?",
        "SELECT `get_lock` (...)",
        "SELECT ? FROM DUAL",
        "SET SESSION `sql_mode` = ?",
        "SHOW GLOBAL STATUS",
        "EXPLAIN SELECT * FROM `customers`",
        "SELECT * FROM `performance_schema` . `threads`",
        "SELECT COUNT ( * ) FROM `INFORMATION_SCHEMA` . `TABLES`",
        "SELECT `user` FROM `mysql` . `user`",
        "CALL `report` ( )",
    ],
)
def test_anything_else_is_no_control(text):
    assert not reads_elsewhere(text, "orders")


def test_a_text_that_ends_in_dots_was_cut_off():
    assert is_cut_off("SELECT `a` , ...")
    assert is_cut_off("SELECT `a` , ... ")
    assert not is_cut_off("SELECT (...) FROM `a`")
