import pytest

from executor_adapters.acceptance.cases import CASES, chosen_cases
from executor_adapters.acceptance.result import CaseResult, CaseStatus, Check, Decision, Priority, decide, status_of
from executor_core.errors import InvalidInput

PASS, FAIL, NOT_RUN = CaseStatus.PASS, CaseStatus.FAIL, CaseStatus.COULD_NOT_RUN


def results(**statuses: CaseStatus) -> list[CaseResult]:
    """All ten cases, passed but for those that are named: ``tc02=FAIL``."""
    return [
        CaseResult(
            case=case.id,
            title=case.title,
            priority=case.priority,
            status=statuses.get(case.id.replace("-", "").lower(), PASS),
        )
        for case in CASES.values()
    ]


def test_the_priorities_are_those_of_the_specification() -> None:
    by_priority = {p: [case.id for case in CASES.values() if case.priority is p] for p in Priority}
    assert by_priority[Priority.P0] == ["TC-02", "TC-03", "TC-09"]
    assert by_priority[Priority.P1] == ["TC-01", "TC-06"]
    assert len(CASES) == 10


def test_the_names_are_those_of_the_specification() -> None:
    assert [case.index_name for case in CASES.values()] == [
        "idx_tc01_customer",
        "idx_tc02_status",
        "idx_tc03_date",
        "idx_tc04_place",
        "idx_tc05_existing",
        "idx_tc06_perf",
        "idx_tc07_fail",
        "idx_tc08_low",
        "idx_tc09_api",
        "idx_tc10_crash",
    ]
    assert (CASES["TC-10"].run_id(1), CASES["TC-10"].connection_id) == ("test-tc10-001", "conn-010")


def test_all_passed_is_approved() -> None:
    assert decide(results()) is Decision.APPROVED


@pytest.mark.parametrize("case", ["tc02", "tc03", "tc09"])
@pytest.mark.parametrize("status", [FAIL, NOT_RUN, CaseStatus.NOT_SELECTED])
def test_a_p0_that_did_not_pass_blocks(case: str, status: CaseStatus) -> None:
    assert decide(results(**{case: status})) is Decision.BLOCKED


@pytest.mark.parametrize("case", ["tc01", "tc06"])
@pytest.mark.parametrize("status", [FAIL, NOT_RUN, CaseStatus.NOT_SELECTED])
def test_one_of_two_p1_is_less_than_80_per_cent(case: str, status: CaseStatus) -> None:
    assert decide(results(**{case: status})) is Decision.CONDITIONAL


def test_four_of_five_p1_are_80_per_cent() -> None:
    p1 = [CaseResult(case=f"{n}", title="", priority=Priority.P1, status=PASS if n else FAIL) for n in range(5)]
    p0 = [result for result in results() if result.priority is Priority.P0]
    assert decide([*p0, *p1]) is Decision.APPROVED
    assert decide([*p0, *p1[:4]]) is Decision.CONDITIONAL


def test_the_others_do_not_weigh() -> None:
    assert decide(results(tc04=FAIL, tc05=FAIL, tc07=NOT_RUN, tc08=FAIL, tc10=FAIL)) is Decision.APPROVED


def test_nothing_at_all_is_blocked() -> None:
    assert decide([]) is Decision.BLOCKED


def test_a_case_passes_only_if_something_was_shown_and_all_of_it_holds() -> None:
    good, bad = Check("status", "FAILED", "FAILED"), Check("status", "FAILED", None)
    assert status_of([good]) is PASS
    assert status_of([good, bad]) is FAIL
    assert status_of([]) is FAIL


@pytest.mark.parametrize("text", ["TC-11", "", " , ", "TC-01,all"])
def test_a_case_that_there_is_not_is_a_wrong_call(text: str) -> None:
    with pytest.raises(InvalidInput, match="--cases"):
        chosen_cases(text)
