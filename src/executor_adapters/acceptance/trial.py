"""The ten cases, carried out: what is arranged, what the executor is made to do, and what must be seen of it then."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

from executor_adapters.acceptance.cases import Case
from executor_adapters.acceptance.documents import as_object, upper
from executor_adapters.acceptance.findings import Findings
from executor_adapters.acceptance.orders import MISLED, PLAIN_TABLE, RARE, TABLE
from executor_adapters.acceptance.processes import Ended
from executor_adapters.acceptance.relay import Fault
from executor_adapters.acceptance.result import CaseResult, CaseStatus, status_of
from executor_adapters.acceptance.stage import FIRST_WORKER, SECOND_WORKER, Stage, one_line
from executor_adapters.acceptance.transcript import worker_of
from executor_adapters.acceptance.windows import kept_windows
from executor_adapters.acceptance.witnesses import CLAIMS, ROLLBACKS, Witnesses
from executor_adapters.command.exit_codes import ExitCode
from executor_core.errors import InvalidInput, Refused, Unavailable
from executor_core.flavor import Flavor
from executor_core.model import (
    AuditAction,
    ExecutionRun,
    ExecutionStatus,
    FailReason,
    RollbackStatus,
    RollbackType,
    VerificationStatus,
)

_REFUSED_ONLINE = re.compile(r"\b184[56]\b")
_TAKEN = re.compile(r"\b1061\b")
_EXIT = {
    ExecutionStatus.COMPLETED: ExitCode.COMPLETED,
    ExecutionStatus.FAILED: ExitCode.FAILED,
    ExecutionStatus.ROLLED_BACK: ExitCode.ROLLED_BACK,
    ExecutionStatus.REQUIRES_MANUAL: ExitCode.REQUIRES_MANUAL,
}
"""What must come of the executor, said here once more: it is not asked what it would have right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Carries out one case after another."""

    stage: Stage
    witnesses: Witnesses
    extended_window: str
    """How far the window may be extended in the cases whose verdict must be a failed one."""

    def carry_out(self, case: Case) -> CaseResult:
        """Carry out one case, and put everything back as it was before it."""
        stage = self.stage
        stage.relay.forget()
        findings, started_at, error = Findings(), stage.clock.now(), None
        try:
            self._cases()[case.number](case, findings)
        except (Unavailable, Refused, InvalidInput) as reason:
            error = one_line(reason)
        finally:
            steps, problems = stage.transcript.steps(findings.run_ids), stage.put_back()
        error = error or "; ".join(problems) or None
        return CaseResult(
            case=case.id,
            title=case.title,
            priority=case.priority,
            status=CaseStatus.COULD_NOT_RUN if error else status_of(findings.checks),
            run_ids=tuple(findings.run_ids),
            started_at=started_at,
            ended_at=stage.clock.now(),
            checks=tuple(findings.checks),
            messages=tuple(findings.messages),
            windows=tuple(findings.windows),
            proofs=tuple(findings.proofs),
            steps=steps,
            observations=tuple(findings.notes),
            error=error,
        )

    def _cases(self) -> dict[int, Callable[[Case, Findings], None]]:
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

    def _claim_conflict(self, case: Case, found: Findings) -> None:
        run = self.stage.schedule(case, found)
        workers = [self.stage.executor.start(run, worker_id) for worker_id in (FIRST_WORKER, SECOND_WORKER)]
        ends = {worker.worker_id: self.stage.executor.finish(worker, self.stage.check) for worker in workers}
        first = {worker_id: self.stage.transcript.first_claim(run.id, worker_id) for worker_id in ends}
        if not any(status is not None and 200 <= status < 300 for status in first.values()):
            self.stage.stop_if_unclaimed(run, ends[FIRST_WORKER])
        winner = min(ends, key=lambda worker_id: ends[worker_id].code)
        loser = next(worker_id for worker_id in ends if worker_id != winner)
        found.check("claim_answers", "200, 409", ", ".join(sorted(str(status) for status in first.values())))
        self._check_end(run, ends[winner], found, ExecutionStatus.COMPLETED, None)
        found.check("loser_exit_code", int(ExitCode.NOT_CLAIMED), ends[loser].code)
        found.check("claim_failed_audited", 1, self._audited(run, AuditAction.CLAIM_FAILED))
        found.check("executions", 1, self._audited(run, AuditAction.INDEX_ADDED))
        self._check_index(case, found, there=True)
        found.note("workers", winner=winner, loser=loser, answer=first[loser])
        found.proofs += self.witnesses.prove(case, run, CLAIMS, AuditAction.CLAIM_FAILED, AuditAction.INDEX_ADDED)

    def _switch_before_start(self, case: Case, found: Findings) -> None:
        run = self.stage.schedule(case, found)
        self.stage.switch_on(case)
        ended = self.stage.carry(run)
        self._check_stopped(case, run, ended, found)
        found.proofs += self.witnesses.prove(case, run, None, AuditAction.KILL_SWITCH_ENGAGED)

    def _switch_after_add_index(self, case: Case, found: Findings) -> None:
        run = self.stage.schedule(case, found)
        seen: list[bool] = []

        def switch_on() -> None:
            seen.append(self.stage.orders.has_index(case.index_name))
            self.stage.switch_on(case)

        self.stage.relay.when_audited(run.id, AuditAction.INDEX_ADDED, switch_on)
        ended = self.stage.carry(run)
        self._check_end(run, ended, found, ExecutionStatus.ROLLED_BACK, FailReason.KILL_SWITCH)
        found.check("index_made", True, seen == [True], case.index_name)
        found.check("kill_switch_seen", True, self._audited(run, AuditAction.KILL_SWITCH_ENGAGED) > 0)
        self._check_index(case, found, there=False)
        self._check_rollback(run, found, RollbackStatus.COMPLETED, FailReason.KILL_SWITCH)
        found.proofs += self.witnesses.prove(case, run, ROLLBACKS, AuditAction.INDEX_ADDED, AuditAction.INDEX_DROPPED)

    def _no_online_build(self, case: Case, found: Findings) -> None:
        if self.stage.orders.flavor is Flavor.MARIADB:
            run = self.stage.schedule(case, found, table=PLAIN_TABLE, column="customer_id")
        else:
            run = self.stage.schedule(case, found)
        ended = self.stage.carry(run)
        self._check_end(run, ended, found, ExecutionStatus.REQUIRES_MANUAL, FailReason.EXECUTION_ERROR)
        found.check("online_refused", True, bool(_REFUSED_ONLINE.search(str(ended.result.get("error_message")))))
        told = self.stage.transcript.last_status(run.id)
        found.check("message_told", True, bool(told.get("message") or told.get("error_message")))
        _, shown = self.stage.orders.shown_index(case.index_name, run.table_name)
        found.check("index_there", False, bool(shown), case.index_name)
        found.proofs += self.witnesses.prove(case, run, None, AuditAction.BUILD_FAILED)

    def _index_exists(self, case: Case, found: Findings) -> None:
        run = self.stage.schedule(case, found)
        self.stage.orders.add_index(case.index_name, "status")
        ended = self.stage.carry(run)
        self._check_end(run, ended, found, ExecutionStatus.FAILED, FailReason.EXECUTION_ERROR)
        found.check("name_taken", True, bool(_TAKEN.search(str(ended.result.get("error_message")))))
        found.check("index_columns", "status", self.stage.orders.index_columns(case.index_name), case.index_name)
        found.check("rollback_records", 0, len(self.stage.transcript.rollbacks(run.id)))
        found.proofs += self.witnesses.prove(case, run, ROLLBACKS, AuditAction.PREFLIGHT_REFUSED)

    def _harm_taken_back(self, case: Case, found: Findings) -> None:
        run = self.stage.schedule(case, found, query=MISLED)
        ended = self.stage.carry(run, EXECUTOR_EXTENDED_WINDOW=self.extended_window)
        self._check_end(run, ended, found, ExecutionStatus.ROLLED_BACK, FailReason.VERIFICATION_FAILED)
        self._check_degradation(ended, found)
        self._check_index(case, found, there=False)
        self._check_rollback(run, found, RollbackStatus.COMPLETED, FailReason.VERIFICATION_FAILED)
        found.proofs += self.witnesses.prove(
            case, run, ROLLBACKS, AuditAction.VERIFICATION_COMPLETED, AuditAction.INDEX_DROPPED
        )

    def _harm_not_taken_back(self, case: Case, found: Findings) -> None:
        run = self.stage.schedule(case, found, query=MISLED)
        holder = self.stage.orders.transaction()
        self.stage.relay.when_audited(run.id, AuditAction.VERIFICATION_COMPLETED, holder.open)
        try:
            patience = {"EXECUTOR_ROLLBACK_PATIENCE": "3s", "EXECUTOR_EXTENDED_WINDOW": self.extended_window}
            ended = self.stage.carry(run, **patience)
        finally:
            holder.close()
        self._check_end(run, ended, found, ExecutionStatus.FAILED, FailReason.EXECUTION_ERROR)
        self._check_degradation(ended, found)
        self._check_index(case, found, there=True)
        self._check_rollback(run, found, RollbackStatus.FAILED, FailReason.VERIFICATION_FAILED)
        found.check("rollback_failed_audited", True, self._audited(run, AuditAction.ROLLBACK_FAILED) > 0)
        found.note("drop_blocked", table=TABLE)
        found.proofs += self.witnesses.prove(case, run, ROLLBACKS, AuditAction.ROLLBACK_FAILED)

    def _low_sample(self, case: Case, found: Findings) -> None:
        run = self.stage.schedule(case, found, query=RARE)
        ended = self.stage.carry(run)
        self._check_end(run, ended, found, ExecutionStatus.COMPLETED, None)
        verification = as_object(ended.result.get("verification"))
        found.check("verification", VerificationStatus.INCONCLUSIVE.upper(), str(verification.get("status")).upper())
        samples = verification.get("sample_count")
        found.check("few_samples", True, isinstance(samples, int) and samples < 10)
        said = str(self.stage.transcript.last_status(run.id).get("message"))
        found.check("says_inconclusive", True, "inconclusive" in said.lower())
        found.check("rollback_records", 0, len(self.stage.transcript.rollbacks(run.id)))
        self._check_index(case, found, there=True)
        found.note("samples", samples=samples)
        found.proofs += self.witnesses.prove(case, run, ROLLBACKS, AuditAction.VERIFICATION_COMPLETED)

    def _switch_unreadable(self, case: Case, found: Findings) -> None:
        faults: tuple[Fault, ...] = get_args(Fault)
        for fault in faults:
            run = self.stage.schedule(case, found)
            self.stage.relay.break_kill_switch(fault)
            ended = self.stage.carry(run)
            self.stage.relay.heal()
            self._check_stopped(case, run, ended, found, where=fault)
            found.note(f"fault_{fault}", run_id=run.id)
            found.proofs += self.witnesses.prove(
                case, run, None, AuditAction.KILL_SWITCH_ENGAGED, show_index=fault == faults[-1]
            )

    def _crash(self, case: Case, found: Findings) -> None:
        run = self.stage.schedule(case, found)
        first = self.stage.executor.start(run, FIRST_WORKER)
        self.stage.wait_for_index(case, first)
        first.kill()
        killed_at = self.stage.clock.now()
        second, attempts = self.stage.claim_after_crash(run)
        self._check_end(run, second, found, ExecutionStatus.COMPLETED, None)
        granted = self.stage.transcript.grants(run.id)
        by_second = [each for each in granted if worker_of(each) == SECOND_WORKER]
        found.check("worker_killed", -9, first.process.returncode)
        found.check("claimed_by", SECOND_WORKER, worker_of(granted[-1]) if granted else None)
        self._check_index(case, found, there=True)
        taken = {AuditAction.INDEX_ADOPTED, AuditAction.BUILD_FOUND}
        actions = [action for action in self.stage.transcript.actions(run.id) if action in taken]
        found.note("index_found" if actions else "index_not_found", actions=", ".join(actions) or "-")
        if by_second:
            waited = by_second[0].at - killed_at
            found.note("lease_waited", seconds=round(waited.total_seconds(), 1), attempts=attempts)
        found.proofs += self.witnesses.prove(case, run, CLAIMS, AuditAction.RUN_CLAIMED, AuditAction.INDEX_ADOPTED)

    # --- checking ----------------------------------------------------------------------------------------------------

    def _check_end(
        self,
        run: ExecutionRun,
        ended: Ended,
        found: Findings,
        status: ExecutionStatus,
        fail_reason: FailReason | None,
        *,
        where: str = "",
    ) -> None:
        """Hold the run's end against what it must be: by the executor's own word, the API's, and its records'."""
        result = ended.result
        found.check("exit_code", int(_EXIT[status]), ended.code, where)
        found.check("status", status.upper(), upper(result.get("status")), where)
        found.check("fail_reason", fail_reason, result.get("fail_reason"), where)
        told = self.stage.transcript.last_status(run.id)
        found.check("api_status", status.upper(), upper(told.get("status")), where)
        found.check("api_fail_reason", fail_reason, told.get("fail_reason"), where)
        record = self.witnesses.record(run)
        if record is not None:
            found.check("record_status", status.upper(), upper(record.get("status")), where)
            found.check("record_fail_reason", fail_reason, record.get("fail_reason"), where)
        for name in ("message", "error_message", "executed_sql"):
            if result.get(name):
                found.messages.append((f"{name}{f' ({where})' if where else ''}", str(result[name])))
        if not result:
            found.messages.append(("stderr", ended.last_words))
        windows = kept_windows(run.id, result.get("evidence"), self.stage.executor.folder)
        if windows is not None:
            found.windows.append(windows)

    def _check_stopped(self, case: Case, run: ExecutionRun, ended: Ended, found: Findings, *, where: str = "") -> None:
        """Hold a run against one that the kill switch stopped before anything was touched."""
        self._check_end(run, ended, found, ExecutionStatus.FAILED, FailReason.KILL_SWITCH, where=where)
        found.check("kill_switch_seen", True, self._audited(run, AuditAction.KILL_SWITCH_ENGAGED) > 0, where)
        found.check("executions", 0, self._audited(run, AuditAction.INDEX_ADDED), where)
        self._check_index(case, found, there=False, where=where)

    def _check_index(self, case: Case, found: Findings, *, there: bool, where: str = "") -> None:
        found.check("index_there", there, self.stage.orders.has_index(case.index_name), where or case.index_name)

    def _check_rollback(self, run: ExecutionRun, found: Findings, status: RollbackStatus, reason: FailReason) -> None:
        records = self.stage.transcript.rollbacks(run.id)
        last = records[-1] if records else {}
        found.check("rollback_records", 1, len(records))
        found.check("rollback_status", status.upper(), upper(last.get("status")))
        found.check("rollback_type", RollbackType.AUTO.upper(), upper(last.get("rollback_type")))
        found.check("rollback_reason", reason.value, last.get("trigger_reason"))
        if last.get("rollback_sql"):
            found.messages.append(("rollback_sql", str(last["rollback_sql"])))

    def _check_degradation(self, ended: Ended, found: Findings) -> None:
        verification = as_object(ended.result.get("verification"))
        found.check("verification", VerificationStatus.FAILED.upper(), upper(verification.get("status")))
        comparison = as_object(verification.get("metrics_comparison"))
        found.note(
            "comparison",
            latency=_percent(comparison.get("avg_latency_change_percent")),
            rows=_percent(comparison.get("rows_examined_change_percent")),
            scans=str(comparison.get("full_scan_increased")).lower(),
            samples=verification.get("sample_count"),
        )

    def _audited(self, run: ExecutionRun, action: AuditAction) -> int:
        return self.stage.transcript.audited(run.id, action)


def _percent(value: object) -> str:
    return f"{value:+.1f} %" if isinstance(value, int | float) else "-"
