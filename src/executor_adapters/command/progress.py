"""Progress for people, on standard error: plain lines anywhere, one live line on a terminal as well."""

import sys
import threading
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, TextIO

from executor_adapters.durations import write_duration
from executor_core.lifecycle import Phase
from executor_core.ports import Notice

_PHASES = {
    Phase.CHECKING: "claimed; checking the kill switch and the table",
    Phase.SAMPLING_BASELINE: "measuring the table's queries before the change",
    Phase.BUILDING: "building the index online",
    Phase.STOPPING_BUILD: "stopping the build",
    Phase.BUILT: "the index is built; checking the kill switch again",
    Phase.DRAINING: "the index is hidden until every older transaction is gone",
    Phase.PUBLISHING: "publishing the index",
    Phase.WATCHING: "measuring the same queries with the index",
    Phase.ROLLING_BACK: "taking the index back",
}


class ProgressLines:
    """An observer that tells a person how runs are doing; from any thread.

    A stream that can't be written any more, such as that of a terminal which was closed, is no reason to fail.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._live = self._stream.isatty()
        self._shown = ""
        self._lock = threading.Lock()

    def notice(self, notice: Notice) -> None:
        fields = notice.fields
        match notice.name:
            case "sample.taken":
                left = _left(notice.at, fields["ends_at"])
                self._show_live(f"{notice.run_id}  {fields['window']} window: {left}")
            case "build.progressed":
                self._show_live(f"{notice.run_id}  {_build(fields)}")
            case "drain.progressed":
                self._show_live(f"{notice.run_id}  waiting for {fields['remaining']} older transactions")
            case _:
                if (text := _line(notice)) is not None:
                    self.line(f"{notice.at:%H:%M:%S}  {notice.run_id}  {text}")

    def line(self, text: str) -> None:
        """Write a line that stays."""
        with self._lock, suppress(OSError, ValueError):
            self._clear()
            self._stream.write(text + "\n")
            self._stream.flush()

    def _show_live(self, text: str) -> None:
        if self._live:
            with self._lock, suppress(OSError, ValueError):
                self._clear()
                self._stream.write(text)
                self._stream.flush()
                self._shown = text

    def _clear(self) -> None:
        if self._shown:
            self._stream.write("\r" + " " * len(self._shown) + "\r")
            self._shown = ""


def _line(notice: Notice) -> str | None:
    fields: dict[str, Any] = notice.fields
    match notice.name:
        case "phase.entered":
            return _PHASES.get(fields["phase"])
        case "run.claimed":
            return "taken over from another worker" if fields["phase"] != Phase.CLAIMED else None
        case "rollback.begun":
            return f"taking the index back by hand: {fields['reason']}"
        case "run.finished":
            return f"{fields['status']}: {fields['message']}"
        case "kill_switch.read":
            return f"the kill switch can't be read: {fields['error']}" if fields["error"] else None
        case "verdict.deferred":
            return f"not decided yet, measuring on: {fields['message']}"
        case "baseline.assessed":
            if not fields["decidable"]:
                return "these digests are too rare to be judged, even in the longest window"
            return "the baseline is noisy; measuring longer" if fields["extend"] else None
        case "build.postponed" | "publish.postponed" | "rollback.postponed":
            return f"the table is busy; trying again in {fields['next_try_in_s']} s: {fields['why']}"
        case "target.unreachable" | "drop.failed" | "publish.failed" | "build.stop_failed":
            return f"{notice.name.replace('.', ' ')}: {fields['error']}"
        case "claim.refused":
            return f"not claimed: {fields['reason']}"
        case _:
            return None


def _left(now: datetime, ends_at: datetime) -> str:
    left = max(timedelta(0), timedelta(seconds=round((ends_at - now).total_seconds())))
    return f"{write_duration(left)} left"


def _build(fields: dict[str, Any]) -> str:
    progress = fields["progress"]
    share = "" if progress is None else f" {progress:.0%}"
    return f"building{share} {fields['stage'] or ''}".rstrip()
