"""A lease in this process's hands: renewed at a third of its length, trusted to its end, and lost for good.

The steps of a run ask `check`. Whoever renews the lease, often on a thread of its own, says what came of each try.
Both may happen at once: what one of them changes is replaced as a whole, and a lease that was lost stays lost.
"""

from datetime import timedelta

from executor_core.errors import LeaseLost
from executor_core.lease import Claim, Lease

RENEWAL_RETRY = timedelta(seconds=1)
"""How soon a renewal without an answer is tried again; a tenth of a lease that is shorter than ten seconds."""
RECLAIM_SHARE = 2 / 3
"""Where a control plane has no renewal, the run is claimed again after this share of the lease."""


class Tenure:
    """The lease that this process holds on one run. All times are monotonic."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._not_before: timedelta | None = None
        self._lost: str | None = None

    @property
    def lease(self) -> Lease:
        """The lease as it was last granted."""
        return self._lease

    @property
    def lost(self) -> str | None:
        """Why the right to act is gone, once it is."""
        return self._lost

    @property
    def ends_at(self) -> timedelta | None:
        """When trust ends unless the lease is renewed; None when the control plane named no length."""
        return self._lease.trusted_until

    def due_at(self) -> timedelta | None:
        """When the lease is to be renewed, by renewal or by another claim; None when that is never called for."""
        lease = self._lease
        if lease.claim.length is None:
            return None
        due = lease.renewal_due_at() or lease.asked_at + lease.claim.length * RECLAIM_SHARE
        return max(due, self._not_before or due)

    def is_due(self, monotonic: timedelta) -> bool:
        """Whether a renewal is to be tried now."""
        due = self.due_at()
        return self._lost is None and due is not None and monotonic >= due

    def holds(self, monotonic: timedelta) -> bool:
        """Whether the worker may still act at `monotonic`."""
        return self._lost is None and self._lease.holds(monotonic)

    def check(self, monotonic: timedelta) -> None:
        """Raise `LeaseLost` unless the worker may still act; from then on it never may again."""
        if not self.holds(monotonic):
            raise LeaseLost(self.lose(f"the lease of run {self._lease.claim.run_id} ended and could not be renewed"))

    # --- what came of a renewal --------------------------------------------------------------------------------------

    def renewed(self, claim: Claim, asked_at: timedelta) -> None:
        """The control plane granted it, to a request that was sent at `asked_at`."""
        self._lease = Lease(claim=claim, asked_at=asked_at)
        self._not_before = None

    def unanswered(self, asked_at: timedelta, retry_after: timedelta | None = None) -> None:
        """No answer came: the time goes on running. A server that asks for patience gets half of what is left."""
        lease = self._lease
        length, ends_at = lease.claim.length, lease.trusted_until
        if length is None or ends_at is None:
            return
        pause = min(RENEWAL_RETRY, length / 10)
        self._not_before = asked_at + max(pause, min(retry_after or pause, (ends_at - asked_at) / 2))

    def refused(self, why: str, asked_at: timedelta) -> None:
        """The control plane said no. Before the lease ends that may only mean that we hold it; after it, it is lost."""
        lease = self._lease
        if lease.holds(asked_at):
            self._not_before = lease.trusted_until
        else:
            self.lose(f"the run {lease.claim.run_id} is somebody else's now: {why}")

    def lose(self, why: str) -> str:
        """Give the lease up for good; return the reason, which is the first that was given."""
        self._lost = self._lost or why
        return self._lost
