"""What a build may cost, and why one that costs more, or clearly would, is given up; foreseen already before it.

How full the server's disks are is not among it: no server tells.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from executor_core.finding import Case
from executor_core.forecast import forecast
from executor_core.index_definition import IndexDefinition
from executor_core.pacing import Pacing
from executor_core.progress import MARGIN, Progress
from executor_core.strain import Strain
from executor_core.surroundings import UNSEEN, Cluster
from executor_core.target import TargetFacts
from executor_core.traffic_checks import in_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Leeway:
    """What is around a build and bounds it: whether replicas have to build after it, and what its log holds.

    `log_bytes` is None where the server doesn't tell; a row that is inserted or deleted takes `entry_bytes` of it.
    """

    replicated: bool = False
    log_bytes: int | None = None
    entry_bytes: float = 0.0


def leeway(facts: TargetFacts, index: IndexDefinition) -> Leeway:
    """Return what bounds a build of `index`, as far as it was seen."""
    around, expected = facts.surroundings or UNSEEN, forecast(facts, index)
    return Leeway(
        replicated=bool(around.replicas) or around.cluster is Cluster.GROUP_REPLICATION,
        log_bytes=around.online_log_bytes,
        entry_bytes=0.0 if expected is None else expected.entry_bytes,
    )


# --- before a build --------------------------------------------------------------------------------------------------


def build_is_short_enough(case: Case) -> Iterator[str]:
    """A build that takes longer than its limit is given up, and all its work is lost."""
    if foreseen := _expected_beyond(case, case.pacing.build_limit):
        yield f"{foreseen}: raise the build limit, or begin when the server has less to do"


def replicas_are_behind_for_less(case: Case) -> Iterator[str]:
    """A build that would leave replicas behind for longer than they may be is given up, and all its work is lost."""
    foreseen = _expected_beyond(case, case.pacing.replica_lag_limit)
    if foreseen and leeway(case.facts, case.index).replicated:
        yield (
            f"{foreseen}, since replicas build after it: raise the replica lag limit, or add the index by hand, "
            "server by server"
        )


def _expected_beyond(case: Case, limit: timedelta | None) -> str | None:
    """Say that a build is expected to take longer than `limit`, where it is."""
    if limit is None:
        return None
    expected = forecast(case.facts, case.index)
    if expected is None or expected.build_time <= limit:
        return None
    about = timedelta(seconds=round(expected.build_time.total_seconds()))
    return f"the build is expected to take {about} or so, and is given up after {limit}"


# --- while it runs ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How a build goes that began at `begun_at`, as far as this process has seen it."""

    begun_at: datetime
    now: datetime
    progress: Progress | None = None
    leeway: Leeway | None = None
    strain: Strain | None = None


def broken_limit(course: Course, pacing: Pacing) -> str | None:
    """Return why the build should be given up now, as a clause, or None while it may go on.

    A forecast must break a limit by a clear margin.
    """
    return _time(course, pacing.build_limit) or _lag(course, pacing) or _log(course) or _slowdown(course, pacing)


def _time(course: Course, limit: timedelta | None) -> str | None:
    if limit is None:
        return None
    so_far, progress = course.now - course.begun_at, course.progress
    if so_far > limit:
        return f"the build has taken longer than {limit}"
    if progress is not None and progress.would_break(limit, course.begun_at):
        return f"the build would take much longer than {limit}: after {so_far}, {progress.done:.0%} of it was done"
    return None


def _lag(course: Course, pacing: Pacing) -> str | None:
    """Replicas begin to build when this server has ended, and are behind by as long as that takes them."""
    if course.leeway is None or not course.leeway.replicated:
        return None
    too_long = _time(course, pacing.replica_lag_limit)
    return too_long and f"replicas would be behind by as long as the build takes, and {too_long}"


def _log(course: Course) -> str | None:
    """Rows that come and go are logged for certain; whether an update is, depends on what it changes."""
    rows = None if course.progress is None else course.progress.written_by_end()
    if rows is None or course.leeway is None or course.leeway.log_bytes is None:
        return None
    logged, log = rows * course.leeway.entry_bytes, course.leeway.log_bytes
    if logged <= log * MARGIN:
        return None
    return (
        f"about {in_bytes(logged)} would be logged by the end of the build, whose log holds {in_bytes(log)}: "
        "raise innodb_online_alter_log_max_size, or wait for a quieter hour"
    )


def _slowdown(course: Course, pacing: Pacing) -> str | None:
    limit, felt = pacing.slowdown_limit, None if course.strain is None else course.strain.lasting
    if limit is None or felt is None or felt <= limit:
        return None
    return f"the application's statements took {felt:.1f} times as long as before the build, and {limit:g} is the limit"
