"""Builds of a server in memory: how far each has come, how it ended, and what makes one impossible."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from executor_core.target import BuildOrder, BuildOutcome, BuildReport, TableFacts

DUPLICATE_KEY_NAME = 1061
NO_SUCH_COLUMN = 1072
NO_SUCH_TABLE = 1146
LOCK_WAIT_TIMEOUT = 1205
QUERY_INTERRUPTED = 1317
ONLINE_NOT_SUPPORTED = 1846

End = tuple[BuildOutcome, int, str]
"""How a build ended that was not done: the server's error number and text are with it."""


class Stage(StrEnum):
    """How far a build has come."""

    WAITING = "Waiting for table metadata lock"
    BUILDING = "alter table (read PK and internal sort)"
    COMMITTING = "Waiting for table metadata lock to commit"


@dataclass(slots=True, kw_only=True, eq=False)
class Build:
    """One ADD INDEX on the server. It goes on whether or not anybody waits for it."""

    connection_id: int
    order: BuildOrder
    begun_at: timedelta
    stage: Stage = Stage.WAITING
    stage_since: timedelta
    report: BuildReport | None = None

    @property
    def table_name(self) -> str:
        """The table that it changes."""
        return self.order.index.table_name

    def patience(self, work: timedelta) -> timedelta:
        """How long it waits for the lock that it needs now."""
        return self.order.tolerance.at_commit(work) if self.stage is Stage.COMMITTING else self.order.lock_wait

    def progress(self, now: timedelta, work: timedelta) -> float:
        """How much of its `work` is done, from 0 to 1."""
        if self.stage is not Stage.BUILDING:
            return 1.0 if self.stage is Stage.COMMITTING else 0.0
        return (now - self.stage_since) / work

    def reach(self, stage: Stage, at: timedelta) -> None:
        """Go on to the next stage."""
        self.stage, self.stage_since = stage, at

    def end(self, at: timedelta, outcome: BuildOutcome, number: int | None = None, error: str | None = None) -> None:
        """End, in whatever way."""
        self.report = BuildReport(
            outcome=outcome,
            error_number=number,
            error=error,
            elapsed=at - self.begun_at,
            lost_at_commit=outcome is BuildOutcome.BUSY and self.stage is Stage.COMMITTING,
        )


def impossible(order: BuildOrder, table: TableFacts | None, not_online: AbstractSet[str]) -> End | None:
    """Return the end of a build that can't be done on `table` as it is, or None."""
    index = order.index
    if table is None:
        return BuildOutcome.REFUSED, NO_SUCH_TABLE, f"Table '{index.table_name}' doesn't exist"
    known = {column.name.casefold() for column in table.columns}
    missing = [part.column for part in index.key_parts if part.column.casefold() not in known]
    if missing:
        return BuildOutcome.REFUSED, NO_SUCH_COLUMN, f"Key column '{missing[0]}' doesn't exist in table"
    if table.index_named(index.index_name) is not None:
        return BuildOutcome.NAME_TAKEN, DUPLICATE_KEY_NAME, f"Duplicate key name '{index.index_name}'"
    if not_online & {index.table_name, *(f"{index.table_name}.{part.column}" for part in index.key_parts)}:
        return BuildOutcome.NOT_ONLINE, ONLINE_NOT_SUPPORTED, "LOCK=NONE is not supported"
    return None
