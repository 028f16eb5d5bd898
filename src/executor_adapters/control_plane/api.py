"""The reference control plane's HTTP API: the six calls of the SaaS API, and those that make it comfortable.

A run works against a server that has the six calls alone. Beside them there are: scheduling, listing and
reading runs with what was recorded of them, renewing and handing back a lease, and a place for checkpoints.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from http import HTTPStatus
from importlib.metadata import version
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Body, FastAPI, Header, Query, Request, Response

from executor_adapters.clock import SystemClock
from executor_adapters.control_plane import wire
from executor_adapters.control_plane.access import Backing, Operating, Reading, Working, backing_of
from executor_adapters.control_plane.bearer import RecogniseCaller
from executor_adapters.control_plane.body_limit import LimitBody
from executor_adapters.control_plane.connection_limit import LimitConnections
from executor_adapters.control_plane.console import add_console
from executor_adapters.control_plane.json_body import JsonRoute
from executor_adapters.control_plane.problems import DOCUMENTED, answer_with_problems
from executor_adapters.control_plane.rate_limit import RateLimiter
from executor_adapters.control_plane.security_headers import SecurityHeaders
from executor_adapters.control_plane.store import ControlPlaneStore
from executor_adapters.control_plane.tokens import Tokens
from executor_core.errors import InvalidInput
from executor_core.lease import DEFAULT_LEASE, ClaimRow
from executor_core.model import ExecutionRun, ExecutionStatus, RollbackRecord, WorkerId

TokenHeader = Annotated[int | None, Header(alias="X-Fencing-Token", ge=0, le=2**31 - 1)]
KeyHeader = Annotated[
    str | None,
    Header(alias="Idempotency-Key", min_length=1, max_length=wire.LONGEST_ID, pattern=r"^[\x21-\x7e]+$"),
]

six_calls = APIRouter(prefix="/api", tags=["the six calls"], responses=DOCUMENTED, route_class=JsonRoute)
more_calls = APIRouter(prefix="/api", tags=["beside them"], responses=DOCUMENTED, route_class=JsonRoute)
health = APIRouter(tags=["health"], responses=DOCUMENTED)


def create_app(
    store: ControlPlaneStore,
    *,
    clock: Callable[[], datetime] | None = None,
    tokens: Tokens | None = None,
    limiter: RateLimiter | None = None,
    default_lease: timedelta = DEFAULT_LEASE,
    crowded: Callable[[], bool] | None = None,
) -> FastAPI:
    """Return the ASGI application over `store`, which stays the caller's to close.

    `clock` tells the time that judges every lease: the system's where none is given. `tokens` say who may call what
    under ``/api``; without them everybody may call everything. `limiter` says how often. Nobody is served while it is
    `crowded`.
    """
    app = FastAPI(
        title="Executor reference control plane",
        version=version("executor-mysql"),
        summary="The six calls of the SaaS API, and more.",
    )
    app.state.backing = Backing(store=store, now=clock or SystemClock().now, default_lease=default_lease)
    for router in (six_calls, more_calls, health):
        app.include_router(router)
    recognised = tokens or Tokens()
    add_console(app, recognised)
    answer_with_problems(app)
    app.add_middleware(LimitBody)
    app.add_middleware(RecogniseCaller, tokens=recognised, limiter=limiter)
    if crowded is not None:
        app.add_middleware(LimitConnections, crowded=crowded)
    app.add_middleware(SecurityHeaders)
    return app


@six_calls.get("/kill-switch")
def read_kill_switch(on: Reading, connection_id: Annotated[wire.Id, Query()]) -> wire.KillSwitchState:
    """Say whether the global switch and that of the connection are on."""
    on.check_connection(connection_id)
    return on.store.oversight.kill_switch(connection_id)


@six_calls.post("/kill-switch")
def set_kill_switch(on: Operating, setting: wire.KillSwitchSetting) -> wire.StoredKillSwitch:
    """Turn the switch of a connection on or off: the global one where none is named."""
    on.check_connection(setting.connection_id)
    return on.store.oversight.set_kill_switch(
        setting.connection_id, active=setting.active, reason=setting.reason, now=on.now()
    )


@six_calls.post("/executions/{run_id}/claim")
def claim(on: Working, run_id: str, body: wire.ClaimRequest) -> wire.GrantedLease:
    """Claim a run that nobody holds. The same worker again, within its lease, renews it."""
    length = on.backing.lease_length(body.lease_seconds)
    row, status = on.store.claim(run_id, WorkerId(body.worker_id), length=length, now=on.now())
    return _lease(run_id, row, status, length)


@six_calls.patch("/executions/{run_id}/status")
def change_status(
    on: Working, run_id: str, body: wire.StatusChangeRequest, token: TokenHeader = None, key: KeyHeader = None
) -> ExecutionRun:
    """Change a run's status as the transition table allows. The same status again changes nothing."""
    if token is not None and body.fencing_token not in {None, token}:
        raise InvalidInput("the fencing tokens in the header and in the body differ")
    shown = body.fencing_token if token is None else token
    answer = on.store.change_status(run_id, body, fencing_token=shown, key=key, now=on.now())
    return ExecutionRun.model_validate(answer)


