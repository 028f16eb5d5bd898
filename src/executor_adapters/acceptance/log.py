"""The test result log: everything that was seen, put in the order in which a person reads it. Pure.

`Acceptance` is what came of a whole acceptance; `document` makes blocks of it in one language, which `markdown` and
`page` write; `as_json` is the same for machines.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from executor_adapters.acceptance.checklist import Item, ItemState
from executor_adapters.acceptance.result import (
    CaseResult,
    CaseStatus,
    Check,
    Decision,
    Note,
    Priority,
    Value,
    decide,
)
from executor_adapters.acceptance.words import Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """What came of it all, and under which circumstances."""

    id: str
    started_at: datetime
    ended_at: datetime
    tester: str
    command: str
    server: str
    database: str
    api: str
    executor: str
    system: str
    baseline_window: str
    after_window: str
    exposure: str
    embedded: bool
    records_readable: bool
    short_windows: bool
    folder: str
    checklist: tuple[Item, ...]
    cases: tuple[CaseResult, ...]

    @property
    def decision(self) -> Decision:
        """What follows from the cases."""
        return decide(self.cases)


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of level 1 to 4."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A sentence or more; `strong` for what must not be missed."""

    text: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """Lines as they came: SQL, and what it returned."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bullets:
    """Short sentences."""

    items: tuple[str, ...]


Block = Heading | Paragraph | Table | Listing | Bullets


def as_json(acceptance: Acceptance) -> dict[str, Any]:
    """Return the log for machines: the decision first, then everything that it rests on."""
    document: dict[str, Any] = {"format": 1, "decision": acceptance.decision, **_plain(asdict(acceptance))}
    for case, result in zip(document["cases"], acceptance.cases, strict=True):
        for check, held in zip(case["checks"], result.checks, strict=True):
            check["holds"] = held.holds
    return document


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case dict():
            return {str(name): _plain(each) for name, each in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        case list() | tuple():
            return [_plain(each) for each in value]  # pyright: ignore[reportUnknownVariableType]
        case _:
            return value


def document(acceptance: Acceptance, words: Words) -> list[Block]:
    """Return the whole log as blocks, in the language of `words`."""
    return _Log(acceptance, words).blocks()


@dataclass(frozen=True, slots=True)
class _Log:
    acceptance: Acceptance
    words: Words

    def blocks(self) -> list[Block]:
        sections = (
            ("run", self._run),
            ("environment", self._environment),
            ("checklist", self._checklist),
            ("results", self._results),
            ("cases", self._cases),
            ("summary", self._summary),
            ("blockers", self._blockers),
            ("decision", self._decision),
            ("failed", self._failed),
            ("issues", self._issues),
            ("cleanup", self._cleanup),
            ("sign_off", self._sign_off),
        )
        blocks: list[Block] = [Heading(1, self.words("title")), *self._decision(), *self._at_a_glance()]
        for number, (key, section) in enumerate(sections, 1):
            blocks.append(Heading(2, f"{number}. {self.words(f'section.{key}')}"))
            blocks.extend(section())
        return blocks

    def _at_a_glance(self) -> list[Block]:
        """What whoever decides has to know before anything else; the sections below say it in full."""
        found = [f"{self.words(f'summary.{key}')}: {number}" for key, number in self._counts() if number]
        not_passed = tuple(f"{r.case} {r.title} ({r.priority}): {r.status}" for r in self._not_passed())
        return [Paragraph(", ".join(found)), *([Bullets(not_passed)] if not_passed else [])]

    # --- the circumstances -------------------------------------------------------------------------------------------

    def _run(self) -> list[Block]:
        a = self.acceptance
        return [
            self._facts(
                ("run.id", a.id),
                ("run.started", _written(a.started_at)),
                ("run.ended", _written(a.ended_at)),
                ("run.duration", _lasting(a.ended_at - a.started_at)),
                ("run.tester", a.tester),
                ("run.cases", ", ".join(r.case for r in a.cases if r.status is not CaseStatus.NOT_SELECTED)),
                ("run.command", a.command),
            )
        ]

    def _environment(self) -> list[Block]:
        a, words = self.acceptance, self.words
        return [
            self._facts(
                ("env.server", a.server),
                ("env.database", a.database),
                ("env.api", a.api),
                ("env.agent", a.executor),
                ("env.os", a.system),
                ("env.windows", words("env.windows_value", baseline=a.baseline_window, after=a.after_window)),
                ("env.exposure", a.exposure),
                ("env.relay", words("env.relay_value")),
                ("env.records", words("env.records_db" if a.records_readable else "env.records_api")),
            )
        ]

    def _checklist(self) -> list[Block]:
        rows = tuple((self.words(f"item.{i.key}"), i.state, self._note(i.seen)) for i in self.acceptance.checklist)
        return [self._table(("item", "state", "seen"), rows)]

    # --- the cases ---------------------------------------------------------------------------------------------------

    def _results(self) -> list[Block]:
        rows = tuple((r.case, r.title, r.priority, r.status, _duration_of(r)) for r in self.acceptance.cases)
        return [self._table(("case", "name", "priority", "result", "time"), rows)]

    def _cases(self) -> list[Block]:
        return [block for result in self.acceptance.cases for block in self._case(result)]

    def _case(self, result: CaseResult) -> list[Block]:
        words = self.words
        blocks: list[Block] = [
            Heading(3, f"{result.case} {result.title} ({result.priority}): {result.status}"),
            Paragraph(words(f"about.{result.case}")),
        ]
        if result.status is CaseStatus.NOT_SELECTED:
            return [*blocks, Paragraph(words("case.not_selected"))]
        times = f"{_written(result.started_at)} – {_written(result.ended_at)} ({_duration_of(result)})"
        blocks.append(self._facts(("case.run_ids", ", ".join(result.run_ids) or "-"), ("case.times", times)))
        if result.error is not None:
            blocks.append(Paragraph(words("case.error", error=result.error), strong=True))
        checks = tuple(
            (self._field(c), self._value(c.expected), self._value(c.actual), "PASS" if c.holds else "FAIL")
            for c in result.checks
        )
        blocks += [Heading(4, words("case.checks")), self._table(("field", "expected", "actual", "result"), checks)]
        steps = tuple((f"{step.at:%H:%M:%S.%f}"[:-3], step.run_id, step.what) for step in result.steps)
        blocks += [Heading(4, words("case.steps")), self._table(("time", "run", "what"), steps)]
        blocks += [Heading(4, words("case.windows")), *self._windows(result)]
        blocks.append(Heading(4, words("case.messages")))
        blocks.append(Listing(tuple(f"{name}: {text}" for name, text in result.messages) or ("-",)))
        blocks.append(Heading(4, words("case.proofs")))
        for proof in result.proofs:
            blocks.append(Paragraph(words(f"where.{proof.where}")))
            blocks.append(
                Listing((proof.question, *(f"→ {line}" for line in proof.answer or (words("case.no_rows"),))))
            )
        notes = tuple(self._note(Note(f"note.{note.key}", note.values)) for note in result.observations)
        return [*blocks, Heading(4, words("case.observations")), Bullets(notes or (words("none"),))]

    def _windows(self, result: CaseResult) -> list[Block]:
        if not result.windows:
            return [Paragraph(self.words("case.no_window"))]
        rows = tuple((w.run_id, _span(w.baseline), _span(w.after)) for w in result.windows)
        return [self._table(("run", "baseline", "after"), rows)]

    # --- what follows ------------------------------------------------------------------------------------------------

    def _summary(self) -> list[Block]:
        cases = self.acceptance.cases
        rows = [(self.words(f"summary.{key}"), str(number)) for key, number in self._counts()]
        by_priority = tuple(
            (p, str(passed), str(total), _share(passed, total)) for p in Priority for passed, total in [self._count(p)]
        )
        return [
            self._table(("result", "count"), (*rows, (self.words("summary.total"), str(len(cases))))),
            self._table(("priority", "passed", "total", "share"), by_priority),
        ]

    def _counts(self) -> list[tuple[str, int]]:
        counted = (
            ("passed", CaseStatus.PASS),
            ("failed", CaseStatus.FAIL),
            ("not_run", CaseStatus.COULD_NOT_RUN),
            ("not_selected", CaseStatus.NOT_SELECTED),
        )
        return [(key, sum(result.status is status for result in self.acceptance.cases)) for key, status in counted]

    def _count(self, priority: Priority) -> tuple[int, int]:
        of_it = [result.passed for result in self.acceptance.cases if result.priority is priority]
        return sum(of_it), len(of_it)

    def _blockers(self) -> list[Block]:
        blocks: list[Block] = []
        for priority in (Priority.P0, Priority.P1):
            rows = tuple((r.case, r.title, r.status) for r in self.acceptance.cases if r.priority is priority)
            blocks += [
                Heading(4, self.words(f"blockers.{priority.lower()}")),
                self._table(("case", "name", "result"), rows),
            ]
        return blocks

    def _decision(self) -> list[Block]:
        decision = self.acceptance.decision
        return [Paragraph(decision.value, strong=True), Paragraph(self.words(f"decision.{decision.value}"))]

    def _not_passed(self) -> Sequence[CaseResult]:
        return [r for r in self.acceptance.cases if not r.passed and r.status is not CaseStatus.NOT_SELECTED]

    def _failed(self) -> list[Block]:
        rows = tuple(
            (r.case, self._cause(r), self.words(f"impact.{r.case}"), self.words(f"action.{r.case}"))
            for r in self._not_passed()
        )
        if not rows:
            return [Paragraph(self.words("failed.none"))]
        return [self._table(("case", "cause", "impact", "action"), rows)]

    def _cause(self, result: CaseResult) -> str:
        if result.error is not None:
            return self.words("case.error", error=result.error)
        return "; ".join(
            self.words(
                "failed.cause",
                field=self._field(check),
                expected=self._value(check.expected),
                actual=self._value(check.actual),
            )
            for check in result.failed_checks
        )

    def _issues(self) -> list[Block]:
        a, words = self.acceptance, self.words
        issues = [
            words("issues.to_confirm", item=words(f"item.{item.key}"), seen=self._note(item.seen))
            for item in a.checklist
            if item.state is ItemState.TO_CONFIRM
        ]
        if a.short_windows:
            issues.append(words("issues.windows", window=a.after_window))
        if a.embedded:
            issues.append(words("issues.embedded"))
        issues += [words("issues.low_priority", case=r.case) for r in self._not_passed() if r.priority is Priority.P2]
        return [Bullets(tuple(issues) or (words("issues.none"),))]

    def _cleanup(self) -> list[Block]:
        a, words = self.acceptance, self.words
        rows = (
            (words("cleanup.indexes"), words("cleanup.indexes_done", schema=a.database)),
            (words("cleanup.switches"), words("cleanup.switches_done")),
            (words("cleanup.runs"), words("cleanup.runs_embedded" if a.embedded else "cleanup.runs_left")),
            (words("cleanup.logs"), words("cleanup.logs_done", folder=a.folder)),
        )
        return [self._table(("thing", "done"), rows)]

    def _sign_off(self) -> list[Block]:
        rows = tuple((self.words(f"sign.{role}"), "", "", "") for role in ("tester", "reviewer", "approver"))
        return [self._table(("role", "signer", "signature", "date"), rows)]

    # --- words -------------------------------------------------------------------------------------------------------

    def _facts(self, *facts: tuple[str, str]) -> Table:
        return Table((), tuple((self.words(key), value) for key, value in facts))

    def _table(self, head: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> Table:
        return Table(tuple(self.words(f"head.{key}") for key in head), rows)

    def _note(self, note: Note) -> str:
        return self.words(note.key, **note.values)

    def _field(self, check: Check) -> str:
        return self.words(f"field.{check.field}") + (f" ({check.where})" if check.where else "")

    def _value(self, value: Value) -> str:
        match value:
            case None:
                return self.words("none")
            case bool():
                return self.words("yes" if value else "no")
            case _:
                return str(value)


def _written(moment: datetime | None) -> str:
    return "-" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _span(window: tuple[datetime, datetime] | None) -> str:
    if window is None:
        return "-"
    return f"{window[0]:%H:%M:%S} – {window[1]:%H:%M:%S} ({_lasting(window[1] - window[0])})"


def _duration_of(result: CaseResult) -> str:
    if result.started_at is None or result.ended_at is None:
        return "-"
    return _lasting(result.ended_at - result.started_at)


def _lasting(duration: timedelta) -> str:
    seconds = duration.total_seconds()
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60)} s"


def _share(passed: int, total: int) -> str:
    return f"{passed / total:.0%}" if total else "-"
