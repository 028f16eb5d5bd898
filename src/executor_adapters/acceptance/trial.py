"""The ten cases, carried out: what is arranged, what the executor is made to do, and what must be seen of it then."""

import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from executor_adapters.acceptance.api import Api, Scheduled
from executor_adapters.acceptance.cases import Case
from executor_adapters.acceptance.orders import HELPED, MISLED, PLAIN_TABLE, RARE, TABLE, Orders
from executor_adapters.acceptance.processes import Ended, Executor, Worker
from executor_adapters.acceptance.relay import Exchange, Fault, Relay
from executor_adapters.acceptance.result import (
    CaseResult,
    CaseStatus,
    Check,
    MetricsWindow,
    Note,
    Proof,
    Step,
    Value,
    status_of,
)
from executor_adapters.clock import SystemClock
from executor_adapters.command.exit_codes import ExitCode
from executor_core.errors import InvalidInput, Refused, Unavailable
from executor_core.flavor import Flavor
from executor_core.model import (
    AuditAction,
    ExecutionAction,
    ExecutionRun,
    ExecutionStatus,
    FailReason,
    RollbackStatus,
    RollbackType,
    VerificationStatus,
)

if TYPE_CHECKING:  # it needs packages that only a control plane needs
    from executor_adapters.acceptance.records import Records

RUNS = (
    "SELECT id, status, fail_reason, error_message, message, claimed_by, claimed_at, lease_expires_at"
    " FROM execution_runs WHERE id = '{run_id}'"
)
CLAIMS = "SELECT * FROM execution_claims WHERE execution_run_id = '{run_id}'"
ROLLBACKS = "SELECT * FROM rollbacks WHERE execution_run_id = '{run_id}'"
AUDIT = "SELECT * FROM audit_logs WHERE resource_id = '{run_id}' AND action = '{action}'"

MOST_NUMBERS = 999
LEASE_LIMIT = timedelta(minutes=15)
"""How long the case of the crashed worker waits for its lease to end."""
CLAIM_PAUSE = timedelta(seconds=1)
POLL = timedelta(milliseconds=50)
APPEARANCE_LIMIT = timedelta(minutes=20)
_REFUSED_ONLINE = re.compile(r"\b184[56]\b")
_TAKEN = re.compile(r"\b1061\b")
_ENDS = frozenset({"completed", "failed", "rolled_back", "requires_manual"})
_EXIT = {
    ExecutionStatus.COMPLETED: ExitCode.COMPLETED,
    ExecutionStatus.FAILED: ExitCode.FAILED,
    ExecutionStatus.ROLLED_BACK: ExitCode.ROLLED_BACK,
    ExecutionStatus.REQUIRES_MANUAL: ExitCode.REQUIRES_MANUAL,
}


@dataclass(slots=True)
class _Findings:
    """What is gathered while a case is carried out."""

    run_ids: list[str] = field(default_factory=list[str])
    checks: list[Check] = field(default_factory=list[Check])
    messages: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    windows: list[MetricsWindow] = field(default_factory=list[MetricsWindow])
    proofs: list[Proof] = field(default_factory=list[Proof])
    notes: list[Note] = field(default_factory=list[Note])

    def check(self, name: str, expected: Value, actual: Value, where: str = "") -> None:
        """Hold a field against what it must be."""
        self.checks.append(Check(name, expected, actual, where))

    def note(self, key: str, **values: object) -> None:
        """Add an observation."""
        self.notes.append(Note(key, {name: str(value) for name, value in values.items()}))


