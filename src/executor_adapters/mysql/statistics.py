"""The statement statistics: which digests to watch, and their counters at one moment.

How a table is asked matters here. A digest table of 10,000 rows answers a few digests of one schema fastest
through its index, many of them fastest in one scan; the histogram table, 450 rows to a digest, must never be
scanned.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import chain, islice
from operator import attrgetter
from typing import Any, NamedTuple

from executor_adapters.mysql import digest_text
from executor_adapters.mysql.catalogue import performance_schema_rows, server_uuid, table_facts
from executor_adapters.mysql.connection import Connection
from executor_core.index_definition import IndexDefinition
from executor_core.metrics import DigestKey, DigestRole, DigestRow, Snapshot
from executor_core.ports import Clock
from executor_core.scope import SYSTEM_SCHEMAS
from executor_core.target import WatchedDigest

MAX_READS = 12
MAX_WRITES = 12
MAX_CONTROLS = 8
MAX_CONTROL_CANDIDATES = 40
MAX_INDEXED_LOOKUPS = 8
"""Up to so many digests of one schema are looked up one by one; more of them in one scan."""
MAX_HISTOGRAMS = 32
MAX_OTHER_HISTOGRAMS = 12
"""Histograms that are read besides those of targets; each costs the server some 17 ms."""

_DIGESTS = "performance_schema.events_statements_summary_by_digest"
_HISTOGRAMS = "performance_schema.events_statements_histogram_by_digest"
_COUNTERS: Mapping[str, str] = {
    "count_star": "COUNT_STAR",
    "sum_timer_wait_ps": "SUM_TIMER_WAIT",
    "sum_lock_time_ps": "SUM_LOCK_TIME",
    "sum_errors": "SUM_ERRORS",
    "sum_rows_examined": "SUM_ROWS_EXAMINED",
    "sum_rows_sent": "SUM_ROWS_SENT",
    "sum_rows_affected": "SUM_ROWS_AFFECTED",
    "sum_no_index_used": "SUM_NO_INDEX_USED",
    "sum_no_good_index_used": "SUM_NO_GOOD_INDEX_USED",
    "sum_select_scan": "SUM_SELECT_SCAN",
    "sum_select_full_join": "SUM_SELECT_FULL_JOIN",
    "max_timer_wait_ps": "MAX_TIMER_WAIT",
}
_USAGE: Mapping[str, str] = {
    f"{what}_{operation}{unit}": f"{what}_{operation}".upper()
    for operation in ("fetch", "insert", "update", "delete")
    for what, unit in (("count", ""), ("sum_timer", "_ps"))
}


SAMPLE = "executor_sample"
"""What our own readings of a table are called in their text: they are none of the application."""


class KnownDigest(NamedTuple):
    """A row of the digest table, as far as choosing needs it."""

    schema_name: str | None
    digest: str
    text: str
    executions: int
    total_time: int
    recent: bool

    @property
    def key(self) -> DigestKey:
        """The row's identity."""
        return DigestKey(self.schema_name, self.digest)


def choose_digests(connection: Connection, index: IndexDefinition, targets: Sequence[str]) -> Sequence[WatchedDigest]:
    """Return the targets that are known, the table's heaviest reads and writes, and the busiest reads of others."""
    known = [
        KnownDigest(*row)
        for row in performance_schema_rows(
            connection,
            "SELECT SCHEMA_NAME, DIGEST, COALESCE(DIGEST_TEXT, ''), COUNT_STAR, SUM_TIMER_WAIT,"  # noqa: S608
            f" LAST_SEEN >= NOW() - INTERVAL 1 HOUR FROM {_DIGESTS} WHERE DIGEST IS NOT NULL"
            f" AND LOCATE('{SAMPLE}', COALESCE(DIGEST_TEXT, '')) = 0",
        )
    ]
    table = connection.table_name(index.table_name)
    watched = dict.fromkeys(target_keys(known, connection.database, targets), DigestRole.TARGET)
    for role, touches, most in (
        (DigestRole.TARGET, digest_text.reads, MAX_READS),
        (DigestRole.WRITE, digest_text.writes_to, MAX_WRITES),
    ):
        touching = partial(touches, table_name=table)
        for digest in table_digests(known, connection.database, touching, besides=watched, most=most):
            watched[digest.key] = role
    candidates = control_candidates(known, table, besides=watched)
    views = _views(connection, {candidate.schema_name for candidate in candidates} | {connection.database})
    direct = (known for known in candidates if not any(digest_text.names(known.text, view) for view in views))
    for control in islice(direct, MAX_CONTROLS):
        watched[control.key] = DigestRole.CONTROL
    return [WatchedDigest(key=key, role=role) for key, role in watched.items()]


