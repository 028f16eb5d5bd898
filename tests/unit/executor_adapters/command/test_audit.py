"""`executor audit flush`: the backlog of a state directory, on control planes that take it, refuse it or are away."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from executor_adapters.checkpoints import SqliteJournal
from executor_adapters.command.audit import describe
from executor_adapters.command.main import main
from executor_adapters.testing.contracts.samples import an_audit_entry
from executor_adapters.testing.six_calls import SixCallsServer
from executor_core.delivery import Flushed

Shown = pytest.CaptureFixture[str]


@pytest.fixture
def server() -> Iterator[SixCallsServer]:
    with SixCallsServer() as server:
        yield server


@pytest.fixture(autouse=True)
def backlog(tmp_path: Path) -> None:
    """Three entries of two runs that the control plane was not told."""
    journal = SqliteJournal(tmp_path)
    for key, run_id in [("a", "run-1"), ("b", "run-2"), ("c", "run-1")]:
        journal.append(an_audit_entry(key, run_id))
    journal.close()


def flush(server: SixCallsServer, directory: Path, shown: Shown) -> tuple[int, dict[str, Any]]:
    code = main(["audit", "flush", "--api-url", server.base_url, "--state-dir", str(directory), "--json"])
    return code, json.loads(shown.readouterr().out)


def test_what_is_left_is_delivered_once_and_counted(server: SixCallsServer, tmp_path: Path, capsys: Shown) -> None:
    assert flush(server, tmp_path, capsys) == (0, {"delivered": 3, "refused": 0, "undelivered": 0, "error": None})
    assert len(server.audit) == 3
    assert flush(server, tmp_path, capsys) == (0, {"delivered": 0, "refused": 0, "undelivered": 0, "error": None})
    assert len(server.audit) == 3


def test_what_can_not_be_delivered_is_kept_and_said(server: SixCallsServer, tmp_path: Path, capsys: Shown) -> None:
    server.fail(call="audit", with_=503, after=1)
    code, counts = flush(server, tmp_path, capsys)
    assert code == 6
    assert (counts["delivered"], counts["undelivered"]) == (1, 2)
    assert "503" in counts["error"]
    server.heal()
    assert flush(server, tmp_path, capsys)[0] == 0
    assert len(server.audit) == 3


def test_what_is_refused_is_kept_and_makes_the_call_fail(server: SixCallsServer, tmp_path: Path, capsys: Shown) -> None:
    server.fail(call="audit", with_=422, times=1)
    assert flush(server, tmp_path, capsys) == (4, {"delivered": 2, "refused": 1, "undelivered": 0, "error": None})


@pytest.mark.parametrize(
    ("flushed", "text"),
    [
        (Flushed(delivered=2, refused=0, undelivered=0, error=None), "delivered: 2\nundelivered: 0\n"),
        (
            Flushed(delivered=0, refused=1, undelivered=2, error="no connection"),
            "delivered: 0\nundelivered: 2 (no connection); they are kept\n"
            "refused: 1 that the control plane would not take; they are kept\n",
        ),
        (
            Flushed(delivered=0, refused=0, undelivered=1, error=None),
            "delivered: 0\nundelivered: 1 (their runs are still under way, or in other hands); they are kept\n",
        ),
    ],
)
def test_people_are_told_in_words(flushed: Flushed, text: str) -> None:
    assert describe(flushed) == text
