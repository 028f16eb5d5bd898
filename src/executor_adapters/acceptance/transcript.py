"""The transcript: what the API was told of the runs, and what it answered, read from what went through the relay."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from executor_adapters.acceptance.documents import as_moment, as_object, upper
from executor_adapters.acceptance.relay import Exchange, Relay
from executor_adapters.acceptance.result import Step
from executor_adapters.testing.listener import CallName
from executor_core.lifecycle import TERMINAL_STATUSES
from executor_core.model import AuditAction


@dataclass(frozen=True, slots=True)
class Transcript:
    """Reads the relay's exchanges of the case that is under way; what the API did not accept was not told."""

    relay: Relay

    def first_claim(self, run_id: str, worker_id: str) -> int | None:
        """Return the answer to the first claim of a worker; None for no claim, or no answer."""
        claims = self.relay.exchanges(run_id, call="claim")
        return next((each.status for each in claims if worker_of(each) == worker_id), None)

    def last_claim(self, run_id: str) -> int | None:
        """Return the answer to the last claim of anybody; None for no claim, or no answer."""
        claims = self.relay.exchanges(run_id, call="claim")
        return claims[-1].status if claims else None

    def grants(self, run_id: str) -> list[Exchange]:
        """Return the claims that were granted."""
        return self._accepted(run_id, call="claim")

    def last_status(self, run_id: str) -> dict[str, Any]:
        """Return the last status change, or an empty one."""
        told = self._accepted(run_id, call="status")
        return as_object(told[-1].body) if told else {}

    def actions(self, run_id: str) -> list[str]:
        """Return the actions of the audit entries."""
        return [str(as_object(each.body).get("action")) for each in self._accepted(run_id, call="audit")]

    def audited(self, run_id: str, action: AuditAction) -> int:
        """Return how many audit entries have this action."""
        return self.actions(run_id).count(action)

    def rollbacks(self, run_id: str) -> list[dict[str, Any]]:
        """Return the rollback records."""
        return [as_object(each.body) for each in self._accepted(run_id, call="rollback")]

    def unended(self, given: AbstractSet[str]) -> list[str]:
        """Return the runs that the API was `given` or that were begun, and whose end it was not told."""
        begun = {each.run_id for each in self._accepted(call="claim") if each.run_id}
        told = self._accepted(call="status")
        ended = {each.run_id for each in told if as_object(each.body).get("status") in TERMINAL_STATUSES}
        return sorted((given | begun) - ended)

    def steps(self, run_ids: Sequence[str]) -> tuple[Step, ...]:
        """Return the course of some runs, by the audit entries that were sent, accepted or not."""
        steps: list[Step] = []
        for each in self.relay.exchanges(*run_ids, call="audit") if run_ids else ():
            body = as_object(each.body)
            old, new = body.get("old_status"), body.get("new_status")
            change = f" {upper(old)} → {upper(new)}" if new else ""
            at = as_moment(body.get("timestamp")) or each.at
            steps.append(Step(at, str(each.run_id), f"{body.get('action')}{change}"))
        return tuple(sorted(steps, key=lambda step: step.at))

    def lines(self, run_id: str, connection_id: str, actions: AbstractSet[str]) -> tuple[str, ...]:
        """Return the exchanges of a run as lines, with these audit actions, and the last faults of its kill switch."""
        told = [
            each.line()
            for each in self.relay.exchanges(run_id)
            if each.call in ("claim", "status", "rollback")
            or (each.call == "audit" and as_object(each.body).get("action") in actions)
        ]
        switch = [
            each.line()
            for each in self.relay.exchanges(call="kill_switch")
            if connection_id in each.path and each.fault is not None
        ]
        return (*told, *switch[-3:])

    def _accepted(self, *run_ids: str, call: CallName) -> list[Exchange]:
        return [each for each in self.relay.exchanges(*run_ids, call=call) if each.accepted]


def worker_of(claim: Exchange) -> str | None:
    """Return who claimed."""
    worker_id = as_object(claim.body).get("worker_id")
    return worker_id if isinstance(worker_id, str) else None
