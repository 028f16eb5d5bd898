"""Single statements on the rows of one transaction, which the store's operations are made of."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Table, insert, select, update

from executor_adapters.control_plane import tables as t
from executor_adapters.control_plane.rejections import StaleToken, UnknownRun
from executor_core.lease import ClaimRow, has_authority
from executor_core.model import RollbackStatus, RollbackType, WorkerId


def run_row(connection: Connection, run_id: str) -> RowMapping:
    """Return the run's row. Raises `UnknownRun`."""
    runs = t.execution_runs
    row = connection.execute(select(runs).where(runs.c.id == run_id)).mappings().one_or_none()
    if row is None:
        raise UnknownRun(f"there is no run {run_id}")
    return row


def claim_of(row: RowMapping) -> ClaimRow | None:
    """Return the newest claim on the run of `row`, or None when nobody ever claimed it."""
    if row["claimed_by"] is None:
        return None
    return ClaimRow(
        claimed_by=WorkerId(row["claimed_by"]),
        claimed_at=row["claimed_at"],
        expires_at=row["lease_expires_at"],
        fencing_token=row["fencing_token"],
    )


def check_authority(row: RowMapping, fencing_token: int | None) -> None:
    """Raise `StaleToken` when a token is given that is not the newest claim's."""
    if not has_authority(claim_of(row), fencing_token):
        raise StaleToken("this is not the newest claim on the run")


def swapped(connection: Connection, row: RowMapping, now: datetime, values: Mapping[str, Any]) -> bool:
    """Write `values` over the run as `row` shows it; False when it is no longer so."""
    runs = t.execution_runs
    statement = (
        update(runs)
        .where(runs.c.id == row["id"], runs.c.revision == row["revision"])
        .values({**values, "updated_at": now, "revision": row["revision"] + 1})
    )
    return connection.execute(statement).rowcount == 1


def claimed(connection: Connection, row: RowMapping, claim: ClaimRow, now: datetime) -> bool:
    """Write the claim to the run and to the list of its claims; False when the run is not as `row` now."""
    values = {
        "claimed_by": claim.claimed_by,
        "claimed_at": claim.claimed_at,
        "lease_expires_at": claim.expires_at,
        "fencing_token": claim.fencing_token,
    }
    if not swapped(connection, row, now, values):
        return False
    if claim.fencing_token == row["fencing_token"]:
        update_claim(connection, row["id"], claim.fencing_token, {"lease_expires_at": claim.expires_at})
    else:
        connection.execute(insert(t.execution_claims).values({**values, "execution_run_id": row["id"]}))
    return True


def update_claim(connection: Connection, run_id: str, fencing_token: int, values: Mapping[str, Any]) -> None:
    """Write `values` to one claim in the list of the run's claims."""
    claims = t.execution_claims
    this_one = (claims.c.execution_run_id == run_id, claims.c.fencing_token == fencing_token)
    connection.execute(update(claims).where(*this_one).values(values))


def taken_back_by_hand(connection: Connection, run_id: str) -> bool:
    """Return whether a manual rollback of the run is on record as completed."""
    records = t.rollbacks
    manual = (records.c.rollback_type == RollbackType.MANUAL, records.c.status == RollbackStatus.COMPLETED)
    query = select(records.c.id).where(records.c.execution_run_id == run_id, *manual).limit(1)
    return connection.execute(query).first() is not None


def inserted(connection: Connection, table: Table, values: Mapping[str, Any]) -> int:
    """Insert a row and return its number."""
    primary_key = connection.execute(insert(table).values(values)).inserted_primary_key
    return int(primary_key[0]) if primary_key else 0


def log_action(
    connection: Connection,
    actor: str,
    action: str,
    *,
    resource: str,
    connection_id: str | None,
    now: datetime,
    details: Mapping[str, Any],
) -> None:
    """Write down who did what, in the transaction that does it."""
    values = {"at": now, "actor": actor, "action": action, "resource": resource, "connection_id": connection_id}
    connection.execute(insert(t.access_log).values({**values, "details": dict(details)}))


def records_of(connection: Connection, table: Table, run_id: str) -> Sequence[RowMapping]:
    """Return what a table has on record of a run, in the order of its arrival. Raises `UnknownRun`."""
    run_row(connection, run_id)
    query = select(table).where(table.c.execution_run_id == run_id).order_by(table.c.id)
    return connection.execute(query).mappings().all()


def log_run_action(
    connection: Connection, actor: str, action: str, row: RowMapping, now: datetime, **details: Any
) -> None:
    """Write down what somebody does with the run of `row`."""
    resource, connection_id = row["id"], row["connection_id"]
    log_action(connection, actor, action, resource=resource, connection_id=connection_id, now=now, details=details)


def put(connection: Connection, table: Table, key_column: str, key: str, values: Mapping[str, Any]) -> None:
    """Update the row of `key`, or insert it. Raises `IntegrityError` when another inserts it meanwhile."""
    if connection.execute(update(table).where(table.c[key_column] == key).values(values)).rowcount == 0:
        connection.execute(insert(table).values({**values, key_column: key}))
