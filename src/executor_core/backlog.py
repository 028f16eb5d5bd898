"""What earlier processes could not tell the control plane: told again, run by run, as far as that may still be told."""

from executor_core.carrying import Ports
from executor_core.delivery import Delivery, Flushed, deliver_pending
from executor_core.errors import LeaseLost, Refused, Unavailable
from executor_core.lease import Claim
from executor_core.model import RunId, WorkerId
from executor_core.ports import MessageKind
from executor_core.state import RunState


def deliver_now(ports: Ports, run_id: RunId, claim: Claim | None, delivery: Delivery, *, with_authority: bool) -> bool:
    """Deliver a run's messages through its ports, as of now; see `deliver_pending`."""
    return deliver_pending(
        run_id=run_id,
        claim=claim,
        with_authority=with_authority,
        control_plane=ports.control_plane,
        outbox=ports.outbox,
        delivery=delivery,
        monotonic=ports.clock.monotonic(),
        jitter=ports.jitter(),
    )


class Backlog:
    """The messages of runs that this process does not carry."""

    def __init__(self, ports: Ports, worker_id: WorkerId) -> None:
        self._ports = ports
        self._worker_id = worker_id

    def deliver(self) -> Flushed:
        """Deliver them, oldest run first, until one can't be, and say what came of it."""
        outbox = self._ports.outbox
        delivered = refused = 0
        error = None
        for run_id in outbox.backlog():
            delivery = Delivery()
            self.tell(run_id, self._ports.checkpoints.load(run_id), delivery)
            delivered, refused = delivered + delivery.delivered, refused + delivery.refused
            if (error := delivery.last_error) is not None:
                break
        left = sum(outbox.backlog().values())
        return Flushed(delivered=delivered, refused=refused, undelivered=left, error=error)

    def tell(self, run_id: RunId, state: RunState | None, delivery: Delivery) -> None:
        """Deliver the messages of a run that this process does not carry; of some, no state is stored."""
        pending = self._ports.outbox.pending(run_id)
        if not pending:
            return
        needs_authority = any(message.kind is MessageKind.STATUS for message in pending)
        claim, with_authority = None, False
        if state is not None and needs_authority:
            claim, with_authority = self._authority_to_tell(state)
        try:
            deliver_now(self._ports, run_id, claim, delivery, with_authority=with_authority)
        except LeaseLost as lost:
            delivery.refused += self.set_aside_statuses(run_id, str(lost))
            # The facts behind them are facts all the same.
            deliver_now(self._ports, run_id, claim, delivery, with_authority=False)

    def _authority_to_tell(self, state: RunState) -> tuple[Claim | None, bool]:
        """Whether the status of a run that this process only knows from its record may still be told, and as whom.

        A fencing token makes it safe: if the run has changed hands, it is refused. Without one, an end is told while
        the lease lasts; after that the run is claimed again first, so that what a successor has reported in the
        meantime is never overwritten. What is no end waits until the run is carried on.
        """
        on_record = state.claim
        if on_record is None:
            return None, state.finished  # refused by scope: never claimed
        claim = Claim(run_id=state.run_id, worker_id=on_record.worker_id, fencing_token=on_record.fencing_token)
        if on_record.fencing_token is not None:
            return claim, True
        if not state.finished:
            return None, False
        if on_record.ends_at is None:
            return claim, True
        if self._ports.clock.now() < on_record.ends_at:
            return claim, True
        try:
            return self._ports.control_plane.claim(state.run_id, self._worker_id), True
        except (Unavailable, Refused):
            return None, False

    def set_aside_statuses(self, run_id: RunId, why: str) -> int:
        """Give up what only the run's newest claim may tell; return how many messages that were."""
        keys = [m.key for m in self._ports.outbox.pending(run_id) if m.kind is not MessageKind.AUDIT]
        for key in keys:
            self._ports.outbox.refused(key, why)
        return len(keys)
