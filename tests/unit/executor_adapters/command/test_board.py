import io
import re

from executor_adapters.acceptance.cases import CASES
from executor_adapters.acceptance.result import CaseResult, CaseStatus, Check
from executor_adapters.command.board import Board

CASE = CASES["TC-02"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def result(status: CaseStatus, *checks: Check, error: str | None = None) -> CaseResult:
    return CaseResult(case=CASE.id, title=CASE.title, priority=CASE.priority, status=status, checks=checks, error=error)


def test_without_a_terminal_each_event_is_a_line() -> None:
    stream = io.StringIO()
    board = Board([CASE], stream)
    board.say("hello")
    board.begin(CASE)
    board.tick()
    board.end(CASE, result(CaseStatus.PASS))
    lines = stream.getvalue().splitlines()
    assert lines[:2] == ["hello", "TC-02  Kill Switch Before Start (P0): running"]
    assert lines[2].startswith("TC-02  Kill Switch Before Start (P0): PASS in ")
    assert "\x1b" not in stream.getvalue()


def test_what_went_wrong_is_said() -> None:
    stream = io.StringIO()
    board = Board([CASE], stream)
    board.begin(CASE)
    board.end(CASE, result(CaseStatus.FAIL, Check("status", "FAILED", "COMPLETED")))
    board.end(CASE, result(CaseStatus.COULD_NOT_RUN, error="no API"))
    assert re.search(r"FAIL in \d+ s: status is COMPLETED, not FAILED\n", stream.getvalue())
    assert stream.getvalue().endswith(": no API\n")


def test_on_a_terminal_the_table_is_drawn_over_itself() -> None:
    stream = Terminal()
    board = Board(list(CASES.values()), stream)
    board.begin(CASE)
    first = stream.getvalue()
    assert first.count("waiting") == 9
    assert "TC-02  P0  Kill Switch Before Start" in first
    board.end(CASE, result(CaseStatus.PASS))
    assert "\x1b[10A\x1b[J" in stream.getvalue()
    assert "PASS" in stream.getvalue()
    board.say("stays above")
    assert stream.getvalue().rstrip().splitlines()[-1].lstrip().startswith("TC-10")


def test_a_terminal_that_was_closed_is_no_reason_to_fail() -> None:
    stream = Terminal()
    board = Board([CASE], stream)
    stream.close()
    board.begin(CASE)
    board.say("nobody hears")
