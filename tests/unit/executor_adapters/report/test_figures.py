import pytest
from tests.unit.executor_adapters.report.subjects import evidence
from tests.unit.executor_core.loads import Load, bucket_of, control, later, steady, write

from executor_adapters.report.figures import NO_TEXT, DigestFigures, digest_figures
from executor_core.evidence import Evidence
from executor_core.metrics import DigestRow
from executor_core.model import VerificationStatus
from executor_core.verification import verify_evidence

CONTROLS = [control(f"control-{number}") for number in range(3)]


def figures_of(recorded: Evidence) -> dict[str, DigestFigures]:
    return {each.key.digest: each for each in digest_figures(recorded, verify_evidence(recorded))}


def test_each_side_is_told_per_execution_and_per_minute() -> None:
    before = Load("wanted", n=60, ms=20.0, rows=500.0, unindexed=1.0)
    recorded = evidence(steady(before, *CONTROLS), later(before.slower(0.1), *CONTROLS), "wanted")
    wanted = figures_of(recorded)["wanted"]
    assert (wanted.before.executions, wanted.before.per_minute) == (600, 60)
    assert (wanted.before.latency_ms, wanted.after.latency_ms) == pytest.approx((20.0, 2.0))
    assert (wanted.before.rows_examined, wanted.before.unindexed) == (500, 1)
    assert wanted.latency_change == pytest.approx(-90)
    assert wanted.rows_change == 0


def test_the_histogram_is_that_of_the_window_alone() -> None:
    load = Load("wanted", n=10, ms=10.0, shape=((0.9, 1.0), (0.1, 10.0)))
    recorded = evidence(steady(load, *CONTROLS, intervals=4), later(load, *CONTROLS), "wanted")
    before = figures_of(recorded)["wanted"].before
    assert before.buckets == {bucket_of(10.0): 36, bucket_of(100.0): 4}
    assert before.quantiles_ms[50] == pytest.approx(10.0, rel=0.06)
    assert before.quantiles_ms[99] == pytest.approx(100.0, rel=0.06)


def test_an_interval_in_which_the_counters_were_reset_is_left_out() -> None:
    load = Load("wanted", n=10)
    before = steady(load, *CONTROLS, intervals=4)
    fallen = [
        DigestRow(digest=row.digest, schema_name=row.schema_name, role=row.role, count_star=0, sum_timer_wait_ps=0)
        for row in before[2].digests
    ]
    before[2] = before[2].model_copy(update={"digests": tuple(fallen)})
    wanted = figures_of(evidence(before, later(load, *CONTROLS), "wanted"))["wanted"]
    assert wanted.before.executions == 10
    assert wanted.before.per_minute == wanted.after.per_minute


def test_the_worst_come_first_and_the_bystanders_last() -> None:
    good, bad, cheap = Load("good"), Load("bad"), write("cheap", ms=1.0)
    recorded = evidence(
        steady(good, bad, cheap, *CONTROLS), later(good.slower(0.5), bad.slower(9.0), cheap, *CONTROLS), "good", "bad"
    )
    order = [each.key.digest for each in digest_figures(recorded, verify_evidence(recorded))]
    assert order == ["bad", "good", "cheap", "control-0", "control-1", "control-2"]
    assert figures_of(recorded)["bad"].outcome is VerificationStatus.FAILED


def test_a_statement_that_did_not_run_has_no_numbers_and_no_text_is_said_to_be_missing() -> None:
    silent = Load("silent", n=0)
    before, after = steady(silent, *CONTROLS), later(silent, *CONTROLS)
    textless = [
        snapshot.model_copy(
            update={"digests": tuple(row.model_copy(update={"digest_text": None}) for row in snapshot.digests)}
        )
        for snapshot in (*before, *after)
    ]
    each = figures_of(evidence(textless[:11], textless[11:], "silent"))["silent"]
    assert each.numbers is None
    assert each.before.latency_ms is each.latency_change is each.rows_change is None
    assert each.text == NO_TEXT


def test_something_from_nothing_has_no_percentage() -> None:
    before, after = Load("wanted", rows=0.0), Load("wanted", rows=7.0)
    recorded = evidence(steady(before, *CONTROLS), later(after, *CONTROLS), "wanted")
    assert figures_of(recorded)["wanted"].rows_change is None


def test_evidence_that_contradicts_itself_has_no_figures() -> None:
    load = Load("wanted")
    recorded = evidence(steady(load, *CONTROLS), later(load, *CONTROLS), "wanted")
    verdict = verify_evidence(recorded)
    turned = recorded.model_copy(update={"after": recorded.after[::-1]})
    assert digest_figures(turned, verdict) == []
