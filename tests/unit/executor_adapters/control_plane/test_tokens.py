"""Tokens: which are known, whom they belong to, and a file of them that changes."""

import doctest
import os
from pathlib import Path

import pytest

from executor_adapters.control_plane import tokens as module
from executor_adapters.control_plane.callers import Permission, Role
from executor_adapters.control_plane.tokens import Tokens, hash_of, read_tokens
from executor_core.errors import InvalidInput

OLD, NEW = hash_of(b"old"), hash_of(b"new")


def write(path: Path, text: str) -> Path:
    """Replace the file as an editor does, so that a change shows whatever the clock's resolution."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8")
    os.replace(fresh, path)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tokens.toml"


def entry(name: str = "w", role: str = "worker", sha256: object = f'"{OLD}"', more: str = "") -> str:
    return f'[[token]]\nname = "{name}"\nrole = "{role}"\nsha256 = {sha256}\n{more}\n'


def test_the_examples_in_the_module_hold() -> None:
    assert doctest.testmod(module) == (0, 1)


def test_a_token_belongs_to_its_name_with_its_role_and_its_connections(file: Path) -> None:
    write(file, entry("worker-eu", more='connections = ["conn-1", "conn-2"]'))
    caller = Tokens(file=file).caller(b"old")
    assert caller is not None
    assert (caller.name, caller.connections) == ("worker-eu", {"conn-1", "conn-2"})
    assert caller.permissions == {Permission.READ, Permission.WORK}


def test_two_tokens_of_one_name_are_valid_at_once(file: Path) -> None:
    tokens = Tokens(file=write(file, entry(sha256=[OLD, NEW])))
    assert tokens.caller(b"old") == tokens.caller(b"new") is not None


@pytest.mark.parametrize("given", [None, b"", b"ol", b"old ", OLD.encode(), b"\xff"])
def test_any_other_is_nobodys(file: Path, given: bytes | None) -> None:
    assert Tokens(single="s", file=write(file, entry())).caller(given) is None


def test_the_single_token_allows_everything_beside_the_file(file: Path) -> None:
    tokens = Tokens(single="s3cret", file=write(file, entry()))
    caller = tokens.caller(b"s3cret")
    assert caller is not None
    assert (caller.permissions, caller.connections) == (set(Permission), None)
    assert tokens.caller(b"old") is not None


def test_without_any_token_the_control_plane_is_open() -> None:
    tokens = Tokens()
    assert tokens.open
    caller = tokens.caller(None)
    assert caller is not None
    assert caller.permissions == set(Permission)


def test_a_changed_file_counts_at_once(file: Path) -> None:
    tokens = Tokens(file=write(file, entry()))
    write(file, entry(sha256=f'"{NEW}"'))
    assert tokens.caller(b"old") is None
    assert tokens.caller(b"new") is not None


@pytest.mark.parametrize("text", ["", "no toml", None])
def test_a_file_that_becomes_wrong_is_logged_once_and_what_was_valid_stays(
    file: Path, text: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    tokens = Tokens(file=write(file, entry()))
    if text is None:
        file.unlink()
    else:
        write(file, text)
    assert tokens.caller(b"old") is not None
    assert tokens.caller(b"new") is None
    assert len(caplog.records) == 1
    write(file, entry(sha256=f'"{NEW}"'))
    assert tokens.caller(b"old") is None


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("x", "not TOML"),
        ("", "names no token"),
        ("[token]\n", "token: "),
        ("tokens = 1\n", "tokens: "),
        (entry(role="root"), r"token\.0\.role"),
        (entry(name="two words"), r"token\.0\.name"),
        (entry(sha256='"old"'), r"token\.0\.sha256"),
        (entry(sha256=[OLD, NEW, hash_of(b"3")]), r"token\.0\.sha256"),
        (entry(sha256=[]), r"token\.0\.sha256"),
        (entry(more='token = "old"'), r"token\.0\.token"),
        (entry(more='connections = "conn-1"'), r"token\.0\.connections"),
        (entry("a") + entry("b"), "one hash twice"),
        (entry("a") + entry("a", sha256=f'"{NEW}"'), "a name twice"),
    ],
)
def test_a_wrong_file_is_refused_with_what_is_wrong(file: Path, text: str, what: str) -> None:
    with pytest.raises(InvalidInput, match=what):
        read_tokens(write(file, text))


def test_a_missing_file_is_refused(file: Path) -> None:
    with pytest.raises(InvalidInput, match="can't be read"):
        Tokens(file=file)


def test_no_connections_at_all_are_none(file: Path) -> None:
    caller = Tokens(file=write(file, entry(more="connections = []"))).caller(b"old")
    assert caller is not None
    assert not caller.reaches("conn-1")


@pytest.mark.parametrize("role", Role)
def test_every_role_reads_and_none_both_works_and_operates(role: Role) -> None:
    allowed = module.PERMISSIONS[role]
    assert Permission.READ in allowed
    assert not {Permission.WORK, Permission.OPERATE} <= allowed
