"""The contract of `TargetDatabase`."""

# ruff: noqa: S101 -- asserting is what a contract does

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, timedelta
from typing import Any, Protocol

import pytest

from executor_core.ddl import Marker
from executor_core.errors import LeaseLost, Refused, StillNeeded, Unavailable
from executor_core.index_definition import IndexDefinition, KeyPart, parse_index_definition
from executor_core.metrics import BUCKETS, DigestKey, DigestRole, Snapshot
from executor_core.model import RunId
from executor_core.ports import TargetDatabase
from executor_core.surroundings import Privilege
from executor_core.target import BuildOrder, BuildOutcome, BuildReport, IndexFacts, RunningChange, WatchedDigest

TABLE = "orders"
RUN = RunId("run-1")
INDEX = parse_index_definition(TABLE, "idx_customer", ["customer_id"])
SHORT, LONG = timedelta(seconds=1), timedelta(seconds=30)
UNKNOWN = "f" * 32

CALLS: Mapping[str, Callable[[TargetDatabase], object]] = {
    "inspect": lambda target: target.inspect(INDEX),
    "survey": lambda target: target.survey(INDEX),
    "running_change": lambda target: target.running_change(INDEX),
    "drop_index": lambda target: target.drop_index(INDEX, RUN, SHORT),
    "open_transactions": lambda target: target.open_transactions(),
    "end_idle_transactions": lambda target: target.end_idle_transactions(INDEX, SHORT, []),
    "publish_index": lambda target: target.publish_index(INDEX, RUN, SHORT),
    "choose_digests": lambda target: target.choose_digests(INDEX, []),
    "snapshot": lambda target: target.snapshot(INDEX, []),
    "histogram_upper_bounds_ps": lambda target: target.histogram_upper_bounds_ps(),
}


class TargetBench(Protocol):
    """A database to test against, seen by its own administrator.

    Its schema has a table ``orders`` with the columns ``id`` (primary key), ``customer_id`` and ``status``
    (short), and ``note`` (a long text), with rows enough for an index to pay off.
    """

    @property
    def target(self) -> TargetDatabase:
        """The adapter under test."""
        ...

    def another_process(self) -> TargetDatabase:
        """The same adapter to the same schema, as another process has it."""
        ...

    def unreachable(self) -> TargetDatabase:
        """The same adapter to a server that is not there."""
        ...

    def wait(self, duration: timedelta) -> None:
        """Let time pass."""
        ...

    def add_index(self, name: str, column: str, comment: str) -> None:
        """Add an index to the table, as somebody else would."""
        ...

    def indexes(self) -> Mapping[str, str]:
        """The comments of the table's indexes by name."""
        ...

    def holding_lock(self) -> AbstractContextManager[None]:
        """Holds the table's metadata lock, as an application's open transaction does."""
        ...

    def open_transaction(self) -> AbstractContextManager[None]:
        """Keeps a transaction open that has a snapshot, and has not touched the table."""
        ...

    def need_index(self) -> None:
        """Let a foreign key of the table rely on its index on ``customer_id``."""
        ...

    def holding_advisory_lock(self) -> AbstractContextManager[None]:
        """Holds the table's advisory lock from a connection that runs no statement."""
        ...

    def read_by_customer(self, times: int) -> str:
        """Read the table `times` times by ``customer_id``, and return the statement's digest."""
        ...

    def write(self, times: int) -> str:
        """Write to the table `times` times, and return the statement's digest."""
        ...

    def read_another_table(self, times: int) -> str:
        """Read another table of the schema `times` times, and return the statement's digest."""
        ...


def order(
    index: IndexDefinition = INDEX,
    *,
    schema_name: str,
    run_id: RunId = RUN,
    lock_wait: timedelta = LONG,
    hidden: bool = False,
) -> BuildOrder:
    """An order to build `index` for `run_id`."""
    marker = Marker(run_id, 1)
    return BuildOrder(schema_name=schema_name, index=index, marker=marker, lock_wait=lock_wait, hidden=hidden)