@six_calls.post("/rollbacks", status_code=HTTPStatus.CREATED)
def add_rollback(
    on: Working, record: RollbackRecord, token: TokenHeader = None, key: KeyHeader = None
) -> wire.StoredRollback:
    """Store a rollback record."""
    on.check_run(record.execution_run_id)
    answer = on.store.add_rollback(record, fencing_token=token, key=key, now=on.now())
    return wire.StoredRollback.model_validate(answer)


@six_calls.post("/audit", status_code=HTTPStatus.CREATED)
def add_audit(
    on: Working, entry: wire.AuditEntryToStore, token: TokenHeader = None, key: KeyHeader = None
) -> wire.StoredAuditEntry:
    """Store an audit entry, whoever wrote it: the late entries of a worker without a claim are evidence."""
    on.check_run(entry.execution_run_id)
    answer = on.store.add_audit(entry, fencing_token=token, key=key, now=on.now())
    return wire.StoredAuditEntry.model_validate(answer)


@more_calls.post("/executions", status_code=HTTPStatus.CREATED)
def schedule(on: Operating, run: wire.RunToSchedule, response: Response) -> ExecutionRun:
    """Schedule a run."""
    on.check_connection(run.connection_id)
    response.headers["Location"] = _path(run.id)
    return on.store.schedule(run, now=on.now())


