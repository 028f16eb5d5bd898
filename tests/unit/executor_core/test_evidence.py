"""The evidence document: what it needs, what it tolerates, and how it says what is wrong."""

import json
from typing import Any

import pytest
from tests.unit.executor_core.loads import Load, later, steady

from executor_core.evidence import Evidence
from executor_core.metrics import EvidenceError
from executor_core.model import VerificationStatus
from executor_core.verification import verify_evidence


def smallest() -> dict[str, Any]:
    """The least that a verdict can be reached from."""

    def snapshot(minute: int, n: int, ms: int) -> dict[str, Any]:
        return {
            "taken_at": f"2026-03-01T12:{minute:02}:00Z",
            "digests": [{"digest": "q", "count_star": n, "sum_timer_wait_ps": ms * 10**9}],
        }

    return {
        "run": {"query_digests": ["q"], "id": "run-1"},
        "baseline": [snapshot(0, 1000, 5000), snapshot(5, 2000, 10000)],
        "after": [snapshot(6, 2000, 10000), snapshot(11, 3000, 35000)],
    }


def test_the_smallest_evidence_is_judged() -> None:
    assert verify_evidence(Evidence.from_json(json.dumps(smallest()))).status is VerificationStatus.FAILED


def test_added_fields_are_tolerated_everywhere() -> None:
    document = smallest() | {"added": 1, "policy": {"added": 1, "min_samples": 20}, "server": {"added": 1}}
    document["after"][1] |= {"added": {}}
    document["after"][1]["digests"][0] |= {"added": None}
    evidence = Evidence.from_json(json.dumps(document))
    assert evidence.policy.min_samples == 20
    assert verify_evidence(evidence).status is VerificationStatus.FAILED


def test_a_written_document_is_read_to_the_same_verdict() -> None:
    q = Load("q")
    evidence = Evidence(baseline=tuple(steady(q)), after=tuple(later(q.slower(2))))
    again = Evidence.from_json(evidence.to_json())
    assert again == evidence
    assert verify_evidence(again) == verify_evidence(evidence)
    assert Evidence.from_json(evidence.to_json(indent=1).encode()) == evidence


def test_the_run_is_kept_whole() -> None:
    assert json.loads(Evidence.from_json(json.dumps(smallest())).to_json())["run"]["id"] == "run-1"


def test_a_recorded_verdict_is_kept_and_not_believed() -> None:
    document = smallest() | {"verdict": {"status": "success", "anything": [1]}}
    evidence = Evidence.from_json(json.dumps(document))
    assert evidence.verdict == {"status": "success", "anything": [1]}
    assert verify_evidence(evidence).status is VerificationStatus.FAILED


ROW = ("after", 1, "digests", 0)


@pytest.mark.parametrize(
    ("where", "value", "path"),
    [
        ((*ROW, "count_star"), -1, "after[1].digests[0].count_star"),
        ((*ROW, "count_star"), "12", "after[1].digests[0].count_star"),
        ((*ROW, "count_star"), 1.0, "after[1].digests[0].count_star"),
        ((*ROW, "count_star"), True, "after[1].digests[0].count_star"),
        ((*ROW, "count_star"), None, "after[1].digests[0].count_star"),
        ((*ROW, "sum_timer_wait_ps"), 2**64, "after[1].digests[0].sum_timer_wait_ps"),
        ((*ROW, "sum_lock_time_ps"), float("nan"), "after[1].digests[0].sum_lock_time_ps"),
        ((*ROW, "digest"), "", "after[1].digests[0].digest"),
        ((*ROW, "digest"), 7, "after[1].digests[0].digest"),
        ((*ROW, "role"), "bystander", "after[1].digests[0].role"),
        ((*ROW, "histogram"), {"450": 1}, "after[1].digests[0].histogram.450"),
        ((*ROW, "histogram"), {"-1": 1}, "after[1].digests[0].histogram.-1"),
        ((*ROW, "histogram"), {"x": 1}, "after[1].digests[0].histogram.x"),
        ((*ROW, "histogram"), {"7": -1}, "after[1].digests[0].histogram.7"),
        ((*ROW, "first_seen"), 17, "after[1].digests[0].first_seen"),
        (("after", 0, "taken_at"), "2026-03-01T12:06:00", "after[0].taken_at"),
        (("after", 0, "taken_at"), 1_700_000_000, "after[0].taken_at"),
        (("after", 0, "taken_at"), "yesterday", "after[0].taken_at"),
        (("after", 0, "digests"), {}, "after[0].digests"),
        (("after",), {}, "after"),
        (("run", "query_digests"), [1], "run.query_digests[0]"),
        (("index",), {"exists": "yes"}, "index.exists"),
        (("uses_index",), {"q": 1}, "uses_index.q"),
        (("policy",), {"alpha": 2}, "policy.alpha"),
        (("policy",), {"min_samples": 0}, "policy.min_samples"),
        (("format",), 2, "format"),
        (("histogram_upper_bounds_ps",), [5, 3], "histogram_upper_bounds_ps"),
        (("histogram_upper_bounds_ps",), [0, 3], "histogram_upper_bounds_ps"),
        (("histogram_upper_bounds_ps",), [3], "histogram_upper_bounds_ps"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(where: tuple[Any, ...], value: object, path: str) -> None:
    document: Any = smallest()
    place = document
    for step in where[:-1]:
        place = place[step]
    place[where[-1]] = value
    with pytest.raises(EvidenceError) as caught:
        Evidence.from_json(json.dumps(document))
    assert caught.value.path == path
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("field", ["baseline", "after"])
def test_a_window_may_not_be_missing(field: str) -> None:
    document = smallest()
    del document[field]
    with pytest.raises(EvidenceError) as caught:
        Evidence.from_json(json.dumps(document))
    assert caught.value.path == field


@pytest.mark.parametrize("field", ["digest", "count_star", "sum_timer_wait_ps"])
def test_a_row_needs_three_fields(field: str) -> None:
    document = smallest()
    del document["after"][1]["digests"][0][field]
    with pytest.raises(EvidenceError, match=rf"^after\[1\]\.digests\[0\]\.{field}: "):
        Evidence.from_json(json.dumps(document))


@pytest.mark.parametrize("document", ["", "{", b"\xff\xfe", "[]", "null", "[" * 5000, '{"baseline": NaN}'])
def test_what_is_no_evidence_is_refused(document: str | bytes) -> None:
    with pytest.raises(EvidenceError):
        Evidence.from_json(document)


def test_bounds_of_other_buckets_are_used() -> None:
    document = smallest() | {"histogram_upper_bounds_ps": [10**9, 2 * 10**9, 2**64 - 1]}
    assert verify_evidence(Evidence.from_json(json.dumps(document))).status is VerificationStatus.FAILED
