import math

import pytest
from tests.unit.executor_adapters.report.subjects import evidence
from tests.unit.executor_core.loads import Load, control, later, steady

from executor_adapters.report.charts import BAND, LABELS, WIDTH, change_bar, distribution, reach_of
from executor_adapters.report.figures import DigestFigures, digest_figures
from executor_core.verification import verify_evidence


def figures(before: Load, after: Load) -> DigestFigures:
    controls = [control(f"control-{number}") for number in range(3)]
    recorded = evidence(steady(before, *controls), later(after, *controls), before.digest)
    return next(each for each in digest_figures(recorded, verify_evidence(recorded)) if each.wanted)


SPREAD = ((0.5, 1.0), (0.3, 1.5), (0.2, 4.0))


@pytest.mark.parametrize("factor", [0.0001, 0.1, 1.0, 1.05, 30.0, 10_000.0])
def test_every_mark_stands_inside_the_chart(factor: float) -> None:
    load = Load("wanted", ms=5.0, shape=SPREAD)
    drawn = distribution(figures(load, load.slower(factor)), limit_percent=10, uppers_ps=None)
    assert drawn is not None
    assert drawn.limit_x is not None
    xs = [drawn.limit_x, *(tick.x for tick in drawn.ticks)]
    for band in (drawn.before, drawn.after):
        assert band.mean_x is not None
        xs.append(band.mean_x)
        xs += [edge for bar in band.bars for edge in (bar.x, bar.x + bar.width - 1.5)]
        assert all(0 < bar.height <= BAND for bar in band.bars)
    assert min(xs) >= LABELS
    assert max(xs) <= WIDTH


def test_the_scale_has_at_least_one_labelled_tick_however_narrow_the_times_are() -> None:
    load = Load("wanted", ms=3.0)
    drawn = distribution(figures(load, load), limit_percent=10, uppers_ps=None)
    assert drawn is not None
    assert [tick.label for tick in drawn.ticks]


def test_slower_stands_further_right_and_past_the_limit() -> None:
    load = Load("wanted", ms=3.0)
    drawn = distribution(figures(load, load.slower(50)), limit_percent=10, uppers_ps=None)
    assert drawn is not None
    assert drawn.before.mean_x is not None
    assert drawn.after.mean_x is not None
    assert drawn.limit_x is not None
    assert drawn.before.mean_x < drawn.limit_x < drawn.after.mean_x
    assert "3.00 ms" in drawn.description
    assert "150 ms" in drawn.description


def test_without_histograms_there_is_no_distribution() -> None:
    load = Load("wanted", shape=None)
    assert distribution(figures(load, load), limit_percent=10, uppers_ps=None) is None


def test_the_description_says_when_nothing_ran() -> None:
    drawn = distribution(figures(Load("wanted"), Load("wanted", n=0)), limit_percent=10, uppers_ps=None)
    assert drawn is not None
    assert drawn.after.mean_x is None
    assert "After it did not run." in drawn.description


@pytest.mark.parametrize(
    ("change", "before", "after", "left", "beyond", "label"),
    [
        (0.0, 5.0, 5.0, False, False, "±0 %"),
        (900.0, 5.0, 50.0, False, True, "×10"),
        (-90.0, 50.0, 5.0, True, False, "÷10"),
        (None, 0.0, 5.0, False, True, "from none"),
        (-100.0, 5.0, 0.0, True, False, "to none"),
        (0.0, 0.0, 0.0, False, False, "–"),
    ],
)
def test_a_bar_goes_from_the_middle_to_its_side(
    change: float | None, before: float, after: float, left: bool, beyond: bool, label: str
) -> None:
    bar = change_bar("rows", change, before=before, after=after, limit_percent=20, reach=math.log(100))
    assert bar is not None
    assert (bar.x < 50) is left
    assert (bar.beyond, bar.label) == (beyond, label)
    assert 0 <= bar.x <= bar.x + bar.width <= 100
    assert 50 < bar.limit < 100
    assert label in bar.description


def test_what_did_not_run_has_no_bar() -> None:
    assert change_bar("time", None, before=None, after=3.0, limit_percent=10, reach=1.0) is None


def test_the_scale_reaches_the_largest_change_and_at_least_a_doubling() -> None:
    load = Load("wanted")
    assert reach_of([figures(load, load)]) == math.log(2)
    assert reach_of([figures(load, load.slower(0.01))]) == pytest.approx(math.log(100))
    assert reach_of([]) == math.log(2)