def target_keys(known: Iterable[KnownDigest], schema: str, targets: Sequence[str]) -> list[DigestKey]:
    """Return the rows of the targets, in their order: those of `schema`, or else run without a default schema."""
    rows = {(digest.schema_name, digest.digest.casefold()): digest.key for digest in known}
    found = (rows.get((schema, target.casefold())) or rows.get((None, target.casefold())) for target in targets)
    return list(dict.fromkeys(key for key in found if key is not None))


def table_digests(
    known: Iterable[KnownDigest],
    schema: str,
    touches: Callable[[str], bool],
    *,
    besides: Iterable[DigestKey],
    most: int,
) -> list[KnownDigest]:
    """Return the digests of `schema` whose text `touches` the table, the most total time first, at most `most`."""
    taken = set(besides)
    touching = [
        digest
        for digest in known
        if digest.schema_name in (schema, None) and digest.key not in taken and touches(digest.text)
    ]
    return sorted(touching, key=attrgetter("total_time"), reverse=True)[:most]


def control_candidates(known: Iterable[KnownDigest], table: str, *, besides: Iterable[DigestKey]) -> list[KnownDigest]:
    """Return what reads other tables and ran within the hour, the most executed first."""
    taken = set(besides)
    controls = [
        digest
        for digest in known
        if digest.recent
        and digest.key not in taken
        and (digest.schema_name or "").lower() not in SYSTEM_SCHEMAS
        and digest_text.reads_elsewhere(digest.text, table)
    ]
    return sorted(controls, key=attrgetter("executions"), reverse=True)[:MAX_CONTROL_CANDIDATES]


def snapshot(
    connection: Connection, index: IndexDefinition, digests: Sequence[WatchedDigest], clock: Clock
) -> Snapshot:
    """Return the counters of `digests` and of the table's indexes, and its shape; `taken_at` is our own clock."""
    status = {
        str(name).lower(): int(value)
        for name, value in connection.rows(
            "SHOW GLOBAL STATUS WHERE Variable_name IN ('Uptime', 'Performance_schema_digest_lost')"
        )
    }
    uuid = server_uuid(connection)
    cpu_measured = _cpu_measured(connection)
    taken_at = clock.now()
    rows = _digest_rows(connection, [watched.key for watched in digests])
    histograms = _histograms(connection, digests)
    table = table_facts(connection, index.table_name)
    return Snapshot(
        taken_at=taken_at,
        server_uuid=uuid,
        uptime_s=status.get("uptime"),
        digests_lost=status.get("performance_schema_digest_lost", 0),
        digests=tuple(
            DigestRow.model_validate(
                rows[watched.key]
                | ({} if cpu_measured else {"sum_cpu_time_ps": None})
                | {"role": watched.role, "histogram": histograms.get(watched.key)}
            )
            for watched in digests
            if watched.key in rows
        ),
        index_usage=_index_usage(connection, index),
        table=None if table is None else table.shape_besides(index),
    )


def histogram_upper_bounds_ps(connection: Connection) -> tuple[int, ...]:
    """Return the upper bounds of the histograms' buckets, in picoseconds; none where there are no histograms."""
    if not connection.dialect.histograms:
        return ()
    rows = performance_schema_rows(
        connection,
        "SELECT BUCKET_TIMER_HIGH FROM performance_schema.events_statements_histogram_global ORDER BY BUCKET_NUMBER",
    )
    return tuple(bound for (bound,) in rows)


