"""A worker: many runs in one process. A run that waits is an entry in a queue, not a thread.

Steps of different runs run on a small pool of threads; the queue is ordered by the (monotonic) time at which each
run wants to go on. No more than a share of the threads works for one connection, so that a database that does not
answer holds up its own runs and nobody else's. The control plane is asked for more runs at intervals, and whenever
one has ended; while it can't be reached or asks for patience, no run is begun. Where it has requests for a rollback,
they are done in the same way: for the queue, one is a run that has ended and is carried once more.
"""

import heapq
import itertools
import logging
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from executor_adapters.clock import InterruptibleClock, system_jitter
from executor_adapters.driving import LEAVE_PATIENCE, LEAVE_POLL, STILL_BUILDING, STOPPED
from executor_core.carrying import Finished, Interrupted, NotClaimed, Step, Waiting
from executor_core.engine import Engine
from executor_core.errors import CheckpointUnusable, ExecutorError, InvalidInput, Refused, Unavailable
from executor_core.model import ExecutionRun
from executor_core.pacing import backoff
from executor_core.ports import ControlPlane, Jitter

End = Finished | NotClaimed | Interrupted

POLL = timedelta(seconds=5)
TURN = timedelta(milliseconds=500)
"""The longest time for which the loop waits, so that a signal and an ended step are noticed."""
REST = timedelta(seconds=30)
"""How long a run is left alone that left our hands: a control plane may go on listing it, ended or not."""
MOST_LISTED = 1000
"""No more runs than this are asked for at once."""
LONGEST_PAUSE = timedelta(minutes=1)
"""How rarely a control plane that can't be reached is asked at least, unless it asks for more patience itself."""
THREADS = 16
SHARE = 4
"""One connection's runs have the threads divided by this."""

LOGGER = logging.getLogger("executor.worker")


class Carrier(Protocol):
    """What carries a run, step by step: an engine, or a rollback that was asked for."""

    def advance(self, run: ExecutionRun, /) -> Step: ...
    def holds(self, run: ExecutionRun, /) -> bool: ...
    def leave(self, run: ExecutionRun, /) -> bool: ...


@dataclass(slots=True, eq=False)
class _Job:
    """A run in the worker's hands; `begun` once it waited for the first time, `leaving` says why it is let go."""

    run: ExecutionRun
    carrier: Carrier
    begun: bool = False
    leaving: str | None = None

    @property
    def asked(self) -> tuple[str, type[Carrier]]:
        """What is asked for, however often it is listed: the run to be carried, or its index to be taken back."""
        return self.run.id, type(self.carrier)


