"""`executor demo` without a server: on the fakes, and what it says when something is not as it should be."""

import json
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from executor_adapters.command import demo as command
from executor_adapters.command.main import main
from executor_adapters.demo import fakes, server
from executor_adapters.local_server import ServerNotFoundError
from executor_core.errors import Unavailable


@pytest.fixture(autouse=True)
def temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def in_memory(*options):
    return main(["demo", "--engine", "memory", "--window", "30s", *options])


def test_shows_both_ends_and_exits_with_0(capsys):
    assert in_memory() == 0
    shown = capsys.readouterr()
    assert "Seen on the fakes, table orders of 200,000 rows" in shown.out
    assert "measuring the same queries with the index" in shown.err


def test_prints_one_object_and_keeps_evidence_that_bears_the_verdicts(capsys):
    assert in_memory("--json") == 0
    account = json.loads(capsys.readouterr().out)
    for run, code in zip(account["runs"], (0, 4), strict=True):
        assert main(["verify", run["evidence"], "--json"]) == code
        assert json.loads(capsys.readouterr().out)["status"] == run["verification"]["status"]


def test_without_any_server_it_says_so_and_runs_on_the_fakes(monkeypatch, capsys):
    @contextmanager
    def nowhere(_say):
        raise ServerNotFoundError(["No mysql server was found."])
        yield

    monkeypatch.setattr(server, "own_server", nowhere)
    assert main(["demo", "--window", "30s"]) == 0
    shown = capsys.readouterr()
    assert "No mysql server was found. So the demonstration runs on the fakes." in shown.err
    assert "Seen on the fakes" in shown.out


def test_a_surprise_is_one_sentence_and_4(monkeypatch, capsys):
    def half(**arguments):
        account = fakes.run_on_fakes(**arguments)
        return replace(account, runs=account.runs[:1])

    monkeypatch.setattr(command, "run_on_fakes", half)
    assert in_memory() == 4
    assert capsys.readouterr().err.splitlines()[-1] == "executor: demo-harmful was not run"


def test_a_failure_is_one_sentence_and_4_and_leaves_no_empty_folder(monkeypatch, capsys, temporary_folder: Path):
    def broken(**_arguments):
        raise Unavailable("the workload\nbroke off")

    monkeypatch.setattr(command, "run_on_fakes", broken)
    assert in_memory() == 4
    assert capsys.readouterr().err == "executor: the workload broke off\n"
    assert list(temporary_folder.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--window", "soon"], "'soon' is not a duration"),
        (["--window", "3s", "--mysql-url", "mysql://root@127.0.0.1/x"], "--window: a live demonstration needs 10s"),
        (["--mysql-url", "postgres://root@127.0.0.1/x"], "the MySQL URL must begin with mysql://"),
        (["--engine", "sqlite"], "argument --engine"),
    ],
)
def test_a_wrong_call_is_one_line_and_2(options, sentence, capsys, temporary_folder: Path):
    assert main(["demo", *options]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("executor: ")
    assert sentence in last
    assert list(temporary_folder.iterdir()) == []
