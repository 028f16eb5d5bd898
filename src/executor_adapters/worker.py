"""A worker: many runs in one process. A run that waits is an entry in a queue, not a thread.

Steps of different runs run on a small pool of threads; the queue is ordered by the (monotonic) time at which each
run wants to go on. The control plane is asked for more runs at intervals, and whenever one has ended.
"""

import heapq
import itertools
import logging
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta

from executor_adapters.clock import InterruptibleClock
from executor_adapters.driving import LEAVE_PATIENCE, LEAVE_POLL, STILL_BUILDING, STOPPED
from executor_core.carrying import Finished, Interrupted, NotClaimed, Waiting
from executor_core.engine import Engine
from executor_core.errors import CheckpointUnusable, ExecutorError, InvalidInput, Refused, Unavailable
from executor_core.model import ExecutionRun
from executor_core.ports import ControlPlane

End = Finished | NotClaimed | Interrupted

POLL = timedelta(seconds=5)
TURN = timedelta(milliseconds=500)
"""The longest time for which the loop waits, so that a signal and an ended step are noticed."""
REST = timedelta(seconds=30)
"""How long a run that did not come to its end here is left alone."""
MOST_LISTED = 1000
"""No more runs than this are asked for at once."""

LOGGER = logging.getLogger("executor.worker")


@dataclass(slots=True, eq=False)
class _Job:
    """A run in the worker's hands; `begun` once it waited for the first time, `leaving` says why it is let go."""

    run: ExecutionRun
    begun: bool = False
    leaving: str | None = None


class Worker:
    """Carries runs until its clock is interrupted. `ended` hears of each run that leaves the worker's hands.

    A run that goes wrong in an unforeseen way is let go; the others don't notice.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        control_plane: ControlPlane,
        clock: InterruptibleClock,
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
        self._queue: list[tuple[timedelta, int, _Job]] = []
        self._working: dict[Future[End | timedelta], _Job] = {}
        self._resting: dict[str, timedelta] = {}

    def work(self, *, once: bool = False) -> None:
        """Carry runs until interrupted; with `once`, until the control plane has none left.

        When interrupted, every run is handed back, so that other workers can go on. Raises `Unavailable` or
        `Refused` when the first listing fails; later failures are waited out.
        """
        with ThreadPoolExecutor(self._threads, thread_name_prefix="executor") as pool:
            self._carry(pool, once=once)
            self._let_go(pool)

    def _carry(self, pool: ThreadPoolExecutor, *, once: bool) -> None:
        next_poll, listed = self._clock.monotonic(), False
        while not self._clock.interrupted:
            now = self._clock.monotonic()
            if now >= next_poll and self._carried() < self._runs_at_once:
                found = self._take(first=not listed)
                next_poll, listed = now + POLL, True
                if once and found == 0 and not self._carried():
                    return
            self._begin_due(pool)
            if self._collect(self._clock.wait):
                next_poll = self._clock.monotonic()

    def _let_go(self, pool: ThreadPoolExecutor) -> None:
        """Leave every run; steps that are under way end first."""
        until = self._clock.monotonic() + LEAVE_PATIENCE
        while self._carried() and self._clock.monotonic() < until:
            waiting, self._queue = self._queue, []
            for due, _, job in waiting:
                if job.leaving is not None:
                    self._put(job, due)
                elif job.begun:  # one that has not begun was not claimed: there is nothing to let go
                    job.leaving = STOPPED
                    self._put(job, self._clock.monotonic())
            self._begin_due(pool)
            if self._carried():
                self._collect(self._clock.wait_anyway)
        for job in (*(job for _, _, job in self._queue), *self._working.values()):
            self._ended(job.run, Interrupted(f"{job.leaving or STOPPED}; {STILL_BUILDING}"))

    def _carried(self) -> int:
        return len(self._queue) + len(self._working)

    def _take(self, *, first: bool) -> int | None:
        """Queue the runs that the control plane lists and that are not carried yet; return how many, if it told."""
        now = self._clock.monotonic()
        self._resting = {run_id: until for run_id, until in self._resting.items() if until > now}
        try:
            # Those that rest stand in the list too, and must not hide what comes after them.
            runs = self._control_plane.scheduled_runs(min(MOST_LISTED, self._runs_at_once + len(self._resting)))
        except (Unavailable, Refused) as error:
            if first:
                raise
            LOGGER.warning("the scheduled runs can't be listed: %s", error)
            return None
        known = self._resting.keys() | {job.run.id for _, _, job in self._queue}
        known |= {job.run.id for job in self._working.values()}
        new = [run for run in runs if run.id not in known][: self._runs_at_once - self._carried()]
        for run in new:
            self._put(_Job(run), now)
        return len(new)

    def _put(self, job: _Job, due: timedelta) -> None:
        heapq.heappush(self._queue, (due, next(self._order), job))

    def _begin_due(self, pool: ThreadPoolExecutor) -> None:
        now = self._clock.monotonic()
        while self._queue and self._queue[0][0] <= now and len(self._working) < self._threads:
            _, _, job = heapq.heappop(self._queue)
            self._working[pool.submit(self._step, job)] = job

    def _step(self, job: _Job) -> End | timedelta:
        """Carry a run one step further, on a thread of the pool; return its end, or the pause before its next step."""
        try:
            if job.leaving is not None:
                return Interrupted(job.leaving) if self._engine.leave(job.run) else LEAVE_POLL
            step = self._engine.advance(job.run)
        except (InvalidInput, CheckpointUnusable) as error:
            if not job.begun:
                LOGGER.error("run %s: %s", job.run.id, error)  # noqa: TRY400 -- the sentence says it all
                return NotClaimed(str(error))
            return self._gone_wrong(job, error)
        except Exception as error:
            return self._gone_wrong(job, error)
        if isinstance(step, Waiting):
            job.begun = True
            return step.until - self._clock.now()
        return step

    def _gone_wrong(self, job: _Job, error: Exception) -> End | timedelta:
        """Let a run go that can't be carried on here, and one that can't even be let go in order."""
        foreseen = isinstance(error, ExecutorError)
        LOGGER.error("run %s is left: %s", job.run.id, error, exc_info=None if foreseen else error)
        if job.leaving is not None:
            return Interrupted(job.leaving)
        job.leaving = str(error) if foreseen else f"an error of this program: {type(error).__name__}"
        return timedelta(0)

    def _collect(self, pause: Callable[[timedelta], None]) -> bool:
        """Wait a little for steps to end; return whether a run has left our hands."""
        if not self._working:
            until = self._queue[0][0] - self._clock.monotonic() if self._queue else TURN
            pause(min(TURN, until))
            return False
        done, _ = wait(self._working, timeout=TURN.total_seconds(), return_when=FIRST_COMPLETED)
        settled = [self._settle(future) for future in done]
        return any(settled)

    def _settle(self, future: "Future[End | timedelta]") -> bool:
        job = self._working.pop(future)
        step = future.result()
        if isinstance(step, timedelta):
            self._put(job, self._clock.monotonic() + step)
            return False
        if not isinstance(step, Finished):
            self._resting[job.run.id] = self._clock.monotonic() + REST
        self._ended(job.run, step)
        return True
