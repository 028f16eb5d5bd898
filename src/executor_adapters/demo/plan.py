"""The two changes of the demonstration, and what must come of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from executor_adapters.demo.shop import (
    FIRST_ORDER_OF_TENANT,
    OPEN_ORDERS_OF_CUSTOMER,
    ORDERS_OF_CUSTOMER,
    REPORT_OF_DAY,
    Statement,
)
from executor_core.model import ExecutionAction, ExecutionRun, ExecutionStatus, VerificationStatus

CONNECTION = "demo"
TABLE = "orders"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An index to add, the statements that it is recommended for, and how its run must end."""

    run_id: str
    title: str
    columns: tuple[str, ...]
    statements: tuple[Statement, ...]
    status: ExecutionStatus
    verdict: VerificationStatus

    @property
    def index_name(self) -> str:
        """The name of the index."""
        return f"idx_orders_{'_'.join(self.columns)}"

    @property
    def stays(self) -> bool:
        """Whether the index must be there when the run has ended."""
        return self.status is ExecutionStatus.COMPLETED

    def execution_run(self, digests: Mapping[str, str]) -> ExecutionRun:
        """Return the run that asks for this change; `digests` has each statement's digest by its shape."""
        return ExecutionRun(
            id=self.run_id,
            connection_id=CONNECTION,
            action=ExecutionAction.ADD_INDEX,
            table_name=TABLE,
            index_name=self.index_name,
            columns=self.columns,
            query_digests=tuple(digests[statement.shape] for statement in self.statements),
        )


HELPFUL = Change(
    run_id="demo-helpful",
    title="An index that helps: looking up a customer's orders no longer scans the table",
    columns=("customer_id",),
    statements=(ORDERS_OF_CUSTOMER, OPEN_ORDERS_OF_CUSTOMER),
    status=ExecutionStatus.COMPLETED,
    verdict=VerificationStatus.SUCCESS,
)
HARMFUL = Change(
    run_id="demo-harmful",
    title="An index that harms: it helps the report of a day, and misleads the optimizer elsewhere",
    columns=("created_at",),
    statements=(FIRST_ORDER_OF_TENANT, REPORT_OF_DAY),
    status=ExecutionStatus.ROLLED_BACK,
    verdict=VerificationStatus.FAILED,
)
CHANGES = (HELPFUL, HARMFUL)
