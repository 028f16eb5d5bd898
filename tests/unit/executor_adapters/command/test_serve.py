"""`executor serve` with settings that can't be: one clear line, exit code 2, and nothing listens."""

from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from executor_adapters.command.main import main
from executor_adapters.control_plane.database import Database


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("SAAS_API_TOKEN", "EXECUTOR_TOKENS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--host", "0.0.0.0"], "give --tokens"),
        (["--tokens", "none.toml"], "none.toml can't be read"),
        (["--tls-cert", "cert.pem"], "--tls-cert and --tls-key together"),
        (["--tls-cert", "cert.pem", "--tls-key", "key.pem"], "can't be used"),
        (["--rate-limit", "0"], "--rate-limit"),
        (["--max-connections", "many"], "--max-connections"),
        (["--db", "oracle://h/d"], "no control plane on oracle"),
    ],
)
def test_it_is_said_what_to_change(capsys: pytest.CaptureFixture[str], arguments: list[str], what: str) -> None:
    assert main(["serve", "--port", "0", *arguments]) == 2
    said = capsys.readouterr()
    assert what in said.err
    assert len(said.err.splitlines()) == 1
    assert said.out == ""


def test_the_file_of_tokens_may_be_named_by_the_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXECUTOR_TOKENS", "elsewhere.toml")
    assert main(["serve", "--host", "0.0.0.0", "--port", "0"]) == 2
    assert "elsewhere.toml can't be read" in capsys.readouterr().err


def test_a_database_of_a_newer_program_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/c.db"
    Database(url).close()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    assert main(["serve", "--db", url, "--port", "0"]) == 2
    assert "newer than this program" in capsys.readouterr().err
