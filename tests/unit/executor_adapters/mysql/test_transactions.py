"""Open transactions: what is asked of each family, and when an answer is believed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from executor_adapters.memory import FakeClock
from executor_adapters.mysql.errors import StatementFailed
from executor_adapters.mysql.flavor import MARIADB, MYSQL, Dialect
from executor_adapters.mysql.transactions import TRIES, TURN, can_be_seen, open_transactions
from executor_core.errors import Refused, Unavailable

_LOOK = re.compile(r"^/\* look of [0-9.]+ s \*/")
OURS = ("9@now", "executor", "here", 9, "REPEATABLE READ", 0, 1)
OURS_OF_BEFORE = ("9@then", "executor", "here", 9, "REPEATABLE READ", 5, 0)
THEIRS = ("7@then", "app", "web", 7, "REPEATABLE READ", 40, 0)


@dataclass
class ScriptedConnection:
    """A connection that answers the probe, and the question with one list of rows after another."""

    dialect: Dialect
    answers: Sequence[Sequence[Any]] = ()
    probe: Any = 1
    connection_id: int = 9
    has_turn: bool = True
    asked: list[str] = field(default_factory=list)
    looks: set[str] = field(default_factory=set)
    """The looks that can be told apart."""

    def try_lock(self, name: str, within: object) -> bool:
        self.asked.append(f"GET_LOCK {name}")
        return bool(within) and self.has_turn

    def unlock(self, name: str) -> None:
        self.asked.append(f"RELEASE_LOCK {name}")

    def row(self, sql: str, *_: object) -> Any:
        if isinstance(self.probe, StatementFailed):
            raise self.probe
        return (self.probe,)

    def rows(self, sql: str, *_: object) -> Any:
        sql, looks = _LOOK.subn("", sql, count=1)
        self.looks.update(looks * [sql])
        self.asked.append(sql.split()[0])
        if not sql.strip().startswith("SELECT"):
            return []
        answers = list(self.answers)
        return answers[min(self.asked.count("SELECT"), len(answers)) - 1]


@pytest.mark.parametrize("dialect", [MYSQL, MARIADB])
@pytest.mark.parametrize(
    ("probe", "seen"), [(1, True), (0, False), (StatementFailed(1142, "denied"), False), (None, False)]
)
def test_what_may_not_be_read_cannot_be_seen(dialect: Dialect, probe: Any, seen: bool) -> None:
    connection: Any = ScriptedConnection(dialect, probe=probe)
    assert can_be_seen(connection) is seen
    if not seen:
        with pytest.raises(Refused):
            open_transactions(connection, FakeClock())


def test_a_lost_connection_says_nothing_about_privileges() -> None:
    connection: Any = ScriptedConnection(MYSQL, probe=StatementFailed(None, "gone"))
    with pytest.raises(StatementFailed):
        can_be_seen(connection)


def test_mysql_is_believed_at_once() -> None:
    connection: Any = ScriptedConnection(MYSQL, [[("41.7", "app", "web", 7, "REPEATABLE READ", 40.2)]])
    assert open_transactions(connection, FakeClock()) == {
        "41.7": "REPEATABLE READ of app@web, connection 7, open for 40 s"
    }


@pytest.mark.parametrize("has_turn", [True, False])
def test_mariadb_is_believed_when_it_shows_our_own_snapshot(has_turn: bool) -> None:
    answers = [[], [OURS_OF_BEFORE, THEIRS], [OURS, THEIRS]]
    connection: Any = ScriptedConnection(MARIADB, answers, has_turn=has_turn)
    assert list(open_transactions(connection, FakeClock())) == ["7@then"]
    turn = (f"GET_LOCK {TURN}", f"RELEASE_LOCK {TURN}")
    assert connection.asked == [turn[0], "START", "SELECT", "SELECT", "SELECT", "ROLLBACK", turn[1]]
    assert len(connection.looks) == 3


def test_mariadb_that_never_shows_it_is_unavailable() -> None:
    connection: Any = ScriptedConnection(MARIADB, [[THEIRS]])
    with pytest.raises(Unavailable):
        open_transactions(connection, FakeClock())
    assert connection.asked.count("SELECT") == TRIES
    assert connection.asked[-2:] == ["ROLLBACK", f"RELEASE_LOCK {TURN}"]


def test_a_session_that_cannot_be_seen_has_words_too() -> None:
    connection: Any = ScriptedConnection(MYSQL, [[("41.7", None, None, 7, "SERIALIZABLE", None)]])
    assert open_transactions(connection, FakeClock()) == {
        "41.7": "SERIALIZABLE of a system thread@localhost, connection 7"
    }
