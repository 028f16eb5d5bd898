"""The contract of `TargetDatabase`, as far as it looks: at the server and the table, around it, and at statistics."""

# ruff: noqa: S101 -- asserting is what a contract does

from collections.abc import Callable, Mapping
from datetime import UTC, timedelta

import pytest

from executor_adapters.testing.contracts.target_bench import (
    INDEX,
    RUN,
    SHORT,
    TABLE,
    UNKNOWN,
    TargetBench,
    TargetContract,
)
from executor_core.errors import Unavailable
from executor_core.index_definition import KeyPart, parse_index_definition
from executor_core.metrics import BUCKETS, DigestKey, DigestRole, Snapshot
from executor_core.ports import TargetDatabase
from executor_core.surroundings import Privilege
from executor_core.target import BuildReport, WatchedDigest

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


class TargetLooksContract(TargetContract):
    """What a `TargetDatabase` must see."""

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

    def test_a_snapshot_shows_what_somebody_else_did_to_the_table_and_not_what_we_did(
        self, bench: TargetBench, target: TargetDatabase, build: Callable[..., BuildReport]
    ) -> None:
        before = target.snapshot(INDEX, []).table
        assert before is not None
        assert before.rows > 0
        build()
        ours = target.snapshot(INDEX, []).table
        assert ours is not None
        assert ours.definition == before.definition
        bench.add_index("theirs", "status", "somebody else's")
        theirs = target.snapshot(INDEX, []).table
        assert theirs is not None
        assert theirs.definition != before.definition

    def test_a_snapshot_of_a_table_that_is_not_there_has_no_shape(self, target: TargetDatabase) -> None:
        assert target.snapshot(parse_index_definition("no`such", "i", ["a"]), []).table is None

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
