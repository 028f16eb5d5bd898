"""The checks before anything is changed, as a whole."""

from dataclasses import replace

import pytest
from tests.unit.executor_core.facts import case, definition, server, surrounded, table, target, without_table

from executor_core.errors import InvalidInput
from executor_core.finding import Check, Finding, Severity
from executor_core.lifecycle import Phase
from executor_core.preflight import CHECKS, WAIVABLE, obstacle, preflight, waived
from executor_core.target import TargetFacts


def test_a_target_in_order_has_no_findings() -> None:
    assert preflight(case()) == preflight(case(), Phase.BUILDING) == ()


@pytest.mark.parametrize("check", CHECKS[Phase.CHECKING], ids=lambda check: check.code)
def test_no_check_trips_over_a_missing_table(check: Check) -> None:
    facts = replace(without_table(), can_stage=True)
    assert [finding.code for finding in check.findings(case(facts))] in ([], ["table_missing"])


def test_a_missing_table_is_the_only_finding_about_it() -> None:
    facts = replace(without_table(), can_stage=True)
    assert [finding.code for finding in preflight(case(facts))] == ["table_missing"]


def test_findings_come_in_the_order_of_the_checks() -> None:
    facts = TargetFacts(server=server(read_only=True, performance_schema=False), table=table(engine="MyISAM"))
    codes = [finding.code for finding in preflight(case(facts, definition("nowhere")))]
    assert codes == ["read_only", "engine", "column_missing", "performance_schema_off", "direct_exposure"]


def test_each_check_has_a_code_of_its_own_and_says_what_it_is_about() -> None:
    checks = CHECKS[Phase.CHECKING]
    assert len({check.code for check in checks}) == len({check.look for check in checks}) == len(checks)
    assert all(check.what.endswith(".") and check.what[0].isupper() for check in checks)


def test_what_is_checked_before_the_build_was_checked_before_the_baseline() -> None:
    assert set(CHECKS[Phase.BUILDING]) <= set(CHECKS[Phase.CHECKING])


def finding(severity: Severity, code: str = "some") -> Finding:
    return Finding(code=code, severity=severity, sentence="something is wrong")


def test_the_first_finding_that_blocks_decides() -> None:
    person, blocking = finding(Severity.PERSON_NEEDED), finding(Severity.BLOCKING)
    assert obstacle((finding(Severity.WARNING), person, blocking)) is person
    assert obstacle((finding(Severity.WARNING),)) is None


def test_a_busy_server_puts_the_build_off() -> None:
    (busy,) = preflight(case(surrounded(target(), threads_running=500)), Phase.BUILDING)
    assert (busy.code, busy.severity) == ("busy", Severity.WARNING)


def test_only_warnings_can_be_waived() -> None:
    assert waived(["busy", "room"]) == {"busy", "room"}
    assert waived([]) == frozenset()
    for code in ("read_only", "galera", "nonsense"):
        with pytest.raises(InvalidInput, match=f"'{code}' is no warning that can be waived; those are already_served"):
            waived(["busy", code])
    assert {check.code for check in CHECKS[Phase.CHECKING] if check.severity is not Severity.WARNING}.isdisjoint(
        WAIVABLE
    )