class TargetDatabaseContract:
    """What every `TargetDatabase` must do."""

    @pytest.fixture
    def bench(self) -> TargetBench:
        """The server and the adapter under test, with no index on ``orders`` but its primary key."""
        raise NotImplementedError

    @pytest.fixture
    def target(self, bench: TargetBench) -> TargetDatabase:
        """The adapter under test."""
        return bench.target

    @pytest.fixture
    def build(self, bench: TargetBench, target: TargetDatabase) -> Callable[..., BuildReport]:
        """Builds an index and returns the report."""

        def build(index: IndexDefinition = INDEX, **named: Any) -> BuildReport:
            target.start_build(order(index, schema_name=target.schema_name, **named))
            return self.ended(bench, target, index)

        return build

    def ended(self, bench: TargetBench, target: TargetDatabase, index: IndexDefinition = INDEX) -> BuildReport:
        """Wait for the end of a build and return its report."""
        for _ in range(1200):
            report = target.build_report(index)
            if report is not None:
                return report
            bench.wait(timedelta(milliseconds=50))
        raise AssertionError("the build did not end within a minute")

    def running(self, bench: TargetBench, target: TargetDatabase) -> RunningChange:
        """Wait until the statement of a change is seen to run and return it.

        The advisory lock is taken before the statement is sent: for a moment its holder carries no marker.
        """
        for _ in range(200):
            change = target.running_change(INDEX)
            if change is not None and change.marker is not None:
                return change
            bench.wait(timedelta(milliseconds=50))
        raise AssertionError("no change was seen to run within ten seconds")

    # --- looking

    def test_a_look_tells_the_server_and_the_table(self, target: TargetDatabase) -> None:
        facts = target.inspect(INDEX)
        assert facts.server.server_uuid
        assert facts.server.version
        assert (facts.server.read_only, facts.server.performance_schema, facts.server.statement_digests) == (
            False,
            True,
            True,
        )
        table = facts.table
        assert table is not None
        assert (table.schema_name, table.table_name, table.base_table) == (target.schema_name, TABLE, True)
        assert [column.name for column in table.columns][:4] == ["id", "customer_id", "status", "note"]
        assert [(index.name, index.key_parts, index.unique) for index in table.indexes] == [
            ("PRIMARY", (KeyPart("id"),), True)
        ]
        assert facts.running is None

    def test_a_table_that_is_not_there_is_none(self, target: TargetDatabase) -> None:
        assert target.inspect(parse_index_definition("no`such", "i", ["a"])).table is None

    def test_a_look_sees_all_indexes_with_their_comments(self, bench: TargetBench, target: TargetDatabase) -> None:
        bench.add_index("theirs", "status", "somebody else's")
        table = target.inspect(INDEX).table
        assert table is not None
        theirs = table.index_named("THEIRS")
        assert theirs is not None
        assert (theirs.comment, theirs.marker, theirs.unique, theirs.visible) == ("somebody else's", None, False, True)

    def test_a_look_around_tells_what_the_account_may_do_and_who_is_in_the_way(
        self, bench: TargetBench, target: TargetDatabase
    ) -> None:
        seen = target.survey(INDEX)
        assert seen.account is not None
        assert [seen.account.lacks(privilege) for privilege in Privilege] == [False, False]
        assert seen.proxied is False
        assert seen.threads_running is not None
        assert seen.threads_running >= 1
        assert seen.online_log_bytes
        assert seen.page_bytes
        assert seen.buffer_pool_bytes
        assert seen.lock_holders in ((), None)
        with bench.holding_lock():
            bench.wait(timedelta(seconds=1.5))
            assert target.survey(INDEX).lock_holders != ()

    def test_a_look_around_a_table_that_is_not_there_is_no_error(self, target: TargetDatabase) -> None:
        assert target.survey(parse_index_definition("no`such", "i", ["a"])).threads_running is not None

    # --- building

    def test_a_build_adds_the_index_with_its_marker(
        self, bench: TargetBench, target: TargetDatabase, build: Callable[..., BuildReport]
    ) -> None:
        bench.add_index("theirs", "status", "")
        report = build()
        assert (report.outcome, report.error_number) == (BuildOutcome.DONE, None)
        assert report.elapsed >= timedelta()
        facts = target.inspect(INDEX)
        assert facts.table is not None
        assert facts.table.index_named(INDEX.index_name) == IndexFacts(
            name="idx_customer",
            key_parts=INDEX.key_parts,
            unique=False,
            kind="BTREE",
            comment="executor:run=run-1;attempt=1",
        )
        assert facts.running is None
        assert set(bench.indexes()) == {"PRIMARY", "theirs", "idx_customer"}

    def test_key_parts_are_built_as_asked_for(self, target: TargetDatabase, build: Callable[..., BuildReport]) -> None:
        index = parse_index_definition(TABLE, "o`dd 'name\"", ["note(10)", "Customer_ID", "status(5)"])
        assert build(index).outcome is BuildOutcome.DONE
        table = target.inspect(index).table
        assert table is not None
        there = table.index_named(index.index_name)
        assert there is not None
        assert there.is_built_by(RUN, index)

    def test_the_report_stays_whatever_else_is_built_on_the_table(
        self, target: TargetDatabase, build: Callable[..., BuildReport]
    ) -> None:
        report = build()
        assert target.build_report(INDEX) == report
        assert build(parse_index_definition(TABLE, "second", ["status"])).outcome is BuildOutcome.DONE
        assert target.build_report(INDEX) == report

    def test_without_a_build_there_is_no_report(self, bench: TargetBench, target: TargetDatabase) -> None:
        with pytest.raises(Refused):
            target.build_report(INDEX)
        with bench.holding_lock():
            target.start_build(order(schema_name=target.schema_name))
            with pytest.raises(Refused):
                bench.another_process().build_report(INDEX)
        self.ended(bench, target)

    def test_a_build_that_waits_is_seen_by_every_process(self, bench: TargetBench, target: TargetDatabase) -> None:
        other = bench.another_process()
        with bench.holding_lock():
            target.start_build(order(schema_name=target.schema_name))
            for seen in (self.running(bench, target), self.running(bench, other), other.inspect(INDEX).running):
                assert seen is not None
                assert seen.marker == Marker(RUN, 1)
                assert seen.progress is None or 0 <= seen.progress <= 1
            assert target.build_report(INDEX) is None
        assert self.ended(bench, target).outcome is BuildOutcome.DONE
        assert target.running_change(INDEX) is None

    def test_one_table_is_changed_by_one_at_a_time(self, bench: TargetBench, target: TargetDatabase) -> None:
        other = bench.another_process()
        with bench.holding_lock():
            target.start_build(order(schema_name=target.schema_name))
            self.running(bench, target)
            with pytest.raises(Unavailable):
                target.start_build(order(schema_name=target.schema_name))
            other.start_build(order(schema_name=target.schema_name, run_id=RunId("run-2")))
            assert self.ended(bench, other).outcome is BuildOutcome.BUSY
        assert self.ended(bench, target).outcome is BuildOutcome.DONE
        assert bench.indexes()["idx_customer"] == "executor:run=run-1;attempt=1"

    def test_a_build_waits_for_the_lock_no_longer_than_told(
        self, bench: TargetBench, target: TargetDatabase, build: Callable[..., BuildReport]
    ) -> None:
        with bench.holding_lock():
            assert build(lock_wait=SHORT).outcome is BuildOutcome.BUSY
            assert target.running_change(INDEX) is None
        assert set(bench.indexes()) == {"PRIMARY"}
        assert build().outcome is BuildOutcome.DONE

    def test_a_name_that_is_taken_is_left_alone(self, bench: TargetBench, build: Callable[..., BuildReport]) -> None:
        bench.add_index("idx_customer", "status", "theirs")
        report = build()
        assert (report.outcome, report.error_number) == (BuildOutcome.NAME_TAKEN, 1061)
        assert bench.indexes() == {"PRIMARY": "", "idx_customer": "theirs"}

    def test_what_the_server_refuses_is_reported_by_number(
        self, bench: TargetBench, target: TargetDatabase, build: Callable[..., BuildReport]
    ) -> None:
        report = build(parse_index_definition(TABLE, "i", ["no_such_column"]))
        assert (report.outcome, report.error_number) == (BuildOutcome.REFUSED, 1072)
        assert target.running_change(INDEX) is None
        assert set(bench.indexes()) == {"PRIMARY"}

    # --- stopping

    def test_a_build_can_be_stopped_from_anywhere(self, bench: TargetBench, target: TargetDatabase) -> None:
        with bench.holding_lock():
            target.start_build(order(schema_name=target.schema_name))
            change = self.running(bench, target)
            bench.another_process().stop_build(change)
            assert self.ended(bench, target).outcome is BuildOutcome.STOPPED
        assert set(bench.indexes()) == {"PRIMARY"}
        assert target.running_change(INDEX) is None
        target.stop_build(change)

    def test_a_process_ends_its_own_build_and_nobody_elses(self, bench: TargetBench, target: TargetDatabase) -> None:
        target.end_own_build(INDEX)
        other = bench.another_process()
        with bench.holding_lock():
            target.start_build(order(schema_name=target.schema_name))
            change = self.running(bench, target)
            other.end_own_build(INDEX)
            assert target.running_change(INDEX) == change
            target.end_own_build(INDEX)
            assert self.ended(bench, target).outcome is BuildOutcome.STOPPED
        assert set(bench.indexes()) == {"PRIMARY"}
        target.end_own_build(INDEX)

    def test_only_statements_that_carry_a_marker_are_ended(
        self, bench: TargetBench, target: TargetDatabase, build: Callable[..., BuildReport]
    ) -> None:
        with bench.holding_advisory_lock():
            change = target.running_change(INDEX)
            assert change is not None
            assert change.marker is None
            target.stop_build(change)
            target.stop_build(RunningChange(connection_id=change.connection_id, marker=Marker(RUN, 1)))
            assert target.running_change(INDEX) == change
            assert build().outcome is BuildOutcome.BUSY

    # --- dropping

    def test_an_index_of_ours_is_dropped_and_then_is_gone(
        self, bench: TargetBench, target: TargetDatabase, build: Callable[..., BuildReport]
    ) -> None:
        build()
        target.drop_index(INDEX, RUN, LONG)
        assert set(bench.indexes()) == {"PRIMARY"}
        target.drop_index(INDEX, RUN, LONG)

    @pytest.mark.parametrize("comment", ["", "somebody else's", "executor:run=run-2;attempt=1"])
    def test_an_index_of_that_name_that_is_not_ours_stays(
        self, bench: TargetBench, target: TargetDatabase, comment: str
    ) -> None:
        bench.add_index("idx_customer", "customer_id", comment)
        with pytest.raises(Refused) as error:
            target.drop_index(INDEX, RUN, LONG)
        assert error.value.number is None
        assert set(bench.indexes()) == {"PRIMARY", "idx_customer"}

    def test_an_index_with_our_marker_on_other_columns_stays(self, bench: TargetBench, target: TargetDatabase) -> None:
        bench.add_index("idx_customer", "status", str(Marker(RUN, 1)))
        with pytest.raises(Refused):
            target.drop_index(INDEX, RUN, LONG)
        assert set(bench.indexes()) == {"PRIMARY", "idx_customer"}

    @pytest.mark.parametrize("lock", ["metadata", "advisory"])
    def test_an_index_whose_table_is_locked_stays_for_now(
        self, bench: TargetBench, target: TargetDatabase, build: Callable[..., BuildReport], lock: str
    ) -> None:
        build()
        with ExitStack() as stack:
            stack.enter_context(bench.holding_lock() if lock == "metadata" else bench.holding_advisory_lock())
            with pytest.raises(Unavailable):
                target.drop_index(INDEX, RUN, SHORT)
        assert set(bench.indexes()) == {"PRIMARY", "idx_customer"}
        target.drop_index(INDEX, RUN, LONG)
        assert set(bench.indexes()) == {"PRIMARY"}

    # --- the right to act

    @pytest.mark.parametrize("call", ["start_build", "drop_index", "publish_index"])
    def test_nothing_is_sent_where_the_right_to_act_is_gone_under_the_lock(
        self, bench: TargetBench, target: TargetDatabase, build: Callable[..., BuildReport], call: str
    ) -> None:
        asked: list[RunningChange | None] = []
        other = bench.another_process()

        def gone() -> None:
            asked.append(other.running_change(INDEX))
            raise LeaseLost("another process has gone on")

        if call != "start_build":
            build(hidden=True)
        before = bench.indexes()
        given = (order(schema_name=target.schema_name),) if call == "start_build" else (INDEX, RUN, LONG)
        with pytest.raises(LeaseLost):
            getattr(target, call)(*given, gone)
        (holder,) = asked
        assert holder is not None, "it is asked while the lock is held"
        assert target.running_change(INDEX) is None, "and the lock is free again"
        assert bench.indexes() == before
        if call != "start_build":
            assert self.visible(target) is False

    def test_an_index_that_is_needed_by_now_stays_out_of_sight(
        self, bench: TargetBench, target: TargetDatabase, build: Callable[..., BuildReport]
    ) -> None:
        build()
        bench.need_index()
        for _ in range(2):
            with pytest.raises(StillNeeded) as error:
                target.drop_index(INDEX, RUN, LONG)
            assert error.value.number is not None
            assert self.visible(target) is False

    # --- others in our way

    def test_a_transaction_that_was_idle_for_long_is_ended_when_it_is_in_our_way(
        self, bench: TargetBench, target: TargetDatabase
    ) -> None:
        before = set(target.open_transactions())
        with bench.open_transaction():
            (one,) = set(target.open_transactions()) - before
            bench.wait(timedelta(seconds=2.2))
            assert target.end_idle_transactions(INDEX, LONG, [one]) == []
            assert target.end_idle_transactions(INDEX, SHORT, []) == []
            (words,) = target.end_idle_transactions(INDEX, SHORT, [one])
            assert "idle for" in words
            bench.wait(timedelta(seconds=1.2))
            assert one not in target.open_transactions()
            assert target.end_idle_transactions(INDEX, SHORT, [one]) == []

    def test_what_keeps_the_tables_lock_is_in_our_way_as_far_as_it_is_seen(
        self, bench: TargetBench, target: TargetDatabase, build: Callable[..., BuildReport]
    ) -> None:
        with bench.holding_lock():
            bench.wait(timedelta(seconds=2.2))
            ended = target.end_idle_transactions(INDEX, SHORT, [])
            bench.wait(timedelta(milliseconds=500))
            assert build(lock_wait=SHORT).outcome is (BuildOutcome.DONE if ended else BuildOutcome.BUSY)

    # --- staged exposure

    def test_a_hidden_index_is_there_unseen_until_it_is_published(
        self, bench: TargetBench, target: TargetDatabase, build: Callable[..., BuildReport]
    ) -> None:
        assert target.inspect(INDEX).can_stage
        assert build(hidden=True).outcome is BuildOutcome.DONE
        assert self.visible(target) is False
        target.publish_index(INDEX, RUN, LONG)
        assert self.visible(target) is True
        target.publish_index(INDEX, RUN, LONG)
        assert set(bench.indexes()) == {"PRIMARY", "idx_customer"}

    def visible(self, target: TargetDatabase) -> bool:
        """Whether the optimizer uses the index."""
        table = target.inspect(INDEX).table
        assert table is not None
        there = table.index_named(INDEX.index_name)
        assert there is not None
        return there.visible

    def test_a_hidden_index_is_dropped_like_any_other(
        self, bench: TargetBench, target: TargetDatabase, build: Callable[..., BuildReport]
    ) -> None:
        build(hidden=True)
        target.drop_index(INDEX, RUN, LONG)
        assert set(bench.indexes()) == {"PRIMARY"}

    def test_only_an_index_of_ours_is_published(
        self, target: TargetDatabase, build: Callable[..., BuildReport]
    ) -> None:
        with pytest.raises(Refused):
            target.publish_index(INDEX, RUN, LONG)
        build(hidden=True, run_id=RunId("run-2"))
        with pytest.raises(Refused) as error:
            target.publish_index(INDEX, RUN, LONG)
        assert error.value.number is None
        assert self.visible(target) is False

    @pytest.mark.parametrize("lock", ["metadata", "advisory"])
    def test_an_index_whose_table_is_locked_stays_hidden_for_now(
        self, bench: TargetBench, target: TargetDatabase, build: Callable[..., BuildReport], lock: str
    ) -> None:
        build(hidden=True)
        with ExitStack() as stack:
            stack.enter_context(bench.holding_lock() if lock == "metadata" else bench.holding_advisory_lock())
            with pytest.raises(Unavailable):
                target.publish_index(INDEX, RUN, SHORT)
        assert self.visible(target) is False

    def test_a_transaction_has_one_id_from_its_beginning_to_its_end(
        self, bench: TargetBench, target: TargetDatabase
    ) -> None:
        before = set(target.open_transactions())
        with bench.open_transaction():
            (one,) = set(target.open_transactions()) - before
            bench.wait(timedelta(seconds=1.2))
            with bench.open_transaction():
                (two,) = set(target.open_transactions()) - before - {one}
            open_now = target.open_transactions()
            assert one in open_now
            assert "REPEATABLE READ" in open_now[one]
            assert two not in open_now
        bench.wait(timedelta(seconds=1.2))
        assert one not in target.open_transactions()

    def test_our_own_connections_are_no_open_transactions(self, bench: TargetBench, target: TargetDatabase) -> None:
        other = bench.another_process()
        other.inspect(INDEX)
        before = set(target.open_transactions())
        other.open_transactions()
        assert set(target.open_transactions()) <= before

    def test_plans_count_a_hidden_index_of_ours_as_visible(
        self, bench: TargetBench, target: TargetDatabase, build: Callable[..., BuildReport]
    ) -> None:
        digest = bench.read_by_customer(3)
        watched = [WatchedDigest(key=DigestKey(target.schema_name, digest), role=DigestRole.TARGET)]
        build(hidden=True)
        assert target.plans_using(INDEX, watched).get(digest) is not False
        assert self.visible(target) is False

    # --- statistics

    def test_targets_come_first_and_only_those_that_are_known(self, bench: TargetBench, target: TargetDatabase) -> None:
        digest = bench.read_by_customer(3)
        bench.read_another_table(3)
        chosen = target.choose_digests(INDEX, [UNKNOWN, digest])
        assert (chosen[0].key, chosen[0].role) == (DigestKey(target.schema_name, digest), DigestRole.TARGET)
        assert len({watched.key for watched in chosen}) == len(chosen)
        assert UNKNOWN not in {watched.key.digest for watched in chosen}

    def test_writes_of_the_table_are_watched_and_controls_never_touch_it(
        self, bench: TargetBench, target: TargetDatabase
    ) -> None:
        read, write, elsewhere = bench.read_by_customer(3), bench.write(3), bench.read_another_table(3)
        roles = {watched.key.digest: watched.role for watched in target.choose_digests(INDEX, [])}
        assert roles[write] is DigestRole.WRITE
        assert roles.get(read) is not DigestRole.CONTROL
        # A busier server has controls enough without this one.
        assert roles.get(elsewhere, DigestRole.CONTROL) is DigestRole.CONTROL

    def test_counters_are_cumulative(self, bench: TargetBench, target: TargetDatabase) -> None:
        digest = bench.read_by_customer(3)
        watched = target.choose_digests(INDEX, [digest])
        before = target.snapshot(INDEX, watched)
        assert before.taken_at.tzinfo is UTC
        assert before.server_uuid == target.inspect(INDEX).server.server_uuid
        bench.read_by_customer(7)
        after = target.snapshot(INDEX, watched)
        assert after.taken_at > before.taken_at
        assert count(after, digest) - count(before, digest) == 7
        assert next(row.role for row in after.digests if row.digest == digest) is DigestRole.TARGET

    def test_a_digest_that_is_not_known_has_no_row(self, target: TargetDatabase) -> None:
        unknown = WatchedDigest(key=DigestKey(target.schema_name, UNKNOWN), role=DigestRole.TARGET)
        assert target.snapshot(INDEX, [unknown]).digests == ()
        assert target.snapshot(INDEX, []).digests == ()
        assert target.plans_using(INDEX, [unknown]) == {}

    def test_plans_tell_whether_the_index_is_used(
        self, bench: TargetBench, target: TargetDatabase, build: Callable[..., BuildReport]
    ) -> None:
        digest = bench.read_by_customer(3)
        watched = [WatchedDigest(key=DigestKey(target.schema_name, digest), role=DigestRole.TARGET)]
        assert target.plans_using(INDEX, watched).get(digest) is not True
        build()
        reads = count(target.snapshot(INDEX, watched), digest)
        assert target.plans_using(INDEX, watched).get(digest) is not False
        assert count(target.snapshot(INDEX, watched), digest) == reads

    def test_the_buckets_of_the_histograms_are_bounded(self, target: TargetDatabase) -> None:
        bounds = target.histogram_upper_bounds_ps()
        assert list(bounds) == sorted(set(bounds))
        assert len(bounds) in (0, BUCKETS)

    # --- nobody there

    @pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
    def test_a_server_that_is_not_there_is_unavailable(
        self, bench: TargetBench, call: Callable[[TargetDatabase], object]
    ) -> None:
        with pytest.raises(Unavailable):
            call(bench.unreachable())


def count(snapshot: Snapshot, digest: str) -> int:
    """How many executions of `digest` the snapshot counts."""
    return sum(row.count_star for row in snapshot.digests if row.digest == digest)
