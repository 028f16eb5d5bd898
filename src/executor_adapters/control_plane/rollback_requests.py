"""Requests to take the index of an ended run back: asked by a person, settled by the record of a manual rollback."""

from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from executor_adapters.control_plane import tables as t
from executor_adapters.control_plane.rejections import NotToRollBack, RollbackRequested
from executor_adapters.control_plane.wire import StoredRollbackRequest
from executor_core.lifecycle import TERMINAL_STATUSES
from executor_core.model import ExecutionStatus, RollbackRecord, RollbackStatus, RollbackType


def may_be_requested(status: ExecutionStatus) -> bool:
    """Say whether a run with this status can have an index to take back."""
    return status in TERMINAL_STATUSES and status is not ExecutionStatus.ROLLED_BACK


def check_may_be_requested(connection: Connection, run_id: str, status: ExecutionStatus) -> None:
    """Raise `NotToRollBack` for a run that has no index to take back, `RollbackRequested` for a second request."""
    if status is ExecutionStatus.ROLLED_BACK:
        raise NotToRollBack("the run's index was taken back already")
    if status not in TERMINAL_STATUSES:
        raise NotToRollBack("the run has not ended: its kill switch stops it, and takes its index back")
    requests = t.rollback_requests
    still_open = select(requests.c.id).where(requests.c.execution_run_id == run_id, requests.c.settled_at.is_(None))
    if connection.execute(still_open.limit(1)).first() is not None:
        raise RollbackRequested("somebody has asked for this already")


def add_request(
    connection: Connection, run_id: str, reason: str, *, requested_by: str, now: datetime
) -> StoredRollbackRequest:
    """Store a request and return it."""
    values = {"execution_run_id": run_id, "reason": reason, "requested_by": requested_by, "requested_at": now}
    connection.execute(insert(t.rollback_requests).values(values))
    return StoredRollbackRequest.model_validate({**values, "settled_at": None})


def settle_requests(connection: Connection, record: RollbackRecord, now: datetime) -> None:
    """Settle what was asked of the run, if `record` says how a manual rollback of it ended."""
    if record.rollback_type is RollbackType.MANUAL and record.status is not RollbackStatus.PENDING:
        requests = t.rollback_requests
        still_open = (requests.c.execution_run_id == record.execution_run_id, requests.c.settled_at.is_(None))
        connection.execute(update(requests).where(*still_open).values(settled_at=now))
