"""What a build may cost, foreseen and while it runs."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.executor_core.facts import (
    INDEX,
    NOON,
    after,
    case,
    seconds,
    surrounded,
    target,
    without_table,
)

from executor_core.finding import Case, Look, Severity
from executor_core.forecast import forecast
from executor_core.limits import (
    Course,
    Leeway,
    broken_limit,
    build_is_short_enough,
    leeway,
    replicas_are_behind_for_less,
)
from executor_core.metrics import Snapshot
from executor_core.pacing import Pacing
from executor_core.preflight import preflight
from executor_core.progress import Progress
from executor_core.strain import Strain
from executor_core.surroundings import UNSEEN, Cluster, Surroundings

SLOW = Progress(first_at=NOON, first=0.0, at=after(30), done=0.1, first_written=0, written=1000)
"""Ten thousand rows by the end, after five minutes."""
REPLICATED = Leeway(replicated=True)
LIMITED = Pacing(replica_lag_limit=seconds(100))


def course(**seen: Any) -> Course:
    return Course(**({"begun_at": NOON, "now": after(30)} | seen))


def felt(*slowdowns: float | None) -> Strain:
    return Strain(usual={}, at=NOON, latest=Snapshot(taken_at=NOON, digests=()), slowdowns=slowdowns)


def test_without_a_limit_a_build_may_take_and_cost_what_it_does() -> None:
    seen = course(progress=SLOW, leeway=REPLICATED, strain=felt(100.0, 100.0), now=after(10**6))
    assert broken_limit(seen, Pacing()) is None


@pytest.mark.parametrize(
    ("now", "progress", "why"),
    [
        (101, None, "the build has taken longer than 0:01:40"),
        (30, SLOW, "the build would take much longer than 0:01:40: after 0:00:30, 10% of it was done"),
    ],
)
def test_replicas_are_behind_for_as_long_as_a_build_takes(now: float, progress: Progress | None, why: str) -> None:
    seen = course(now=after(now), progress=progress, leeway=REPLICATED)
    assert broken_limit(seen, LIMITED) == f"replicas would be behind by as long as the build takes, and {why}"
    assert broken_limit(replace(seen, leeway=Leeway()), LIMITED) is None
    assert broken_limit(replace(seen, leeway=None), LIMITED) is None


def test_a_build_in_time_leaves_replicas_behind_no_longer_than_they_may_be() -> None:
    assert broken_limit(course(leeway=REPLICATED), LIMITED) is None


@pytest.mark.parametrize(("log_bytes", "breaks"), [(66_666, True), (66_667, False)])
def test_a_build_whose_log_would_clearly_overflow_is_not_worth_its_end(log_bytes: int, breaks: bool) -> None:
    seen = course(progress=SLOW, leeway=Leeway(log_bytes=log_bytes, entry_bytes=10.0))
    why = broken_limit(seen, Pacing())
    assert (why is not None) is breaks
    assert why is None or "about 100.0 kB would be logged by the end of the build, whose log holds 66.7 kB" in why


@pytest.mark.parametrize(
    "seen",
    [
        course(leeway=Leeway(log_bytes=1, entry_bytes=10.0)),
        course(progress=replace(SLOW, written=None), leeway=Leeway(log_bytes=1, entry_bytes=10.0)),
        course(progress=SLOW),
        course(progress=SLOW, leeway=Leeway(entry_bytes=10.0)),
    ],
    ids=["without progress", "uncounted", "never seen", "of a server that doesn't say"],
)
def test_a_log_that_is_not_known_breaks_no_limit(seen: Course) -> None:
    assert broken_limit(seen, Pacing()) is None


@pytest.mark.parametrize(
    ("slowdowns", "breaks"),
    [((5.1, 6.0), True), ((5.0, 99.0), False), ((99.0,), False), ((99.0, None), False), ((), False)],
)
def test_statements_may_be_slower_for_a_moment_and_within_the_limit(
    slowdowns: tuple[float | None, ...], breaks: bool
) -> None:
    why = broken_limit(course(strain=felt(*slowdowns)), Pacing(slowdown_limit=5.0))
    said = "the application's statements took 5.1 times as long as before the build, and 5 is the limit"
    assert why == (said if breaks else None)
    assert broken_limit(course(), Pacing(slowdown_limit=5.0)) is None


@pytest.mark.parametrize(
    ("around", "replicated"),
    [
        (Surroundings(replicas=2), True),
        (Surroundings(replicas=0), False),
        (Surroundings(cluster=Cluster.GROUP_REPLICATION), True),
        (UNSEEN, False),
        (None, False),
    ],
)
def test_who_builds_after_the_server_is_seen_around_it(around: Surroundings | None, replicated: bool) -> None:
    assert leeway(replace(target(), surroundings=around), INDEX).replicated is replicated


def test_what_the_log_holds_is_the_servers_word_and_what_a_row_takes_of_it_the_forecasts() -> None:
    facts = replace(target(), surroundings=Surroundings(online_log_bytes=1000))
    expected = forecast(facts, INDEX)
    assert expected is not None
    assert leeway(facts, INDEX) == Leeway(log_bytes=1000, entry_bytes=expected.entry_bytes)
    assert leeway(replace(facts, table=None), INDEX) == Leeway(log_bytes=1000)


# --- before a build --------------------------------------------------------------------------------------------------

LARGE = target(rows=100_000_000, data_bytes=15_000_000_000)
HALF_AN_HOUR = Pacing(build_limit=seconds(1800), replica_lag_limit=seconds(1800))


def beyond(limit: str) -> str:
    """The code and the sentence of what is foreseen of one of the limits."""
    facts, pacing = surrounded(LARGE, replicas=1), Pacing(**{limit: seconds(1)})  # type: ignore[arg-type]
    (finding,) = [found for found in preflight(case(facts, pacing=pacing)) if found.code == limit]
    assert finding.severity is Severity.WARNING
    return finding.sentence


def test_a_build_that_is_expected_to_take_too_long_is_told_before_it() -> None:
    expected = forecast(LARGE, INDEX)
    assert expected is not None
    about = timedelta(seconds=round(expected.build_time.total_seconds()))
    assert beyond("build_limit").startswith(
        f"the build is expected to take {about} or so, and is given up after 0:00:01: raise the build limit"
    )
    assert beyond("replica_lag_limit").startswith(
        f"the build is expected to take {about} or so, and is given up after 0:00:01, since replicas build after it: "
    )


@pytest.mark.parametrize("look", [build_is_short_enough, replicas_are_behind_for_less])
@pytest.mark.parametrize("shorter", [timedelta(0), timedelta(microseconds=1)])
def test_a_build_may_be_expected_to_take_as_long_as_its_limit(look: Look, shorter: timedelta) -> None:
    facts = surrounded(LARGE, cluster=Cluster.GROUP_REPLICATION)
    expected = forecast(facts, INDEX)
    assert expected is not None
    limit = expected.build_time - shorter
    found = list(look(case(facts, pacing=Pacing(build_limit=limit, replica_lag_limit=limit))))
    assert len(found) == (1 if shorter else 0)


@pytest.mark.parametrize(
    ("look", "fine"),
    [
        (build_is_short_enough, case(surrounded(LARGE), pacing=Pacing())),
        (build_is_short_enough, case(surrounded(target()), pacing=HALF_AN_HOUR)),
        (build_is_short_enough, case(without_table(), pacing=HALF_AN_HOUR)),
        (replicas_are_behind_for_less, case(surrounded(LARGE, replicas=1), pacing=Pacing())),
        (replicas_are_behind_for_less, case(surrounded(target(), replicas=1), pacing=HALF_AN_HOUR)),
        (replicas_are_behind_for_less, case(surrounded(LARGE), pacing=Pacing(replica_lag_limit=seconds(1)))),
    ],
)
def test_what_breaks_no_limit_is_not_told(look: Look, fine: Case) -> None:
    assert list(look(fine)) == []
