from datetime import timedelta

import pytest
from tests.unit.executor_adapters.control_plane.conftest import START

from executor_adapters.control_plane.console import sessions as module
from executor_adapters.control_plane.console.sessions import LONGEST, LONGEST_IDLE, Sessions
from executor_adapters.control_plane.tokens import Tokens


def test_nobody_comes_in_with_a_token_that_nobody_knows() -> None:
    sessions = Sessions(Tokens(single="right"))
    assert sessions.begin(b"wrong", START) is None
    assert sessions.begin(None, START) is None
    assert sessions.find("made up", START) is None
    assert sessions.find(None, START) is None


def test_a_session_says_who_it_is_until_it_ends() -> None:
    sessions = Sessions(Tokens(single="right"))
    name = sessions.begin(b"right", START)
    found = sessions.find(name, START)
    assert found is not None
    assert found[1].name == "token"
    sessions.end(name)
    sessions.end(name)
    assert sessions.find(name, START) is None


def test_two_sign_ins_share_neither_name_nor_form_key() -> None:
    sessions = Sessions(Tokens(single="right"))
    names = [sessions.begin(b"right", START) for _ in range(2)]
    found = [sessions.find(name, START) for name in names]
    assert names[0] != names[1]
    keys = [each[0].form_key for each in found if each is not None]
    assert len(set(keys)) == 2
    assert found[0] is not None
    assert found[0][0].sent(keys[0])
    assert not found[0][0].sent(keys[1])
    assert not found[0][0].sent(None)


def test_a_session_that_is_not_used_ends_and_none_lasts_for_ever() -> None:
    sessions = Sessions(Tokens(single="right"))
    idle, busy = sessions.begin(b"right", START), sessions.begin(b"right", START)
    now = START
    while now - START <= LONGEST - LONGEST_IDLE / 2:
        now += LONGEST_IDLE / 2
        assert sessions.find(busy, now) is not None
    assert sessions.find(idle, now) is None
    assert sessions.find(busy, START + LONGEST + timedelta(seconds=1)) is None


def test_the_session_that_was_idle_longest_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    sessions = Sessions(Tokens(single="right"))
    first, second = sessions.begin(b"right", START), sessions.begin(b"right", START)
    assert sessions.find(first, START)
    third = sessions.begin(b"right", START)
    assert sessions.find(second, START) is None
    assert sessions.find(first, START)
    assert sessions.find(third, START)


def test_in_an_open_control_plane_nobody_has_to_sign_in() -> None:
    sessions = Sessions(Tokens())
    assert sessions.open
    found = sessions.find(sessions.begin(None, START), START)
    assert found is not None
    assert found[1].name == "anyone"
