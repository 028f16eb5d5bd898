"""The timeline of a run: its spans, from the evidence's windows and the audit trail."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from executor_adapters.report.amounts import clock_time, duration
from executor_adapters.report.subject import Subject
from executor_core.metrics import Snapshot
from executor_core.model import AuditAction, AuditLogEntry

NARROWEST = 0.8
"""A span is drawn at least so wide, of 100, that it can be seen."""

_BUILD_ENDS = frozenset(
    {
        AuditAction.INDEX_ADDED,
        AuditAction.INDEX_ADOPTED,
        AuditAction.BUILD_FAILED,
        AuditAction.BUILD_STOPPED,
        AuditAction.BUILD_POSTPONED,
    }
)
_ROLLBACK_ENDS = frozenset({AuditAction.INDEX_DROPPED, AuditAction.ROLLBACK_FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One part of a run; `kind` is what it is drawn as. `ends_at` None: it is under way."""

    kind: str
    label: str
    begins_at: datetime
    ends_at: datetime | None

    @property
    def told(self) -> str:
        """When it was and how long it took, in words."""
        if self.ends_at is None:
            return f"since {clock_time(self.begins_at)}"
        span = duration(self.ends_at - self.begins_at)
        return f"{clock_time(self.begins_at)} to {clock_time(self.ends_at)}, {span}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnSpan:
    """A span and where it stands on a scale of 100."""

    span: Span
    x: float
    width: float


def spans_of(subject: Subject) -> list[Span]:
    """Return the spans of a run that are known, in the order in which they began."""
    spans = [*_from_trail(subject.trail or ()), *_windows(subject)]
    return sorted(filter(_lasted, spans), key=lambda span: span.begins_at)


def _lasted(span: Span) -> bool:
    """Nothing to wait for is not worth a line."""
    return span.kind != "hidden" or span.ends_at is None or span.ends_at - span.begins_at > timedelta(milliseconds=50)


def drawn(spans: Sequence[Span], now: datetime | None = None) -> list[DrawnSpan]:
    """Return the spans on one scale; `now` is where those end that are under way."""
    if not spans:
        return []
    begin = min(span.begins_at for span in spans)
    ends = [span.ends_at or now or span.begins_at for span in spans]
    length = (max(ends) - begin).total_seconds() or 1.0

    def at(moment: datetime) -> float:
        return 100 * (moment - begin).total_seconds() / length

    result: list[DrawnSpan] = []
    for span, end in zip(spans, ends, strict=True):
        width = max(NARROWEST, at(end) - at(span.begins_at))
        result.append(
            DrawnSpan(span=span, x=round(min(at(span.begins_at), 100 - width), 2), width=round(min(width, 100), 2))
        )
    return result


def build_span(subject: Subject) -> Span | None:
    """Return the build that brought the index forth, where the audit trail tells of it."""
    builds = [span for span in _from_trail(subject.trail or ()) if span.kind == "build"]
    return builds[-1] if builds else None


def _windows(subject: Subject) -> Iterable[Span]:
    if subject.evidence is None:
        return
    for kind, label, snapshots in (
        ("before", "Measured before", subject.evidence.baseline),
        ("after", "Measured with the index", subject.evidence.after),
    ):
        if snapshots:
            yield _window(kind, label, snapshots)


def _window(kind: str, label: str, snapshots: Sequence[Snapshot]) -> Span:
    return Span(kind=kind, label=label, begins_at=snapshots[0].taken_at, ends_at=snapshots[-1].taken_at)


_PAIRS: Mapping[AuditAction, tuple[str, str, frozenset[AuditAction]]] = {
    AuditAction.BUILD_STARTED: ("build", "Index built", _BUILD_ENDS),
    AuditAction.DRAIN_STARTED: (
        "hidden",
        "Kept hidden until older transactions had ended",
        frozenset({AuditAction.INDEX_PUBLISHED, AuditAction.ROLLBACK_STARTED}),
    ),
    AuditAction.ROLLBACK_STARTED: ("rollback", "Index taken back", _ROLLBACK_ENDS),
}


def _from_trail(trail: Sequence[AuditLogEntry]) -> Iterable[Span]:
    for position, entry in enumerate(trail):
        if entry.action not in _PAIRS:
            continue
        kind, label, ends = _PAIRS[entry.action]
        rest = trail[position + 1 :]
        ended = next((later for later in rest if later.action in ends or later.action is entry.action), None)
        over = ended is not None or any(later.new_status in _ENDED for later in rest)
        fallback = rest[-1].timestamp if rest else entry.timestamp
        at = ended.timestamp if ended is not None else fallback if over else None
        yield Span(kind=kind, label=label, begins_at=entry.timestamp, ends_at=at)


_ENDED = frozenset({"completed", "failed", "rolled_back", "requires_manual"})
