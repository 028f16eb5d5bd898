"""Claims and leases: who may act for a run, for how long, and whose word counts after a change of hands.

Two clocks, never compared with each other. The control plane's own clock says whether a lease has ended. A
worker trusts its lease only until *the moment before it sent the request* plus the lease's length, on its
monotonic clock: an answer that took long, or a wall clock that was set, can only shorten that trust.

Each claim gets a larger *fencing token*; a call with an older one is refused.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from executor_core.model import RunId, WorkerId

DEFAULT_LEASE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A run claimed by a worker, as the control plane's answer said it.

    `length` is None where the answer named no end: the lease is then trusted as long as the process lives, and
    the target's advisory lock and the ownership marker keep two workers apart. `fencing_token` is None where
    the control plane has none.
    """

    run_id: RunId
    worker_id: WorkerId
    length: timedelta | None = None
    fencing_token: int | None = None
    renewable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A claim, and how long this process may trust it. `trusted_until` is a monotonic time."""

    claim: Claim
    asked_at: timedelta

    @property
    def trusted_until(self) -> timedelta | None:
        """The monotonic time at which the right to act ends; None when the control plane named no length."""
        return None if self.claim.length is None else self.asked_at + self.claim.length

    def holds(self, monotonic: timedelta) -> bool:
        """Whether the worker may still act at `monotonic`."""
        return self.trusted_until is None or monotonic < self.trusted_until

    def renewal_due_at(self) -> timedelta | None:
        """The monotonic time of the next renewal: a third of the length after the last; None when there is none."""
        if self.claim.length is None or not self.claim.renewable:
            return None
        return self.asked_at + self.claim.length / 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRow:
    """What a control plane stores of the claim on a run."""

    claimed_by: WorkerId
    claimed_at: datetime
    expires_at: datetime
    fencing_token: int


def may_claim(row: ClaimRow | None, worker_id: WorkerId, now: datetime) -> bool:
    """Whether `worker_id` may have the run: it is free, its lease has ended, or the worker holds it already."""
    return row is None or row.claimed_by == worker_id or now >= row.expires_at


def granted(row: ClaimRow | None, worker_id: WorkerId, now: datetime, length: timedelta) -> ClaimRow:
    """Return the row of a claim that `may_claim` allows. The token grows with every claim, renewals apart."""
    held = row is not None and row.claimed_by == worker_id and now < row.expires_at
    if row is not None and held:
        return ClaimRow(
            claimed_by=worker_id,
            claimed_at=row.claimed_at,
            expires_at=now + length,
            fencing_token=row.fencing_token,
        )
    token = 1 if row is None else row.fencing_token + 1
    return ClaimRow(claimed_by=worker_id, claimed_at=now, expires_at=now + length, fencing_token=token)


def has_authority(row: ClaimRow | None, fencing_token: int | None) -> bool:
    """Whether a write that carries `fencing_token` comes from the newest claim.

    A write without a token is let through: the six calls alone know none. An older one is refused.
    """
    return fencing_token is None or (row is not None and fencing_token == row.fencing_token)
