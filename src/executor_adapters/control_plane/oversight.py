"""What people oversee beside the runs: the kill switches, requests for a rollback, and the log of who did what."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, select

from executor_adapters.control_plane import tables as t
from executor_adapters.control_plane.database import Database
from executor_adapters.control_plane.rollback_requests import add_request, check_may_be_requested, open_requests
from executor_adapters.control_plane.rows import log_action, log_run_action, put, records_of, run_row, swapped
from executor_adapters.control_plane.wire import (
    KillSwitchState,
    LoggedAction,
    OpenRollbackRequest,
    StoredKillSwitch,
    StoredRollbackRequest,
)
from executor_core.model import ExecutionStatus

_GLOBAL_SWITCH = ""
_GLOBAL_NAME = "all connections"


class Oversight:
    """The part of a `ControlPlaneStore` that operators decide in; it is in the hands of `actor`, as the store is."""

    def __init__(self, database: Database, actor: str) -> None:
        self._database = database
        self._actor = actor

    # Requests for a rollback

    def request_rollback(self, run_id: str, reason: str, *, now: datetime) -> StoredRollbackRequest:
        """Ask that the index of an ended run be taken back.

        Raises `UnknownRun`; `NotToRollBack` while the run goes on and once its index is gone; `RollbackRequested`
        until the last request is settled.
        """

        def attempt(connection: Connection) -> StoredRollbackRequest | None:
            row = run_row(connection, run_id)
            check_may_be_requested(connection, run_id, ExecutionStatus(row["status"]))
            # The swap changes nothing else, but keeps a second request from coming between.
            if not swapped(connection, row, now, {}):
                return None
            log_run_action(connection, self._actor, "request_rollback", row, now, reason=reason)
            return add_request(connection, run_id, reason, requested_by=self._actor, now=now)

        return self._database.until_done(attempt)

    def rollback_requests(self, run_id: str) -> list[StoredRollbackRequest]:
        """Return the requests of one run, the oldest first. Raises `UnknownRun`."""
        with self._database.reading() as connection:
            rows = records_of(connection, t.rollback_requests, run_id)
        return [StoredRollbackRequest.model_validate(dict(row)) for row in rows]

    def asked_to_roll_back(self, run_ids: Collection[str]) -> set[str]:
        """Return those of the runs of which somebody asks for a rollback that is not settled."""
        requests = t.rollback_requests
        query = select(requests.c.execution_run_id)
        query = query.where(requests.c.settled_at.is_(None), requests.c.execution_run_id.in_(sorted(run_ids)))
        with self._database.reading() as connection:
            return set(connection.execute(query).scalars())

    def open_rollback_requests(self, *, connections: Collection[str] | None = None) -> list[OpenRollbackRequest]:
        """Return the requests that are not settled, the oldest first, of these connections alone where any are given.

        A thousand at most: those that came later stand in the list when those are settled.
        """
        with self._database.reading() as connection:
            return open_requests(connection, connections)

    # Kill switches

    def kill_switch(self, connection_id: str) -> KillSwitchState:
        """Return how the global switch and the connection's stand."""
        switches = t.kill_switches
        query = select(switches).where(switches.c.connection_id.in_([_GLOBAL_SWITCH, connection_id]), switches.c.active)
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(switches.c.connection_id)).mappings().all()
        global_active = any(row["connection_id"] == _GLOBAL_SWITCH for row in rows)
        return KillSwitchState(
            global_active=global_active,
            connection_active=any(row["connection_id"] != _GLOBAL_SWITCH for row in rows),
            reason=rows[0]["reason"] if rows else None,
        )

    def set_kill_switch(
        self, connection_id: str | None, *, active: bool, reason: str | None, now: datetime
    ) -> StoredKillSwitch:
        """Turn a switch on or off: the global one where `connection_id` is None."""
        values = {"active": active, "reason": reason, "updated_at": now, "updated_by": self._actor}
        switches = t.kill_switches

        def attempt(connection: Connection) -> bool:
            put(connection, switches, switches.c.connection_id.name, connection_id or _GLOBAL_SWITCH, values)
            log_action(
                connection,
                self._actor,
                "kill_switch_on" if active else "kill_switch_off",
                resource=_GLOBAL_NAME if connection_id is None else connection_id,
                connection_id=connection_id,
                now=now,
                details={"reason": reason},
            )
            return True

        self._database.until_done(attempt)
        return StoredKillSwitch.model_validate({"connection_id": connection_id, **values})

    def kill_switches(self, *, connections: Collection[str] | None = None) -> list[StoredKillSwitch]:
        """Return every switch that was ever set, the global one first; of others than it, those of `connections`."""
        switches = t.kill_switches
        query = select(switches).order_by(switches.c.connection_id)
        if connections is not None:
            query = query.where(switches.c.connection_id.in_([_GLOBAL_SWITCH, *sorted(connections)]))
        with self._database.reading() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
        return [StoredKillSwitch.model_validate({**row, "connection_id": row["connection_id"] or None}) for row in rows]

    # The log of who did what

    def log(
        self,
        *,
        limit: int,
        actor: str | None = None,
        action: str | None = None,
        resource: str | None = None,
        connections: Collection[str] | None = None,
        before: int | None = None,
    ) -> list[LoggedAction]:
        """Return at most `limit` entries, the newest first, from behind the entry `before`.

        Of this actor, action and resource alone, where they are given; and of these connections, which leaves out
        what concerns all.
        """
        log = t.access_log
        wanted = {log.c.actor: actor, log.c.action: action, log.c.resource: resource}
        query = select(log).where(*(column == value for column, value in wanted.items() if value is not None))
        if connections is not None:
            query = query.where(log.c.connection_id.in_(sorted(connections)))
        if before is not None:
            query = query.where(log.c.id < before)
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(log.c.id.desc()).limit(limit)).mappings()
            return [LoggedAction.model_validate(dict(row)) for row in rows]
