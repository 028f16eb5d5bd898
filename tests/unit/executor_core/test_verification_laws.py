"""Laws that hold for every verdict, whatever the numbers."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.executor_core.loads import BORN, SERVER, START, Load, control, later, steady, window, write

from executor_core.metrics import COUNTER_MODULUS, DigestRole, DigestRow, Snapshot
from executor_core.model import VerificationStatus
from executor_core.verdict import Verdict
from executor_core.verification import assess_baseline, verify

SUCCESS, FAILED, INCONCLUSIVE = (
    VerificationStatus.SUCCESS,
    VerificationStatus.FAILED,
    VerificationStatus.INCONCLUSIVE,
)
HOUR = timedelta(hours=1)
SEVERITY = {SUCCESS: 0, INCONCLUSIVE: 1, FAILED: 2}
Intervals = list[list[Load]]

LAW = settings(max_examples=12, deadline=None)
pytestmark = pytest.mark.filterwarnings("error")


@st.composite
def loads(draw: st.DrawFn, *, least: int = 0) -> Intervals:
    """A window of one to six intervals with one to three reads, and some writes and controls."""
    names = [f"read{i}" for i in range(draw(st.integers(1, 3)))]
    names += [f"write{i}" for i in range(draw(st.integers(0, 1)))]
    names += [f"control{i}" for i in range(draw(st.integers(0, 4)))]
    shapes = st.sampled_from([((1.0, 1.0),), ((0.9, 0.5), (0.1, 5.5)), None])
    base = [
        Load(
            name,
            role=DigestRole.WRITE
            if "write" in name
            else DigestRole.CONTROL
            if "control" in name
            else DigestRole.TARGET,
            n=draw(st.integers(least, 400)),
            ms=draw(st.floats(0.05, 500.0)),
            rows=draw(st.sampled_from([0.0, 1.0, 30.0, 5000.0])),
            unindexed=draw(st.sampled_from([0.0, 0.0, 0.3, 1.0])),
            cpu=draw(st.sampled_from([0.0, 0.0, 0.5])),
            shape=draw(shapes),
        )
        for name in names
    ]
    jitter = st.floats(0.7, 1.4)
    return [[replace(load, ms=load.ms * draw(jitter)) for load in base] for _ in range(draw(st.integers(1, 6)))]


def changed(intervals: Intervals, **factors: float) -> Intervals:
    """Every load multiplied: `ms`, `rows`, or the executions `n`."""
    return [
        [
            replace(
                load,
                ms=load.ms * factors.get("ms", 1.0),
                rows=load.rows * factors.get("rows", 1.0),
                n=round(load.n * factors.get("n", 1.0)),
            )
            for load in interval
        ]
        for interval in intervals
    ]


def after_window(intervals: Intervals) -> list[Snapshot]:
    return window(intervals, start=START + HOUR, uptime=93_600, hours_before=1)


def judged(before: Sequence[Snapshot], after: Sequence[Snapshot], **options: object) -> Verdict:
    options.setdefault("targets", None)
    return verify(baseline=before, after=after, **options)  # type: ignore[arg-type]


@LAW
@given(loads(), loads())
def test_the_same_evidence_gives_the_same_verdict_and_is_left_alone(first: Intervals, second: Intervals) -> None:
    before, after = window(first), after_window(second)
    copies = [s.model_copy(deep=True) for s in before], [s.model_copy(deep=True) for s in after]
    assert judged(before, after) == judged(before, after)
    assert (before, after) == copies


@LAW
@given(loads(), loads(), st.randoms(use_true_random=False))
def test_the_order_of_digests_and_buckets_is_nothing(first: Intervals, second: Intervals, random: object) -> None:
    def shuffled(snapshots: list[Snapshot]) -> list[Snapshot]:
        mixed: list[Snapshot] = []
        for snapshot in snapshots:
            rows = [
                row.model_copy(update={"histogram": dict(reversed((row.histogram or {}).items()))})
                if row.histogram is not None
                else row
                for row in snapshot.digests
            ]
            random.shuffle(rows)  # type: ignore[attr-defined]
            mixed.append(snapshot.model_copy(update={"digests": tuple(rows)}))
        return mixed

    before, after = window(first), after_window(second)
    assert judged(shuffled(before), shuffled(after)) == judged(before, after)


@LAW
@given(loads(least=10))
def test_identical_windows_succeed(intervals: Intervals) -> None:
    assert judged(window(intervals), after_window(intervals)).status is SUCCESS


@LAW
@given(loads(), st.data())
def test_resets_in_identical_windows_never_fail(intervals: Intervals, data: st.DataObject) -> None:
    after = after_window(intervals)
    i = data.draw(st.integers(0, len(after) - 1))
    field = data.draw(st.sampled_from(["count_star", "sum_timer_wait_ps", "sum_rows_examined", "sum_errors"]))
    value = data.draw(st.integers(0, 2))  # below what the counters were before
    rows = tuple(row.model_copy(update={field: value}) for row in after[i].digests)
    after[i] = after[i].model_copy(update={"digests": rows})
    assert judged(window(intervals), after).status is not FAILED


@LAW
@given(loads(least=10), st.integers(2, 9))
def test_point_estimates_ignore_traffic(intervals: Intervals, times: int) -> None:
    before = window(intervals)
    once, more = after_window(intervals), after_window(changed(intervals, n=times))
    first, second = judged(before, once), judged(before, more)
    assert [d.latency_change_percent for d in second.digests] == pytest.approx(
        [d.latency_change_percent for d in first.digests], abs=1e-3
    )
    assert [d.unindexed_after for d in second.digests] == pytest.approx(
        [d.unindexed_after for d in first.digests], abs=0.06
    )


@LAW
@given(loads(least=10), st.sampled_from([0.3, 1.05, 1.3, 1.7, 2.3, 7.0]), st.sampled_from([-50, 50, 100]))
def test_the_unit_of_time_is_nothing(intervals: Intervals, factor: float, buckets: int) -> None:
    unit = 10 ** (buckets / 50)
    before, slower = changed(intervals, ms=10.0), changed(intervals, ms=10.0 * factor)
    verdict = judged(window(before), after_window(slower))
    scaled = judged(window(changed(before, ms=unit)), after_window(changed(slower, ms=unit)))
    assert scaled.status is verdict.status


@LAW
@given(loads(least=10), loads(least=10))
def test_point_estimates_ignore_how_a_window_is_split(first: Intervals, second: Intervals) -> None:
    before, after = window(first), after_window(second)
    whole = judged([before[0], before[-1]], [after[0], after[-1]])
    split = judged(before, after)
    assert whole.metrics_comparison is not None
    assert split.metrics_comparison is not None
    fields = ("avg_latency_change_percent", "rows_examined_change_percent")
    assert [getattr(split.metrics_comparison, f) for f in fields] == [
        getattr(whole.metrics_comparison, f) for f in fields
    ]
    assert [d.latency_change_percent for d in split.digests] == [d.latency_change_percent for d in whole.digests]


@LAW
@given(loads(least=10), st.floats(0.05, 20.0), st.floats(0.05, 20.0))
def test_nothing_fails_both_ways(intervals: Intervals, ms: float, rows: float) -> None:
    other = changed(intervals, ms=ms, rows=rows)
    there = judged(window(intervals), after_window(other))
    back = judged(window(other), after_window(intervals))
    blamed = [{(r.code, r.digest) for r in v.reasons if v.status is FAILED} for v in (there, back)]
    assert not blamed[0] & blamed[1]


def test_swapping_the_windows_turns_an_improvement_into_harm() -> None:
    q = Load("q")
    assert judged(steady(q.slower(5)), later(q)).status is SUCCESS
    assert judged(steady(q), later(q.slower(5))).status is FAILED


@LAW
@given(loads(least=10), st.floats(0.3, 4.0), st.floats(1.0, 10.0))
def test_more_harm_is_never_judged_milder(intervals: Intervals, start: float, more: float) -> None:
    whole = ((1.0, 1.0),)
    intervals = [[replace(load, shape=load.shape and whole) for load in each] for each in intervals]
    before = window(intervals)

    def slowed(factor: float) -> Verdict:
        one = [[replace(x, ms=x.ms * factor) if x.digest == "read0" else x for x in each] for each in intervals]
        return judged(before, after_window(one))

    assert SEVERITY[slowed(start * more).status] >= SEVERITY[slowed(start).status]


@LAW
@given(loads(least=10), loads(least=10))
def test_a_digest_that_never_runs_is_nothing(first: Intervals, second: Intervals) -> None:
    idle = Load("idle", n=0)
    with_idle = judged(window([[*each, idle] for each in first]), after_window([[*each, idle] for each in second]))
    assert with_idle == judged(window(first), after_window(second))


@LAW
@given(loads(), st.floats(0.01, 100.0))
def test_fewer_than_ten_executions_decide_nothing(intervals: Intervals, factor: float) -> None:
    few = [[replace(load, n=9) if j == 0 else replace(load, n=0) for load in each] for j, each in enumerate(intervals)]
    few = [[load for load in each if load.digest.startswith("read0")] for each in few]
    assert judged(window(few), after_window(changed(few, ms=factor, rows=factor))).status is INCONCLUSIVE


@LAW
@given(loads(least=10), st.floats(0.1, 1.09), st.floats(0.1, 1.19))
def test_nothing_below_the_limits_fails(intervals: Intervals, ms: float, rows: float) -> None:
    assert judged(window(intervals), after_window(changed(intervals, ms=ms, rows=rows))).status is not FAILED


@LAW
@given(loads(least=10), loads(least=10))
def test_reads_whose_plans_ignore_the_index_never_fail(first: Intervals, second: Intervals) -> None:
    reads = [[[load for load in each if "read" in load.digest] for each in side] for side in (first, second)]
    plans = dict.fromkeys(("read0", "read1", "read2"), False)
    assert judged(window(reads[0]), after_window(reads[1]), uses_index=plans).status is not FAILED


@LAW
@given(st.floats(0.5, 10.0), st.floats(1.0, 5.0), st.integers(1, 6))
def test_slower_controls_only_make_it_milder(harm: float, machine: float, intervals: int) -> None:
    q, w, controls = Load("q"), write("w"), [control(f"c{i}") for i in range(4)]
    before = steady(q, w, *controls, intervals=intervals)
    plain = judged(before, later(q.slower(harm), w, *controls, intervals=intervals))
    slowed = [each.slower(machine) for each in controls]
    eased = judged(before, later(q.slower(harm), w, *slowed, intervals=intervals))
    assert SEVERITY[eased.status] <= SEVERITY[plain.status]


@LAW
@given(loads(least=10))
def test_an_unaffected_control_more_changes_no_success(intervals: Intervals) -> None:
    more = [[*each, control("one more", n=200)] for each in intervals]
    assert judged(window(more), after_window(more)).status is SUCCESS


def test_two_equal_digests_are_like_one() -> None:
    whole, halves = Load("q", n=200), (Load("q1"), Load("q2"))
    one = judged(steady(whole), later(whole.slower(1.7)))
    two = judged(steady(*halves), later(*[half.slower(1.7) for half in halves]))
    assert (one.status, one.metrics_comparison) == (two.status, two.metrics_comparison)


COUNTERS = st.one_of(st.integers(0, 50), st.integers(0, COUNTER_MODULUS - 1), st.just(COUNTER_MODULUS - 1))


@st.composite
def wild_row(draw: st.DrawFn, digest: str) -> DigestRow:
    numbers = {
        name: draw(COUNTERS)
        for name, field in DigestRow.model_fields.items()
        if name.startswith(("sum_", "count_", "max_"))
        if field is not None
    }
    return DigestRow(
        digest=digest,
        role=draw(st.sampled_from(list(DigestRole))),
        first_seen=draw(st.sampled_from([None, BORN, START + timedelta(seconds=90)])),
        histogram=draw(st.none() | st.dictionaries(st.integers(0, 449), COUNTERS, max_size=4)),
        **numbers,
    )


@st.composite
def wild_snapshots(draw: st.DrawFn, start: int) -> list[Snapshot]:
    return [
        Snapshot(
            taken_at=START + timedelta(minutes=start + i),
            server_uuid=SERVER,
            uptime_s=draw(st.none() | COUNTERS),
            digests_lost=draw(COUNTERS),
            digests=tuple(draw(wild_row(name)) for name in draw(st.sets(st.sampled_from("abcde")))),
        )
        for i in range(draw(st.integers(0, 4)))
    ]


@LAW
@given(wild_snapshots(0), wild_snapshots(10), st.booleans())
def test_whatever_the_counters_a_verdict_is_plain_json(
    before: list[Snapshot], after: list[Snapshot], final: bool
) -> None:
    verdict = judged(before, after, final=final)
    document = json.dumps(verdict.model_dump(mode="python"), allow_nan=False, default=str)
    assert json.loads(document)["status"] == verdict.status
    assert ("inconclusive" in verdict.message) == (verdict.status is INCONCLUSIVE)
    assert "\n" not in verdict.message
    json.dumps(assess_baseline(before, None).model_dump(mode="python"), allow_nan=False, default=str)


@LAW
@given(loads(), loads())
def test_another_server_decides_nothing(first: Intervals, second: Intervals) -> None:
    moved = [s.model_copy(update={"server_uuid": "elsewhere"}) for s in after_window(second)]
    assert judged(window(first), moved).status is INCONCLUSIVE
