"""The contract of `TargetDatabase`, as far as it builds an index and stops a build."""

# ruff: noqa: S101 -- asserting is what a contract does

from collections.abc import Callable
from datetime import timedelta

import pytest

from executor_adapters.testing.contracts.target_bench import (
    INDEX,
    RUN,
    SHORT,
    TABLE,
    TargetBench,
    TargetContract,
    order,
)
from executor_core.ddl import Marker
from executor_core.errors import Refused, Unavailable
from executor_core.index_definition import parse_index_definition
from executor_core.model import RunId
from executor_core.ports import TargetDatabase
from executor_core.target import BuildOutcome, BuildReport, IndexFacts, RunningChange


class TargetBuildsContract(TargetContract):
    """What a `TargetDatabase` must do to build an index."""

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

    def test_a_change_tells_how_many_rows_have_come_to_the_table(
        self, bench: TargetBench, target: TargetDatabase
    ) -> None:
        with bench.holding_advisory_lock():
            before = target.running_change(INDEX)
            bench.insert(7)
            after = target.running_change(INDEX)
        assert before is not None
        assert after is not None
        assert before.written is not None
        assert after.written == before.written + 7

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