@dataclass(slots=True, kw_only=True)
class Trial:
    """Carries out one case after another. `check` raises when it is time to stop, or when the load broke off."""

    orders: Orders
    relay: Relay
    api: Api
    executor: Executor
    records: "Records | None"
    clock: SystemClock
    check: Callable[[], None]
    extended_window: str
    """How far the window may be extended in the cases whose verdict must be a failed one."""
    first_number: int = 1
    _numbers: dict[str, int] = field(default_factory=dict[str, int])
    _switched: set[str] = field(default_factory=set[str])
    _given: set[str] = field(default_factory=set[str])

    def carry_out(self, case: Case) -> CaseResult:
        """Carry out one case, and put everything back as it was before it."""
        self.relay.forget()
        findings, started_at, error = _Findings(), self.clock.now(), None
        try:
            self._cases()[case.number](case, findings)
        except (Unavailable, Refused, InvalidInput) as reason:
            error = _one_line(reason)
        finally:
            steps, problems = self._steps(findings.run_ids), self.put_back()
        error = error or "; ".join(problems) or None
        return CaseResult(
            case=case.id,
            title=case.title,
            priority=case.priority,
            status=CaseStatus.COULD_NOT_RUN if error else status_of(findings.checks),
            run_ids=tuple(findings.run_ids),
            started_at=started_at,
            ended_at=self.clock.now(),
            checks=tuple(findings.checks),
            messages=tuple(findings.messages),
            windows=tuple(findings.windows),
            proofs=tuple(findings.proofs),
            steps=steps,
            observations=tuple(findings.notes),
            error=error,
        )

    def put_back(self) -> list[str]:
        """Put back what a case has changed: processes, faults, switches, runs that nobody ends any more, indexes.

        Goes on after what fails, and returns why it did.
        """
        self.executor.end_all()
        self.relay.heal()
        changes: list[Callable[[], None]] = [
            partial(self.api.set_kill_switch, connection_id, active=False) for connection_id in sorted(self._switched)
        ]
        changes += [partial(self.api.abandon, run_id) for run_id in self._unended()]
        self._given.clear()
        changes.append(self.orders.drop_indexes)
        self._switched.clear()
        problems: list[str] = []
        for change in changes:
            try:
                change()
            except (Unavailable, Refused, InvalidInput) as problem:
                problems.append(_one_line(problem))
        return problems

    def _cases(self) -> dict[int, Callable[[Case, _Findings], None]]:
        return {
            1: self._claim_conflict,
            2: self._switch_before_start,
            3: self._switch_after_add_index,
            4: self._no_online_build,
            5: self._index_exists,
            6: self._harm_taken_back,
            7: self._harm_not_taken_back,
            8: self._low_sample,
            9: self._switch_unreadable,
            10: self._crash,
        }

    # --- the cases ---------------------------------------------------------------------------------------------------

    def _claim_conflict(self, case: Case, found: _Findings) -> None:
        run = self._schedule(case, found)
        workers = [self.executor.start(run, f"acceptance-worker-{number}") for number in (1, 2)]
        ends = {worker.worker_id: self.executor.finish(worker, self.check) for worker in workers}
        claims = self.relay.exchanges(run.id, call="claim")
        first = {worker_id: self._first_claim(claims, worker_id) for worker_id in ends}
        if not any(status is not None and 200 <= status < 300 for status in first.values()):
            self._stop_if_unclaimed(run, ends[workers[0].worker_id])
        winner = min(ends, key=lambda worker_id: ends[worker_id].code)
        loser = next(worker_id for worker_id in ends if worker_id != winner)
        found.check("claim_answers", "200, 409", ", ".join(sorted(str(status) for status in first.values())))
        self._check_end(case, run, ends[winner], found, ExecutionStatus.COMPLETED, None)
        found.check("loser_exit_code", int(ExitCode.NOT_CLAIMED), ends[loser].code)
        found.check("claim_failed_audited", 1, self._audited(run, AuditAction.CLAIM_FAILED))
        found.check("executions", 1, self._audited(run, AuditAction.INDEX_ADDED))
        found.check("index_there", True, self.orders.has_index(case.index_name), case.index_name)
        found.note("workers", winner=winner, loser=loser, answer=first[loser])
        self._prove(case, run, found, CLAIMS, (AuditAction.CLAIM_FAILED, AuditAction.INDEX_ADDED))

    def _switch_before_start(self, case: Case, found: _Findings) -> None:
        run = self._schedule(case, found)
        self._switch_on(case)
        ended = self._carry(run)
        self._check_end(case, run, ended, found, ExecutionStatus.FAILED, FailReason.KILL_SWITCH)
        found.check("kill_switch_seen", True, self._audited(run, AuditAction.KILL_SWITCH_ENGAGED) > 0)
        self._check_untouched(case, run, found)
        self._prove(case, run, found, None, (AuditAction.KILL_SWITCH_ENGAGED,))

    def _switch_after_add_index(self, case: Case, found: _Findings) -> None:
        run = self._schedule(case, found)
        seen: list[bool] = []

        def switch_on() -> None:
            seen.append(self.orders.has_index(case.index_name))
            self._switch_on(case)

        self.relay.when_audited(run.id, AuditAction.INDEX_ADDED, switch_on)
        ended = self._carry(run)
        self._check_end(case, run, ended, found, ExecutionStatus.ROLLED_BACK, FailReason.KILL_SWITCH)
        found.check("index_made", True, seen == [True], case.index_name)
        found.check("kill_switch_seen", True, self._audited(run, AuditAction.KILL_SWITCH_ENGAGED) > 0)
        found.check("index_there", False, self.orders.has_index(case.index_name), case.index_name)
        self._check_rollback(run, found, RollbackStatus.COMPLETED, FailReason.KILL_SWITCH)
        self._prove(case, run, found, ROLLBACKS, (AuditAction.INDEX_ADDED, AuditAction.INDEX_DROPPED))

    def _no_online_build(self, case: Case, found: _Findings) -> None:
        if self.orders.flavor is Flavor.MARIADB:
            run = self._schedule(case, found, table=PLAIN_TABLE, column="customer_id")
        else:
            run = self._schedule(case, found)
        ended = self._carry(run)
        self._check_end(case, run, ended, found, ExecutionStatus.REQUIRES_MANUAL, FailReason.EXECUTION_ERROR)
        error = str(ended.result.get("error_message"))
        found.check("online_refused", True, bool(_REFUSED_ONLINE.search(error)))
        told = self._last_status(run)
        found.check("message_told", True, bool(told.get("message") or told.get("error_message")))
        sql, shown = self.orders.shown_index(case.index_name, run.table_name)
        found.check("index_there", False, bool(shown), case.index_name)
        self._prove(case, run, found, None, (AuditAction.BUILD_FAILED,), show_index=False)
        found.proofs.append(Proof("target", sql, shown))

    def _index_exists(self, case: Case, found: _Findings) -> None:
        run = self._schedule(case, found)
        self.orders.add_index(case.index_name, "status")
        ended = self._carry(run)
        self._check_end(case, run, ended, found, ExecutionStatus.FAILED, FailReason.EXECUTION_ERROR)
        found.check("name_taken", True, bool(_TAKEN.search(str(ended.result.get("error_message")))))
        found.check("index_columns", "status", self.orders.index_columns(case.index_name), case.index_name)
        found.check("rollback_records", 0, len(self._rollbacks(run)))
        self._prove(case, run, found, ROLLBACKS, (AuditAction.PREFLIGHT_REFUSED,))

    def _harm_taken_back(self, case: Case, found: _Findings) -> None:
        run = self._schedule(case, found, query=MISLED)
        ended = self._carry(run, EXECUTOR_EXTENDED_WINDOW=self.extended_window)
        self._check_end(case, run, ended, found, ExecutionStatus.ROLLED_BACK, FailReason.VERIFICATION_FAILED)
        self._check_degradation(ended, found)
        found.check("index_there", False, self.orders.has_index(case.index_name), case.index_name)
        self._check_rollback(run, found, RollbackStatus.COMPLETED, FailReason.VERIFICATION_FAILED)
        self._prove(case, run, found, ROLLBACKS, (AuditAction.VERIFICATION_COMPLETED, AuditAction.INDEX_DROPPED))

    def _harm_not_taken_back(self, case: Case, found: _Findings) -> None:
        run = self._schedule(case, found, query=MISLED)
        holder = self.orders.transaction()
        self.relay.when_audited(run.id, AuditAction.VERIFICATION_COMPLETED, holder.open)
        try:
            patience = {"EXECUTOR_ROLLBACK_PATIENCE": "3s", "EXECUTOR_EXTENDED_WINDOW": self.extended_window}
            ended = self._carry(run, **patience)
        finally:
            holder.close()
        self._check_end(case, run, ended, found, ExecutionStatus.FAILED, FailReason.EXECUTION_ERROR)
        self._check_degradation(ended, found)
        found.check("index_there", True, self.orders.has_index(case.index_name), case.index_name)
        self._check_rollback(run, found, RollbackStatus.FAILED, FailReason.VERIFICATION_FAILED)
        found.check("rollback_failed_audited", True, self._audited(run, AuditAction.ROLLBACK_FAILED) > 0)
        found.note("drop_blocked", table=TABLE)
        self._prove(case, run, found, ROLLBACKS, (AuditAction.ROLLBACK_FAILED,))

    def _low_sample(self, case: Case, found: _Findings) -> None:
        run = self._schedule(case, found, query=RARE)
        ended = self._carry(run)
        self._check_end(case, run, ended, found, ExecutionStatus.COMPLETED, None)
        verification = _object(ended.result.get("verification"))
        found.check("verification", VerificationStatus.INCONCLUSIVE.upper(), str(verification.get("status")).upper())
        samples = verification.get("sample_count")
        found.check("few_samples", True, isinstance(samples, int) and samples < 10)
        found.check("says_inconclusive", True, "inconclusive" in str(self._last_status(run).get("message")).lower())
        found.check("rollback_records", 0, len(self._rollbacks(run)))
        found.check("index_there", True, self.orders.has_index(case.index_name), case.index_name)
        found.note("samples", samples=samples)
        self._prove(case, run, found, ROLLBACKS, (AuditAction.VERIFICATION_COMPLETED,))

    def _switch_unreadable(self, case: Case, found: _Findings) -> None:
        faults: tuple[Fault, ...] = ("500", "timeout", "refused")
        for fault in faults:
            run = self._schedule(case, found)
            self.relay.break_kill_switch(fault)
            ended = self._carry(run)
            self.relay.heal()
            self._check_end(case, run, ended, found, ExecutionStatus.FAILED, FailReason.KILL_SWITCH, where=fault)
            found.check("kill_switch_seen", True, self._audited(run, AuditAction.KILL_SWITCH_ENGAGED) > 0, fault)
            found.check("executions", 0, self._audited(run, AuditAction.INDEX_ADDED), fault)
            found.check("index_there", False, self.orders.has_index(case.index_name), fault)
            found.note(f"fault_{fault}", run_id=run.id)
            self._prove(case, run, found, None, (AuditAction.KILL_SWITCH_ENGAGED,), show_index=fault == faults[-1])

    def _crash(self, case: Case, found: _Findings) -> None:
        run = self._schedule(case, found)
        first = self.executor.start(run, "acceptance-worker-1")
        self._wait_for_index(case, first)
        first.kill()
        killed_at = self.clock.now()
        second, attempts = self._claim_after_crash(run)
        self._check_end(case, run, second, found, ExecutionStatus.COMPLETED, None)
        granted = [each for each in self.relay.exchanges(run.id, call="claim") if each.accepted]
        by_second = [each for each in granted if _worker_of(each) == "acceptance-worker-2"]
        found.check("worker_killed", -9, first.process.returncode)
        found.check("claimed_by", "acceptance-worker-2", _worker_of(granted[-1]) if granted else None)
        found.check("index_there", True, self.orders.has_index(case.index_name), case.index_name)
        taken = {AuditAction.INDEX_ADOPTED, AuditAction.BUILD_FOUND}
        actions = [action for action in self._actions(run) if action in taken]
        found.note("index_found" if actions else "index_not_found", actions=", ".join(actions) or "-")
        if by_second:
            waited = by_second[0].at - killed_at
            found.note("lease_waited", seconds=round(waited.total_seconds(), 1), attempts=attempts)
        self._prove(case, run, found, CLAIMS, (AuditAction.RUN_CLAIMED, AuditAction.INDEX_ADOPTED))

    # --- arranging ---------------------------------------------------------------------------------------------------

    def _schedule(
        self, case: Case, found: _Findings, *, table: str = TABLE, column: str | None = None, query: str = HELPED
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

    def _switch_on(self, case: Case) -> None:
        self._switched.add(case.connection_id)
        self.api.set_kill_switch(case.connection_id, active=True)

    def _carry(self, run: ExecutionRun, **variables: str) -> Ended:
        worker = self.executor.start(run, "acceptance-worker-1", **variables)
        ended = self.executor.finish(worker, self.check)
        self._stop_if_unclaimed(run, ended)
        return ended

    def _stop_if_unclaimed(self, run: ExecutionRun, ended: Ended) -> None:
        """Raise `Refused` for a run that the executor could not even begin: that says nothing about the executor."""
        if ended.code == ExitCode.NOT_CLAIMED:
            claims = self.relay.exchanges(run.id, call="claim")
            status = claims[-1].status if claims else None
            raise Refused(
                f"the API granted no claim of {run.id} (it answered {status}): it must hold this run as scheduled, "
                "claimed by nobody"
            )
        if ended.code == ExitCode.USAGE:
            raise Refused(f"the executor refused the call: {ended.last_words}")

    def _wait_for_index(self, case: Case, worker: Worker) -> None:
        until = self.clock.monotonic() + APPEARANCE_LIMIT
        while not self.orders.has_index(case.index_name):
            self.check()
            if worker.process.poll() is not None or self.clock.monotonic() >= until:
                raise Unavailable("the first worker did not come as far as to make the index")
            self.clock.wait(POLL)

    def _claim_after_crash(self, run: ExecutionRun) -> tuple[Ended, int]:
        """Let a second worker, on what might be another machine, try until the lease of the first has ended."""
        until, attempts = self.clock.monotonic() + LEASE_LIMIT, 0
        while True:
            attempts += 1
            second = self.executor.finish(self.executor.start(run, "acceptance-worker-2"), self.check)
            if second.code != ExitCode.NOT_CLAIMED:
                return second, attempts
            if self.clock.monotonic() >= until:
                raise Unavailable(f"the lease of the killed worker did not end within {LEASE_LIMIT}")
            self.check()
            self.clock.wait(CLAIM_PAUSE)

    # --- checking ----------------------------------------------------------------------------------------------------

    def _check_end(
        self,
        case: Case,
        run: ExecutionRun,
        ended: Ended,
        found: _Findings,
        status: ExecutionStatus,
        fail_reason: FailReason | None,
        *,
        where: str = "",
    ) -> None:
        """Hold the run's end against what it must be: by the executor's own word, the API's, and its records'."""
        result = ended.result
        found.check("exit_code", int(_EXIT[status]), ended.code, where)
        found.check("status", status.upper(), _upper(result.get("status")), where)
        found.check("fail_reason", fail_reason, result.get("fail_reason"), where)
        told = self._last_status(run)
        found.check("api_status", status.upper(), _upper(told.get("status")), where)
        found.check("api_fail_reason", fail_reason, told.get("fail_reason"), where)
        record = self._record(run)
        if record is not None:
            found.check("record_status", status.upper(), _upper(record.get("status")), where)
            found.check("record_fail_reason", fail_reason, record.get("fail_reason"), where)
        for name in ("message", "error_message", "executed_sql"):
            if result.get(name):
                found.messages.append((f"{name}{f' ({where})' if where else ''}", str(result[name])))
        if not result:
            found.messages.append(("stderr", ended.last_words))
        self._keep_evidence(run, ended, found)
        del case

    def _check_untouched(self, case: Case, run: ExecutionRun, found: _Findings) -> None:
        found.check("executions", 0, self._audited(run, AuditAction.INDEX_ADDED))
        found.check("index_there", False, self.orders.has_index(case.index_name), case.index_name)

    def _check_rollback(self, run: ExecutionRun, found: _Findings, status: RollbackStatus, reason: FailReason) -> None:
        records = self._rollbacks(run)
        last = records[-1] if records else {}
        found.check("rollback_records", 1, len(records))
        found.check("rollback_status", status.upper(), _upper(last.get("status")))
        found.check("rollback_type", RollbackType.AUTO.upper(), _upper(last.get("rollback_type")))
        found.check("rollback_reason", reason.value, last.get("trigger_reason"))
        if last.get("rollback_sql"):
            found.messages.append(("rollback_sql", str(last["rollback_sql"])))

    def _check_degradation(self, ended: Ended, found: _Findings) -> None:
        verification = _object(ended.result.get("verification"))
        found.check("verification", VerificationStatus.FAILED.upper(), _upper(verification.get("status")))
        comparison = _object(verification.get("metrics_comparison"))
        found.note(
            "comparison",
            latency=_percent(comparison.get("avg_latency_change_percent")),
            rows=_percent(comparison.get("rows_examined_change_percent")),
            scans=str(comparison.get("full_scan_increased")).lower(),
            samples=verification.get("sample_count"),
        )

    def _record(self, run: ExecutionRun) -> dict[str, Any] | None:
        return self.records.row(RUNS.format(run_id=run.id)) if self.records is not None else self.api.record(run.id)

    # --- what the API was told ---------------------------------------------------------------------------------------

    def _last_status(self, run: ExecutionRun) -> dict[str, Any]:
        told = [each for each in self.relay.exchanges(run.id, call="status") if each.accepted]
        return _object(told[-1].body) if told else {}

    def _actions(self, run: ExecutionRun) -> list[str]:
        told = [each for each in self.relay.exchanges(run.id, call="audit") if each.accepted]
        return [str(_object(each.body).get("action")) for each in told]

    def _audited(self, run: ExecutionRun, action: AuditAction) -> int:
        return self._actions(run).count(action)

    def _rollbacks(self, run: ExecutionRun) -> list[dict[str, Any]]:
        return [_object(each.body) for each in self.relay.exchanges(run.id, call="rollback") if each.accepted]

    @staticmethod
    def _first_claim(claims: Sequence[Exchange], worker_id: str) -> int | None:
        return next((each.status for each in claims if _worker_of(each) == worker_id), None)

    def _unended(self) -> list[str]:
        """The runs that the API was given or that were begun, and whose end it was not told."""
        claimed = {each.run_id for each in self.relay.exchanges(call="claim") if each.accepted and each.run_id}
        told = self.relay.exchanges(call="status")
        ended = {each.run_id for each in told if each.accepted and _object(each.body).get("status") in _ENDS}
        return sorted((self._given | claimed) - ended)

    def _steps(self, run_ids: Sequence[str]) -> tuple[Step, ...]:
        steps: list[Step] = []
        for each in self.relay.exchanges(*run_ids, call="audit") if run_ids else ():
            body = _object(each.body)
            old, new = body.get("old_status"), body.get("new_status")
            change = f" {_upper(old)} → {_upper(new)}" if new else ""
            at = _moment(body.get("timestamp")) or each.at
            steps.append(Step(at, str(each.run_id), f"{body.get('action')}{change}"))
        return tuple(sorted(steps, key=lambda step: step.at))

    # --- proving -----------------------------------------------------------------------------------------------------

    def _prove(
        self,
        case: Case,
        run: ExecutionRun,
        found: _Findings,
        question: str | None,
        actions: Sequence[AuditAction],
        *,
        show_index: bool = True,
    ) -> None:
        """Ask the control plane's tables, or else show what its API was told and answered; then the target."""
        if self.records is not None:
            asked = [RUNS] if question is None else [RUNS, question]
            found.proofs.extend(self.records.ask(each.format(run_id=run.id)) for each in asked)
            found.proofs.extend(self.records.ask(AUDIT.format(run_id=run.id, action=action)) for action in actions)
        else:
            wanted = {str(action) for action in actions}
            lines = [
                each.line()
                for each in self.relay.exchanges(run.id)
                if each.call in ("claim", "status", "rollback")
                or (each.call == "audit" and _object(each.body).get("action") in wanted)
            ]
            switch = [
                each.line()
                for each in self.relay.exchanges(call="kill_switch")
                if case.connection_id in each.path and each.fault is not None
            ]
            found.proofs.append(Proof("API", f"/api, {run.id}", tuple(lines + switch[-3:])))
        if show_index:
            found.proofs.append(Proof("target", *self.orders.shown_index(case.index_name)))

    def _keep_evidence(self, run: ExecutionRun, ended: Ended, found: _Findings) -> None:
        """Keep the evidence of a verdict beside the log, and read its windows."""
        where = ended.result.get("evidence")
        if not isinstance(where, str) or not Path(where).is_file():
            return
        kept = self.executor.folder / f"{run.id}.evidence.json"
        shutil.copyfile(where, kept)
        evidence = _object(json.loads(kept.read_text("utf-8")))
        found.windows.append(MetricsWindow(run.id, _window(evidence.get("baseline")), _window(evidence.get("after"))))


def _window(samples: object) -> tuple[datetime, datetime] | None:
    if not isinstance(samples, list) or not samples:
        return None
    taken = [_moment(_object(sample).get("taken_at")) for sample in cast("list[object]", samples)]
    begin, end = taken[0], taken[-1]
    return None if begin is None or end is None else (begin, end)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _worker_of(exchange: Exchange) -> str | None:
    worker_id = _object(exchange.body).get("worker_id")
    return worker_id if isinstance(worker_id, str) else None


def _object(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _upper(value: object) -> str | None:
    return value.upper() if isinstance(value, str) else None


def _percent(value: object) -> str:
    return f"{value:+.1f} %" if isinstance(value, int | float) else "-"


def _moment(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
