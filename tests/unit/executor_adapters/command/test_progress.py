import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from executor_adapters.command.progress import ProgressLines
from executor_adapters.driving import carry
from executor_adapters.memory import FakeWorld
from executor_core.engine import Engine
from executor_core.lifecycle import TERMINAL_PHASES, Phase
from executor_core.model import RunId, WorkerId
from executor_core.ports import Notice

AT = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
BUSY = {"next_try_in_s": 1.5, "why": "the table is locked"}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def notice(name: str, **fields: Any) -> Notice:
    return Notice(at=AT, run_id=RunId("run-1"), name=name, fields=fields)


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (notice("phase.entered", phase=Phase.BUILDING), "building the index online"),
        (notice("run.claimed", phase=Phase.BUILDING), "taken over from another worker"),
        (notice("run.finished", status="completed", message="all is well"), "completed: all is well"),
        (notice("kill_switch.read", error="HTTP 500"), "the kill switch can't be read: HTTP 500"),
        (notice("verdict.deferred", message="too few"), "not decided yet, measuring on: too few"),
        (notice("baseline.assessed", extend=True, decidable=True), "the baseline is noisy; measuring longer"),
        (
            notice("baseline.assessed", extend=False, decidable=False),
            "these digests are too rare to be judged, even in the longest window",
        ),
        (notice("build.postponed", **BUSY), "the table is busy; trying again in 1.5 s: the table is locked"),
        (notice("rollback.postponed", **BUSY), "the table is busy; trying again in 1.5 s: the table is locked"),
        (notice("target.unreachable", error="refused"), "target unreachable: refused"),
        (notice("claim.refused", reason="HTTP 409"), "not claimed: HTTP 409"),
    ],
)
def test_what_matters_is_a_line_that_stays(told: Notice, text: str) -> None:
    stream = io.StringIO()
    ProgressLines(stream).notice(told)
    assert stream.getvalue() == f"12:00:00  run-1  {text}\n"


@pytest.mark.parametrize(
    "told",
    [
        notice("sample.taken", window="baseline", ends_at=AT),
        notice("build.progressed", progress=0.5, stage=None),
        notice("run.claimed", phase=Phase.CLAIMED),
        notice("kill_switch.read", error=None),
        notice("baseline.assessed", extend=False, decidable=True),
        notice("phase.entered", phase=Phase.COMPLETED),
        notice("something.new"),
    ],
)
def test_the_rest_is_not_written_to_a_file(told: Notice) -> None:
    stream = io.StringIO()
    ProgressLines(stream).notice(told)
    assert stream.getvalue() == ""


def test_every_phase_under_way_but_the_claim_has_words() -> None:
    silent = set()
    for phase in Phase:
        stream = io.StringIO()
        ProgressLines(stream).notice(notice("phase.entered", phase=phase))
        if not stream.getvalue():
            silent.add(phase)
    assert silent == TERMINAL_PHASES | {Phase.SCHEDULED, Phase.CLAIMED}


def test_a_terminal_has_a_live_line_that_the_next_one_replaces() -> None:
    stream = Terminal()
    progress = ProgressLines(stream)
    progress.notice(notice("sample.taken", window="baseline", ends_at=AT + timedelta(seconds=61.2)))
    assert stream.getvalue() == "run-1  baseline window: 1m1s left"
    progress.notice(notice("build.progressed", progress=0.421, stage="merge sort"))
    assert stream.getvalue().endswith("\rrun-1  building 42% merge sort")
    progress.line("done")
    assert stream.getvalue().endswith("\rdone\n")


def test_a_window_that_should_have_ended_has_nothing_left() -> None:
    stream = Terminal()
    ProgressLines(stream).notice(notice("sample.taken", window="after", ends_at=AT - timedelta(seconds=5)))
    assert stream.getvalue() == "run-1  after window: 0s left"


def test_a_build_whose_progress_is_not_told() -> None:
    stream = Terminal()
    ProgressLines(stream).notice(notice("build.progressed", progress=None, stage=None))
    assert stream.getvalue() == "run-1  building"


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), ValueError("I/O operation on closed file")])
def test_a_terminal_that_was_closed_does_not_disturb_the_run(error: Exception) -> None:
    class Gone(Terminal):
        def write(self, text: str, /) -> int:
            raise error

    progress = ProgressLines(Gone())
    progress.notice(notice("run.finished", status="completed", message="unheard"))
    progress.notice(notice("build.progressed", progress=None, stage=None))


def test_a_whole_run_is_told() -> None:
    world, stream = FakeWorld(), Terminal()
    progress = ProgressLines(stream)
    world.observer = progress  # type: ignore[assignment]
    carry(Engine(ports=world.ports(), worker_id=WorkerId("worker-1")), world.run("customer_id"), world.clock)
    lines = [line.rpartition("\r")[2] for line in stream.getvalue().splitlines()]
    assert lines[0].endswith("claimed; checking the kill switch and the table")
    assert "run-1  completed: " in lines[-1]
