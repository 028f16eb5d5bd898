"""The contract of `TargetDatabase`, as far as others are in our way and an index is hidden from them at first."""

# ruff: noqa: S101 -- asserting is what a contract does

from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta

import pytest

from executor_adapters.testing.contracts.target_bench import INDEX, LONG, RUN, SHORT, TargetBench, TargetContract
from executor_core.errors import Refused, Unavailable
from executor_core.metrics import DigestKey, DigestRole
from executor_core.model import RunId
from executor_core.ports import TargetDatabase
from executor_core.target import BuildOutcome, BuildReport, WatchedDigest


class TargetExposureContract(TargetContract):
    """What a `TargetDatabase` must do so that an index breaks nobody's transaction."""

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
            self.gone(bench, target, one)
            assert target.end_idle_transactions(INDEX, SHORT, [one]) == []

    def test_what_keeps_the_tables_lock_is_in_our_way_as_far_as_it_is_seen(
        self, bench: TargetBench, target: TargetDatabase, build: Callable[..., BuildReport]
    ) -> None:
        with bench.holding_lock():
            bench.wait(timedelta(seconds=2.2))
            ended = target.end_idle_transactions(INDEX, SHORT, [])
            bench.wait(timedelta(seconds=2))
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
        self.gone(bench, target, one)

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
