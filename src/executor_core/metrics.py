"""What a server's statement statistics said at one moment: digests, snapshots, and their units.

A `Snapshot` is a reading of ``performance_schema.events_statements_summary_by_digest`` (and, where there is
one, of ``events_statements_histogram_by_digest``), reduced to the digests wanted. Every counter is the
server's own, cumulative and unsigned; what happened between two snapshots is their difference (`window`).
Times are integer picoseconds, as the server keeps them.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, Field, StrictBool

from executor_core.errors import InvalidInput
from executor_core.model import Moment, Name, Record

COUNTER_MODULUS = 2**64
"""The server's counters are unsigned 64-bit numbers, which wrap."""

BUCKETS = 450
"""MySQL's statement histograms have buckets 0 to 449."""

Counter = Annotated[int, Field(strict=True, ge=0, lt=COUNTER_MODULUS)]
"""An unsigned 64-bit counter; text, fractions, booleans and negative numbers are refused."""

Bucket = Annotated[int, Field(ge=0, lt=BUCKETS)]

Flag = StrictBool


class EvidenceError(InvalidInput, ValueError):
    """The evidence contradicts itself or is malformed; `path` names the field: ``after[1].taken_at``."""

    code = "evidence_malformed"

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path or 'the evidence'}: {problem}")
        self.path = path
        self.problem = problem


class DigestRole(StrEnum):
    """Why a digest is in a snapshot.

    `TARGET` reads the table that gets the index, `WRITE` writes to it; a `CONTROL` belongs to the same server
    and never touches the table, so that what happens to it can't be the index's doing.
    """

    TARGET = "target"
    WRITE = "write"
    CONTROL = "control"


class DigestKey(NamedTuple):
    """The identity of a digest row: the same text run in two schemas has two rows with one digest."""

    schema_name: str | None
    digest: str


def digest_order(key: DigestKey) -> tuple[str, str]:
    """A sort key of digests that has room for the rows without a schema."""
    return (key.digest, key.schema_name or "")


def _offset_or_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


ServerMoment = Annotated[datetime, Field(strict=True), AfterValidator(_offset_or_utc)]
"""An instant as the server wrote it; one without an offset is taken for UTC."""


class DigestRow(Record):
    """One digest's cumulative counters, with the columns' own names.

    Only `digest`, `count_star` and `sum_timer_wait_ps` are needed. `sum_cpu_time_ps` is 0 or None where the
    server doesn't measure it; `histogram` holds the counts of the buckets that aren't empty.
    """

    schema_name: str | None = None
    digest: Name
    digest_text: str | None = None
    role: DigestRole | None = None
    count_star: Counter
    sum_timer_wait_ps: Counter
    sum_cpu_time_ps: Counter | None = None
    sum_lock_time_ps: Counter = 0
    sum_errors: Counter = 0
    sum_rows_examined: Counter = 0
    sum_rows_sent: Counter = 0
    sum_rows_affected: Counter = 0
    sum_no_index_used: Counter = 0
    sum_no_good_index_used: Counter = 0
    sum_select_scan: Counter = 0
    sum_select_full_join: Counter = 0
    max_timer_wait_ps: Counter | None = None
    first_seen: ServerMoment | None = None
    last_seen: ServerMoment | None = None
    histogram: Mapping[Bucket, Counter] | None = None

    @property
    def key(self) -> DigestKey:
        """The row's identity."""
        return DigestKey(self.schema_name, self.digest)


class TableShape(Record):
    """What tells that somebody changed the table itself: its definition, in short, and about how many rows it has.

    `definition` is equal for equal columns and indexes; the run's own, and any that Executor built, is left out.
    `rows` is the server's estimate, which may be off by 40 %.
    """

    definition: Name
    rows: Counter


class Snapshot(Record):
    """One reading of the counters of the digests wanted.

    `digests_lost` is the status variable ``Performance_schema_digest_lost``: where it grows, a digest that is
    absent may still have run. `index_usage` holds the counters of
    ``table_io_waits_summary_by_index_usage`` by index name; `table` is None where nobody looked, or it is gone.
    """

    taken_at: Annotated[Moment, Field(strict=True)]
    server_uuid: str | None = None
    uptime_s: Counter | None = None
    digests_lost: Counter = 0
    digests: tuple[DigestRow, ...]
    index_usage: Mapping[str, Mapping[str, Counter]] | None = None
    table: TableShape | None = None
