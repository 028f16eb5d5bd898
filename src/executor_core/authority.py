"""The right to act for a run: claiming it, keeping the lease, and giving up when it can't be shown any more."""

from datetime import timedelta

from executor_core.carrying import Carried, NotClaimed, Ports
from executor_core.errors import LeaseLost, Refused, Unavailable
from executor_core.lease import Lease
from executor_core.lifecycle import Event, Phase, next_phase
from executor_core.messages import Draft
from executor_core.model import AuditAction, WorkerId
from executor_core.ports import Clock, ControlPlane, Message
from executor_core.state import ClaimOnRecord
from executor_core.tenure import Tenure

OVERSLEPT = timedelta(seconds=10)
"""How much later than it meant to a process may look at a run, before it asks whether the run is still its own."""


def claim_on_record(lease: Lease, ports: Ports) -> ClaimOnRecord:
    """Return what the state keeps of a lease: its end is an estimate, by this machine's wall clock."""
    claim, ends_at = lease.claim, None
    if lease.trusted_until is not None:
        ends_at = ports.clock.now() + (lease.trusted_until - ports.clock.monotonic())
    return ClaimOnRecord(worker_id=claim.worker_id, fencing_token=claim.fencing_token, ends_at=ends_at)


def claim_run(carried: Carried, ports: Ports, worker_id: WorkerId) -> NotClaimed | None:
    """Claim the run; return None when it is ours, or why it is not.

    A failed claim is audited, and nothing else: the run may be somebody else's.
    """
    state = carried.state
    asked_at = ports.clock.monotonic()
    try:
        claim = ports.control_plane.claim(state.run_id, worker_id)
    except (Unavailable, Refused) as error:
        status = error.number if isinstance(error, Refused) else None
        details = {"error": str(error), "http_status": status}
        draft = Draft(state).audited(AuditAction.CLAIM_FAILED, ports.clock.now(), details)
        # The state stays as it is, so the entry's key must not be one that the run's own next message will have.
        entry = draft.messages[0]
        key = f"{entry.key}:claim:{ports.clock.now():%Y%m%dT%H%M%S.%f}:{worker_id}"
        ports.outbox.append(Message(key=key, run_id=entry.run_id, kind=entry.kind, body=entry.body))
        return NotClaimed(str(error), patience_asked_for(error))
    carried.tenure = Tenure(Lease(claim=claim, asked_at=asked_at))
    _put_on_record(carried, carried.tenure.lease, ports)
    return None


def patience_asked_for(error: Unavailable | Refused) -> timedelta | None:
    """Return for how long a control plane that did not grant a claim asked to be left alone; None if it said no."""
    return (error.retry_after or timedelta(0)) if isinstance(error, Unavailable) else None


def _put_on_record(carried: Carried, lease: Lease, ports: Ports) -> None:
    """Let the state that is stored next name the lease that it is stored under."""
    carried.lease_on_record = lease
    carried.state = carried.state.model_copy(update={"claim": claim_on_record(lease, ports)})


def announce_claim(carried: Carried, ports: Ports) -> Draft:
    """Return the draft that records a claim: of a fresh run, or of one that another process had begun."""
    state, tenure = carried.state, carried.tenure
    token = None if tenure is None else tenure.lease.claim.fencing_token
    fresh = state.phase is Phase.SCHEDULED
    action = AuditAction.RUN_CLAIMED if fresh else AuditAction.RUN_TAKEN_OVER
    changes = {"phase": next_phase(state.phase, Event.CLAIM_GRANTED)} if fresh else {"taken_over": True}
    details = {"fencing_token": token, "phase": state.phase}
    return Draft(state.model_copy(update=changes)).audited(action, ports.clock.now(), details)


def keep_lease(carried: Carried, ports: Ports) -> None:
    """Make sure of the lease before the next action. Raises `LeaseLost` when it is another's or has run out.

    It is renewed here where nobody does that beside the run's steps, or where only another claim can renew it.
    """
    tenure = carried.tenure
    if tenure is None:
        return
    monotonic = ports.clock.monotonic()
    claim = tenure.lease.claim
    if claim.length is None:
        _claim_after_oversleeping(carried, ports, tenure, monotonic)
    elif (ports.lease_keeper is None or not claim.renewable) and tenure.is_due(monotonic):
        renew(tenure, ports.control_plane, ports.clock)
    tenure.check(ports.clock.monotonic())
    if (lease := tenure.lease) is not carried.lease_on_record:
        _put_on_record(carried, lease, ports)


def renew(tenure: Tenure, control_plane: ControlPlane, clock: Clock) -> None:
    """Try once to renew a lease; what came of it is in the tenure, whatever it was."""
    claim, asked_at = tenure.lease.claim, clock.monotonic()
    try:
        # Of the six calls only the claim itself can tell whether the run is still ours.
        again = control_plane.renew(claim) if claim.renewable else control_plane.claim(claim.run_id, claim.worker_id)
    except Unavailable as error:
        tenure.unanswered(asked_at, error.retry_after)
    except Refused as error:
        tenure.refused(str(error), asked_at)
    except LeaseLost as lost:
        tenure.lose(str(lost))
    else:
        tenure.renewed(again, asked_at)


def _claim_after_oversleeping(carried: Carried, ports: Ports, tenure: Tenure, monotonic: timedelta) -> None:
    """Where nobody said how long a lease is, a process that was stopped can't know whether it still has one."""
    overslept = carried.expected_by is not None and monotonic - carried.expected_by > OVERSLEPT
    carried.expected_by = monotonic
    if not overslept:
        return
    held = tenure.lease.claim
    try:
        claim = ports.control_plane.claim(held.run_id, held.worker_id)
    except (Unavailable, Refused) as error:
        tenure.lose(f"this process stood still, and may not go on with run {held.run_id}: {error}")
    else:
        tenure.renewed(claim, monotonic)
