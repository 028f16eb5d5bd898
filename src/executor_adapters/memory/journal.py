"""Checkpoints, outbox and evidence in memory, and an observer that remembers."""

import json
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from executor_adapters.memory.faults import Faults
from executor_core.errors import LeaseLost
from executor_core.evidence import Evidence
from executor_core.metrics import Snapshot
from executor_core.model import RunId
from executor_core.ports import Message, MessageKind, Notice
from executor_core.state import RunState, WindowKind


@dataclass(frozen=True, slots=True)
class _State:
    origin: str
    text: str


@dataclass(slots=True)
class _Entry:
    run_id: RunId
    kind: MessageKind
    body: str
    refused_because: str | None = None


class MemoryJournal:
    """The `CheckpointStore` and the `Outbox` in memory.

    States and bodies are kept as JSON and read anew each time, as from a disk: what can't be written fails here
    too, and nobody changes what is stored by changing what was read. It outlives "processes": give the same
    journal to the next engine. `faults` makes calls fail.
    """

    def __init__(self) -> None:
        self.faults = Faults()
        self._lock = threading.Lock()
        self._states: dict[RunId, _State] = {}
        self._samples: dict[tuple[RunId, WindowKind], dict[datetime, str]] = {}
        self._messages: dict[str, _Entry] = {}

    def load(self, run_id: RunId) -> RunState | None:
        self.faults.strike("load")
        with self._lock:
            stored = self._states.get(run_id)
        return None if stored is None else RunState.model_validate_json(stored.text)

    def save(self, state: RunState, messages: Sequence[Message] = ()) -> None:
        self.faults.strike("save")
        text = state.model_dump_json()
        entries = {message.key: _entry(message) for message in messages}
        with self._lock:
            stored = self._states.get(state.run_id)
            if stored is not None and stored.origin not in (state.origin, state.resumed_from):
                raise LeaseLost(f"another process has gone on with run {state.run_id}")
            self._states[state.run_id] = _State(state.origin, text)
            for key, entry in entries.items():
                self._messages.setdefault(key, entry)
        self.faults.took_effect("save")

    def add_sample(self, run_id: RunId, window: WindowKind, snapshot: Snapshot) -> None:
        self.faults.strike("add_sample")
        text = snapshot.model_dump_json()
        with self._lock:
            samples = self._samples.setdefault((run_id, window), {})
            samples.setdefault(snapshot.taken_at, text)
        self.faults.took_effect("add_sample")

    def samples(self, run_id: RunId, window: WindowKind) -> Sequence[Snapshot]:
        self.faults.strike("samples")
        with self._lock:
            samples = sorted(self._samples.get((run_id, window), {}).items())
        return [Snapshot.model_validate_json(text) for _, text in samples]

    def append(self, message: Message) -> None:
        self.faults.strike("append")
        entry = _entry(message)
        with self._lock:
            self._messages.setdefault(message.key, entry)
        self.faults.took_effect("append")

    def pending(self, run_id: RunId | None = None) -> Sequence[Message]:
        self.faults.strike("pending")
        with self._lock:
            return [
                Message(key=key, run_id=entry.run_id, kind=entry.kind, body=json.loads(entry.body))
                for key, entry in self._messages.items()
                if entry.refused_because is None and run_id in (None, entry.run_id)
            ]

    def backlog(self, run_id: RunId | None = None) -> Mapping[RunId, int]:
        with self._lock:
            return Counter(
                entry.run_id
                for entry in self._messages.values()
                if entry.refused_because is None and run_id in (None, entry.run_id)
            )

    def delivered(self, key: str) -> None:
        self.faults.strike("delivered")
        with self._lock:
            self._messages.pop(key, None)
        self.faults.took_effect("delivered")

    def refused(self, key: str, reason: str) -> None:
        self.faults.strike("refused")
        with self._lock:
            if key in self._messages:
                self._messages[key].refused_because = reason
        self.faults.took_effect("refused")

    def refused_count(self, run_id: RunId) -> int:
        with self._lock:
            return sum(
                entry.run_id == run_id and entry.refused_because is not None for entry in self._messages.values()
            )


def _entry(message: Message) -> _Entry:
    return _Entry(message.run_id, message.kind, json.dumps(message.body, allow_nan=False))


class MemoryEvidenceArchive:
    """The `EvidenceArchive` in memory: `evidence` holds what was stored last, by run."""

    def __init__(self) -> None:
        self.evidence: dict[RunId, Evidence] = {}

    def store(self, run_id: RunId, evidence: Evidence) -> str:
        self.evidence[run_id] = evidence
        return f"memory:{run_id}"


class RecordingObserver:
    """The `Observer` that keeps every notice, in order."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []

    def notice(self, notice: Notice) -> None:
        self.notices.append(notice)

    @property
    def names(self) -> list[str]:
        """The names of the notices, in order."""
        return [notice.name for notice in self.notices]
