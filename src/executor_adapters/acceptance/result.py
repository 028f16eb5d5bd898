"""What came of the cases, as records, and the one decision that follows from them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from fractions import Fraction

P1_SHARE = Fraction(80, 100)
"""The share of the P1 cases that has to pass."""


class Priority(StrEnum):
    """How much hangs on a case."""

    P0 = "P0"
    P1 = "P1"
    P2 = "P2"


class CaseStatus(StrEnum):
    """How a case ended; only one of these is a pass."""

    PASS = "PASS"  # noqa: S105 -- a result, no password
    FAIL = "FAIL"
    COULD_NOT_RUN = "COULD NOT RUN"
    NOT_SELECTED = "NOT SELECTED"


class Decision(StrEnum):
    """Whether a canary run on production is approved."""

    APPROVED = "APPROVED"
    CONDITIONAL = "CONDITIONAL"
    BLOCKED = "BLOCKED"


Value = str | bool | int | None
"""What a field is expected to be, or is: words are translated where they are shown, not here."""


@dataclass(frozen=True, slots=True)
class Check:
    """One field: what it must be against what it is. `field` is a key of the catalogue, `where` whom it is about."""

    field: str
    expected: Value
    actual: Value
    where: str = ""

    @property
    def holds(self) -> bool:
        """Whether the field is as expected."""
        return self.expected == self.actual


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence of the catalogue, with what is filled in."""

    key: str
    values: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Proof:
    """A question that was asked to verify a case, and the answer: lines of text, as they came."""

    where: str
    question: str
    answer: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """Something that the control plane was told about the case's run, and when."""

    at: datetime
    run_id: str
    what: str


@dataclass(frozen=True, slots=True)
class MetricsWindow:
    """The windows from which a verdict was reached."""

    run_id: str
    baseline: tuple[datetime, datetime] | None
    after: tuple[datetime, datetime] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """A case, and what came of it."""

    case: str
    title: str
    priority: Priority
    status: CaseStatus
    run_ids: tuple[str, ...] = ()
    started_at: datetime | None = None
    ended_at: datetime | None = None
    checks: tuple[Check, ...] = ()
    messages: tuple[tuple[str, str], ...] = ()
    windows: tuple[MetricsWindow, ...] = ()
    proofs: tuple[Proof, ...] = ()
    steps: tuple[Step, ...] = ()
    observations: tuple[Note, ...] = ()
    error: str | None = None
    """Why the case could not run."""

    @property
    def passed(self) -> bool:
        """Whether the case passed; one that could not run did not."""
        return self.status is CaseStatus.PASS

    @property
    def failed_checks(self) -> tuple[Check, ...]:
        """The fields that are not as expected."""
        return tuple(check for check in self.checks if not check.holds)


def status_of(checks: Sequence[Check]) -> CaseStatus:
    """Return how a case that ran ended: without a single check, nothing was shown."""
    return CaseStatus.PASS if checks and all(check.holds for check in checks) else CaseStatus.FAIL


def decide(results: Sequence[CaseResult]) -> Decision:
    """Return the decision: every P0 must pass, and of the P1 at least 80 %. What did not run did not pass.

    >>> case = CaseResult(case="TC-02", title="", priority=Priority.P0, status=CaseStatus.COULD_NOT_RUN)
    >>> decide([case]).value
    'BLOCKED'
    """
    p0 = [result.passed for result in results if result.priority is Priority.P0]
    p1 = [result.passed for result in results if result.priority is Priority.P1]
    if not p0 or not all(p0):
        return Decision.BLOCKED
    if not p1 or Fraction(sum(p1), len(p1)) < P1_SHARE:
        return Decision.CONDITIONAL
    return Decision.APPROVED
