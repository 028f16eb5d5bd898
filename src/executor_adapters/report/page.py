"""The report as one HTML page: self-contained, with no script, and everything in it escaped."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, cast

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from executor_adapters.report import amounts
from executor_adapters.report.charts import ChangeBar, Distribution, change_bar, distribution, reach_of
from executor_adapters.report.conclusion import Conclusion, conclusion
from executor_adapters.report.figures import DigestFigures, digest_figures
from executor_adapters.report.sentences import STEPS, sentence
from executor_adapters.report.subject import Subject
from executor_adapters.report.timeline import DrawnSpan, build_span, drawn, spans_of
from executor_core.model import AuditAction, AuditLogEntry
from executor_core.policy import Policy

FELT = frozenset(
    {
        AuditAction.BUILD_POSTPONED,
        AuditAction.BUILD_STOPPED,
        AuditAction.BUILD_FAILED,
        AuditAction.PUBLISH_POSTPONED,
        AuditAction.ROLLBACK_POSTPONED,
    }
)
"""The audit entries that say when the change met with others' work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A digest as the page shows it: its figures and what is drawn of them."""

    figures: DigestFigures
    distribution: Distribution | None
    latency: ChangeBar | None
    rows: ChangeBar | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An audit entry as the page shows it: what it records, in words, its sentences, and its other details."""

    entry: AuditLogEntry
    name: str
    sentences: tuple[str, ...]
    details: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Everything that a run's page shows, ready to be drawn; the report and the console share it."""

    subject: Subject
    conclusion: Conclusion
    policy: Policy
    reads: tuple[Card, ...]
    writes: tuple[Card, ...]
    controls: tuple[DigestFigures, ...]
    timeline: tuple[DrawnSpan, ...]
    build_time: timedelta | None
    expected_bytes: int | None
    felt: tuple[Step, ...]
    steps: tuple[Step, ...]

    def name_of(self, digest: str) -> str:
        """Return what a reader knows a digest by: its statement."""
        cards = (*self.reads, *self.writes)
        found = (card.figures.short_text for card in cards if card.figures.key.digest == digest)
        return next(found, digest[:12])


def sheet_of(subject: Subject, now: datetime | None = None) -> Sheet:
    """Return what is to be shown of `subject`; `now` is given while the run is under way."""
    evidence, verdict = subject.evidence, subject.verdict
    policy = Policy() if evidence is None else evidence.policy
    figures = [] if evidence is None or verdict is None else digest_figures(evidence, verdict)
    uppers = None if evidence is None else evidence.histogram_upper_bounds_ps
    reach = reach_of([each for each in figures if each.kind is not None])
    cards = [
        Card(
            figures=each,
            distribution=distribution(each, limit_percent=policy.max_latency_increase_percent, uppers_ps=uppers),
            latency=change_bar(
                "time per execution",
                each.latency_change,
                before=each.before.latency_ms,
                after=each.after.latency_ms,
                limit_percent=policy.max_latency_increase_percent,
                reach=reach,
            ),
            rows=change_bar(
                "rows examined per execution",
                each.rows_change,
                before=each.before.rows_examined,
                after=each.after.rows_examined,
                limit_percent=policy.max_rows_examined_increase_percent,
                reach=reach,
            ),
        )
        for each in figures
        if each.kind is not None
    ]
    build = build_span(subject)
    trail = subject.trail or ()
    steps = tuple(_steps(trail))
    return Sheet(
        subject=subject,
        conclusion=conclusion(subject, figures),
        policy=policy,
        reads=tuple(card for card in cards if card.figures.kind == "read"),
        writes=tuple(card for card in cards if card.figures.kind == "write"),
        controls=tuple(each for each in figures if each.kind is None),
        timeline=tuple(drawn(spans_of(subject), now)),
        build_time=None if build is None or build.ends_at is None else build.ends_at - build.begins_at,
        expected_bytes=_expected_bytes(trail),
        felt=tuple(step for step in steps if step.entry.action in FELT),
        steps=steps,
    )


def _expected_bytes(trail: tuple[AuditLogEntry, ...]) -> int | None:
    """How large the index was expected to become: no server tells the size of one index to every account."""
    found = [entry.details.get("expected") for entry in trail]
    sizes = [cast("dict[str, object]", each).get("index_bytes") for each in found if isinstance(each, dict)]
    return next((size for size in reversed(sizes) if isinstance(size, int)), None)


def report_page(subject: Subject, *, version: str | None = None) -> str:
    """Return the report of `subject` as one HTML document that loads nothing and runs nothing."""
    css = stylesheet()
    digest = b64encode(sha256(css.encode()).digest()).decode()
    return (
        environment()
        .get_template("report.html")
        .render(sheet=sheet_of(subject), css=Markup(css), css_hash=f"sha256-{digest}", version=version)  # noqa: S704 -- our own file
    )


@cache
def stylesheet() -> str:
    """Return the report's stylesheet."""
    return files("executor_adapters.report").joinpath("static", "report.css").read_text(encoding="utf-8")


@cache
def environment() -> Environment:
    """Return the templates: everything is escaped, and a name that is missing is an error."""
    made = Environment(
        loader=PackageLoader("executor_adapters.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(filters())
    return made


def filters() -> dict[str, Any]:
    """Return the filters that the templates use, for every environment that includes them."""
    return {
        "ms": amounts.milliseconds,
        "number": amounts.three_digits,
        "percent": amounts.percent,
        "times": amounts.times,
        "span": amounts.duration,
        "moment": amounts.moment,
        "time": amounts.clock_time,
        "octets": amounts.size,
        "chance": amounts.probability,
        "sentence": sentence,
    }


_SENTENCES = ("sentence", "message", "why", "error_message")
_SHOWN_ELSEWHERE = frozenset(
    {
        *_SENTENCES,
        *("worker_id", "table_name", "index_name", "columns", "executed_sql", "rollback_sql", "status", "phase"),
        *("begins_at", "ends_at", "build_running"),
    }
)
_TOO_LONG = 300


def _steps(trail: tuple[AuditLogEntry, ...]) -> Iterator[Step]:
    """The audit trail for people: a sentence that an entry before has told is not told again."""
    told = ""
    for entry in trail:
        found = [str(entry.details[name]) for name in _SENTENCES if entry.details.get(name)]
        new = [text for text in dict.fromkeys(found) if text.strip(".") not in told]
        told += "\n".join(new)
        yield Step(
            entry=entry,
            name=STEPS.get(entry.action, entry.action.replace("_", " ")),
            sentences=tuple(new),
            details=tuple(
                (name.replace("_", " "), text)
                for name, value in entry.details.items()
                if name not in _SHOWN_ELSEWHERE and (text := _brief(value))
            ),
        )


def _brief(value: object) -> str:
    """Return a detail in one line, or nothing where it has parts of its own: pictures show those."""
    if value is None or isinstance(value, dict):
        return ""
    if isinstance(value, list):
        parts: list[object] = value  # pyright: ignore[reportUnknownVariableType] -- whatever JSON holds
        return "" if any(isinstance(part, dict | list) for part in parts) else _brief(", ".join(map(str, parts)))
    text = ("yes" if value else "no") if isinstance(value, bool) else str(value)
    return text if len(text) <= _TOO_LONG else f"{text[: _TOO_LONG - 2]} …"