@more_calls.get("/executions")
def list_runs(
    on: Reading,
    request: Request,
    response: Response,
    status: Annotated[list[ExecutionStatus], Query()] = [],  # noqa: B006 -- FastAPI copies it
    connection_id: Annotated[list[wire.Id], Query()] = [],  # noqa: B006
    claimable: Annotated[bool, Query(description="only those that anybody could claim now")] = False,
    newest_first: Annotated[bool, Query(description="the newest first, not the oldest")] = False,
    after: Annotated[str | None, Query(description="the last run of the page before this one")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[ExecutionRun]:
    """List runs, a page at a time. The header `Link` leads to the next page, where there may be one."""
    if after is not None:
        on.check_run(after)
    page = on.store.runs(
        limit=limit,
        statuses=status,
        connections=on.reachable(connection_id),
        claimable_at=on.now() if claimable else None,
        newest_first=newest_first,
        after=after,
    )
    if len(page) == limit:
        following = request.url.include_query_params(after=page[-1].id)
        response.headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
    return page


@more_calls.get("/executions/{run_id}")
def read_run(on: Reading, run_id: str) -> ExecutionRun:
    """Read a run."""
    return on.store.run(run_id)


@more_calls.get("/executions/{run_id}/audit")
def read_audit_trail(on: Reading, run_id: str) -> list[wire.StoredAuditEntry]:
    """Read a run's audit entries, in the order of their arrival."""
    return on.store.audit_trail(run_id)


@more_calls.get("/executions/{run_id}/rollbacks")
def read_rollbacks(on: Reading, run_id: str) -> list[wire.StoredRollback]:
    """Read a run's rollback records, in the order of their arrival."""
    return on.store.rollbacks(run_id)


@more_calls.get("/executions/{run_id}/claims")
def read_claims(on: Reading, run_id: str) -> list[wire.StoredClaim]:
    """Read who claimed a run, the oldest claim first."""
    return on.store.claims(run_id)


@more_calls.post("/executions/{run_id}/rollback-requests", status_code=HTTPStatus.ACCEPTED)
def request_rollback(on: Operating, run_id: str, body: wire.RollbackWanted) -> wire.StoredRollbackRequest:
    """Ask that the index of an ended run be taken back. The record of a manual rollback settles it."""
    return on.store.oversight.request_rollback(run_id, body.reason, now=on.now())


@more_calls.get("/executions/{run_id}/rollback-requests")
def read_rollback_requests(on: Reading, run_id: str) -> list[wire.StoredRollbackRequest]:
    """Read who asked that the run's index be taken back, the oldest request first."""
    return on.store.oversight.rollback_requests(run_id)


@more_calls.get("/rollback-requests")
def list_rollback_requests(on: Reading) -> list[wire.OpenRollbackRequest]:
    """List the requests that are not settled, the oldest first, each with its run."""
    return on.store.oversight.open_rollback_requests(connections=on.caller.connections)


@more_calls.post("/executions/{run_id}/rollback-requests/claim")
def claim_rollback(on: Working, run_id: str, body: wire.ClaimRequest) -> wire.GrantedLease:
    """Claim an ended run, to do what an open request asks for. The lease is like that of any claim."""
    length = on.backing.lease_length(body.lease_seconds)
    worker_id = WorkerId(body.worker_id)
    row, status = on.store.claim(run_id, worker_id, length=length, now=on.now(), to_roll_back=True)
    return _lease(run_id, row, status, length)


@more_calls.get("/kill-switches")
def list_kill_switches(on: Reading) -> list[wire.StoredKillSwitch]:
    """List every switch that was ever set, the global one first, with who turned it last, when and why."""
    return on.store.oversight.kill_switches(connections=on.caller.connections)


@more_calls.get("/log")
def read_log(
    on: Operating,
    actor: Annotated[str | None, Query()] = None,
    action: Annotated[str | None, Query()] = None,
    resource: Annotated[str | None, Query(description="a run's id or a connection's")] = None,
    before: Annotated[int | None, Query(ge=0, le=2**31 - 1, description="the last entry of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[wire.LoggedAction]:
    """Read who did what, the newest first."""
    return on.store.oversight.log(
        limit=limit,
        actor=actor,
        action=action,
        resource=resource,
        connections=on.caller.connections,
        before=before,
    )


@more_calls.post("/executions/{run_id}/lease")
def renew_lease(on: Working, run_id: str, body: wire.RenewalRequest) -> wire.GrantedLease:
    """Renew the lease of the newest claim, as long as it has not ended."""
    length = on.backing.lease_length(body.lease_seconds)
    row, status = on.store.renew(
        run_id, WorkerId(body.worker_id), fencing_token=body.fencing_token, length=length, now=on.now()
    )
    return _lease(run_id, row, status, length)


@more_calls.delete("/executions/{run_id}/lease", status_code=HTTPStatus.NO_CONTENT)
def release_lease(
    on: Working, run_id: str, token: Annotated[int, Header(alias="X-Fencing-Token", ge=0, le=2**31 - 1)]
) -> None:
    """Hand a run back, so that anybody may claim it at once."""
    on.store.release(run_id, fencing_token=token, now=on.now())


@more_calls.put("/executions/{run_id}/checkpoint", status_code=HTTPStatus.NO_CONTENT)
def save_checkpoint(
    on: Working, run_id: str, checkpoint: Annotated[wire.Document, Body()], token: TokenHeader = None
) -> None:
    """Store a run's checkpoint, any JSON, in place of the last."""
    on.store.save_checkpoint(run_id, wire.as_text(checkpoint), fencing_token=token, now=on.now())


@more_calls.get("/executions/{run_id}/checkpoint")
def read_checkpoint(on: Reading, run_id: str) -> Any:
    """Read the checkpoint last stored."""
    return Response(on.store.checkpoint(run_id), media_type="application/json")


@health.get("/livez")
def live() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "ok"}


@health.get("/readyz")
def ready(request: Request) -> dict[str, str]:
    """Say that the database answers too."""
    backing_of(request).store.check()
    return {"status": "ok"}


def _path(run_id: str) -> str:
    return f"/api/executions/{quote(run_id, safe='')}"


def _lease(run_id: str, row: ClaimRow, status: ExecutionStatus, length: timedelta) -> wire.GrantedLease:
    seconds = length.total_seconds()
    return wire.GrantedLease(
        execution_id=run_id,
        worker_id=row.claimed_by,
        claimed_by=row.claimed_by,
        claimed_at=row.claimed_at,
        lease_expires_at=row.expires_at,
        lease_seconds=int(seconds) if seconds.is_integer() else seconds,
        fencing_token=row.fencing_token,
        status=status,
        renew_url=f"{_path(run_id)}/lease",
    )
