"""How an acceptance is going, on standard error: a live table on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TextIO

from executor_adapters.acceptance.cases import Case
from executor_adapters.acceptance.result import CaseResult, CaseStatus
from executor_adapters.clock import SystemClock

WAITING = "waiting"
RUNNING = "running"
REDRAWN_EVERY = timedelta(milliseconds=500)


class Board:
    """Shows the cases; called from one thread. A stream that can't be written any more is no reason to fail."""

    def __init__(self, cases: Sequence[Case], stream: TextIO | None = None) -> None:
        self._cases = cases
        self._stream = sys.stderr if stream is None else stream
        self._live = self._stream.isatty()
        self._clock = SystemClock()
        self._states: dict[str, str] = {case.id: WAITING for case in cases}
        self._began: timedelta | None = None
        self._drawn_at: timedelta | None = None
        self._lines = 0

    def say(self, text: str) -> None:
        """Write a line that stays, above the table."""
        self._write(self._wiped() + text + "\n" + self._table())

    def begin(self, case: Case) -> None:
        """A case begins."""
        self._began = self._clock.monotonic()
        self._states[case.id] = RUNNING
        if self._live:
            self.tick(now=True)
        else:
            self._write(f"{case.id}  {case.title} ({case.priority}): {RUNNING}\n")

    def end(self, case: Case, result: CaseResult) -> None:
        """A case has ended."""
        took = self._elapsed()
        self._states[case.id] = f"{result.status}  {took}"
        if self._live:
            self.tick(now=True)
        else:
            self._write(f"{case.id}  {case.title} ({case.priority}): {result.status} in {took}{_why(result)}\n")

    def tick(self, *, now: bool = False) -> None:
        """Let time show; to be called as often as one likes."""
        if not self._live or self._began is None:
            return
        at = self._clock.monotonic()
        if now or self._drawn_at is None or at - self._drawn_at >= REDRAWN_EVERY:
            self._drawn_at = at
            self._write(self._wiped() + self._table())

    def _table(self) -> str:
        if not self._live or self._began is None:
            return ""
        states = {
            name: f"{state}  {self._elapsed()}" if state == RUNNING else state for name, state in self._states.items()
        }
        rows = [f"  {case.id}  {case.priority}  {case.title:<36}{states[case.id]}" for case in self._cases]
        self._lines = len(rows)
        return "".join(f"{row}\n" for row in rows)

    def _wiped(self) -> str:
        lines, self._lines = self._lines, 0
        return f"\x1b[{lines}A\x1b[J" if lines else ""

    def _elapsed(self) -> str:
        began = self._began or timedelta()
        return f"{(self._clock.monotonic() - began).total_seconds():.0f} s"

    def _write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()


def _why(result: CaseResult) -> str:
    if result.error is not None:
        return f": {result.error}"
    if result.status is CaseStatus.FAIL:
        return ": " + "; ".join(f"{c.field} is {c.actual}, not {c.expected}" for c in result.failed_checks)
    return ""