def _digest_rows(connection: Connection, keys: Sequence[DigestKey]) -> dict[DigestKey, dict[str, Any]]:
    """Return the columns of the rows wanted, by key: one statement, whichever of the two ways is cheaper."""
    if not keys:
        return {}
    counters = dict(_COUNTERS) | ({"sum_cpu_time_ps": "SUM_CPU_TIME"} if connection.dialect.cpu_time else {})
    columns = ", ".join(("SCHEMA_NAME", "DIGEST", "DIGEST_TEXT", "FIRST_SEEN", "LAST_SEEN", *counters.values()))
    wanted = sorted({key.digest for key in keys})
    schemas = {key.schema_name for key in keys}
    one_schema = len(schemas) == 1 and None not in schemas and len(wanted) <= MAX_INDEXED_LOOKUPS
    rows = performance_schema_rows(
        connection,
        f"SELECT {columns} FROM {_DIGESTS} WHERE DIGEST IN ({_marks(wanted)})"  # noqa: S608
        + (" AND SCHEMA_NAME = %s" if one_schema else ""),
        *wanted,
        *(schemas if one_schema else ()),
    )
    found: dict[DigestKey, dict[str, Any]] = {}
    for schema, digest, text, first_seen, last_seen, *values in rows:
        found[DigestKey(schema, digest)] = {
            "schema_name": schema,
            "digest": digest,
            "digest_text": text,
            "first_seen": _moment(first_seen),
            "last_seen": _moment(last_seen),
            **dict(zip(counters, values, strict=True)),
        }
    return {key: found[key] for key in keys if key in found}


def _histograms(connection: Connection, digests: Sequence[WatchedDigest]) -> dict[DigestKey, dict[int, int]]:
    """Return the buckets that are not empty, of the targets and of the first others."""
    if not connection.dialect.histograms:
        return {}
    targets = [watched.key for watched in digests if watched.role is DigestRole.TARGET]
    others = [watched.key for watched in digests if watched.role is not DigestRole.TARGET]
    by_schema: defaultdict[str | None, list[str]] = defaultdict(list)
    for key in islice(chain(targets, others[:MAX_OTHER_HISTOGRAMS]), MAX_HISTOGRAMS):
        by_schema[key.schema_name].append(key.digest)
    found: dict[DigestKey, dict[int, int]] = {
        DigestKey(schema, digest): {} for schema, wanted in by_schema.items() for digest in wanted
    }
    for schema, wanted in by_schema.items():
        rows = performance_schema_rows(
            connection,
            # The schema, or its absence, is what lets the server use the table's index.
            f"SELECT DIGEST, BUCKET_NUMBER, COUNT_BUCKET FROM {_HISTOGRAMS}"  # noqa: S608
            f" WHERE SCHEMA_NAME <=> %s AND DIGEST IN ({_marks(wanted)}) AND COUNT_BUCKET > 0",
            schema,
            *wanted,
        )
        for digest, bucket, count in rows:
            found[DigestKey(schema, digest)][bucket] = count
    return found


def _index_usage(connection: Connection, index: IndexDefinition) -> dict[str, dict[str, int]]:
    rows = performance_schema_rows(
        connection,
        f"SELECT INDEX_NAME, {', '.join(_USAGE.values())}"  # noqa: S608
        " FROM performance_schema.table_io_waits_summary_by_index_usage"
        " WHERE OBJECT_TYPE = 'TABLE' AND OBJECT_SCHEMA = %s AND OBJECT_NAME = %s AND INDEX_NAME IS NOT NULL",
        connection.database,
        connection.table_name(index.table_name),
    )
    return {name: dict(zip(_USAGE, values, strict=True)) for name, *values in rows}


def _cpu_measured(connection: Connection) -> bool:
    """Whether SUM_CPU_TIME counts; while its consumer is off it stands still, at 0 or at what it was."""
    return connection.dialect.cpu_time and performance_schema_rows(
        connection,
        "SELECT ENABLED FROM performance_schema.setup_consumers WHERE NAME = 'events_statements_cpu'",
    ) == [("YES",)]


def _views(connection: Connection, schemas: Iterable[str | None]) -> list[str]:
    """Return the views of some schemas: a read of one may be a read of the table."""
    wanted = [schema for schema in schemas if schema is not None]
    rows = connection.rows(
        f"SELECT TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA IN ({_marks(wanted)})",  # noqa: S608
        *wanted,
    )
    return [str(name) for (name,) in rows]


def _marks(values: Sequence[object]) -> str:
    return ", ".join(["%s"] * len(values))


def _moment(value: object) -> datetime | None:
    """Return a time of the server, whose session is in UTC; its zero date is no time at all."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else None
