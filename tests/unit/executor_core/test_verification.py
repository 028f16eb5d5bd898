"""The verdict, case by case: what a DBA would expect from numbers without noise, and from broken evidence."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.executor_core.loads import START, Load, control, later, steady, window, write

from executor_core.metrics import EvidenceError, Snapshot, TableShape
from executor_core.model import VerificationStatus
from executor_core.policy import Policy, WritePolicy
from executor_core.verdict import ReasonCode, Verdict
from executor_core.verification import verify

SUCCESS, FAILED, INCONCLUSIVE = (
    VerificationStatus.SUCCESS,
    VerificationStatus.FAILED,
    VerificationStatus.INCONCLUSIVE,
)
Q = Load("q")
BARE = Load("q", shape=None)
CONTROLS = tuple(control(name) for name in ("c1", "c2", "c3", "c4"))


def judged(before: list[Snapshot], after: list[Snapshot], **options: object) -> Verdict:
    options.setdefault("targets", None)
    return verify(baseline=before, after=after, **options)  # type: ignore[arg-type]


def shaped(snapshots: list[Snapshot], *, definition: str = "as it was", rows: int = 100_000) -> list[Snapshot]:
    """The snapshots with what was seen of the table itself."""
    shape = TableShape(definition=definition, rows=rows)
    return [snapshot.model_copy(update={"table": shape}) for snapshot in snapshots]


def codes(verdict: Verdict) -> list[ReasonCode]:
    return [reason.code for reason in verdict.reasons]


def said(verdict: Verdict) -> list[ReasonCode]:
    return [reason.code for reason in verdict.warnings]


class TestWithoutNoise:
    @pytest.mark.parametrize(
        ("factor", "expected"),
        [(0.1, SUCCESS), (1.0, SUCCESS), (1.09, SUCCESS), (1.12, FAILED), (3.0, FAILED), (400.0, FAILED)],
    )
    @pytest.mark.parametrize("others", [(), CONTROLS], ids=["alone", "controls"])
    @pytest.mark.parametrize("target", [Q, BARE], ids=["histogram", "bare"])
    def test_limit_is_on_the_point_estimate(
        self, factor: float, expected: VerificationStatus, others: tuple[Load, ...], target: Load
    ) -> None:
        verdict = judged(steady(target, *others), later(target.slower(factor), *others))
        assert verdict.status is expected
        assert verdict.metrics_comparison is not None
        assert verdict.metrics_comparison.avg_latency_change_percent == pytest.approx(100 * (factor - 1))

    @pytest.mark.parametrize(
        ("factor", "expected"),
        [(0.5, SUCCESS), (1.0, SUCCESS), (1.5, INCONCLUSIVE), (3.0, FAILED), (5.0, FAILED)],
    )
    @pytest.mark.parametrize("target", [Q, BARE], ids=["histogram", "bare"])
    def test_two_snapshots_show_gross_changes_only(
        self, factor: float, expected: VerificationStatus, target: Load
    ) -> None:
        verdict = judged(steady(target, intervals=1), later(target.slower(factor), intervals=1))
        assert verdict.status is expected

    @pytest.mark.parametrize(("n", "expected"), [(9, INCONCLUSIVE), (10, FAILED)])
    def test_ten_executions_can_convict_and_nine_cannot(self, n: int, expected: VerificationStatus) -> None:
        target = replace(BARE, n=n)
        verdict = judged(steady(target, intervals=1), later(target.slower(5), intervals=1))
        assert verdict.status is expected
        assert verdict.sample_count == n

    @pytest.mark.parametrize("factor", [0.1, 10.0])
    def test_traffic_is_not_harm(self, factor: float) -> None:
        target = replace(Q, n=1000, unindexed=1.0)
        busier = replace(target, n=round(1000 * factor))
        assert judged(steady(target, *CONTROLS), later(busier, *CONTROLS)).status is SUCCESS

    def test_more_rows_examined_fail_even_when_faster(self) -> None:
        verdict = judged(steady(Q), later(replace(Q, rows=65.0, ms=5.0)))
        assert (verdict.status, codes(verdict)) == (FAILED, [ReasonCode.ROWS_EXAMINED_INCREASED])

    def test_rows_below_their_limit_pass(self) -> None:
        assert judged(steady(Q), later(replace(Q, rows=59.0))).status is SUCCESS

    def test_rows_from_none_fail_without_a_percentage(self) -> None:
        verdict = judged(steady(replace(Q, rows=0)), later(replace(Q, rows=5)))
        assert codes(verdict) == [ReasonCode.ROWS_EXAMINED_INCREASED]
        assert verdict.metrics_comparison is not None
        assert verdict.metrics_comparison.rows_examined_change_percent is None
        assert "from none" in verdict.message

    def test_larger_results_explain_more_rows_and_time(self) -> None:
        grown = replace(Q, rows=100.0, ms=20.0, sent=2.0)
        assert judged(steady(Q, *CONTROLS), later(grown, *CONTROLS)).status is not FAILED

    def test_full_scans_that_appear_fail(self) -> None:
        verdict = judged(steady(Q), later(replace(Q, unindexed=1.0)))
        assert codes(verdict) == [ReasonCode.FULL_SCANS_INCREASED]
        assert verdict.metrics_comparison is not None
        assert verdict.metrics_comparison.full_scan_increased

    def test_full_scans_may_be_allowed(self) -> None:
        policy = Policy(allow_full_scan_increase=True)
        assert judged(steady(Q), later(replace(Q, unindexed=1.0)), policy=policy).status is SUCCESS

    def test_a_few_more_scans_are_a_doubt(self) -> None:
        target = replace(Q, n=200, unindexed=0.02)
        verdict = judged(steady(target), later(replace(target, unindexed=0.04)))
        assert (verdict.status, codes(verdict)) == (INCONCLUSIVE, [ReasonCode.SUSPECTED_INCREASE])

    def test_errors_that_stay_fail(self) -> None:
        assert codes(judged(steady(Q), later(replace(Q, errors=0.05)))) == [ReasonCode.ERRORS_INCREASED]

    def test_errors_in_one_burst_are_a_doubt(self) -> None:
        after = window([[replace(Q, errors=0.5)]] + [[Q]] * 9, start=START + timedelta(hours=1), hours_before=1)
        assert codes(judged(steady(Q), after)) == [ReasonCode.SUSPECTED_INCREASE]

    def test_lock_waits_are_taken_out(self) -> None:
        waiting = replace(Q, ms=30.0, lock_ms=20.0)
        assert judged(steady(Q, *CONTROLS), later(waiting, *CONTROLS)).status is not FAILED

    def test_controls_excuse_what_the_machine_did(self) -> None:
        slow = [load.slower(1.5) for load in (Q, *CONTROLS)]
        assert judged(steady(Q, *CONTROLS), later(*slow)).status is SUCCESS

    def test_without_controls_the_same_waits_early_and_fails_late(self) -> None:
        before, after = steady(Q), later(Q.slower(1.5))
        early = judged(before, after, final=False)
        assert (early.status, early.extend) == (INCONCLUSIVE, True)
        assert judged(before, after).status is FAILED

    def test_cpu_time_that_did_not_rise_keeps_latency_from_convicting(self) -> None:
        measured = replace(Q, cpu=0.8)
        waiting = replace(measured, ms=20.0, cpu=0.4)
        assert judged(steady(measured), later(waiting)).status is INCONCLUSIVE
        assert judged(steady(measured), later(measured.slower(2))).status is FAILED

    def test_one_digest_can_fail_while_the_table_improves(self) -> None:
        verdict = judged(steady(Q, Load("p")), later(Q.slower(3), replace(Load("p"), ms=1.0)))
        assert verdict.status is FAILED
        assert [reason.digest for reason in verdict.reasons if reason.digest] == ["q"]

    def test_a_small_digest_must_add_a_hundredth_of_the_time(self) -> None:
        small = Load("small", ms=0.02)
        assert ReasonCode.IMMATERIAL_REGRESSION in said(judged(steady(Q, small), later(Q, small.slower(3))))
        assert judged(steady(Q, small), later(Q, small.slower(3))).status is SUCCESS

    def test_gross_harm_convicts_whatever_the_share(self) -> None:
        small = Load("small", ms=0.02)
        verdict = judged(steady(Q, small), later(Q, small.slower(6)))
        assert [(reason.code, reason.digest) for reason in verdict.reasons] == [(ReasonCode.LATENCY_INCREASED, "small")]

    def test_small_rises_add_up(self) -> None:
        many = [Load(f"q{i:02}", n=3) for i in range(60)]
        verdict = judged(steady(*many), later(*[load.slower(1.5) for load in many]))
        assert ReasonCode.TABLE_TIME_INCREASED in codes(verdict)


class TestWrites:
    def test_dearer_writes_fail_when_reads_save_nothing(self) -> None:
        verdict = judged(steady(Q, write("w")), later(Q, write("w").slower(3)))
        assert ReasonCode.LATENCY_INCREASED in codes(verdict)

    def test_dearer_writes_are_paid_for_by_cheaper_reads(self) -> None:
        before = steady(Q, write("w", ms=1.0))
        after = later(replace(Q, ms=1.0, rows=3.0), write("w", ms=3.0))
        verdict = judged(before, after)
        assert verdict.status is SUCCESS
        assert ReasonCode.WRITE_COST in said(verdict)
        assert judged(before, after, policy=Policy(write_policy=WritePolicy.STRICT)).status is FAILED

    def test_a_faster_read_that_works_as_much_pays_for_nothing(self) -> None:
        before = steady(Q, write("w", ms=1.0))
        assert judged(before, later(replace(Q, ms=1.0), write("w", ms=3.0))).status is FAILED


class TestAttribution:
    def test_a_plan_without_the_index_convicts_nobody(self) -> None:
        harm = replace(Q, ms=30.0, rows=100.0, unindexed=1.0)
        verdict = judged(steady(Q), later(harm), uses_index={"q": False})
        assert (verdict.status, set(codes(verdict))) == (INCONCLUSIVE, {ReasonCode.NOT_ATTRIBUTABLE})
        assert ReasonCode.INDEX_UNUSED in said(verdict)

    def test_a_plan_without_the_index_may_wander_a_little(self) -> None:
        verdict = judged(steady(Q, Load("p")), later(Q, Load("p", ms=10.5)), uses_index={"p": False})
        assert verdict.status is SUCCESS

    def test_a_write_pays_for_any_index(self) -> None:
        verdict = judged(steady(Q, write("w")), later(Q, write("w").slower(3)), uses_index={"w": False, "q": True})
        assert verdict.status is FAILED

    def test_an_index_nobody_fetched_through_is_said(self) -> None:
        def with_usage(snapshots: list[Snapshot], *fetched: int) -> list[Snapshot]:
            return [
                snapshot.model_copy(update={"index_usage": {"ix": {"count_fetch": n}}})
                for snapshot, n in zip(snapshots, fetched, strict=True)
            ]

        before = steady(Q, intervals=1)
        unused = judged(before, with_usage(later(Q, intervals=1), 7, 7), index_name="ix")
        used = judged(before, with_usage(later(Q, intervals=1), 7, 8), index_name="ix")
        assert ReasonCode.INDEX_UNUSED in said(unused)
        assert ReasonCode.INDEX_UNUSED not in said(used)

    def test_a_missing_index_fails_whatever_the_numbers(self) -> None:
        verdict = judged(steady(Q), later(Q), index_exists=False)
        assert (verdict.status, codes(verdict)) == (FAILED, [ReasonCode.INDEX_MISSING])
        assert "dropped" in verdict.message


class TestEvidenceThatCannotDecide:
    def test_one_snapshot(self) -> None:
        verdict = judged(steady(Q), later(Q)[:1], final=False)
        assert (verdict.status, codes(verdict)) == (INCONCLUSIVE, [ReasonCode.TOO_FEW_SNAPSHOTS])
        assert verdict.extend
        assert "inconclusive" in verdict.message
        assert not judged(steady(Q)[:1], later(Q), final=False).extend

    def test_another_server(self) -> None:
        moved = [snapshot.model_copy(update={"server_uuid": "other"}) for snapshot in later(Q.slower(9))]
        assert codes(judged(steady(Q), moved)) == [ReasonCode.SERVER_CHANGED]

    @pytest.mark.parametrize("interim", [False, True])
    def test_somebody_else_changed_the_table(self, interim: bool) -> None:
        after = later(Q.slower(20))
        after[3:] = shaped(after[3:], definition="without their index")
        verdict = judged(shaped(steady(Q)), [*shaped(after[:3]), *after[3:]], final=False, interim=interim)
        assert (codes(verdict), verdict.extend) == ([ReasonCode.DISTURBED], False)
        assert "columns or indexes" in verdict.message

    @pytest.mark.parametrize(
        ("rows", "later_rows", "disturbed"),
        [
            (100_000, 310_000, True),
            (310_000, 100_000, True),
            (100_000, 0, True),
            (0, 10_000, True),
            (100_000, 300_000, False),
            (300_000, 100_000, False),
            (4_000, 13_000, False),
            (0, 9_999, False),
        ],
    )
    def test_rows_that_somebody_filled_in_or_took_out(self, rows: int, later_rows: int, disturbed: bool) -> None:
        verdict = judged(shaped(steady(Q), rows=rows), shaped(later(Q.slower(20)), rows=later_rows))
        assert codes(verdict)[0] is (ReasonCode.DISTURBED if disturbed else ReasonCode.LATENCY_INCREASED)
        assert (f"{max(rows, later_rows):,}" in verdict.message) is disturbed

    def test_a_table_that_nobody_looked_at_is_taken_to_be_the_same(self) -> None:
        assert judged(steady(Q), shaped(later(Q))).status is SUCCESS

    def test_no_traffic(self) -> None:
        idle = replace(Q, n=0)
        assert codes(judged(steady(idle), later(Q)))[:1] == [ReasonCode.INSUFFICIENT_SAMPLES]
        assert not judged(steady(idle), later(Q), final=False).extend

    @pytest.mark.parametrize(("n", "extend"), [(0, False), (1, False), (2, True), (9, True)])
    def test_more_time_is_asked_for_where_it_would_bring_the_samples(self, n: int, extend: bool) -> None:
        verdict = judged(steady(Q), later(replace(Q, n=n), intervals=1), final=False)
        assert (verdict.status, verdict.extend) == (INCONCLUSIVE, extend)
        assert ("if watched six times as long" in verdict.message) is not extend

    def test_the_last_look_promises_nothing(self) -> None:
        verdict = judged(steady(Q), later(replace(Q, n=1), intervals=1))
        assert "1 of the 10 executions needed" in verdict.message
        assert "six times" not in verdict.message

    def test_no_target(self) -> None:
        verdict = judged(steady(*CONTROLS), later(*CONTROLS))
        assert ReasonCode.NO_TARGET_DIGEST in codes(verdict)
        assert verdict.metrics_comparison is None
        assert judged(steady(Q), later(Q), targets=["somebody else"]).status is INCONCLUSIVE

    def test_targets_may_be_named_instead_of_marked(self) -> None:
        unmarked = replace(Q, role=None)
        assert judged(steady(unmarked), later(unmarked), targets=["q"]).status is SUCCESS
        assert judged(steady(unmarked), later(unmarked), targets=["Q"]).status is SUCCESS
        assert judged(steady(unmarked), later(unmarked), targets=None).status is INCONCLUSIVE

    def test_a_material_digest_that_lost_its_samples(self) -> None:
        starved = judged(steady(Q, Load("p")), later(Q, Load("p", n=0)))
        assert ReasonCode.SAMPLES_LOST in codes(starved)

    def test_a_small_digest_that_vanished_is_only_said(self) -> None:
        small = Load("p", ms=0.1)
        verdict = judged(steady(Q, small), later(Q))
        assert verdict.status is SUCCESS
        assert ReasonCode.SAMPLES_LOST in said(verdict)

    def test_new_digests_may_not_hold_most_of_the_time(self) -> None:
        verdict = judged(steady(Q), later(Q, Load("new", ms=20.0)))
        assert ReasonCode.COVERAGE_LOW in codes(verdict)

    def test_time_that_is_not_measured(self) -> None:
        untimed = replace(Q, ms=0.0)
        assert ReasonCode.NO_TIMING in codes(judged(steady(Q, Load("p")), later(Q, replace(untimed, digest="p"))))

    def test_a_digest_absent_while_the_table_overflowed(self) -> None:
        after = [
            snapshot.model_copy(update={"digests_lost": i, "digests": snapshot.digests[:1] if i else snapshot.digests})
            for i, snapshot in enumerate(later(Load("p"), Q))
        ]
        verdict = judged(steady(Load("p"), Q), after, final=False)
        assert ReasonCode.DIGEST_LOST in codes(verdict)
        assert not verdict.extend


class TestResets:
    def test_one_reset_costs_one_interval(self) -> None:
        first = later(Q.slower(3))[:5]
        reborn = [
            snapshot.model_copy(
                update={"digests": (snapshot.digests[0].model_copy(update={"first_seen": first[4].taken_at}),)}
            )
            for snapshot in steady(Q.slower(3), intervals=5, start=START + timedelta(hours=2), uptime=99_000)
        ]
        verdict = judged(steady(Q), first + reborn)
        assert verdict.status is FAILED
        assert ReasonCode.COUNTER_RESET in said(verdict)
        assert verdict.sample_count == 900

    @pytest.mark.parametrize("field", ["count_star", "sum_timer_wait_ps", "sum_rows_examined"])
    @pytest.mark.parametrize("wrong", [1, 10**18])
    def test_one_wrong_reading_neither_convicts_nor_stays(self, field: str, wrong: int) -> None:
        after = later(Q)
        misread = after[4].digests[0].model_copy(update={field: wrong})
        after[4] = after[4].model_copy(update={"digests": (misread,)})
        verdict = judged(steady(Q), after)
        assert verdict.status is SUCCESS
        assert ReasonCode.COUNTER_RESET in said(verdict)

    def test_two_snapshots_around_a_reset_decide_nothing(self) -> None:
        after = later(Q.slower(9), intervals=1)
        fallen = after[1].digests[0].model_copy(update={"sum_rows_examined": 0})
        after[1] = after[1].model_copy(update={"digests": (fallen,)})
        verdict = judged(steady(Q), after)
        assert verdict.status is INCONCLUSIVE
        assert ReasonCode.COUNTER_RESET in codes(verdict)

    def test_restarts_are_said_and_their_interval_dropped(self) -> None:
        after = [
            snapshot.model_copy(update={"uptime_s": 60 * i if i > 3 else snapshot.uptime_s})
            for i, snapshot in enumerate(later(Q))
        ]
        verdict = judged(steady(Q), after)
        assert verdict.status is SUCCESS
        assert ReasonCode.SERVER_RESTARTED in said(verdict)

    def test_clocks_that_disagree_are_said(self) -> None:
        after = [
            snapshot.model_copy(update={"uptime_s": (snapshot.uptime_s or 0) + (500 if i > 3 else 0)})
            for i, snapshot in enumerate(later(Q))
        ]
        assert ReasonCode.CLOCK_TROUBLE in said(judged(steady(Q), after))


class TestMalformed:
    def test_out_of_order(self) -> None:
        with pytest.raises(EvidenceError, match=r"^after\[1\]\.taken_at: ") as caught:
            judged(steady(Q), later(Q)[::-1])
        assert caught.value.path == "after[1].taken_at"

    def test_overlap(self) -> None:
        with pytest.raises(EvidenceError, match="overlap"):
            judged(steady(Q), steady(Q, start=START + timedelta(minutes=5)))

    def test_a_digest_listed_twice(self) -> None:
        before = steady(Q)
        before[2] = before[2].model_copy(update={"digests": (before[2].digests[0], before[3].digests[0])})
        with pytest.raises(EvidenceError) as caught:
            judged(before, later(Q))
        assert caught.value.path == "baseline[2].digests[0].digest"


def test_a_tail_that_got_worse_is_never_a_success() -> None:
    fast, split = replace(Q, n=1000), ((0.96, 0.05), (0.04, 20.0))
    verdict = judged(steady(fast), later(replace(fast, ms=8.48, shape=split)))
    assert (verdict.status, codes(verdict)) == (INCONCLUSIVE, [ReasonCode.TAIL_WORSE])


def test_the_tail_of_a_digest_that_hardly_counts_is_only_said() -> None:
    small, split = Load("small", n=1000, ms=0.001), ((0.96, 1.0), (0.04, 200.0))
    verdict = judged(steady(Q, small), later(Q, replace(small, shape=split)))
    assert verdict.status is SUCCESS
    assert ReasonCode.TAIL_WORSE in said(verdict)


def test_every_digest_has_its_numbers() -> None:
    verdict = judged(steady(Q, write("w")), later(Q.slower(2), write("w")))
    assert [(d.digest, d.kind, d.outcome) for d in verdict.digests] == [
        ("q", "read", FAILED),
        ("w", "write", SUCCESS),
    ]
    first = verdict.digests[0]
    assert first.avg_latency_before_ms == pytest.approx(10.0)
    assert first.avg_latency_after_ms == pytest.approx(20.0)
    assert first.latency_change_percent == pytest.approx(100.0)


def test_unattributable_digests_may_wander_past_the_limit() -> None:
    wild = [[Q.slower(factor)] for factor in (0.3, 1.9, 0.6, 1.3, 0.5, 1.2, 0.8, 1.4)]
    after = window(
        [[load.slower(1.15) for load in each] for each in wild], start=START + timedelta(hours=1), hours_before=1
    )
    assert judged(window(wild), after, uses_index={"q": False}).status is SUCCESS
    assert codes(judged(window(wild), after))[:1] == [ReasonCode.UNDECIDED_INCREASE]


def test_intervals_without_traffic_or_histogram_are_passed_over() -> None:
    idle, bare = replace(Q, n=0), replace(Q, shape=None, n=3)
    controls = tuple(replace(each, n=0) for each in CONTROLS)
    before = window([[Q, *CONTROLS], [idle, *controls], [Q, *CONTROLS], [bare, *CONTROLS], [Q, *CONTROLS]])
    assert judged(before, later(Q, *CONTROLS)).status is SUCCESS
    alone = window([[Q], [idle], [Q], [Q], [Q]])
    alone[4] = alone[4].model_copy(update={"digests": ()})
    assert judged(alone, later(Q)).status is SUCCESS


def test_rows_need_no_sub_windows_to_convict() -> None:
    verdict = judged(steady(Q, intervals=1), later(replace(Q, rows=500.0), intervals=1))
    assert codes(verdict) == [ReasonCode.ROWS_EXAMINED_INCREASED]


def test_a_slower_tail_waits_at_an_early_look() -> None:
    fast, split = replace(Q, n=100), ((0.95, 0.8), (0.05, 4.8))
    before = steady(fast, *CONTROLS)
    after = later(replace(fast, shape=split), *CONTROLS)
    early = judged(before, after, final=False)
    assert (early.status, early.extend, codes(early)) == (INCONCLUSIVE, True, [ReasonCode.TAIL_WORSE])


def test_a_slower_body_under_a_steady_mean_is_a_doubt() -> None:
    before = steady(replace(Q, n=1000, shape=((0.9, 0.5), (0.1, 5.5))), *CONTROLS)
    after = later(replace(Q, n=1000, shape=((0.99, 0.95), (0.01, 5.95))), *CONTROLS)
    assert codes(judged(before, after)) == [ReasonCode.SUSPECTED_INCREASE]


def test_an_early_look_passes_only_what_would_have_shown_harm() -> None:
    erratic = replace(Q, n=10, shape=((0.9, 0.1), (0.1, 9.1)))
    before, after = steady(erratic), later(erratic, intervals=1)
    early = judged(before, after, final=False)
    assert (early.status, early.extend, codes(early)) == (INCONCLUSIVE, True, [ReasonCode.TOO_EARLY])
    assert judged(before, after).status is SUCCESS


def test_a_rise_that_controls_excuse_still_waits_at_an_early_look() -> None:
    slow = [load.slower(1.5) for load in (Q, *CONTROLS)]
    early = judged(steady(Q, *CONTROLS), later(*slow), final=False)
    assert (early.status, codes(early)) == (INCONCLUSIVE, [ReasonCode.EARLY_INCREASE])


class TestInsideAWindow:
    SHORT = 3

    def looked(self, target: Load, *others: Load, **options: object) -> Verdict:
        before, after = steady(Q, *others), later(target, *others, intervals=self.SHORT)
        return judged(before, after, interim=True, **options)

    @pytest.mark.parametrize("others", [(), CONTROLS], ids=["alone", "controls"])
    def test_gross_harm_convicts(self, others: tuple[Load, ...]) -> None:
        verdict = self.looked(Q.slower(20), *others)
        assert (verdict.status, codes(verdict)) == (FAILED, [ReasonCode.LATENCY_INCREASED])
        assert verdict.metrics_comparison is not None
        assert verdict.metrics_comparison.avg_latency_change_percent == pytest.approx(1900)

    @pytest.mark.parametrize("target", [Q, Q.slower(0.1), Q.slower(5), replace(Q, rows=500.0), replace(Q, n=0)])
    def test_all_else_waits(self, target: Load) -> None:
        verdict = self.looked(target)
        assert (verdict.status, verdict.extend) == (INCONCLUSIVE, True)

    def test_too_few_executions_wait(self) -> None:
        assert self.looked(replace(Q.slower(20), n=3)).status is INCONCLUSIVE

    def test_a_plan_that_ignores_the_index_waits(self) -> None:
        assert self.looked(Q.slower(20), uses_index={"q": False}).status is INCONCLUSIVE

    def test_a_larger_result_waits(self) -> None:
        assert self.looked(replace(Q.slower(20), sent=20.0)).status is INCONCLUSIVE

    def test_writes_pay_for_cold_pages_first(self) -> None:
        insert = write("insert")
        before, after = steady(Q, insert), later(Q, insert.slower(20), intervals=self.SHORT)
        assert judged(before, after, interim=True).status is INCONCLUSIVE

    def test_a_rise_that_fades_is_a_cold_cache(self) -> None:
        cold = window(
            [[Q.slower(factor)] for factor in (60, 40, 4, 2)],
            start=START + timedelta(hours=1),
            uptime=93_600,
            hours_before=1,
        )
        assert judged(steady(Q), cold, interim=True).status is INCONCLUSIVE

    def test_one_snapshot_waits(self) -> None:
        verdict = judged(steady(Q), later(Q)[:1], interim=True)
        assert (verdict.status, verdict.extend) == (INCONCLUSIVE, True)


def test_a_larger_result_must_explain_the_rise_within_its_error() -> None:
    before, after = steady(BARE, intervals=1), later(replace(BARE.slower(3.5), sent=3.0), intervals=1)
    assert judged(before, after).status is not FAILED


def test_a_result_where_there_was_none_explains_any_rise() -> None:
    before, after = steady(replace(Q, sent=0.0)), later(replace(Q.slower(3), sent=5.0))
    assert ReasonCode.LATENCY_INCREASED not in codes(judged(before, after))


def test_a_reading_of_the_largest_numbers_convicts_nobody() -> None:
    before, after = steady(Q, write("insert", rows=0.0)), later(Q, write("insert", rows=0.0))
    most = {"count_star": 2**64 - 1, "sum_timer_wait_ps": 2**64 - 1, "sum_rows_examined": 2**64 - 1}
    broken = [row.model_copy(update=most) for row in after[-1].digests]
    after[-1] = after[-1].model_copy(update={"digests": tuple(broken)})
    verdict = judged(before, after)
    assert verdict.status is SUCCESS
    assert said(verdict).count(ReasonCode.COUNTER_RESET) == 2


def test_what_got_far_slower_and_hardly_runs_is_missed_however_small_it_was() -> None:
    before = steady(Q, replace(Q, digest="small", n=10, ms=0.5))
    after = later(Q, replace(Q, digest="small", n=8, ms=5000.0), intervals=1)
    verdict = judged(before, after)
    assert (verdict.status, ReasonCode.SAMPLES_LOST in codes(verdict)) == (INCONCLUSIVE, True)
    calm = later(Q, replace(Q, digest="small", n=8, ms=0.5), intervals=1)
    assert judged(before, calm).status is SUCCESS


def test_what_all_statements_of_a_table_suffer_may_be_the_machine() -> None:
    reads = tuple(replace(BARE, digest=name) for name in "abc")
    slow = [read.slower(3) for read in reads]
    one = [reads[0].slower(3), *reads[1:]]
    before = steady(*reads, intervals=1)
    assert judged(before, later(*slow, intervals=1)).status is INCONCLUSIVE
    assert judged(before, later(*one, intervals=1)).status is FAILED
    assert judged(before, later(*[read.slower(6) for read in reads], intervals=1)).status is FAILED


def test_reads_whose_plans_ignore_the_index_tell_of_the_machine_without_controls() -> None:
    insert, reads = write("insert"), tuple(replace(Q, digest=name) for name in "abc")
    plans = dict.fromkeys("abc", False)
    slow = [load.slower(1.5) for load in (insert, *reads)]
    before = steady(insert, *reads)
    assert judged(before, later(*slow)).status is FAILED
    assert judged(before, later(*slow), uses_index=plans).status is not FAILED


def test_two_slow_executions_are_no_tail() -> None:
    after = later(replace(Q, shape=((0.98, 0.9), (0.02, 7.0))), intervals=1)
    assert ReasonCode.TAIL_WORSE not in said(judged(steady(Q, intervals=1), after))


def test_a_few_more_rows_wait_at_an_early_look() -> None:
    before, after = steady(Q), later(replace(Q, rows=65.0))
    early = judged(before, after, final=False)
    assert (early.status, early.extend) == (INCONCLUSIVE, True)
    assert judged(before, later(replace(Q, rows=150.0)), final=False).status is FAILED


def test_a_mean_that_few_slow_executions_make_is_not_trusted() -> None:
    before = steady(replace(Q, n=100))
    stretched = ((0.99, 0.2), (0.01, 90.0))  # by chance the slow one was not as slow as the histogram says
    verdict = judged(before, later(replace(Q, n=100, ms=10.5, shape=stretched), intervals=2))
    assert verdict.status is INCONCLUSIVE
    assert ReasonCode.TAIL_WORSE in codes(verdict)


def test_a_histogram_made_anew_has_no_tail() -> None:
    before = steady(Q)
    reborn = before[-2].taken_at
    fresh = [
        snapshot.model_copy(
            update={"digests": (snapshot.digests[0].model_copy(update={"first_seen": reborn, "histogram": {40: 1}}),)}
        )
        for snapshot in before[-1:]
    ]
    assert judged([*before[:-1], *fresh], later(Q)).status is not FAILED


def test_parameters_that_changed_everywhere_convict_nobody() -> None:
    many = [Load(f"q{i}") for i in range(3)]
    drifted = [replace(each, ms=13.0, rows=65.0) for each in (*many, *CONTROLS)]
    before = steady(*many, *CONTROLS)
    assert judged(before, later(*drifted)).status is not FAILED
    assert judged(before, later(*drifted[:3], *CONTROLS)).status is FAILED


def test_few_intervals_without_controls_show_gross_changes_only() -> None:
    before = steady(BARE, intervals=4)
    assert judged(before, later(BARE.slower(1.5), intervals=4)).status is INCONCLUSIVE
    assert judged(before, later(BARE.slower(5), intervals=4)).status is FAILED
    assert (
        judged(steady(BARE, *CONTROLS, intervals=4), later(BARE.slower(1.5), *CONTROLS, intervals=4)).status is FAILED
    )
