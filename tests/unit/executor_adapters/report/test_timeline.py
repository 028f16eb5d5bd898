from tests.unit.executor_adapters.report.subjects import at, entry, evidence, subject
from tests.unit.executor_core.loads import Load, later, steady

from executor_adapters.report.timeline import build_span, drawn, spans_of
from executor_core.model import AuditAction, ExecutionStatus

A = AuditAction


def test_the_windows_come_from_the_evidence_and_the_rest_from_the_trail() -> None:
    recorded = evidence(steady(Load("a")), later(Load("a")))
    middle = (recorded.baseline[-1].taken_at - at(0)).total_seconds()
    trail = (
        entry(A.BUILD_STARTED, middle + 1),
        entry(A.INDEX_ADDED, middle + 8),
        entry(A.DRAIN_STARTED, middle + 8),
        entry(A.INDEX_PUBLISHED, middle + 20),
    )
    spans = spans_of(subject(evidence=recorded, trail=trail))
    assert [span.kind for span in spans] == ["before", "build", "hidden", "after"]
    assert spans[1].told.endswith("7 s")


def test_a_drain_that_took_no_time_has_no_line() -> None:
    trail = (entry(A.DRAIN_STARTED, 1), entry(A.INDEX_PUBLISHED, 1))
    assert spans_of(subject(trail=trail)) == []


def test_the_build_time_is_that_of_the_attempt_that_succeeded() -> None:
    trail = (
        entry(A.BUILD_STARTED, 0),
        entry(A.BUILD_POSTPONED, 5),
        entry(A.BUILD_STARTED, 10),
        entry(A.INDEX_ADDED, 13),
    )
    span = build_span(subject(trail=trail))
    assert span is not None
    assert (span.begins_at, span.ends_at) == (at(10), at(13))
    assert build_span(subject(trail=None)) is None


def test_a_span_under_way_has_no_end_and_one_of_a_run_that_is_over_has() -> None:
    begun = (entry(A.ROLLBACK_STARTED, 4), entry(A.ROLLBACK_POSTPONED, 6))
    (span,) = spans_of(subject(trail=begun))
    assert span.ends_at is None
    assert span.told.startswith("since")
    ended = (*begun, entry(A.STATUS_CHANGE, 9, new_status=ExecutionStatus.FAILED))
    (span,) = spans_of(subject(trail=ended))
    assert span.ends_at == at(9)


def test_every_span_is_wide_enough_to_be_seen_and_inside_the_scale() -> None:
    trail = (
        entry(A.BUILD_STARTED, 0),
        entry(A.INDEX_ADDED, 3_600),
        entry(A.ROLLBACK_STARTED, 3_600),
        entry(A.INDEX_DROPPED, 3_600),
    )
    marks = drawn(spans_of(subject(trail=trail)))
    assert all(mark.x >= 0 and mark.x + mark.width <= 100.01 and mark.width > 0.5 for mark in marks)
    assert drawn([]) == []
    assert drawn(spans_of(subject(trail=trail[:1])), now=at(60))[0].width == 100
