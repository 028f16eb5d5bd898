r"""What a statement's normalized text says of the tables that it touches. Pure, and by tokens, not by a parser.

The servers write identifiers in backquotes, MySQL without doubling those inside; a name that is also one of
their keywords may stand bare and in capitals. A text may be cut off, and then ends in dots.

    >>> writes_to("UPDATE `shop` . `orders` `o` SET `note` = ? WHERE `id` = ?", "orders")
    True
    >>> writes_to("INSERT INTO `archive` SELECT * FROM `orders`", "orders")
    False
    >>> names("SELECT * FROM `orders_old`", "orders"), names("UPDATE EVENTS SET `a` = ?", "events")
    (False, True)
"""

import re

from executor_core.ddl import quote_identifier
from executor_core.scope import SYSTEM_SCHEMAS

_WRITE = re.compile(r"(?:EXECUTE )?(?:INSERT|REPLACE|UPDATE|DELETE|LOAD)\b")
_READ = re.compile(r"(?:EXECUTE )?\(*\s*(?:SELECT|WITH)\b")
_FROM_TABLE = re.compile(r"\bFROM (?!DUAL\b)")
# Where the list of the tables written to has come to its end.
_HEAD_END = re.compile(r"\s(?:SET|VALUES?|SELECT|WHERE|ON DUPLICATE)\s|(?<!JOIN )\(")
_LOAD_TARGET = re.compile(r"INTO TABLE ")
_KEYWORD_SYNONYMS = {"user": "SYSTEM_USER"}


def names(text: str, table_name: str) -> bool:
    """Whether `text` names a table (or anything else) called `table_name`, whatever its case."""
    folded, name = text.casefold(), table_name.casefold()
    if f"`{name}`" in folded or quote_identifier(name) in folded:
        return True
    bare = {table_name.upper(), _KEYWORD_SYNONYMS.get(name, table_name.upper())}
    return any(re.search(rf"(?<![\w$`@]){re.escape(word)}(?![\w$`])", text) for word in bare)


def writes_to(text: str, table_name: str) -> bool:
    """Whether `text` inserts into, updates, deletes from or loads `table_name`."""
    if _WRITE.match(text) is None:
        return False
    load = _LOAD_TARGET.search(text) if "LOAD " in text[:16] else None
    statement = text if load is None else text[load.end() :]
    return names(_HEAD_END.split(statement, maxsplit=1)[0], table_name)


def reads(text: str, table_name: str) -> bool:
    """Whether `text` is a query that names `table_name`."""
    return _READ.match(text) is not None and names(text, table_name)


def reads_elsewhere(text: str, table_name: str) -> bool:
    """Whether `text` is whole, reads some table of an application, and does not name `table_name`.

    Only reads: a write may reach the table by a trigger or a foreign key.
    """
    return (
        _READ.match(text) is not None
        and _FROM_TABLE.search(text) is not None
        and not is_cut_off(text)
        and not names(text, table_name)
        and not any(names(text, schema) for schema in SYSTEM_SCHEMAS)
    )


def is_cut_off(text: str) -> bool:
    """Whether the server had no room for the whole text."""
    return text.rstrip().endswith("...")
