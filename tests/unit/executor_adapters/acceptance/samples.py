"""An acceptance to write a log of: one case of each kind."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from executor_adapters.acceptance.cases import CASES
from executor_adapters.acceptance.checklist import Item, ItemState
from executor_adapters.acceptance.log import Acceptance
from executor_adapters.acceptance.result import (
    CaseResult,
    CaseStatus,
    Check,
    MetricsWindow,
    Note,
    Proof,
    Step,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def a_result(number: int, status: CaseStatus) -> CaseResult:
    case = CASES[f"TC-{number:02}"]
    bare = CaseResult(case=case.id, title=case.title, priority=case.priority, status=status)
    if status is CaseStatus.NOT_SELECTED:
        return bare
    actual = "FAILED" if status is CaseStatus.PASS else "COMPLETED"
    ran = replace(
        bare,
        run_ids=(case.run_id(1),),
        started_at=NOON,
        ended_at=NOON + timedelta(seconds=75),
        checks=(
            Check("status", "FAILED", actual),
            Check("fail_reason", None, None, "500"),
            Check("index_there", False, False),
        ),
        messages=(("message", "It said <script>alert(1)</script> | `x`"),),
        windows=(MetricsWindow(case.run_id(1), (NOON, NOON + timedelta(seconds=5)), None),),
        proofs=(
            Proof("target", "SHOW INDEX FROM test_orders", ()),
            Proof("control plane", "SELECT id FROM execution_runs", ("id=test-tc02-001 ```",)),
        ),
        steps=(Step(NOON, case.run_id(1), "status_change RUNNING → FAILED"),),
        observations=(Note("samples", {"samples": "3"}),),
    )
    return replace(ran, error="the API is gone") if status is CaseStatus.COULD_NOT_RUN else ran


def an_acceptance(*statuses: CaseStatus) -> Acceptance:
    padded = [*statuses, *[CaseStatus.PASS] * (10 - len(statuses))]
    return Acceptance(
        id="acceptance-1",
        started_at=NOON,
        ended_at=NOON + timedelta(minutes=4),
        tester="somebody",
        command="executor acceptance",
        server="9.7.4",
        database="executor_test",
        api="http://localhost:3000",
        executor="executor 0.1.0",
        system="Linux",
        baseline_window="10s",
        after_window="10s",
        exposure="staged",
        embedded=False,
        records_readable=False,
        short_windows=True,
        folder="result-log-files",
        checklist=(
            Item("api", ItemState.OK, Note("seen.api", {"url": "http://localhost:3000"})),
            Item("left_over", ItemState.TO_CONFIRM, Note("seen.runs_needed", {"runs": "test-tc01-001"})),
        ),
        cases=tuple(a_result(number, status) for number, status in enumerate(padded, 1)),
    )
