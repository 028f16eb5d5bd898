"""What was seen: both runs' ends, told for people and for programs, and whether it was what had to come."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from executor_adapters.command.outcome import End, result
from executor_adapters.demo.plan import CHANGES, TABLE, Change
from executor_adapters.statement_text import readable
from executor_core.carrying import Finished
from executor_core.model import ExecutionRun
from executor_core.verdict import DigestVerdict, Verdict

_WIDTH = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSeen:
    """One run as it ended, and the table's indexes as the server named them then."""

    change: Change
    run: ExecutionRun
    end: End
    indexes: tuple[str, ...]

    @property
    def verdict(self) -> Verdict | None:
        """The verdict, if one was reached."""
        return self.end.state.verdict if isinstance(self.end, Finished) else None

    @property
    def evidence(self) -> str | None:
        """Where the evidence is, if there is any."""
        return self.end.state.evidence if isinstance(self.end, Finished) else None

    @property
    def report(self) -> str | None:
        """Where the run's page is, if there is one: beside its evidence."""
        page = None if self.evidence is None else Path(self.evidence).with_suffix(".html")
        return None if page is None or not page.is_file() else str(page)

    @property
    def surprise(self) -> str | None:
        """What came otherwise than it had to, in one sentence; None when nothing did."""
        change, end = self.change, self.end
        if not isinstance(end, Finished):
            return f"{change.run_id} was not carried to its end: {end.reason}"
        verdict = "none" if self.verdict is None else str(self.verdict.status)
        if (end.state.status, verdict) != (change.status, change.verdict):
            return (
                f"{change.run_id} should have ended as {change.status} with the verdict {change.verdict}, "
                f"but ended as {end.state.status} with the verdict {verdict}: "
                f"{end.state.message or 'it gave no reason'}"
            )
        if (change.index_name in self.indexes) is not change.stays:
            return (
                f"{change.run_id} ended as {end.state.status}, but the table has the indexes {', '.join(self.indexes)}"
            )
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The whole demonstration: on what, with how many rows, and what came of it.

    `texts` has the text of every digest that a verdict may name.
    """

    engine: str
    rows: int
    runs: tuple[RunSeen, ...]
    texts: Mapping[str, str]
    worker_id: str

    @property
    def surprise(self) -> str | None:
        """The first thing that came otherwise than it had to; None when all is well."""
        if surprise := next((run.surprise for run in self.runs if run.surprise is not None), None):
            return surprise
        missing = [change.run_id for change in CHANGES[len(self.runs) :]]
        return f"{missing[0]} was not run" if missing else None

    def as_json(self) -> dict[str, Any]:
        """Return the account as ``demo --json`` prints it: each run as ``run --json`` has it, and more."""
        return {
            "engine": self.engine,
            "rows": self.rows,
            "ok": self.surprise is None,
            "message": self.surprise or "the helpful index was kept, the harmful one was taken back",
            "runs": [
                result(seen.run, seen.end, self.worker_id, seen.report)
                | {"title": seen.change.title, "columns": list(seen.change.columns), "indexes": list(seen.indexes)}
                for seen in self.runs
            ],
        }

    def as_text(self) -> str:
        """Return the account for people."""
        lines = [f"Seen on {self.engine}, table {TABLE} of {self.rows:,} rows", ""]
        for number, seen in enumerate(self.runs, 1):
            lines += [f"{number}. {seen.change.title}", *(f"   {line}" for line in self._told(seen)), ""]
        if paths := [seen.evidence for seen in self.runs if seen.evidence is not None]:
            lines += ["Reach a verdict again from its evidence, with no server:"]
            lines += [f"   executor verify {path}" for path in paths]
        return "\n".join(lines) + "\n"

    def _told(self, seen: RunSeen) -> Iterator[str]:
        yield f"index     {seen.change.index_name} ({', '.join(seen.change.columns)})"
        if not isinstance(seen.end, Finished):
            yield f"run       {seen.end.reason}"
            return
        state = seen.end.state
        reason = f" ({state.fail_reason})" if state.fail_reason else ""
        yield f"run       {state.run_id}: {state.status}{reason}"
        if seen.verdict is not None:
            yield f"verdict   {seen.verdict.status}: {seen.verdict.message}"
            for digest in sorted(seen.verdict.digests, key=lambda each: not each.wanted):
                yield from self._compared(digest)
        if state.rollback is not None:
            yield f"rollback  {state.rollback.rollback_sql}"
        yield f"indexes   {', '.join(seen.indexes)}"
        if state.evidence is not None:
            yield f"evidence  {state.evidence}"
        if seen.report is not None:
            yield f"report    {seen.report}"

    def _compared(self, digest: DigestVerdict) -> Iterator[str]:
        yield f"  {digest.digest[:12]}  {readable(self.texts.get(digest.digest, ''), _WIDTH)}"
        yield (
            f"                latency {digest.avg_latency_before_ms:.2f} ms -> {digest.avg_latency_after_ms:.2f} ms"
            f" ({_change(digest.latency_change_percent)}), rows examined {digest.rows_examined_before:,.0f} ->"
            f" {digest.rows_examined_after:,.0f} ({_change(digest.rows_examined_change_percent)}),"
            f" {digest.executions_before} and {digest.executions_after} executions"
        )


def _change(percent: float | None) -> str:
    if percent is None:
        return "from nothing"
    return f"x{1 + percent / 100:,.0f}" if percent >= 900 else f"{percent:+.1f} %"
