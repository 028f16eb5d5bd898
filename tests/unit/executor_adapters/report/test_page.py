import re
from html.parser import HTMLParser

import pytest
from tests.unit.executor_adapters.report.subjects import entry, evidence, rollback, subject
from tests.unit.executor_core.loads import Load, control, later, steady, write

from executor_adapters.report import Subject, report_page
from executor_adapters.report.page import sheet_of
from executor_core.evidence import Evidence
from executor_core.model import AuditAction, ExecutionStatus, FailReason, RollbackStatus

HOSTILE = """</title><script>alert(1)</script><img src=x onerror=alert(1)>"'`{{ 7*7 }}"""
CONTROLS = [control(f"control-{number}") for number in range(3)]


class Markup(HTMLParser):
    """What a browser would see: the elements with their attributes, and whether each was closed."""

    VOID = frozenset({"meta", "rect", "line", "path", "br", "input", "link"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def recorded(digests: int = 2, snapshots: int = 10) -> Evidence:
    before = [
        Load(f"{number:064x}", ms=3.0 + number, shape=tuple((0.02, 1.05**step) for step in range(50)))
        for number in range(digests)
    ]
    after = [load.slower(20.0 if number == 0 else 0.9) for number, load in enumerate(before)]
    return evidence(
        steady(*before, write("w"), *CONTROLS, intervals=snapshots),
        later(*after, write("w"), *CONTROLS, intervals=snapshots),
        *(load.digest for load in before),
    )


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    page = report_page(Subject.of_evidence(recorded()))
    markup = Markup(page)
    names = {name for name, _ in markup.elements}
    assert not names & {"script", "img", "link", "iframe", "object", "form", "base"}
    assert not markup.open
    for _, attributes in markup.elements:
        assert not {name for name in attributes if name.startswith("on") or name in ("src", "style", "srcset")}
        assert attributes.get("href", "#").startswith("#")  # type: ignore[union-attr]
    assert "url(" not in page
    (policy,) = [each["content"] for each in markup.named("meta") if "http-equiv" in each]
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'sha256-")


def test_whatever_a_statement_or_a_message_holds_is_text() -> None:
    hostile = recorded()
    snapshots = {
        name: tuple(
            snapshot.model_copy(
                update={
                    "digests": tuple(
                        row.model_copy(update={"digest_text": HOSTILE, "schema_name": HOSTILE})
                        for row in snapshot.digests
                    )
                }
            )
            for snapshot in getattr(hostile, name)
        )
        for name in ("baseline", "after")
    }
    alone = Subject.of_evidence(hostile.model_copy(update=snapshots))
    page = report_page(
        subject(
            run_id=HOSTILE,
            schema_name=HOSTILE,
            table_name=HOSTILE,
            index_name=HOSTILE,
            connection_id=HOSTILE,
            columns=(HOSTILE,),
            status=ExecutionStatus.FAILED,
            fail_reason=FailReason.EXECUTION_ERROR,
            message=HOSTILE,
            executed_sql=HOSTILE,
            rollback=rollback(RollbackStatus.FAILED).model_copy(update={"rollback_sql": HOSTILE}),
            verdict=alone.verdict,
            evidence=alone.evidence,
            evidence_path=HOSTILE,
            trail=(entry(AuditAction.BUILD_FAILED, 1, why=HOSTILE, **{"a <b> c": [HOSTILE]}),),
        ),
        version=HOSTILE,
    )
    markup = Markup(page)
    assert not markup.named("script")
    assert not markup.named("img")
    assert not markup.open
    assert "<script" not in page
    assert "49" not in re.findall(r"`(\d+)", page)


def test_twenty_statements_fit_into_300_kilobytes() -> None:
    page = report_page(Subject.of_evidence(recorded(digests=20, snapshots=31)))
    assert page.count("<article") == 21
    assert page.count('class="distribution"') == 21
    assert len(page.encode()) < 300_000


def test_every_chart_has_a_name_and_a_description() -> None:
    markup = Markup(report_page(Subject.of_evidence(recorded())))
    charts = [each for each in markup.named("svg") if each.get("role") == "img"]
    ids = {each["id"] for _, each in markup.elements if "id" in each}
    assert len(charts) > 5
    for chart in charts:
        assert chart.get("aria-label") or set((chart.get("aria-labelledby") or "missing").split()) <= ids
    assert len(ids) == sum("id" in each for _, each in markup.elements)


def test_the_verdict_stands_first_and_the_reason_names_the_statement() -> None:
    page = report_page(Subject.of_evidence(recorded()))
    assert page.index("Don’t keep the index") < page.index("Index</dt>")
    assert page.index("3.00 ms to 60.0 ms per execution, 20 times as long") < page.index("Index</dt>")


def test_evidence_alone_says_that_it_has_no_audit_trail() -> None:
    page = report_page(Subject.of_evidence(recorded(), "kept/run-1.json"))
    assert "which holds no audit trail" in page
    assert "executor verify kept/run-1.json" in page


def test_the_trail_is_shown_and_nothing_is_told_twice() -> None:
    trail = (
        entry(AuditAction.BUILD_STARTED, 0, executed_sql="ALTER"),
        entry(AuditAction.BUILD_POSTPONED, 2, why="somebody queued behind the statement", tries=1, next_try_in_s=1.5),
        entry(AuditAction.BUILD_FAILED, 9, message="It never worked.", error_number=1205, differences=["a", "b"]),
        entry(
            AuditAction.STATUS_CHANGE,
            9,
            message="It never worked.",
            nested={"a": 1},
            several=[{"a": 1}],
            taken_over=False,
            new_status=ExecutionStatus.FAILED,
        ),
    )
    shown = sheet_of(subject(status=ExecutionStatus.FAILED, trail=trail))
    assert [step.name for step in shown.felt] == ["Build postponed: the table was busy", "Build failed"]
    assert [step.sentences for step in shown.steps[1:]] == [
        ("somebody queued behind the statement",),
        ("It never worked.",),
        (),
    ]
    assert shown.steps[1].details == (("tries", "1"), ("next try in s", "1.5"))
    assert shown.steps[2].details == (("error number", "1205"), ("differences", "a, b"))
    assert shown.steps[3].details == (("taken over", "no"),)
    page = report_page(subject(status=ExecutionStatus.FAILED, trail=trail, untold=2))
    assert "2 of the messages" in page


def test_how_long_the_build_took_is_shown_where_the_trail_tells_it() -> None:
    trail = (entry(AuditAction.BUILD_STARTED, 0), entry(AuditAction.INDEX_ADDED, 4))
    shown = sheet_of(subject(status=ExecutionStatus.RUNNING, trail=trail))
    assert shown.build_time is not None
    assert shown.build_time.total_seconds() == 4


@pytest.mark.parametrize("status", [None, *ExecutionStatus])
def test_a_run_of_which_next_to_nothing_is_known_has_a_page(status: ExecutionStatus | None) -> None:
    assert not Markup(report_page(Subject(run_id="run-1", status=status))).open


@pytest.mark.parametrize(
    ("details", "told"),
    [
        ({"expected": {"index_bytes": 4_194_304, "build_seconds": 2.0}}, "about 4.00 MiB"),
        ({"expected": None}, "not recorded"),
        ({}, "not recorded"),
    ],
    ids=["forecast", "no forecast", "an older entry"],
)
def test_the_size_that_was_forecast_is_told(details: dict[str, object], told: str) -> None:
    page = report_page(subject(trail=(entry(AuditAction.BUILD_STARTED, 1, **details),)))
    _, _, rest = page.partition("<dt>Index size</dt><dd>")
    assert rest.startswith(told)
