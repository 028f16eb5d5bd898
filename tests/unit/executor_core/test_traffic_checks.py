"""The checks of what goes on at the moment, each by itself."""

from dataclasses import replace

import pytest
from tests.unit.executor_core.facts import INDEX, case, running, server, surrounded, target, without_table

from executor_core.exposure import Exposure
from executor_core.finding import Case, Look
from executor_core.flavor import Flavor
from executor_core.target import TargetFacts
from executor_core.traffic_checks import (
    disk_has_room,
    exposure_is_staged,
    no_prepared_xa,
    nobody_else_changes_the_table,
    nobody_holds_the_table,
    online_log_is_large_enough,
    queue_can_be_seen,
    server_is_calm,
    transactions_are_short,
)

LARGE = target(rows=100_000_000, data_bytes=15_000_000_000)


def around(facts: TargetFacts | None = None, **around: object) -> Case:
    return case(surrounded(facts, **around))


@pytest.mark.parametrize(
    ("look", "wrong", "says"),
    [
        (transactions_are_short, around(long_transactions=("one of app@web",)), "one of app@web: the change may wait"),
        (nobody_holds_the_table, around(lock_holders=("a@b", "c@d")), "locked by a@b; c@d"),
        (no_prepared_xa, around(prepared_xa=2), "2 prepared XA transactions"),
        (nobody_else_changes_the_table, around(changes=("ALTER of dba@web",)), "ALTER of dba@web"),
        (server_is_calm, around(threads_running=64), "64 statements are under way"),
        (online_log_is_large_enough, around(writes_per_second=50_000, online_log_bytes=65536), "error 1799"),
        (disk_has_room, around(LARGE), "GB free"),
        (queue_can_be_seen, around(blind_spot="of others nothing"), "of others nothing"),
    ],
)
def test_what_is_in_the_way_is_found(look: Look, wrong: Case, says: str) -> None:
    (sentence,) = look(wrong)
    assert says in sentence
    assert list(look(case())) == []


@pytest.mark.parametrize(
    ("look", "fine"),
    [
        (transactions_are_short, around(long_transactions=())),
        (nobody_holds_the_table, around(lock_holders=())),
        (no_prepared_xa, around(prepared_xa=0)),
        (nobody_else_changes_the_table, around(changes=())),
        (server_is_calm, around(threads_running=63)),
        (online_log_is_large_enough, around(writes_per_second=10, online_log_bytes=128 << 20)),
        (online_log_is_large_enough, around(writes_per_second=1e9)),
        (online_log_is_large_enough, around(without_table(), writes_per_second=1e9, online_log_bytes=1)),
        (disk_has_room, around(target())),
        (disk_has_room, case(without_table())),
    ],
)
def test_what_is_in_nobodys_way_is_not_found(look: Look, fine: Case) -> None:
    assert list(look(fine)) == []


def test_of_many_a_few_are_named() -> None:
    (sentence,) = transactions_are_short(around(long_transactions=tuple("abcde")))
    assert sentence.startswith("a; b; c and 2 more")


@pytest.mark.parametrize(("whose", "found"), [("run-9", "(run run-9) holds"), (None, "connection 7 holds")])
def test_whoever_holds_the_advisory_lock_is_found(whose: str | None, found: str) -> None:
    (sentence,) = nobody_else_changes_the_table(case(target(running=running(whose))))
    assert found in sentence


def test_a_build_of_this_run_is_no_other_change() -> None:
    assert list(nobody_else_changes_the_table(case(target(running=running())))) == []


def test_the_places_that_need_room_are_named_where_they_are_known() -> None:
    (sentence,) = disk_has_room(around(LARGE, data_folder="/data/", sort_folder="/sort"))
    assert sentence.endswith("in /data/ and /sort")


@pytest.mark.parametrize(
    ("exposure", "flavor", "why"),
    [
        (Exposure.DIRECT, Flavor.MYSQL, "as it was asked for"),
        (Exposure.STAGED, Flavor.MYSQL, "SELECT on performance_schema.*"),
        (Exposure.STAGED, Flavor.MARIADB, "since staged exposure needs PROCESS"),
    ],
)
def test_whoever_exposes_directly_is_warned_of_what_may_break(exposure: Exposure, flavor: Flavor, why: str) -> None:
    facts = replace(target(), server=server(flavor=flavor))
    (sentence,) = exposure_is_staged(case(facts, INDEX, exposure=exposure))
    assert why in sentence
    assert "1412" in sentence


def test_staged_exposure_is_no_finding() -> None:
    assert list(exposure_is_staged(case())) == []
