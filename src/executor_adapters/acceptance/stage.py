"""The stage of the cases: runs are scheduled on it, carried and waited for, and it is put back after each case."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from executor_adapters.acceptance.api import Api, Scheduled
from executor_adapters.acceptance.cases import Case
from executor_adapters.acceptance.findings import Findings
from executor_adapters.acceptance.orders import HELPED, TABLE, Orders
from executor_adapters.acceptance.processes import Ended, Executor, Worker
from executor_adapters.acceptance.relay import Relay
from executor_adapters.acceptance.transcript import Transcript
from executor_adapters.clock import SystemClock
from executor_adapters.command.exit_codes import ExitCode
from executor_core.errors import InvalidInput, Refused, Unavailable
from executor_core.model import ExecutionAction, ExecutionRun

FIRST_WORKER, SECOND_WORKER = "acceptance-worker-1", "acceptance-worker-2"
MOST_NUMBERS = 999
LEASE_LIMIT = timedelta(minutes=15)
"""How long the case of the crashed worker waits for its lease to end."""
CLAIM_PAUSE = timedelta(seconds=1)
POLL = timedelta(milliseconds=50)
APPEARANCE_LIMIT = timedelta(minutes=20)


@dataclass(slots=True, kw_only=True)
class Stage:
    """What the cases have in common. `check` raises when it is time to stop, or when the load broke off."""

    orders: Orders
    relay: Relay
    transcript: Transcript
    api: Api
    executor: Executor
    clock: SystemClock
    check: Callable[[], None]
    first_number: int = 1
    _numbers: dict[str, int] = field(default_factory=dict[str, int])
    _switched: set[str] = field(default_factory=set[str])
    _given: set[str] = field(default_factory=set[str])

    def schedule(
        self, case: Case, found: Findings, *, table: str = TABLE, column: str | None = None, query: str = HELPED
    ) -> ExecutionRun:
        """Give the API the case's next run, under the first number that is free; an API that takes none has it."""
        digest = self.orders.digest(query)
        while True:
            number = self._numbers.get(case.id, self.first_number)
            if number > MOST_NUMBERS:
                raise Refused(f"the API has every run from {case.run_id(1)} to {case.run_id(MOST_NUMBERS)} already")
            self._numbers[case.id] = number + 1
            run = ExecutionRun(
                id=case.run_id(number),
                connection_id=case.connection_id,
                action=ExecutionAction.ADD_INDEX,
                table_name=table,
                index_name=case.index_name,
                columns=(column or case.column,),
                query_digests=(digest,),
            )
            scheduled = self.api.schedule(run)
            if scheduled is Scheduled.EXISTS:
                continue
            if scheduled is Scheduled.DONE:
                self._given.add(run.id)
            found.run_ids.append(run.id)
            return run

    def switch_on(self, case: Case) -> None:
        """Turn the kill switch of the case's connection on."""
        self._switched.add(case.connection_id)
        self.api.set_kill_switch(case.connection_id, active=True)

    def carry(self, run: ExecutionRun, **variables: str) -> Ended:
        """Let one worker carry a run to its end; `variables` are settings of its own."""
        ended = self.executor.finish(self.executor.start(run, FIRST_WORKER, **variables), self.check)
        self.stop_if_unclaimed(run, ended)
        return ended

    def stop_if_unclaimed(self, run: ExecutionRun, ended: Ended) -> None:
        """Raise `Refused` for a run that the executor could not even begin: that says nothing about the executor."""
        if ended.code == ExitCode.NOT_CLAIMED:
            raise Refused(
                f"the API granted no claim of {run.id} (it answered {self.transcript.last_claim(run.id)}): it must "
                "hold this run as scheduled, claimed by nobody"
            )
        if ended.code == ExitCode.USAGE:
            raise Refused(f"the executor refused the call: {ended.last_words}")

    def wait_for_index(self, case: Case, worker: Worker) -> None:
        """Wait until `worker` has made the case's index."""
        until = self.clock.monotonic() + APPEARANCE_LIMIT
        while not self.orders.has_index(case.index_name):
            self.check()
            if worker.process.poll() is not None or self.clock.monotonic() >= until:
                raise Unavailable("the first worker did not come as far as to make the index")
            self.clock.wait(POLL)

    def claim_after_crash(self, run: ExecutionRun) -> tuple[Ended, int]:
        """Let a second worker, on what might be another machine, try until the lease of the first has ended."""
        until, attempts = self.clock.monotonic() + LEASE_LIMIT, 0
        while True:
            attempts += 1
            second = self.executor.finish(self.executor.start(run, SECOND_WORKER), self.check)
            if second.code != ExitCode.NOT_CLAIMED:
                return second, attempts
            if self.clock.monotonic() >= until:
                raise Unavailable(f"the lease of the killed worker did not end within {LEASE_LIMIT}")
            self.check()
            self.clock.wait(CLAIM_PAUSE)

    def put_back(self) -> list[str]:
        """Put back what a case has changed: processes, faults, switches, runs that nobody ends any more, indexes.

        Goes on after what fails, and returns why it did.
        """
        self.executor.end_all()
        self.relay.heal()
        changes: list[Callable[[], None]] = [
            *(partial(self.api.set_kill_switch, each, active=False) for each in sorted(self._switched)),
            *(partial(self.api.abandon, run_id) for run_id in self.transcript.unended(self._given)),
            self.orders.drop_indexes,
        ]
        self._switched.clear()
        self._given.clear()
        problems: list[str] = []
        for change in changes:
            try:
                change()
            except (Unavailable, Refused, InvalidInput) as problem:
                problems.append(one_line(problem))
        return problems


def one_line(error: Exception) -> str:
    """Return what an error says, in one line."""
    return " ".join(str(error).split())
