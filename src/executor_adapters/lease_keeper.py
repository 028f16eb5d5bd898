"""The `LeaseKeeper` of real deployments: a thread that knows when each lease is due, and a few more that renew.

What is due is the core's decision (`tenure.py`), and so is what an answer means (`authority.renew`). The threads
share nothing with those that carry runs, and the calls of one run that take long hold up no other's: neither a
database that does not answer nor a control plane that is slow for one run costs another run its lease.
"""

import heapq
import itertools
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

from executor_core.authority import renew
from executor_core.ports import Clock, ControlPlane
from executor_core.tenure import Tenure

RENEWING = 8
"""How many renewals may be under way at once."""
ENDING = 4
"""How many statements of runs whose leases were lost may be ended at once."""

LOGGER = logging.getLogger("executor.lease_keeper")


@dataclass(slots=True, eq=False)
class _Kept:
    """A tenure that is kept, until it is lost or let go; `renewing` while a try is under way.

    It may stand on the agenda several times; what counts is the entry at `next_at`.
    """

    tenure: Tenure
    lost: Callable[[], None]
    renewing: bool = False
    gone: bool = False
    next_at: timedelta | None = None


class ThreadedLeaseKeeper:
    """Keeps any number of leases. Its threads begin with the first lease and end with `close`."""

    def __init__(self, control_plane: ControlPlane, clock: Clock) -> None:
        self._control_plane = control_plane
        self._clock = clock
        self._changed = threading.Condition()
        self._kept: dict[Tenure, _Kept] = {}
        self._agenda: list[tuple[timedelta, int, _Kept]] = []
        self._order = itertools.count()
        self._renewals = ThreadPoolExecutor(RENEWING, thread_name_prefix="executor-renewal")
        self._endings = ThreadPoolExecutor(ENDING, thread_name_prefix="executor-lease-lost")
        self._thread: threading.Thread | None = None
        self._closed = False

    def keep(self, tenure: Tenure, lost: Callable[[], None]) -> None:
        with self._changed:
            kept = self._kept[tenure] = _Kept(tenure, lost)
            self._put(kept)
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._work, name="executor-leases", daemon=True)
                self._thread.start()

    def let_go(self, tenure: Tenure) -> None:
        with self._changed:
            if (kept := self._kept.pop(tenure, None)) is not None:
                kept.gone = True

    def close(self) -> None:
        """Renew nothing more. Leases that were not handed back end by themselves."""
        with self._changed:
            self._closed = True
            self._kept.clear()
            self._changed.notify()
        self._renewals.shutdown(wait=False, cancel_futures=True)
        self._endings.shutdown(wait=False, cancel_futures=True)

    # --- on the keeper's thread --------------------------------------------------------------------------------------

    def _work(self) -> None:
        with self._changed:
            while not self._closed:
                now = self._clock.monotonic()
                while self._agenda and self._agenda[0][0] <= now:
                    at, _, kept = heapq.heappop(self._agenda)
                    if not kept.gone and at == kept.next_at:
                        self._attend(kept, now)
                pause = self._agenda[0][0] - self._clock.monotonic() if self._agenda else None
                self._changed.wait(None if pause is None else max(pause.total_seconds(), 0.001))

    def _attend(self, kept: _Kept, now: timedelta) -> None:
        """Try to renew a lease that is due; give one up whose time is over and that no answer can save any more."""
        tenure = kept.tenure
        if not kept.renewing and tenure.is_due(now):
            kept.renewing = True
            self._renewals.submit(self._renew, kept)
        if not tenure.holds(now) and not (kept.renewing and not tenure.lease.claim.renewable):
            tenure.lose(f"the lease of run {tenure.lease.claim.run_id} ended and could not be renewed")
        if tenure.lost is None:
            self._put(kept)
            return
        kept.gone = True
        self._kept.pop(tenure, None)
        self._endings.submit(self._end, kept)

    def _put(self, kept: _Kept) -> None:
        """Note when a lease wants to be looked at again: when it is due, or when it ends."""
        tenure = kept.tenure
        if kept.renewing:  # an answer brings it back here; only a lease that may end meanwhile is looked at before
            self._note(kept, tenure.ends_at if tenure.lease.claim.renewable else None)
        else:
            self._note(kept, min((at for at in (tenure.ends_at, tenure.due_at()) if at is not None), default=None))

    def _note(self, kept: _Kept, at: timedelta | None) -> None:
        kept.next_at = at
        if at is not None:
            heapq.heappush(self._agenda, (at, next(self._order), kept))
            self._changed.notify()

    # --- on threads of their own -------------------------------------------------------------------------------------

    def _renew(self, kept: _Kept) -> None:
        try:
            renew(kept.tenure, self._control_plane, self._clock)
        except Exception:
            LOGGER.exception("the lease of run %s could not be renewed", kept.tenure.lease.claim.run_id)
            kept.tenure.unanswered(self._clock.monotonic())
        with self._changed:
            kept.renewing = False
            if not kept.gone:
                self._note(kept, self._clock.monotonic())

    def _end(self, kept: _Kept) -> None:
        try:
            kept.lost()
        except Exception:
            LOGGER.exception("run %s lost its lease, and could not be stopped", kept.tenure.lease.claim.run_id)
