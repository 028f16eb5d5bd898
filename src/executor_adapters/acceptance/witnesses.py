"""Who is asked to prove a case: the control plane's tables or else what its API was told, and then the target."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from executor_adapters.acceptance.api import Api
from executor_adapters.acceptance.cases import Case
from executor_adapters.acceptance.orders import Orders
from executor_adapters.acceptance.result import Proof
from executor_adapters.acceptance.transcript import Transcript
from executor_core.model import AuditAction, ExecutionRun

if TYPE_CHECKING:  # it needs packages that only a control plane needs
    from executor_adapters.acceptance.records import Records

RUNS = (
    "SELECT id, status, fail_reason, error_message, message, claimed_by, claimed_at, lease_expires_at"
    " FROM execution_runs WHERE id = '{run_id}'"
)
CLAIMS = "SELECT * FROM execution_claims WHERE execution_run_id = '{run_id}'"
ROLLBACKS = "SELECT * FROM rollbacks WHERE execution_run_id = '{run_id}'"
AUDIT = "SELECT * FROM audit_logs WHERE resource_id = '{run_id}' AND action = '{action}'"


@dataclass(frozen=True, slots=True)
class Witnesses:
    """Those that can be asked; `records` where the control plane's database may be read."""

    orders: Orders
    api: Api
    transcript: Transcript
    records: "Records | None"

    def record(self, run: ExecutionRun) -> dict[str, Any] | None:
        """Return the control plane's own record of a run, or None where it can't be had."""
        return self.records.row(RUNS.format(run_id=run.id)) if self.records is not None else self.api.record(run.id)

    def prove(
        self, case: Case, run: ExecutionRun, question: str | None, *actions: AuditAction, show_index: bool = True
    ) -> list[Proof]:
        """Ask for the run, for what `question` asks besides, for audit entries of these actions, and for the index."""
        proofs: list[Proof] = []
        if self.records is not None:
            asked = [RUNS] if question is None else [RUNS, question]
            proofs += [self.records.ask(each.format(run_id=run.id)) for each in asked]
            proofs += [self.records.ask(AUDIT.format(run_id=run.id, action=action)) for action in actions]
        else:
            lines = self.transcript.lines(run.id, case.connection_id, {str(action) for action in actions})
            proofs.append(Proof("API", f"/api, {run.id}", lines))
        if show_index:
            proofs.append(Proof("target", *self.orders.shown_index(case.index_name, run.table_name)))
        return proofs
