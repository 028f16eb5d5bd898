"""The smallest ports that delivering and claiming need: a clock that stands, a list, and answers given in advance."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NoReturn

from tests.unit.executor_core.facts import INDEX, NOON, seconds, state

from executor_core.carrying import Carried, Ports
from executor_core.lease import Claim
from executor_core.model import RunId, WorkerId
from executor_core.ports import Message


class Unused:
    """A port that must not be called."""

    def __getattr__(self, name: str) -> NoReturn:
        raise AssertionError(f"{name} was not to be called")


@dataclass
class StandingClock:
    """A clock that stands at noon, and at 100 seconds of monotonic time, until it is set."""

    wall: datetime = NOON
    since: timedelta = field(default_factory=lambda: seconds(100))

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> timedelta:
        return self.since

    def pass_time(self, number: float) -> None:
        self.wall += seconds(number)
        self.since += seconds(number)


@dataclass
class ScriptedControlPlane:
    """Answers with what it was given, in order: a claim is returned, an error raised, a function called first."""

    answers: list[Any] = field(default_factory=list)
    calls: list[tuple[Any, ...]] = field(default_factory=list)

    def claim(self, run_id: RunId, worker_id: WorkerId) -> Claim:
        return self._answer("claim", run_id, worker_id)

    def renew(self, claim: Claim) -> Claim:
        return self._answer("renew", claim)

    def deliver(self, message: Message, claim: Claim | None) -> None:
        self._answer("deliver", message.key, claim)

    def _answer(self, *call: Any) -> Any:
        self.calls.append(call)
        answer = self.answers.pop(0) if self.answers else None
        if callable(answer):
            answer = answer()
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class ListedOutbox:
    """An outbox that is a list."""

    messages: list[Message] = field(default_factory=list)
    set_aside: dict[str, str] = field(default_factory=dict)

    def append(self, message: Message) -> None:
        self.messages.append(message)

    def pending(self, run_id: RunId | None = None) -> Sequence[Message]:
        return [message for message in self.messages if run_id in (None, message.run_id)]

    def backlog(self, run_id: RunId | None = None) -> Mapping[RunId, int]:
        return Counter(message.run_id for message in self.pending(run_id))

    def delivered(self, key: str) -> None:
        self.messages = [message for message in self.messages if message.key != key]

    def refused(self, key: str, reason: str) -> None:
        self.delivered(key)
        self.set_aside[key] = reason

    def refused_count(self, run_id: RunId) -> int:
        return len(self.set_aside)


@dataclass
class Worker:
    """A run in the hands of a worker whose control plane answers as scripted."""

    answers: Iterable[Any] = ()
    carried: Carried = field(default_factory=lambda: Carried(state=state(), index=INDEX, target=Unused()))  # type: ignore[arg-type]
    clock: StandingClock = field(default_factory=StandingClock)
    outbox: ListedOutbox = field(default_factory=ListedOutbox)

    def __post_init__(self) -> None:
        self.control_plane = ScriptedControlPlane(list(self.answers))
        nothing: Any = Unused()
        self.ports = Ports(
            control_plane=self.control_plane,  # type: ignore[arg-type]
            target=nothing,
            checkpoints=nothing,
            outbox=self.outbox,
            archive=nothing,
            clock=self.clock,  # type: ignore[arg-type]
            jitter=nothing,
            observer=nothing,
        )
