import json
import re
from html.parser import HTMLParser

import pytest
from tests.unit.executor_adapters.acceptance.samples import an_acceptance

from executor_adapters.acceptance.log import Heading, as_json, document
from executor_adapters.acceptance.markdown import markdown
from executor_adapters.acceptance.page import page
from executor_adapters.acceptance.result import CaseStatus
from executor_adapters.acceptance.words import Language, Words

PASS, FAIL, NOT_RUN, LEFT_OUT = (
    CaseStatus.PASS,
    CaseStatus.FAIL,
    CaseStatus.COULD_NOT_RUN,
    CaseStatus.NOT_SELECTED,
)
SECTIONS = (
    "run",
    "environment",
    "checklist",
    "results",
    "cases",
    "summary",
    "blockers",
    "decision",
    "failed",
    "issues",
    "cleanup",
    "sign_off",
)


class _Balanced(HTMLParser):
    """Counts elements, and sees that each is closed where it must be."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: dict[str, int] = {}
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen[tag] = self.seen.get(tag, 0) + 1
        self.loads += [str(value) for name, value in attrs if name in ("src", "href")]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("language", Language)
def test_every_section_is_there_in_order_whatever_came_of_the_cases(language: Language) -> None:
    words = Words(language)
    for statuses in [(), (FAIL, NOT_RUN, LEFT_OUT), (LEFT_OUT,) * 10]:
        blocks = document(an_acceptance(*statuses), words)
        headings = [block.text for block in blocks if isinstance(block, Heading) and block.level == 2]
        assert headings == [f"{n}. {words(f'section.{key}')}" for n, key in enumerate(SECTIONS, 1)]
        cases = [block.text for block in blocks if isinstance(block, Heading) and block.level == 3]
        assert [text[:5] for text in cases] == [f"TC-{n:02}" for n in range(1, 11)]


def test_a_case_is_told_field_by_field_with_its_proofs() -> None:
    text = markdown(document(an_acceptance(PASS, FAIL), Words(Language.EN)))
    assert "### TC-02 Kill Switch Before Start (P0): FAIL" in text
    assert "| status, by the executor | FAILED | COMPLETED | FAIL |" in text
    assert "| fail_reason, by the executor (500) | none | none | PASS |" in text
    assert "| the index is there afterwards | no | no | PASS |" in text
    assert "SHOW INDEX FROM test_orders\n→ no rows" in text
    assert "12:00:00 – 12:00:05 (5.0 s)" in text
    assert "status_change RUNNING → FAILED" in text
    assert "1 min 15 s" in text


def test_a_failed_case_has_its_cause_impact_and_action() -> None:
    text = markdown(document(an_acceptance(PASS, FAIL), Words(Language.EN)))
    failed = text.partition("## 9. ")[2].partition("## 10. ")[0]
    assert "status, by the executor: expected FAILED, was COMPLETED" in failed
    assert "The emergency stop does not stop" in failed
    assert "POST /api/kill-switch has set" in failed
    assert "TC-03" not in failed


@pytest.mark.parametrize(
    ("statuses", "decision"),
    [((), "APPROVED"), ((FAIL,), "CONDITIONAL"), ((PASS, NOT_RUN), "BLOCKED"), ((PASS, PASS, FAIL), "BLOCKED")],
)
@pytest.mark.parametrize("language", Language)
def test_the_decision_is_told_with_what_it_means(
    statuses: tuple[CaseStatus, ...], decision: str, language: Language
) -> None:
    words = Words(language)
    text = markdown(document(an_acceptance(*statuses), words))
    told = text.partition(f"## 8. {words('section.decision')}")[2].partition("## 9. ")[0]
    assert f"**{decision}**" in told
    assert words(f"decision.{decision}") in told
    first = text.partition("## 1. ")[0]
    assert f"**{decision}**" in first
    assert words(f"decision.{decision}") in first
    assert first.count(": FAIL") + first.count(": COULD NOT RUN") == sum(status is not PASS for status in statuses)


def test_what_could_not_run_says_why_and_is_counted_by_itself() -> None:
    text = markdown(document(an_acceptance(PASS, PASS, NOT_RUN, LEFT_OUT), Words(Language.EN)))
    assert "**It could not run: the API is gone**" in text
    summary = text.partition("## 6. ")[2].partition("## 7. ")[0]
    assert "| Passed | 8 |" in summary
    assert "| Could not run | 1 |" in summary
    assert "| Not selected | 1 |" in summary
    assert "| P0 | 2 | 3 | 67% |" in summary


def test_what_a_person_has_to_confirm_is_an_issue() -> None:
    text = markdown(document(an_acceptance(), Words(Language.EN)))
    issues = text.partition("## 10. ")[2].partition("## 11. ")[0]
    assert "test-tc01-001" in issues
    assert "shorter than in production (10s)" in issues


def test_a_case_that_does_not_weigh_is_an_issue_when_it_fails() -> None:
    text = markdown(document(an_acceptance(PASS, PASS, PASS, FAIL), Words(Language.EN)))
    assert "TC-04 did not pass. It does not weigh in the decision" in text
    assert "**APPROVED**" in text


def test_the_sign_off_is_left_empty() -> None:
    text = markdown(document(an_acceptance(), Words(Language.EN)))
    assert "| Approver |   |   |   |" in text.partition("## 12. ")[2]


def test_nothing_in_markdown_breaks_a_table_or_a_listing() -> None:
    text = markdown(document(an_acceptance(NOT_RUN), Words(Language.EN)))
    for line in text.splitlines():
        if line.startswith("|"):
            assert line.endswith(" |")
    assert "````text" in text  # a listing that holds a fence has a longer one around it


@pytest.mark.parametrize("language", Language)
def test_the_page_is_whole_and_loads_nothing(language: Language) -> None:
    written = page(document(an_acceptance(FAIL, NOT_RUN, LEFT_OUT), Words(language)), language=language)
    parser = _Balanced()
    parser.feed(written)
    assert parser.open == []
    assert (parser.loads, parser.seen.get("script")) == ([], None)
    assert parser.seen["h2"] == 12
    assert f'<html lang="{language}">' in written
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in written
    assert "url(" not in written


def test_the_page_and_the_markdown_say_the_same() -> None:
    blocks = document(an_acceptance(FAIL), Words(Language.TH))
    shown = re.sub(r"<style>.*?</style>|<[^>]+>", " ", page(blocks, language="th"), flags=re.DOTALL)
    for block in blocks:
        if isinstance(block, Heading):
            assert block.text in shown.replace("&amp;", "&")


def test_the_log_for_machines_has_the_decision_and_every_field() -> None:
    log = json.loads(json.dumps(as_json(an_acceptance(PASS, FAIL))))
    assert (log["format"], log["decision"]) == (1, "BLOCKED")
    case = log["cases"][1]
    assert (case["case"], case["status"], case["priority"]) == ("TC-02", "FAIL", "P0")
    assert case["checks"][0] == {
        "field": "status",
        "expected": "FAILED",
        "actual": "COMPLETED",
        "where": "",
        "holds": False,
    }
    assert case["started_at"] == "2026-01-01T12:00:00Z"
    assert log["checklist"][1]["state"] == "TO CONFIRM"
