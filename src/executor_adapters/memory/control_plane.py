"""A control plane in memory: claims with leases and fencing, kill switches, and all that it was told."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from executor_adapters.memory.faults import Faults
from executor_core.errors import ExecutorError, LeaseLost, Refused
from executor_core.kill_switch import KillSwitchAnswer
from executor_core.lease import DEFAULT_LEASE, Claim, ClaimRow, granted, has_authority, may_claim
from executor_core.lifecycle import STATUS_TRANSITIONS, STATUS_TRANSITIONS_BY_HAND, TERMINAL_STATUSES
from executor_core.model import ConnectionId, ExecutionRun, RunId, StatusChange, WorkerId
from executor_core.ports import Clock, Message, MessageKind, RollbackRequest


class FakeControlPlane:
    """The `ControlPlane` of tests. Its own clock judges every lease; give it another than the worker's to set
    the two apart.

    With `leases=False` it is a server that has just the six calls: a claim keeps others out for as long, but
    names no length and no token and can't be renewed or handed back, and there is no listing. What it was told
    can be read at any time: `statuses`, `rollbacks` and `audit` in order, each message once by its key.
    """

    def __init__(self, clock: Clock, *, lease: timedelta = DEFAULT_LEASE, leases: bool = True) -> None:
        self.faults = Faults()
        self.statuses: list[tuple[RunId, dict[str, Any]]] = []
        self.rollbacks: list[dict[str, Any]] = []
        self.audit: list[dict[str, Any]] = []
        self._clock = clock
        self._lease = lease
        self._leases = leases
        self._lock = threading.RLock()
        self._runs: dict[RunId, ExecutionRun] = {}
        self._claims: dict[RunId, ClaimRow] = {}
        self._told: set[str] = set()
        self._requests: dict[RunId, str] = {}
        self._global: tuple[bool, str | None] = (False, None)
        self._connections: dict[ConnectionId, tuple[bool, str | None]] = {}

    # --- what a test says and sees ------------------------------------------------------------------------

    def schedule(self, run: ExecutionRun) -> ExecutionRun:
        """Make a run known, scheduled now, and return it as it is stored."""
        with self._lock:
            now = self._clock.now()
            stored = run.model_copy(update={"created_at": run.created_at or now, "updated_at": now})
            self._runs[RunId(run.id)] = stored
            return stored

    def run(self, run_id: RunId) -> ExecutionRun:
        """Return the run as the control plane knows it now."""
        with self._lock:
            return self._known(run_id)

    def set_kill_switch(
        self, *, active: bool, connection_id: ConnectionId | None = None, reason: str | None = None
    ) -> None:
        """Turn a switch on or off: the global one where no connection is named."""
        with self._lock:
            if connection_id is None:
                self._global = (active, reason)
            else:
                self._connections[connection_id] = (active, reason)

    def request_rollback(self, run_id: RunId, reason: str) -> None:
        """Ask that the index of a run that has ended be taken back."""
        with self._lock:
            self._requests[run_id] = reason

    def end_lease(self, run_id: RunId) -> None:
        """End the lease on the run now, as if its time were over."""
        with self._lock:
            row = self._claims.get(run_id)
            if row is not None:
                self._claims[run_id] = replace(row, expires_at=self._clock.now())

    def actions(self, run_id: RunId) -> list[str]:
        """Return the actions of the run's audit entries, in order."""
        with self._lock:
            return [str(entry["action"]) for entry in self.audit if entry["execution_run_id"] == run_id]

    def fail(self, call: str, error: ExecutorError, *, times: int | None = None, after: int = 0) -> None:
        """Make a method of the port raise `error`; see `Faults.fail`. A delivery fails by its kind as well."""
        self.faults.fail(call, error, times=times, after=after)

    def on(self, call: str, callback: Callable[[], None]) -> None:
        """Have `callback` called when a method of the port, or a kind of delivery, has taken effect."""
        self.faults.on(call, callback)

    # --- the port -----------------------------------------------------------------------------------------

    def claim(self, run_id: RunId, worker_id: WorkerId) -> Claim:
        self.faults.strike("claim")
        with self._lock:
            run = self._known(run_id)
            if run.status in TERMINAL_STATUSES:
                raise Refused(f"the run is over: it is {run.status}", number=409)
            claim = self._granted(run_id, worker_id)
        self.faults.took_effect("claim")
        return claim

    def renew(self, claim: Claim) -> Claim:
        self.faults.strike("renew")
        if not claim.renewable:
            raise Refused("this lease can't be renewed")
        with self._lock:
            row = self._claims.get(claim.run_id)
            if row is None or row.fencing_token != claim.fencing_token or self._clock.now() >= row.expires_at:
                raise LeaseLost(f"the lease on run {claim.run_id} has ended")
            renewed = self._granted(claim.run_id, claim.worker_id)
        self.faults.took_effect("renew")
        return renewed

    def release(self, claim: Claim) -> None:
        self.faults.strike("release")
        if not claim.renewable:
            return
        with self._lock:
            row = self._claims.get(claim.run_id)
            if row is not None and row.fencing_token == claim.fencing_token:
                self.end_lease(claim.run_id)
        self.faults.took_effect("release")

    def kill_switch(self, connection_id: ConnectionId) -> KillSwitchAnswer:
        self.faults.strike("kill_switch")
        with self._lock:
            everywhere, why_everywhere = self._global
            here, why_here = self._connections.get(connection_id, (False, None))
        self.faults.took_effect("kill_switch")
        return KillSwitchAnswer(
            global_active=everywhere,
            connection_active=here,
            reason=why_everywhere if everywhere else why_here if here else None,
        )

    def deliver(self, message: Message, claim: Claim | None) -> None:
        self.faults.strike("deliver")
        self.faults.strike(message.kind)
        with self._lock:
            token = None if claim is None else claim.fencing_token
            fenced = message.kind is not MessageKind.AUDIT
            if message.key not in self._told:
                if fenced and not has_authority(self._claims.get(message.run_id), token):
                    raise LeaseLost(f"the {message.kind} call carries an older fencing token")
                self._take(message)
                self._told.add(message.key)
        self.faults.took_effect(message.kind)
        self.faults.took_effect("deliver")

    def scheduled_runs(self, limit: int) -> Sequence[ExecutionRun]:
        self.faults.strike("scheduled_runs")
        if not self._leases:
            raise Refused("there is no listing of runs", number=404)
        with self._lock:
            now = self._clock.now()
            free = [
                run
                for run_id, run in self._runs.items()
                if run.status not in TERMINAL_STATUSES
                and (run_id not in self._claims or now >= self._claims[run_id].expires_at)
            ]
        return sorted(free, key=lambda run: run.created_at or now)[:limit]

    def recorded_run(self, run_id: RunId) -> ExecutionRun:
        self.faults.strike("recorded_run")
        if not self._leases:
            raise Refused("runs can't be read", number=404)
        with self._lock:
            return self._known(run_id)

    def rollback_requests(self) -> Sequence[RollbackRequest]:
        self.faults.strike("rollback_requests")
        if not self._leases:
            raise Refused("nobody can ask for a rollback", number=404)
        with self._lock:
            return [RollbackRequest(run=self._known(run_id), reason=why) for run_id, why in self._requests.items()]

    def claim_rollback(self, run_id: RunId, worker_id: WorkerId) -> Claim:
        self.faults.strike("claim_rollback")
        if not self._leases:
            raise Refused("nobody can ask for a rollback", number=404)
        with self._lock:
            self._known(run_id)
            if run_id not in self._requests:
                raise Refused("nobody asks for a rollback of the run", number=409)
            claim = self._granted(run_id, worker_id)
        self.faults.took_effect("claim_rollback")
        return claim

    # --- inside -------------------------------------------------------------------------------------------

    def _known(self, run_id: RunId) -> ExecutionRun:
        if run_id not in self._runs:
            raise Refused(f"there is no run {run_id}", number=404)
        return self._runs[run_id]

    def _granted(self, run_id: RunId, worker_id: WorkerId) -> Claim:
        held, now = self._claims.get(run_id), self._clock.now()
        if held is not None and not may_claim(held, worker_id, now):
            raise Refused(f"worker {held.claimed_by} holds the run", number=409)
        row = granted(held, worker_id, now, self._lease)
        self._claims[run_id] = row
        self._update(run_id, claimed_by=worker_id, claimed_at=row.claimed_at, lease_expires_at=row.expires_at)
        if not self._leases:
            return Claim(run_id=run_id, worker_id=worker_id)
        return Claim(
            run_id=run_id,
            worker_id=worker_id,
            length=self._lease,
            fencing_token=row.fencing_token,
            renewable=True,
        )

    def _take(self, message: Message) -> None:
        match message.kind:
            case MessageKind.STATUS:
                self._change_status(message.run_id, message.body)
                self.statuses.append((message.run_id, message.body))
            case MessageKind.ROLLBACK:
                self.rollbacks.append(message.body)
                if message.body["rollback_type"] == "manual" and message.body["status"] != "pending":
                    self._requests.pop(message.run_id, None)
            case MessageKind.AUDIT:
                self.audit.append(message.body)

    def _change_status(self, run_id: RunId, body: dict[str, Any]) -> None:
        before = self._known(run_id).status
        try:
            change = StatusChange.model_validate(body)
        except ValidationError:
            raise Refused("this is not a status change", number=422) from None
        if before is change.status:
            return
        by_hand = (before, change.status) in STATUS_TRANSITIONS_BY_HAND and self._taken_back_by_hand(run_id)
        if (before, change.status) not in STATUS_TRANSITIONS and not by_hand:
            raise Refused(f"a run that is {before} can't become {change.status}", number=422)
        self._update(run_id, **dict(change))

    def _taken_back_by_hand(self, run_id: RunId) -> bool:
        record = {"execution_run_id": run_id, "rollback_type": "manual", "status": "completed"}
        return any(record.items() <= told.items() for told in self.rollbacks)

    def _update(self, run_id: RunId, **fields: object) -> None:
        run = self._known(run_id)
        self._runs[run_id] = run.model_copy(update={**fields, "updated_at": self._clock.now()})
