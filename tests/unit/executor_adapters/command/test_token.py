"""`executor token`: what it prints opens the control plane, and nothing else does."""

import tomllib
from pathlib import Path

import pytest

from executor_adapters.command.main import main
from executor_adapters.control_plane.callers import PERMISSIONS, Role
from executor_adapters.control_plane.tokens import Tokens


def test_its_lines_know_its_token(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "tokens.toml"
    made: dict[str, str] = {}
    for name, role in (("worker-eu", "worker"), ("ada@example.org", "operator")):
        assert main(["token", name, "--role", role, "--connection", "conn-1", "--connection", 'ü "2"']) == 0
        said = capsys.readouterr()
        with file.open("a", encoding="utf-8") as lines:
            lines.write(said.out)
        made[name] = said.err.splitlines()[-1]
        assert made[name] not in said.out
    tokens = Tokens(file=file)
    for name, role in (("worker-eu", Role.WORKER), ("ada@example.org", Role.OPERATOR)):
        caller = tokens.caller(made[name].encode())
        assert caller is not None
        assert (caller.name, caller.permissions) == (name, PERMISSIONS[role])
        assert caller.connections == {"conn-1", 'ü "2"'}


def test_without_connections_it_is_for_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "reader", "--role", "reader"]) == 0
    (entry,) = tomllib.loads(capsys.readouterr().out)["token"]
    assert set(entry) == {"name", "role", "sha256"}


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["two words", "--role", "worker"], "name: "),
        (["w", "--role", "worker", "--connection", " "], "connections.0: "),
        (["w", "--role", "root"], "--role"),
        (["w"], "--role"),
    ],
)
def test_what_can_be_no_token_is_refused(capsys: pytest.CaptureFixture[str], arguments: list[str], what: str) -> None:
    assert main(["token", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert what in said.err
