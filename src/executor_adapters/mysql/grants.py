r"""What SHOW GRANTS says of one table. Pure, and careful: what is not understood makes the answer uncertain.

>>> account(["GRANT SELECT, ALTER ON `shop\\_1`.* TO `u`@`%`"], "shop_1", "orders").lacks(Privilege.ALTER)
False
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from executor_core.surroundings import Account, Privilege

_NAME = r"`(?:[^`]|``)*`"
_GRANT = re.compile(
    rf"(?P<verb>GRANT|REVOKE) (?P<privileges>.+?) ON (?P<other>(?:FUNCTION|PROCEDURE|PACKAGE BODY|PACKAGE|TYPE) )?"
    rf"(?:TABLE )?(?P<schema>\*|{_NAME})\.(?P<table>\*|{_NAME}) (?:TO|FROM) .*",
    re.DOTALL,
)
_ROLE = rf"(?:{_NAME}|[^\s,`]+)(?:@{_NAME})?"
_NO_MATTER = re.compile(rf"GRANT PROXY ON |SET DEFAULT ROLE |GRANT {_ROLE}(?:,{_ROLE})* TO ")
"""What says nothing of tables: proxies, and roles, whose own grants are shown beside them as far as they are active."""
# Privileges of MySQL's components stand without a blank between them.
_PRIVILEGE = re.compile(rf"(?P<name>[A-Z][A-Z0-9_ ]*)(?: \((?P<columns>(?:{_NAME}|[^`)])*)\))?(?:, ?|$)")
_EVERYTHING = frozenset({"ALL", "ALL PRIVILEGES"})


@dataclass(frozen=True, slots=True)
class _Granted:
    """One line: privileges on all of a place, those on some columns alone, and whether it takes instead of giving."""

    whole: frozenset[str]
    columns: frozenset[str]
    revoked: bool


def account(lines: Sequence[str], schema_name: str, table_name: str) -> Account:
    """Return what an account of which SHOW GRANTS gives `lines` may do with a table."""
    held: set[Privilege] = set()
    certain = True
    for line in lines:
        match = _GRANT.fullmatch(line)
        if match is None:
            certain = certain and _NO_MATTER.match(line) is not None
            continue
        if match["other"] or not _is_of(match["schema"], match["table"], schema_name, table_name):
            continue
        granted = _parsed(match)
        if granted is None or granted.revoked:
            certain = False
            continue
        held.update(p for p in Privilege if p.value in granted.whole or granted.whole & _EVERYTHING)
        certain = certain and granted.columns.isdisjoint(Privilege)
    return Account(held=frozenset(held), certain=certain)


def _parsed(match: re.Match[str]) -> _Granted | None:
    text = match["privileges"]
    found = list(_PRIVILEGE.finditer(text))
    if "".join(privilege.group() for privilege in found) != text:
        return None
    return _Granted(
        whole=frozenset(privilege["name"] for privilege in found if privilege["columns"] is None),
        columns=frozenset(privilege["name"] for privilege in found if privilege["columns"] is not None),
        revoked=match["verb"] == "REVOKE",
    )


def _is_of(schema: str, table: str, schema_name: str, table_name: str) -> bool:
    """Whether a grant's place is, or has, the table. Where case or wildcards could be read in two ways: it is."""
    if schema == "*":
        return True
    if table != "*" and _unquoted(table).casefold() != table_name.casefold():
        return False
    name = _unquoted(schema)
    pattern = re.compile("".join(_pieces(name)), re.IGNORECASE | re.DOTALL)
    return name.casefold() == schema_name.casefold() or pattern.fullmatch(schema_name) is not None


def _pieces(pattern: str) -> Iterator[str]:
    """A pattern of the server as one of `re`: ``_`` is one character, ``%`` any number, a backslash takes both back."""
    for piece in re.findall(r"\\.|.", pattern, re.DOTALL):
        if piece in ("_", "%"):
            yield "." if piece == "_" else ".*"
        else:
            yield re.escape(piece[-1])


def _unquoted(name: str) -> str:
    return name[1:-1].replace("``", "`")
