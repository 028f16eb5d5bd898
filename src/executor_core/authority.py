"""The right to act for a run: claiming it, keeping the lease, and giving up when it can't be shown any more."""

from datetime import timedelta

from executor_core.carrying import Carried, Ports
from executor_core.errors import LeaseLost, Refused, Unavailable
from executor_core.lease import Claim, Lease
from executor_core.lifecycle import Event, Phase, next_phase
from executor_core.messages import Draft
from executor_core.model import AuditAction, RunId, WorkerId
from executor_core.ports import Message
from executor_core.state import ClaimOnRecord

RENEWAL_RETRY = timedelta(seconds=1)
OVERSLEPT = timedelta(seconds=10)
"""How much later than it meant to a process may look at a run, before it asks whether the run is still its own."""
RECLAIM_SHARE = 2 / 3
"""Where a control plane has no renewal, the run is claimed again after this share of the lease."""


def claim_on_record(claim: Claim, ports: Ports) -> ClaimOnRecord:
    """Return what the state keeps of a claim."""
    ends_at = None if claim.length is None else ports.clock.now() + claim.length
    return ClaimOnRecord(worker_id=claim.worker_id, fencing_token=claim.fencing_token, ends_at=ends_at)


def claim_run(carried: Carried, ports: Ports, worker_id: WorkerId) -> str | None:
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
        return str(error)
    carried.lease = Lease(claim=claim, asked_at=asked_at)
    carried.state = state.model_copy(update={"claim": claim_on_record(claim, ports)})
    return None


def announce_claim(carried: Carried, ports: Ports) -> Draft:
    """Return the draft that records a claim: of a fresh run, or of one that another process had begun."""
    state, lease = carried.state, carried.lease
    token = None if lease is None else lease.claim.fencing_token
    fresh = state.phase is Phase.SCHEDULED
    action = AuditAction.RUN_CLAIMED if fresh else AuditAction.RUN_TAKEN_OVER
    changes = {"phase": next_phase(state.phase, Event.CLAIM_GRANTED)} if fresh else {"taken_over": True}
    details = {"fencing_token": token, "phase": state.phase}
    return Draft(state.model_copy(update=changes)).audited(action, ports.clock.now(), details)


def keep_lease(carried: Carried, ports: Ports) -> None:
    """Renew the lease when that is due. Raises `LeaseLost` when it is another's or has run out."""
    lease = carried.lease
    if lease is None:
        return
    monotonic = ports.clock.monotonic()
    due = renewal_due(lease)
    if lease.claim.length is None:
        _claim_after_oversleeping(carried, ports, lease, monotonic)
    elif due is not None and monotonic >= max(due, carried.renew_after or due):
        _renew(carried, ports, lease, monotonic)
    if carried.lease is None or not carried.lease.holds(ports.clock.monotonic()):
        raise LeaseLost(f"the lease of run {carried.state.run.id} ended and could not be renewed")


def _claim_after_oversleeping(carried: Carried, ports: Ports, lease: Lease, monotonic: timedelta) -> None:
    """Where nobody said how long a lease is, a process that was stopped can't know whether it still has one."""
    overslept = carried.expected_by is not None and monotonic - carried.expected_by > OVERSLEPT
    carried.expected_by = monotonic
    if not overslept:
        return
    try:
        claim = ports.control_plane.claim(RunId(lease.claim.run_id), lease.claim.worker_id)
    except (Unavailable, Refused) as error:
        raise LeaseLost(
            f"this process stood still, and may not go on with run {lease.claim.run_id}: {error}"
        ) from error
    carried.lease = Lease(claim=claim, asked_at=monotonic)


def renewal_due(lease: Lease) -> timedelta | None:
    """Return the monotonic time at which the lease should be renewed, by renewal or by another claim."""
    if lease.claim.length is None:
        return None
    return lease.renewal_due_at() or lease.asked_at + lease.claim.length * RECLAIM_SHARE


def _renew(carried: Carried, ports: Ports, lease: Lease, asked_at: timedelta) -> None:
    claim = lease.claim
    try:
        if claim.renewable:
            renewed = ports.control_plane.renew(claim)
        else:
            # Of the six calls only the claim itself can tell whether the run is still ours. Before the lease ends,
            # "no" may only mean that we hold it; after it, "no" means that somebody else does.
            renewed = ports.control_plane.claim(RunId(claim.run_id), claim.worker_id)
    except Unavailable:
        carried.renew_after = asked_at + RENEWAL_RETRY
        return
    except Refused as error:
        if not lease.holds(asked_at):
            raise LeaseLost(f"the run {claim.run_id} is somebody else's now: {error}") from error
        carried.renew_after = lease.trusted_until
        return
    carried.renew_after = None
    carried.lease = Lease(claim=renewed, asked_at=asked_at)
    carried.state = carried.state.model_copy(update={"claim": claim_on_record(renewed, ports)})
