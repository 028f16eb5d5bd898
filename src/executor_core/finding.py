"""What a check looks at and what it finds: a case, a finding with its severity, and the check itself as a value."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from executor_core.exposure import Exposure
from executor_core.index_definition import IndexDefinition, KeyPart
from executor_core.model import RunId
from executor_core.pacing import Pacing
from executor_core.surroundings import UNSEEN, Surroundings
from executor_core.target import ColumnFacts, TableFacts, TargetFacts


class Severity(StrEnum):
    """What a finding means for the run."""

    BLOCKING = "blocking"
    """The run ends `failed`, and nothing was touched."""
    PERSON_NEEDED = "person_needed"
    """The run ends `requires_manual`, and nothing was touched: a person can make the change possible."""
    WARNING = "warning"
    """It is told and audited, and the run goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a check found: a stable code, and a sentence that says what to do about it."""

    code: str
    severity: Severity
    sentence: str

    @property
    def blocks(self) -> bool:
        """Whether the change is not made because of it."""
        return self.severity is not Severity.WARNING


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is to be done, and what was seen of the place where it is to be done."""

    facts: TargetFacts
    index: IndexDefinition
    run_id: RunId
    exposure: Exposure = Exposure.STAGED
    pacing: Pacing = field(default_factory=Pacing)

    @property
    def table(self) -> TableFacts | None:
        """The table, if there is one that can have indexes."""
        table = self.facts.table
        return table if table is not None and table.base_table else None

    @property
    def surroundings(self) -> Surroundings:
        """What goes on around the table; what was not looked at is like what can't be seen."""
        return self.facts.surroundings or UNSEEN

    def key_columns(self) -> Iterator[tuple[KeyPart, ColumnFacts]]:
        """Each key part whose column is there, with that column."""
        columns = {} if self.table is None else {column.name.casefold(): column for column in self.table.columns}
        for part in self.index.key_parts:
            if (column := columns.get(part.column.casefold())) is not None:
                yield part, column


Look = Callable[[Case], Iterator[str]]
"""Looks at a case and says, in one sentence each, what is wrong and what to do about it. Its docstring is its entry in
the list of checks."""


@dataclass(frozen=True, slots=True)
class Check:
    """One small look with the code and the severity of whatever it finds."""

    code: str
    severity: Severity
    look: Look

    @property
    def what(self) -> str:
        """What it is about, in one sentence."""
        return " ".join((self.look.__doc__ or "").partition("\n\n")[0].split())

    def findings(self, case: Case) -> Iterator[Finding]:
        """Return what it finds."""
        for sentence in self.look(case):
            yield Finding(code=self.code, severity=self.severity, sentence=sentence)
