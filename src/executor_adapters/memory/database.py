"""A target database in memory: one client process of a `FakeServer`, with all that can happen between the two."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from executor_adapters.memory.builds import Build
from executor_adapters.memory.faults import Faults
from executor_adapters.memory.server import FakeServer
from executor_adapters.memory.workload import UPPER_BOUNDS_PS, Query
from executor_core.errors import ExecutorError, OutcomeUnknown, Refused, Unavailable
from executor_core.index_definition import IndexDefinition
from executor_core.metrics import DigestRole, Snapshot
from executor_core.model import RunId
from executor_core.ports import StillOurs, unquestioned
from executor_core.surroundings import Surroundings
from executor_core.target import (
    BuildOrder,
    BuildOutcome,
    BuildReport,
    IndexFacts,
    RunningChange,
    TargetFacts,
    WatchedDigest,
)

MAX_CONTROLS = 5


class FakeDatabase:
    """The `TargetDatabase` of tests, as one process sees it. Several may share one `server`.

    A process that dies leaves its build behind, which goes on and keeps the advisory lock: `crash` this one and
    go on with another on the same server.
    """

    def __init__(self, server: FakeServer) -> None:
        self.server = server
        self.faults = Faults()
        self._builds: dict[tuple[str, str], Build] = {}
        self._detached: set[int] = set()
        self._losses: dict[str, list[bool]] = {}

    # --- what a test arranges -----------------------------------------------------------------------------

    def fail(self, call: str, error: ExecutorError, *, times: int | None = None, after: int = 0) -> None:
        """Make a method of the port raise `error`; see `Faults.fail`."""
        self.faults.fail(call, error, times=times, after=after)

    def on(self, call: str, callback: Callable[[], None]) -> None:
        """Have `callback` called when a method of the port has taken effect."""
        self.faults.on(call, callback)

    def lose_connection(self, call: str, *, happened: bool) -> None:
        """Lose the connection in the next ``start_build``, ``publish_index`` or ``drop_index``.

        The change `happened`, or never will. Nobody can tell which from the answer: a build is reported as
        `UNKNOWN`, the others raise `OutcomeUnknown`.
        """
        self._losses.setdefault(call, []).append(happened)

    def lose_build_connection(self) -> None:
        """Lose the connections of the builds under way: they go on, and are reported as `UNKNOWN`."""
        self._detached.update(build.connection_id for build in self._builds.values() if build.report is None)

    def crash(self) -> None:
        """Die: this process forgets its builds; the server goes on with them."""
        self._builds.clear()

    # --- the port -----------------------------------------------------------------------------------------

    @property
    def schema_name(self) -> str:
        return self.server.schema_name

    def inspect(self, index: IndexDefinition) -> TargetFacts:
        self.faults.strike("inspect")
        facts = TargetFacts(
            server=self.server.facts(),
            table=self.server.table(index.table_name),
            running=self.server.change(index.table_name),
            can_stage=self.server.can_stage,
        )
        self.faults.took_effect("inspect")
        return facts

    def survey(self, index: IndexDefinition) -> Surroundings:
        self.faults.strike("survey")
        seen = self.server.surroundings(index.table_name)
        self.faults.took_effect("survey")
        return seen

    def start_build(self, order: BuildOrder, still_ours: StillOurs = unquestioned) -> None:
        self.faults.strike("start_build")
        self.server.settle()
        mine = [build for (table, _), build in self._builds.items() if table == order.index.table_name]
        if any(self._report_of(build) is None for build in mine):
            raise Unavailable(f"a build of this process already runs on the table {order.index.table_name!r}")
        if self.server.change(order.index.table_name) is None:
            with self.server.holding_advisory_lock(order.index.table_name):
                still_ours()
        happened = self._lost("start_build")
        if happened is False:
            now = self.server.clock.monotonic()
            lost = Build(connection_id=0, order=order, begun_at=now, stage_since=now)
            lost.report = BuildReport(outcome=BuildOutcome.UNKNOWN, error="the connection was lost")
            self._builds[_key(order.index)] = lost
        else:
            build = self._builds[_key(order.index)] = self.server.begin(order)
            if happened:
                self._detached.add(build.connection_id)
        self.faults.took_effect("start_build")

    def build_report(self, index: IndexDefinition) -> BuildReport | None:
        self.faults.strike("build_report")
        self.server.settle()
        if _key(index) not in self._builds:
            raise Refused(f"this process started no build of {index.index_name} on the table {index.table_name!r}")
        report = self._report_of(self._builds[_key(index)])
        self.faults.took_effect("build_report")
        return report

    def running_change(self, index: IndexDefinition) -> RunningChange | None:
        self.faults.strike("running_change")
        change = self.server.change(index.table_name)
        self.faults.took_effect("running_change")
        return change

    def stop_build(self, change: RunningChange) -> None:
        self.faults.strike("stop_build")
        if change.marker is not None:
            self.server.kill(change.connection_id, change.marker)
        self.faults.took_effect("stop_build")

    def end_own_build(self, index: IndexDefinition) -> None:
        self.faults.strike("end_own_build")
        build = self._builds.get(_key(index))
        if build is not None:
            self.server.kill(build.connection_id, build.order.marker)
        self.faults.took_effect("end_own_build")

    def drop_index(
        self, index: IndexDefinition, run_id: RunId, lock_wait: timedelta, still_ours: StillOurs = unquestioned
    ) -> None:
        self.faults.strike("drop_index")
        there = self._ours(index, run_id)
        if there is not None:

            def drop() -> None:
                if there.visible:
                    self.server.hide(index.table_name, there.name)
                self.server.drop(index.table_name, there.name)

            with self.server.holding_advisory_lock(index.table_name):
                still_ours()
                self._changing("drop_index", index, lock_wait, drop)
        self.faults.took_effect("drop_index")

    def open_transactions(self) -> Mapping[str, str]:
        self.faults.strike("open_transactions")
        if not self.server.can_stage:
            raise Refused("this account does not see the open transactions of every account")
        seen = self.server.transactions()
        self.faults.took_effect("open_transactions")
        return seen

    def end_idle_transactions(
        self, index: IndexDefinition, idle_for: timedelta, transactions: Collection[str]
    ) -> Sequence[str]:
        self.faults.strike("end_idle_transactions")
        ended = self.server.end_idle(index.table_name, idle_for, transactions)
        self.faults.took_effect("end_idle_transactions")
        return ended

    def publish_index(
        self, index: IndexDefinition, run_id: RunId, lock_wait: timedelta, still_ours: StillOurs = unquestioned
    ) -> None:
        self.faults.strike("publish_index")
        there = self._ours(index, run_id)
        if there is None:
            raise Refused(f"the index {index.index_name!r} is not there")
        if not there.visible:
            with self.server.holding_advisory_lock(index.table_name):
                still_ours()
                self._changing(
                    "publish_index", index, lock_wait, lambda: self.server.publish(index.table_name, there.name)
                )
        self.faults.took_effect("publish_index")

    def choose_digests(self, index: IndexDefinition, targets: Sequence[str]) -> Sequence[WatchedDigest]:
        self.faults.strike("choose_digests")
        self.server.settle()
        known = {query.digest: query for query in self.server.queries() if self.server.statistics.row(query)}
        wanted = [known[digest] for digest in dict.fromkeys(targets) if digest in known]
        others = [query for query in known.values() if query not in wanted]
        table = [query for query in others if query.table == index.table_name]
        controls = [query for query in others if query.table != index.table_name][:MAX_CONTROLS]
        chosen = [self._watched(query, index) for query in (*wanted, *table, *controls)]
        self.faults.took_effect("choose_digests")
        return chosen

    def snapshot(self, index: IndexDefinition, digests: Sequence[WatchedDigest]) -> Snapshot:
        self.faults.strike("snapshot")
        self.server.settle()
        by_key = {self.server.statistics.key_of(query): query for query in self.server.queries()}
        rows = [
            row
            for watched in digests
            if watched.key in by_key
            and (row := self.server.statistics.row(by_key[watched.key], watched.role)) is not None
        ]
        table = self.server.table(index.table_name)
        snapshot = Snapshot(
            taken_at=self.server.now(),
            server_uuid=self.server.facts().server_uuid,
            uptime_s=self.server.uptime // timedelta(seconds=1),
            digests=tuple(rows),
            index_usage=None if table is None else self.server.statistics.usage(index.table_name, table.indexes),
            table=None if table is None else table.shape_besides(index),
        )
        self.faults.took_effect("snapshot")
        return snapshot

    def histogram_upper_bounds_ps(self) -> tuple[int, ...]:
        self.faults.strike("histogram_upper_bounds_ps")
        return UPPER_BOUNDS_PS if self.server.statistics.histograms else ()

    def plans_using(self, index: IndexDefinition, digests: Sequence[WatchedDigest]) -> dict[str, bool]:
        self.faults.strike("plans_using")
        table = self.server.table(index.table_name)
        watched = {digest.key for digest in digests}
        plans: dict[str, bool] = {}
        for query in self.server.queries():
            if table is None or not query.explainable or query.table != index.table_name:
                continue
            if self.server.statistics.key_of(query) in watched and not query.writes:
                shown = [replace(there, visible=there.visible or there.is_named(index)) for there in table.indexes]
                used = query.index_used(shown)
                plans[query.digest] = used is not None and used.is_named(index)
        self.faults.took_effect("plans_using")
        return plans

    # --- inside -------------------------------------------------------------------------------------------

    def _ours(self, index: IndexDefinition, run_id: RunId) -> IndexFacts | None:
        """Return the index as it is there, or None; refuse where it is somebody else's."""
        if self.server.change(index.table_name) is not None:
            raise Unavailable("the table's advisory lock is held by another connection")
        table = self.server.table(index.table_name)
        there = None if table is None else table.index_named(index.index_name)
        if there is not None and not there.is_built_by(run_id, index):
            raise Refused(f"the index {index.index_name!r} was not built by run {run_id}; it was left alone")
        return there

    def _changing(self, call: str, index: IndexDefinition, lock_wait: timedelta, change: Callable[[], None]) -> None:
        """Wait for the metadata lock and make the change, as far as the connection lasts."""
        if not self.server.wait_for_lock(index.table_name, lock_wait):
            raise Unavailable("the table's metadata lock was not to be had in time (1205)")
        happened = self._lost(call)
        if happened is not False:
            change()
        if happened is not None:
            raise OutcomeUnknown("the connection was lost while the index was being changed")

    def _report_of(self, build: Build) -> BuildReport | None:
        if build.connection_id in self._detached:
            return BuildReport(outcome=BuildOutcome.UNKNOWN, error="the connection was lost")
        return build.report

    def _lost(self, call: str) -> bool | None:
        """Whether the change of a lost connection happened; None when no connection is lost."""
        losses = self._losses.get(call)
        return losses.pop(0) if losses else None

    def _watched(self, query: Query, index: IndexDefinition) -> WatchedDigest:
        role = (
            DigestRole.CONTROL
            if query.table != index.table_name
            else DigestRole.WRITE
            if query.writes
            else DigestRole.TARGET
        )
        return WatchedDigest(key=self.server.statistics.key_of(query), role=role)


def _key(index: IndexDefinition) -> tuple[str, str]:
    return index.table_name, index.index_name.casefold()
