"""Requests to take the index of an ended run back: asked by a person, settled by the record of a manual rollback."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from executor_adapters.control_plane import tables as t
from executor_adapters.control_plane.rejections import NotToRollBack, RollbackRequested
from executor_adapters.control_plane.wire import OpenRollbackRequest, StoredRollbackRequest
from executor_core.lifecycle import TERMINAL_STATUSES
from executor_core.model import ExecutionStatus, RollbackRecord, RollbackStatus, RollbackType

MOST_LISTED = 1000


def may_be_requested(status: ExecutionStatus) -> bool:
    """Say whether a run with this status can have an index to take back."""
    return status in TERMINAL_STATUSES and status is not ExecutionStatus.ROLLED_BACK


def check_may_be_requested(connection: Connection, run_id: str, status: ExecutionStatus) -> None:
    """Raise `NotToRollBack` for a run that has no index to take back, `RollbackRequested` for a second request."""
    if status is ExecutionStatus.ROLLED_BACK:
        raise NotToRollBack("the run's index was taken back already")
    if status not in TERMINAL_STATUSES:
        raise NotToRollBack("the run has not ended: its kill switch stops it, and takes its index back")
    if is_requested(connection, run_id):
        raise RollbackRequested("somebody has asked for this already")


def is_requested(connection: Connection, run_id: str) -> bool:
    """Return whether a request for a rollback of the run is not settled."""
    requests = t.rollback_requests
    still_open = select(requests.c.id).where(requests.c.execution_run_id == run_id, requests.c.settled_at.is_(None))
    return connection.execute(still_open.limit(1)).first() is not None


def add_request(
    connection: Connection, run_id: str, reason: str, *, requested_by: str, now: datetime
) -> StoredRollbackRequest:
    """Store a request and return it."""
    values = {"execution_run_id": run_id, "reason": reason, "requested_by": requested_by, "requested_at": now}
    connection.execute(insert(t.rollback_requests).values(values))
    return StoredRollbackRequest.model_validate({**values, "settled_at": None})


def open_requests(connection: Connection, connections: Collection[str] | None) -> list[OpenRollbackRequest]:
    """Return the oldest requests that are not settled, of these connections alone where any are given."""
    requests, runs = t.rollback_requests, t.execution_runs
    query = select(requests).where(requests.c.settled_at.is_(None)).order_by(requests.c.id).limit(MOST_LISTED)
    if connections is not None:
        own = select(runs.c.id).where(runs.c.connection_id.in_(sorted(connections)))
        query = query.where(requests.c.execution_run_id.in_(own))
    asked = connection.execute(query).mappings().all()
    ids = {row["execution_run_id"] for row in asked}
    found = {row["id"]: row for row in connection.execute(select(runs).where(runs.c.id.in_(ids))).mappings()}
    return [OpenRollbackRequest.model_validate({**row, "run": dict(found[row["execution_run_id"]])}) for row in asked]


def settle_requests(connection: Connection, record: RollbackRecord, now: datetime) -> None:
    """Settle what was asked of the run, if `record` says how a manual rollback of it ended."""
    if record.rollback_type is RollbackType.MANUAL and record.status is not RollbackStatus.PENDING:
        requests = t.rollback_requests
        still_open = (requests.c.execution_run_id == record.execution_run_id, requests.c.settled_at.is_(None))
        connection.execute(update(requests).where(*still_open).values(settled_at=now))
