"""A worker: many runs in one process. A run that waits is an entry in a queue, not a thread.

Steps of different runs run on a small pool of threads; the queue is ordered by the instant at which each run
wants to go on. The control plane is asked for more runs at intervals, and whenever one has ended.
"""

import heapq
import itertools
import logging
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta

from executor_adapters.clock import SystemClock
from executor_adapters.driving import LEAVE_PATIENCE, LEAVE_POLL
from executor_core.carrying import Finished, Interrupted, NotClaimed, Step, Waiting
from executor_core.engine import Engine
from executor_core.errors import ExecutorError, Refused, Unavailable
from executor_core.model import ExecutionRun
from executor_core.ports import ControlPlane

End = Finished | NotClaimed | Interrupted

POLL = timedelta(seconds=5)
TURN = timedelta(milliseconds=500)
"""The longest time for which the loop waits, so that a signal and an ended step are noticed."""
NOT_CLAIMED_REST = timedelta(seconds=30)
"""How long a run that could not be claimed is left alone."""

LOGGER = logging.getLogger("executor.worker")


class Worker:
    """Carries runs until its clock is interrupted. `ended` hears of each run that comes to an end."""

    def __init__(
        self,
        *,
        engine: Engine,
        control_plane: ControlPlane,
        clock: SystemClock,
        runs_at_once: int = 100,
        threads: int = 8,
        ended: Callable[[ExecutionRun, End], None],
    ) -> None:
        self._engine = engine
        self._control_plane = control_plane
        self._clock = clock
        self._runs_at_once = runs_at_once
        self._threads = threads
        self._ended = ended
        self._order = itertools.count()
        self._queue: list[tuple[datetime, int, ExecutionRun]] = []
        self._working: dict[Future[Step], ExecutionRun] = {}
        self._resting: dict[str, datetime] = {}

    def work(self, *, once: bool = False) -> None:
        """Carry runs until interrupted; with `once`, until the control plane has none left.

        Raises `Unavailable` or `Refused` when the first listing fails; later failures are waited out.
        """
        next_poll = self._clock.now()
        listed = False
        with ThreadPoolExecutor(self._threads, thread_name_prefix="executor") as pool:
            while not self._clock.interrupted:
                now = self._clock.now()
                if now >= next_poll and self._carried() < self._runs_at_once:
                    found = self._take(first=not listed)
                    listed = True
                    next_poll = now + POLL
                    if once and not found and not self._carried():
                        return
                self._begin_due(pool)
                if self._collect():
                    next_poll = min(next_poll, self._clock.now())
            self._drain()

    def _carried(self) -> int:
        return len(self._queue) + len(self._working)

    def _take(self, *, first: bool) -> int:
        """Queue the runs that the control plane lists and that are not carried yet; return how many."""
        try:
            runs = self._control_plane.scheduled_runs(self._runs_at_once)
        except (Unavailable, Refused) as error:
            if first:
                raise
            LOGGER.warning("the scheduled runs can't be listed: %s", error)
            return 0
        now = self._clock.now()
        carried = {run.id for _, _, run in self._queue} | {run.id for run in self._working.values()}
        new = [run for run in runs if run.id not in carried and self._resting.get(run.id, now) <= now]
        for run in new[: self._runs_at_once - self._carried()]:
            self._put(run, now)
        return len(new)

    def _put(self, run: ExecutionRun, due: datetime) -> None:
        heapq.heappush(self._queue, (due, next(self._order), run))

    def _begin_due(self, pool: ThreadPoolExecutor) -> None:
        now = self._clock.now()
        while self._queue and self._queue[0][0] <= now and len(self._working) < self._threads:
            _, _, run = heapq.heappop(self._queue)
            self._working[pool.submit(self._engine.advance, run)] = run

    def _collect(self) -> bool:
        """Wait a little for steps to end; return whether a run has ended."""
        if not self._working:
            until = self._queue[0][0] - self._clock.now() if self._queue else TURN
            self._clock.wait(min(TURN, until))
            return False
        done, _ = wait(self._working, timeout=TURN.total_seconds(), return_when=FIRST_COMPLETED)
        settled = [self._settle(future) for future in done]
        return any(settled)

    def _settle(self, future: Future[Step]) -> bool:
        run = self._working.pop(future)
        try:
            step = future.result()
        except ExecutorError as error:
            LOGGER.error("run %s: %s", run.id, error)  # noqa: TRY400 -- the sentence says it all
            step = NotClaimed(str(error))
        if isinstance(step, Waiting):
            self._put(run, step.until)
            return False
        if not isinstance(step, Finished):
            self._resting[run.id] = self._clock.now() + NOT_CLAIMED_REST
        self._ended(run, step)
        return True

    def _drain(self) -> None:
        """Let every run go, so that other workers can go on."""
        for future, run in list(self._working.items()):
            self._working.pop(future)
            if isinstance(step := future.result(), Waiting):
                self._put(run, step.until)
            else:
                self._ended(run, step)
        clock = SystemClock()  # the interrupted one does not wait any more
        until = clock.monotonic() + LEAVE_PATIENCE
        runs = [run for _, _, run in self._queue]
        self._queue.clear()
        while runs and clock.monotonic() < until:
            left = [run for run in runs if not self._engine.leave(run)]
            for run in runs:
                if run not in left:
                    self._ended(run, Interrupted("stopped by a signal; another worker can go on"))
            runs = left
            clock.wait(LEAVE_POLL if runs else timedelta(0))
