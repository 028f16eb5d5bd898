"""What the reference control plane remembers of runs, and who may change it.

Every change of a run is decided on the row as read and written by one compare-and-swap: an UPDATE that only
matches the row's `revision` of that reading. Of two callers at once, one matches; the other reads again and
decides again. No lock, and no isolation level beyond READ COMMITTED, is needed for that on any server.

Times come in as `now`: the caller's one clock judges every lease.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Column, ColumnElement, Connection, RowMapping, Table, and_, insert, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.functions import count

from executor_adapters.control_plane import tables as t
from executor_adapters.control_plane.database import Database
from executor_adapters.control_plane.oversight import Oversight
from executor_adapters.control_plane.rejections import (
    LeaseEnded,
    NoCheckpoint,
    NothingRequested,
    RunExists,
    RunHeld,
    RunOver,
    StaleToken,
)
from executor_adapters.control_plane.replay import Answer, answer_given, answered, keyed
from executor_adapters.control_plane.rollback_requests import is_requested, settle_requests
from executor_adapters.control_plane.rows import (
    check_authority,
    claim_of,
    claimed,
    inserted,
    log_run_action,
    put,
    records_of,
    run_row,
    swapped,
    taken_back_by_hand,
    update_claim,
)
from executor_adapters.control_plane.wire import StoredAuditEntry, StoredClaim, StoredRollback
from executor_core.errors import IllegalTransition
from executor_core.lease import ClaimRow, granted, may_claim
from executor_core.lifecycle import STATUS_TRANSITIONS, STATUS_TRANSITIONS_BY_HAND, TERMINAL_STATUSES
from executor_core.model import AuditLogEntry, ExecutionRun, ExecutionStatus, RollbackRecord, StatusChange, WorkerId


class ControlPlaneStore:
    """The control plane's state in a `Database`. Safe to share between threads and between processes.

    What `actor` decides through it is logged under that name. Raises the `rejections`, `IllegalTransition`, and
    `Unavailable` or `InvalidInput` as `Database` does.
    """

    def __init__(self, database: Database, *, actor: str = "anyone") -> None:
        self._database = database
        self._actor = actor

    def on_behalf_of(self, actor: str) -> "ControlPlaneStore":
        """Return this store in the hands of somebody else."""
        return ControlPlaneStore(self._database, actor=actor)

    @property
    def oversight(self) -> Oversight:
        """What is decided and known beside the runs: kill switches, requests for a rollback, the log."""
        return Oversight(self._database, self._actor)

    # Runs

    def schedule(self, run: ExecutionRun, *, now: datetime) -> ExecutionRun:
        """Store a new run with the status `scheduled`. Raises `RunExists`."""
        row = {
            **run.model_dump(include={"id", "connection_id", "action", "table_name", "index_name"}),
            "columns": list(run.columns),
            "query_digests": list(run.query_digests),
            "status": ExecutionStatus.SCHEDULED,
            "created_at": run.created_at or now,
            "updated_at": now,
        }
        try:
            with self._database.writing() as connection:
                connection.execute(insert(t.execution_runs).values(row))
                stored = run_row(connection, run.id)
                self._log(connection, "schedule", stored, now, table=run.table_name, index=run.index_name)
                return _run(stored)
        except IntegrityError:
            raise RunExists(f"there is a run {run.id} already") from None

    def run(self, run_id: str) -> ExecutionRun:
        """Return the run. Raises `UnknownRun`."""
        with self._database.reading() as connection:
            return _run(run_row(connection, run_id))

    def connection_of(self, run_id: str) -> str:
        """Return the id of the run's connection, which never changes. Raises `UnknownRun`."""
        with self._database.reading() as connection:
            return str(run_row(connection, run_id)["connection_id"])

    def runs(
        self,
        *,
        limit: int,
        statuses: Collection[ExecutionStatus] = (),
        connections: Collection[str] | None = None,
        claimable_at: datetime | None = None,
        newest_first: bool = False,
        after: str | None = None,
    ) -> list[ExecutionRun]:
        """Return at most `limit` runs, the oldest first, or the newest.

        Of these statuses and these connections alone, where any are given; those only that are claimable then. A page
        begins behind the run `after`, the last of the page before: runs that come or change meanwhile shift nothing.
        Raises `UnknownRun` when there is no run `after`.
        """
        runs = t.execution_runs
        place = (runs.c.created_at, runs.c.id)
        query = select(runs).limit(limit)
        query = query.order_by(*(column.desc() if newest_first else column for column in place))
        if statuses:
            query = query.where(runs.c.status.in_(sorted(statuses)))
        if connections is not None:
            query = query.where(runs.c.connection_id.in_(sorted(connections)))
        if claimable_at is not None:
            free = or_(runs.c.claimed_by.is_(None), runs.c.lease_expires_at <= claimable_at)
            query = query.where(runs.c.status.in_(sorted(set(ExecutionStatus) - TERMINAL_STATUSES)), free)
        with self._database.reading() as connection:
            if after is not None:
                last = run_row(connection, after)
                same_moment = and_(place[0] == last["created_at"], _beyond(place[1], last["id"], back=newest_first))
                query = query.where(or_(_beyond(place[0], last["created_at"], back=newest_first), same_moment))
            return [_run(row) for row in connection.execute(query).mappings()]

    def counts(self, *, connections: Collection[str] | None = None) -> dict[ExecutionStatus, int]:
        """Return how many runs have each status, of these connections alone where any are given."""
        runs = t.execution_runs
        query = select(runs.c.status, count()).group_by(runs.c.status)
        if connections is not None:
            query = query.where(runs.c.connection_id.in_(sorted(connections)))
        with self._database.reading() as connection:
            found = {ExecutionStatus(status): number for status, number in connection.execute(query).all()}
        return {status: found.get(status, 0) for status in ExecutionStatus}

    def change_status(
        self, run_id: str, change: StatusChange, *, fencing_token: int | None, key: str | None, now: datetime
    ) -> Answer:
        """Change the status as the transition table allows, and return the run.

        A run that has ended becomes `rolled_back` once a manual rollback of it is on record as completed. The same
        status again changes nothing, not even the reason that was given with it.
        Raises `UnknownRun`, `StaleToken`, `IllegalTransition`, `KeyReused`.
        """
        change = StatusChange.model_validate(change.model_dump(include=set(StatusChange.model_fields)))
        request = keyed(key, "status", run_id, change)

        def attempt(connection: Connection) -> Answer | None:
            if (answer := answer_given(connection, request)) is not None:
                return answer
            row = run_row(connection, run_id)
            check_authority(row, fencing_token)
            old = ExecutionStatus(row["status"])
            if change.status is not old:
                if not _may_become(connection, run_id, old, change.status):
                    raise IllegalTransition(f"a run that is {old} can't become {change.status}")
                values = change.model_dump(exclude_none=True)
                if change.status is ExecutionStatus.RUNNING:
                    values["started_at"] = now
                if change.status in TERMINAL_STATUSES:
                    values["completed_at"] = now
                if not swapped(connection, row, now, values):
                    return None
                self._log(connection, "change_status", row, now, old=old, new=change.status)
            run = _run(run_row(connection, run_id))
            return answered(connection, request, run, now)

        return self._database.until_done(attempt)

    # Claims

    def claim(
        self, run_id: str, worker_id: WorkerId, *, length: timedelta, now: datetime, to_roll_back: bool = False
    ) -> tuple[ClaimRow, ExecutionStatus]:
        """Claim the run for `length`, or renew the worker's own claim; return it and the run's status.

        One that is over can be claimed only `to_roll_back` what somebody asks to be. Raises `UnknownRun`, `RunOver`,
        `NothingRequested`, `RunHeld`.
        """

        def attempt(connection: Connection) -> tuple[ClaimRow, ExecutionStatus] | None:
            row = run_row(connection, run_id)
            status = ExecutionStatus(row["status"])
            if to_roll_back and not is_requested(connection, run_id):
                raise NothingRequested("nobody asks for a rollback of the run")
            if status in TERMINAL_STATUSES and not to_roll_back:
                raise RunOver(f"the run is over: it is {status}")
            held = claim_of(row)
            if held is not None and not may_claim(held, worker_id, now):
                raise RunHeld(f"worker {held.claimed_by} holds the run", time_left=held.expires_at - now)
            claim = granted(held, worker_id, now, length)
            if not claimed(connection, row, claim, now):
                return None
            if claim.fencing_token != row["fencing_token"]:
                self._log(connection, "claim", row, now, worker_id=worker_id, fencing_token=claim.fencing_token)
            return claim, status

        return self._database.until_done(attempt)

    def renew(
        self, run_id: str, worker_id: WorkerId, *, fencing_token: int, length: timedelta, now: datetime
    ) -> tuple[ClaimRow, ExecutionStatus]:
        """Make the lease of the newest claim end `length` from now; return it and the run's status.

        A run that is over keeps its lease until it is handed back. Raises `UnknownRun`, `StaleToken`, and
        `LeaseEnded` when the run must be claimed anew.
        """

        def attempt(connection: Connection) -> tuple[ClaimRow, ExecutionStatus] | None:
            row = run_row(connection, run_id)
            held = claim_of(row)
            if held is None or held.claimed_by != worker_id or held.fencing_token != fencing_token:
                raise StaleToken("this is not the newest claim on the run")
            if now >= held.expires_at:
                raise LeaseEnded("the lease has ended: claim the run again")
            claim = granted(held, worker_id, now, length)
            return (claim, ExecutionStatus(row["status"])) if claimed(connection, row, claim, now) else None

        return self._database.until_done(attempt)

    def release(self, run_id: str, *, fencing_token: int, now: datetime) -> None:
        """End the lease now, so that anybody may claim the run. An ended lease stays as it is.

        The name of the last holder stays with the run. Raises `UnknownRun`, `StaleToken`.
        """

        def attempt(connection: Connection) -> bool | None:
            row = run_row(connection, run_id)
            check_authority(row, fencing_token)
            if row["lease_expires_at"] <= now:
                return True
            if not swapped(connection, row, now, {"lease_expires_at": now}):
                return None
            update_claim(connection, run_id, fencing_token, {"lease_expires_at": now, "released_at": now})
            self._log(connection, "release", row, now, fencing_token=fencing_token)
            return True

        self._database.until_done(attempt)

    def claims(self, run_id: str) -> list[StoredClaim]:
        """Return every claim of the run, the oldest first. Raises `UnknownRun`."""
        return [StoredClaim.model_validate(dict(row)) for row in self._records(t.execution_claims, run_id)]

    # Records of a run

    def add_rollback(
        self, record: RollbackRecord, *, fencing_token: int | None, key: str | None, now: datetime
    ) -> Answer:
        """Store a rollback record and return it. Raises `UnknownRun`, `StaleToken`, `KeyReused`."""
        request = keyed(key, "rollback", record.execution_run_id, record)

        def attempt(connection: Connection) -> Answer | None:
            if (answer := answer_given(connection, request)) is not None:
                return answer
            row = run_row(connection, record.execution_run_id)
            check_authority(row, fencing_token)
            # The swap changes nothing else, but keeps a claim from coming between the check and the record.
            if not swapped(connection, row, now, {}):
                return None
            values = record.model_dump(include=set(RollbackRecord.model_fields))
            number = inserted(connection, t.rollbacks, values)
            settle_requests(connection, record, now)
            self._log(connection, "record_rollback", row, now, type=record.rollback_type, status=record.status)
            return answered(connection, request, StoredRollback.model_validate({**values, "id": number}), now)

        return self._database.until_done(attempt)

    def rollbacks(self, run_id: str) -> list[StoredRollback]:
        """Return the run's rollback records in the order of their arrival. Raises `UnknownRun`."""
        return [StoredRollback.model_validate(dict(row)) for row in self._records(t.rollbacks, run_id)]

    def add_audit(self, entry: AuditLogEntry, *, fencing_token: int | None, key: str | None, now: datetime) -> Answer:
        """Store an audit entry and return it, whoever wrote it and for whatever run. Raises `KeyReused`."""
        request = keyed(key, "audit", entry.execution_run_id, entry)

        def attempt(connection: Connection) -> Answer:
            if (answer := answer_given(connection, request)) is not None:
                return answer
            values = {
                **entry.model_dump(include=set(AuditLogEntry.model_fields) - {"execution_run_id"}),
                "resource_id": entry.execution_run_id,
                "received_at": now,
                "fencing_token": fencing_token,
            }
            number = inserted(connection, t.audit_logs, values)
            return answered(connection, request, _audit_entry({**values, "id": number}), now)

        return self._database.until_done(attempt)

    def audit_trail(self, run_id: str) -> list[StoredAuditEntry]:
        """Return the run's audit entries in the order of their arrival.

        Raises `UnknownRun` when there is neither an entry nor a run.
        """
        logs = t.audit_logs
        with self._database.reading() as connection:
            rows = connection.execute(select(logs).where(logs.c.resource_id == run_id).order_by(logs.c.id))
            entries = [_audit_entry(dict(row)) for row in rows.mappings()]
            if not entries:
                run_row(connection, run_id)
            return entries

    def save_checkpoint(self, run_id: str, body: str, *, fencing_token: int | None, now: datetime) -> None:
        """Store the run's checkpoint in place of the last. Raises `UnknownRun`, `StaleToken`."""
        points = t.checkpoints
        values = {"body": body, "fencing_token": fencing_token, "updated_at": now}

        def attempt(connection: Connection) -> bool | None:
            row = run_row(connection, run_id)
            check_authority(row, fencing_token)
            if not swapped(connection, row, now, {}):
                return None
            put(connection, points, points.c.execution_run_id.name, run_id, values)
            return True

        self._database.until_done(attempt)

    def checkpoint(self, run_id: str) -> str:
        """Return the checkpoint last stored, to the letter. Raises `UnknownRun`, `NoCheckpoint`."""
        points = t.checkpoints
        with self._database.reading() as connection:
            run_row(connection, run_id)
            body = connection.execute(select(points.c.body).where(points.c.execution_run_id == run_id)).scalar()
        if body is None:
            raise NoCheckpoint(f"run {run_id} has no checkpoint")
        return str(body)

    # The store itself

    def check(self) -> None:
        """Raise `Unavailable` when the database can't be read."""
        with self._database.reading() as connection:
            connection.execute(select(t.execution_runs.c.id).limit(1)).all()

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def _records(self, table: Table, run_id: str) -> Sequence[RowMapping]:
        with self._database.reading() as connection:
            return records_of(connection, table, run_id)

    def _log(self, connection: Connection, action: str, row: RowMapping, now: datetime, **details: Any) -> None:
        log_run_action(connection, self._actor, action, row, now, **details)


def _may_become(connection: Connection, run_id: str, old: ExecutionStatus, new: ExecutionStatus) -> bool:
    if (old, new) in STATUS_TRANSITIONS:
        return True
    return (old, new) in STATUS_TRANSITIONS_BY_HAND and taken_back_by_hand(connection, run_id)


def _beyond(column: Column[Any], value: Any, *, back: bool) -> ColumnElement[bool]:
    return cast("ColumnElement[bool]", column < value if back else column > value)


def _run(row: RowMapping) -> ExecutionRun:
    return ExecutionRun.model_validate(dict(row))


def _audit_entry(row: Mapping[str, Any]) -> StoredAuditEntry:
    return StoredAuditEntry.model_validate({**row, "execution_run_id": row["resource_id"]})
