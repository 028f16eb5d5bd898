"""A model of an application's statements: how often each runs, and what it costs with the indexes there are.

The statistics that come of it are the server's own kind: cumulative counters by digest, which only grow. They
are exact: the same time passed in one piece or in many gives the same numbers.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from functools import cached_property
from hashlib import sha256

from executor_core.metrics import BUCKETS, DigestKey, DigestRole, DigestRow
from executor_core.target import IndexFacts

_FIRST_BUCKET_PS = 10_000_000
_BUCKETS_PER_DECADE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one execution costs. `full_scan` is one that no index served."""

    latency: timedelta
    rows_examined: int
    rows_sent: int = 0
    rows_affected: int = 0
    full_scan: bool = False


@dataclass(frozen=True, kw_only=True)
class Query:
    """One kind of statement of the application: how often it runs, and its cost.

    `indexed` gives the cost where an index begins with a column: cheaper reads, or dearer ones, or the price
    that a write pays for keeping the index. `table` is None for statements on other tables than those of a run.
    """

    text: str
    per_second: float
    cost: Cost
    table: str | None = None
    indexed: Mapping[str, Cost] = field(default_factory=dict[str, Cost])
    writes: bool = False
    explainable: bool = True

    @cached_property
    def digest(self) -> str:
        """The digest of the statement, made from its text."""
        return sha256(self.text.encode()).hexdigest()

    @cached_property
    def per_microsecond(self) -> Fraction:
        """How often it runs, exactly."""
        return Fraction(self.per_second).limit_denominator(1_000_000) / 1_000_000

    def index_used(self, indexes: Iterable[IndexFacts]) -> IndexFacts | None:
        """Return the first of the table's visible indexes that decides the statement's cost, or None."""
        for index in indexes:
            if index.visible and index.key_parts and index.key_parts[0] is not None:
                column = index.key_parts[0].column.casefold()
                if column in (name.casefold() for name in self.indexed):
                    return index
        return None

    def cost_with(self, indexes: Iterable[IndexFacts]) -> Cost:
        """Return the cost of one execution with these indexes on the table."""
        index = self.index_used(indexes)
        if index is None or index.key_parts[0] is None:
            return self.cost
        column = index.key_parts[0].column.casefold()
        return next(cost for name, cost in self.indexed.items() if name.casefold() == column)


@dataclass(slots=True)
class _Counters:
    """One digest's row, growing. `begun` is the part of an execution that has not ended yet."""

    first_seen: datetime
    begun: Fraction = Fraction()
    executions: int = 0
    time_ps: int = 0
    longest_ps: int = 0
    rows_examined: int = 0
    rows_sent: int = 0
    rows_affected: int = 0
    full_scans: int = 0
    histogram: dict[int, int] = field(default_factory=dict[int, int])
    last_seen: datetime | None = None

    def execute(self, executions: int, cost: Cost, now: datetime) -> None:
        latency_ps = cost.latency // timedelta(microseconds=1) * 1_000_000
        self.executions += executions
        self.time_ps += executions * latency_ps
        self.longest_ps = max(self.longest_ps, latency_ps)
        self.rows_examined += executions * cost.rows_examined
        self.rows_sent += executions * cost.rows_sent
        self.rows_affected += executions * cost.rows_affected
        self.full_scans += executions * cost.full_scan
        bucket = bucket_of(latency_ps)
        self.histogram[bucket] = self.histogram.get(bucket, 0) + executions
        self.last_seen = now


def bucket_of(latency_ps: int) -> int:
    """Return the number of the histogram bucket of one latency, as MySQL numbers them."""
    if latency_ps < _FIRST_BUCKET_PS:
        return 0
    return min(BUCKETS - 1, 1 + math.floor(_BUCKETS_PER_DECADE * math.log10(latency_ps / _FIRST_BUCKET_PS)))


UPPER_BOUNDS_PS = tuple(round(_FIRST_BUCKET_PS * 10 ** (i / _BUCKETS_PER_DECADE)) for i in range(BUCKETS))
"""The upper bound of each bucket."""


class Statistics:
    """The digest table of one schema and the usage of its tables' indexes. `histograms` is what MySQL has."""

    def __init__(self, schema_name: str, *, histograms: bool = True) -> None:
        self._schema_name = schema_name
        self.histograms = histograms
        self._counters: dict[str, _Counters] = {}
        self._usage: dict[str, dict[str, int]] = {}

    def run(self, query: Query, duration: timedelta, indexes: Iterable[IndexFacts], now: datetime) -> None:
        """Count what `query` did in the `duration` that ends at `now`."""
        indexes = tuple(indexes)
        counters = self._counters.get(query.digest) or _Counters(first_seen=now)
        begun = counters.begun + query.per_microsecond * (duration // timedelta(microseconds=1))
        executions, counters.begun = divmod(begun, 1)
        # Kept from the first moment on, though the row is there only when an execution has ended.
        self._counters[query.digest] = counters
        if executions:
            cost = query.cost_with(indexes)
            counters.execute(executions, cost, now)
            used = query.index_used(indexes)
            if used is not None and query.table is not None and not query.writes:
                usage = self._usage.setdefault(query.table, {})
                usage[used.name] = usage.get(used.name, 0) + executions * cost.rows_examined

    def row(self, query: Query, role: DigestRole | None = None) -> DigestRow | None:
        """Return the digest's row, or None where the server has none."""
        counters = self._counters.get(query.digest)
        if counters is None or not counters.executions:
            return None
        return DigestRow(
            schema_name=self._schema_name,
            digest=query.digest,
            digest_text=query.text,
            role=role,
            count_star=counters.executions,
            sum_timer_wait_ps=counters.time_ps,
            max_timer_wait_ps=counters.longest_ps,
            sum_rows_examined=counters.rows_examined,
            sum_rows_sent=counters.rows_sent,
            sum_rows_affected=counters.rows_affected,
            sum_no_index_used=counters.full_scans,
            sum_select_scan=counters.full_scans,
            first_seen=counters.first_seen,
            last_seen=counters.last_seen,
            histogram=dict(counters.histogram) if self.histograms else None,
        )

    def written(self, queries: Iterable[Query]) -> int:
        """Return how many rows the writes among `queries` have inserted: what else they may do is not modelled."""
        return sum(self._counters[q.digest].rows_affected for q in queries if q.writes and q.digest in self._counters)

    def usage(self, table_name: str, indexes: Iterable[IndexFacts]) -> dict[str, dict[str, int]]:
        """Return how many rows were fetched through each index since the table was last altered."""
        fetched = self._usage.get(table_name, {})
        return {index.name: {"count_fetch": fetched.get(index.name, 0)} for index in indexes}

    def forget_usage(self, table_name: str) -> None:
        """Begin anew for one table, as adding or dropping an index makes a server do."""
        self._usage.pop(table_name, None)

    def key_of(self, query: Query) -> DigestKey:
        """Return the identity of the query's row."""
        return DigestKey(self._schema_name, query.digest)
