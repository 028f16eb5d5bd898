"""What is gathered while a case is carried out."""

from dataclasses import dataclass, field

from executor_adapters.acceptance.result import Check, MetricsWindow, Note, Proof, Value


@dataclass(slots=True)
class Findings:
    """What was seen so far, each kind in its order."""

    run_ids: list[str] = field(default_factory=list[str])
    checks: list[Check] = field(default_factory=list[Check])
    messages: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    windows: list[MetricsWindow] = field(default_factory=list[MetricsWindow])
    proofs: list[Proof] = field(default_factory=list[Proof])
    notes: list[Note] = field(default_factory=list[Note])

    def check(self, name: str, expected: Value, actual: Value, where: str = "") -> None:
        """Hold a field against what it must be."""
        self.checks.append(Check(name, expected, actual, where))

    def note(self, key: str, **values: object) -> None:
        """Add an observation."""
        self.notes.append(Note(key, {name: str(value) for name, value in values.items()}))
