"""Telling the control plane what it has not been told yet: in order, once a key, later if need be.

Audit entries and rollback records are facts: they are delivered whenever the control plane can be reached. A
status is a claim to authority: it is only delivered under the lease of the run, since a late one could
overwrite what a successor has reported in the meantime. Facts don't wait behind a status that has to wait.
"""

from dataclasses import dataclass
from datetime import timedelta

from executor_core.errors import Refused, Unavailable
from executor_core.lease import Claim
from executor_core.model import RunId
from executor_core.pacing import backoff
from executor_core.ports import ControlPlane, MessageKind, Outbox


@dataclass(slots=True, kw_only=True)
class Delivery:
    """How telling the control plane is going: a failed delivery is tried again after `not_before` (monotonic)."""

    failures: int = 0
    not_before: timedelta = timedelta()
    last_error: str | None = None
    delivered: int = 0
    refused: int = 0
    """How many messages were set aside, since the control plane will never take them."""
    settled: bool = False
    """Whether nothing that this process stored is untold: the outbox is not asked before more is stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flushed:
    """What became of a backlog: messages told now, set aside now, and left for later, with the reason for that."""

    delivered: int
    refused: int
    undelivered: int
    error: str | None


UNAUTHORIZED = frozenset({401, 403})
"""What a token that has to be changed is answered with: no reason to give a message up."""

FIRST_RETRY = timedelta(milliseconds=500)
LONGEST_RETRY = timedelta(seconds=30)
LAST_WORD_PATIENCE = timedelta(seconds=10)
"""For how long the end of a run is told again at once, before that is left to the next start."""


def deliver_pending(
    *,
    run_id: RunId,
    claim: Claim | None,
    with_authority: bool,
    control_plane: ControlPlane,
    outbox: Outbox,
    delivery: Delivery,
    monotonic: timedelta,
    jitter: float,
) -> bool:
    """Deliver the messages of one run until one fails; return whether none is left.

    `with_authority` says whether statuses may be delivered now; `claim` carries the fencing token, if there is one.
    A message that the control plane will never take is set aside with its reason. Raises `LeaseLost` when the
    control plane says that another claim is newer; the message stays pending.
    """
    if monotonic < delivery.not_before:
        return False
    held_back = False
    for message in outbox.pending(run_id):
        if message.kind is MessageKind.STATUS and not with_authority:
            held_back = True
            continue
        try:
            control_plane.deliver(message, claim)
        except (Unavailable, Refused) as error:
            if isinstance(error, Refused) and error.number not in UNAUTHORIZED:
                outbox.refused(message.key, str(error))
                delivery.refused += 1
                continue
            delivery.failures += 1
            delivery.last_error = str(error)
            pause = backoff(delivery.failures, jitter, first=FIRST_RETRY, most=LONGEST_RETRY)
            asked = error.retry_after if isinstance(error, Unavailable) else None
            delivery.not_before = monotonic + max(pause, asked or pause)
            return False
        else:
            outbox.delivered(message.key)
            delivery.delivered += 1
    delivery.failures = 0
    delivery.last_error = None
    return not held_back
