import pytest
from tests.unit.executor_adapters.control_plane.conftest import START
from tests.unit.executor_adapters.report.subjects import entry
from tests.unit.executor_core import facts

from executor_adapters.control_plane.console.run_page import sheet, stages
from executor_core.model import AuditAction, ExecutionStatus

A, S = AuditAction, ExecutionStatus


@pytest.mark.parametrize(
    ("status", "actions", "done", "doing"),
    [
        (S.SCHEDULED, [], [], None),
        (S.RUNNING, [A.RUN_CLAIMED], ["Claimed and checked"], "Measured before"),
        (
            S.RUNNING,
            [A.RUN_CLAIMED, A.BASELINE_METRICS_COLLECTED, A.BUILD_STARTED],
            ["Claimed and checked", "Measured before"],
            "Index built",
        ),
        (S.RUNNING, [A.RUN_CLAIMED, A.ROLLBACK_STARTED], ["Claimed and checked"], "Index taken back"),
        (
            S.ROLLED_BACK,
            [A.RUN_CLAIMED, A.ROLLBACK_STARTED, A.INDEX_DROPPED],
            ["Claimed and checked", "Index taken back", "Rolled back"],
            None,
        ),
        (S.FAILED, [A.RUN_CLAIMED], ["Claimed and checked", "Failed"], None),
    ],
)
def test_the_stages_say_how_far_a_run_has_come(
    status: ExecutionStatus, actions: list[AuditAction], done: list[str], doing: str | None
) -> None:
    seen = stages(facts.run(status=status), [entry(action, number) for number, action in enumerate(actions)])
    assert [stage.name for stage in seen if stage.state == "done"] == done
    assert [stage.name for stage in seen if stage.state == "doing"] == ([] if doing is None else [doing])


def test_a_completed_run_has_all_stages_behind_it() -> None:
    trail = [entry(A.RUN_CLAIMED, 0), entry(A.VERIFICATION_COMPLETED, 9)]
    assert {stage.state for stage in stages(facts.run(status=S.COMPLETED), trail)} == {"done"}


def test_the_verdict_is_read_from_its_audit_entry() -> None:
    told = entry(A.VERIFICATION_COMPLETED, 9, verification_status="success", message="No harm.", sample_count=12)
    shown = sheet(facts.run(status=S.COMPLETED), [told], [], START)
    assert shown.subject.verdict is not None
    assert shown.subject.verdict.sample_count == 12
    assert shown.conclusion.headline == "Keep the index"


def test_a_verdict_of_somebody_else_s_making_is_left_out() -> None:
    shown = sheet(facts.run(status=S.COMPLETED), [entry(A.VERIFICATION_COMPLETED, 9, status="fine")], [], START)
    assert shown.subject.verdict is None