class _Pressure:
    """How much a control plane that is overloaded or away slows the worker: longer from failure to failure."""

    def __init__(self, jitter: Jitter) -> None:
        self._jitter = jitter
        self._failures = 0
        self.until = timedelta(0)

    def failed(self, now: timedelta, patience: timedelta | None) -> None:
        """A call failed. Calls that were under way together count once."""
        if now >= self.until:
            self._failures += 1
            self.until = now + backoff(self._failures, self._jitter(), first=POLL, most=LONGEST_PAUSE)
        self.until = max(self.until, now + (patience or timedelta(0)))

    def eased(self) -> None:
        """A run was claimed: all is well."""
        self._failures = 0


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
        threads: int = THREADS,
        ended: Callable[[ExecutionRun, End], None],
        jitter: Jitter = system_jitter,
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
        self._resting: dict[tuple[str, type[Carrier]], timedelta] = {}
        self._share = max(1, threads // SHARE)
        self._busy: Counter[str] = Counter()
        self._held_up: defaultdict[str, deque[_Job]] = defaultdict(deque)
        self._pressure = _Pressure(jitter)
        self._requests_due: timedelta | None = timedelta(0)

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
            if now >= max(next_poll, self._pressure.until) and self._carried() < self._runs_at_once:
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
            held_up, self._held_up = self._held_up, defaultdict(deque)
            now = self._clock.monotonic()
            for due, job in (
                *((due, job) for due, _, job in waiting),
                *((now, job) for jobs in held_up.values() for job in jobs),
            ):
                if job.leaving is not None:
                    self._put(job, due)
                elif job.begun:  # one that has not begun was not claimed: there is nothing to let go
                    job.leaving = STOPPED
                    self._put(job, self._clock.monotonic())
            self._begin_due(pool)
            if self._carried():
                self._collect(self._clock.wait_anyway)
        for job in self._jobs():
            self._ended(job.run, Interrupted(f"{job.leaving or STOPPED}; {STILL_BUILDING}"))

    def _carried(self) -> int:
        return len(self._queue) + len(self._working) + sum(map(len, self._held_up.values()))

    def _jobs(self) -> list[_Job]:
        held_up = itertools.chain.from_iterable(self._held_up.values())
        return [*(job for _, _, job in self._queue), *self._working.values(), *held_up]

    def _take(self, *, first: bool) -> int | None:
        """Queue the runs that the control plane lists and that are not carried yet; return how many, if it told."""
        now = self._clock.monotonic()
        self._resting = {asked: until for asked, until in self._resting.items() if until > now}
        try:
            # Those that rest may stand in the list too, and must not hide what comes after them.
            runs = self._control_plane.scheduled_runs(min(MOST_LISTED, self._runs_at_once + len(self._resting)))
        except (Unavailable, Refused) as error:
            if first:
                raise
            LOGGER.warning("the scheduled runs can't be listed: %s", error)
            self._pressure.failed(now, error.retry_after if isinstance(error, Unavailable) else None)
            return None
        listed = [*self._requested(now), *(_Job(run, self._engine) for run in runs)]
        carried = {job.run.id for job in self._jobs()}
        new = [job for job in listed if job.run.id not in carried and job.asked not in self._resting]
        new = new[: self._runs_at_once - self._carried()]
        for job in new:
            self._put(job, now)
        return len(new)

    def _requested(self, now: timedelta) -> list[_Job]:
        """Return what people want to be taken back, as far as the control plane tells: it need not have the call."""
        if self._requests_due is None or now < self._requests_due:
            return []
        try:
            requests = self._control_plane.rollback_requests()
        except Refused as error:
            LOGGER.info("requests for a rollback are not asked for again: %s", error)
            self._requests_due = None
            return []
        except Unavailable as error:
            LOGGER.warning("the requests for a rollback can't be listed: %s", error)
            self._requests_due = now + max(LONGEST_PAUSE, error.retry_after or LONGEST_PAUSE)
            return []
        return [_Job(request.run, self._engine.requested_rollback(request)) for request in requests]

    def _put(self, job: _Job, due: timedelta) -> None:
        heapq.heappush(self._queue, (due, next(self._order), job))

    def _begin_due(self, pool: ThreadPoolExecutor) -> None:
        now = self._clock.monotonic()
        while len(self._working) < self._threads and (job := self._next_due(now)) is not None:
            self._busy[job.run.connection_id] += 1
            self._working[pool.submit(self._step, job)] = job

    def _next_due(self, now: timedelta) -> _Job | None:
        """The next run that may go on now; those that may not yet are put where they wait."""
        for connection_id, held_up in list(self._held_up.items()):
            while held_up and self._busy[connection_id] < self._share:
                if self._may_go_on(job := held_up.popleft(), now):
                    return job
            if not held_up:  # there may be a thousand connections, of which few hold anything up
                del self._held_up[connection_id]
        while self._queue and self._queue[0][0] <= now:
            _, _, job = heapq.heappop(self._queue)
            if self._may_go_on(job, now):
                if self._busy[job.run.connection_id] < self._share:
                    return job
                self._held_up[job.run.connection_id].append(job)
        return None

    def _may_go_on(self, job: _Job, now: timedelta) -> bool:
        """Whether a run may go on; one that is not begun waits for as long as the control plane is to be left alone."""
        if job.begun or self._pressure.until <= now:
            return True
        self._put(job, self._pressure.until)
        return False

    def _step(self, job: _Job) -> End | timedelta:
        """Carry a run one step further, on a thread of the pool; return its end, or the pause before its next step."""
        try:
            if job.leaving is not None:
                return Interrupted(job.leaving) if job.carrier.leave(job.run) else LEAVE_POLL
            step = job.carrier.advance(job.run)
        except (InvalidInput, CheckpointUnusable) as error:
            if not job.carrier.holds(job.run):
                LOGGER.error("run %s: %s", job.run.id, error)  # noqa: TRY400 -- the sentence says it all
                return NotClaimed(str(error))
            return self._gone_wrong(job, error)
        except Exception as error:
            return self._gone_wrong(job, error)
        if isinstance(step, Waiting):
            if not job.begun:
                self._pressure.eased()
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
        turn = self._turn()
        if not self._working:
            pause(turn)
            return False
        done, _ = wait(self._working, timeout=turn.total_seconds(), return_when=FIRST_COMPLETED)
        settled = [self._settle(future) for future in done]
        return any(settled)

    def _turn(self) -> timedelta:
        """For how long nothing can be begun: where a thread is free, until the next run is due."""
        if not self._queue or len(self._working) == self._threads:
            return TURN
        return max(timedelta(0), min(TURN, self._queue[0][0] - self._clock.monotonic()))

    def _settle(self, future: "Future[End | timedelta]") -> bool:
        job = self._working.pop(future)
        self._busy[job.run.connection_id] -= 1
        if not self._busy[job.run.connection_id]:
            del self._busy[job.run.connection_id]
        step = future.result()
        if isinstance(step, timedelta):
            self._put(job, self._clock.monotonic() + step)
            return False
        if isinstance(step, NotClaimed) and step.patience is not None:
            self._pressure.failed(self._clock.monotonic(), step.patience)
        self._resting[job.asked] = self._clock.monotonic() + REST
        self._ended(job.run, step)
        return True
