"""The contract of `TargetDatabase`, as far as it drops an index, and keeps to the right to act."""

# ruff: noqa: S101 -- asserting is what a contract does

from collections.abc import Callable
from contextlib import ExitStack

import pytest

from executor_adapters.testing.contracts.target_bench import (
    INDEX,
    LONG,
    RUN,
    SHORT,
    TargetBench,
    TargetContract,
    order,
)
from executor_core.ddl import Marker
from executor_core.errors import LeaseLost, Refused, StillNeeded, Unavailable
from executor_core.ports import TargetDatabase
from executor_core.target import BuildReport, RunningChange


class TargetDropsContract(TargetContract):
    """What a `TargetDatabase` must do to take an index back."""

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
