"""The pages: each reads or changes the store as the person who is signed in may, and says what came of it."""

from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from starlette.responses import HTMLResponse, RedirectResponse

from executor_adapters.control_plane.access import backing_of
from executor_adapters.control_plane.console.drawing import drawn, static_files
from executor_adapters.control_plane.console.dry_run import FIELDS, dry_run
from executor_adapters.control_plane.console.run_page import sheet, stages
from executor_adapters.control_plane.console.sessions import Sessions
from executor_adapters.control_plane.console.visit import (
    COOKIE,
    HEADERS,
    FormBody,
    PageRoute,
    SignedIn,
    Visit,
    begin_session,
    check_origin,
    posted,
    sessions_of,
)
from executor_adapters.control_plane.rejections import Rejection
from executor_adapters.control_plane.rollback_requests import may_be_requested
from executor_adapters.control_plane.tokens import Tokens
from executor_adapters.control_plane.wire import LONGEST_ID, RollbackWanted
from executor_core.errors import InvalidInput
from executor_core.lifecycle import TERMINAL_STATUSES
from executor_core.model import ExecutionStatus

PAGE = 50
MOST_LOGGED = 50
LONGEST_REASON = 2000

Posted = Annotated[Visit, Depends(posted)]

console = APIRouter(route_class=PageRoute, include_in_schema=False)


def add_console(app: FastAPI, tokens: Tokens) -> None:
    """Serve the console's pages from ``/`` on; `tokens` are what people sign in with."""
    app.state.sessions = Sessions(tokens)
    app.include_router(console)


@console.get("/console/{name}")
def static_file(name: str) -> Response:
    """Return a file that pages load. Its address changes with its content."""
    found = static_files().get(name)
    if found is None:
        return Response(status_code=HTTPStatus.NOT_FOUND)
    headers = {**HEADERS, "Cache-Control": "public, max-age=31536000, immutable"}
    return Response(found.content, media_type=found.media_type, headers=headers)


# Signing in


@console.get("/sign-in")
def ask_for_token(to: str = "/") -> Response:
    """Ask for a token."""
    return HTMLResponse(drawn("sign_in.html", to=_within(to), wrong=False), headers=HEADERS)


@console.post("/sign-in")
def sign_in(request: Request, form: FormBody) -> Response:
    """Begin a session, and go to where the person was on the way to."""
    check_origin(request)
    to = _within(form.text("to"))
    name = sessions_of(request).begin(form.text("token").encode(), backing_of(request).now())
    if name is None:
        text = drawn("sign_in.html", to=to, wrong=True)
        return HTMLResponse(text, HTTPStatus.UNAUTHORIZED, headers=HEADERS)
    answer = RedirectResponse(to, HTTPStatus.SEE_OTHER, headers=HEADERS)
    begin_session(answer, request, name)
    return answer


@console.post("/sign-out")
def sign_out(request: Request, visit: SignedIn, form: FormBody) -> Response:
    """End the session."""
    check_origin(request)
    if visit.session.sent(form.get("form_key")):
        sessions_of(request).end(request.cookies.get(COOKIE))
    answer = RedirectResponse("/sign-in", HTTPStatus.SEE_OTHER, headers=HEADERS)
    answer.delete_cookie(COOKIE, path="/")
    return answer


# Runs


@console.get("/")
def list_runs(
    visit: SignedIn,
    status: Annotated[str, Query(max_length=LONGEST_ID)] = "",
    connection: Annotated[str, Query(max_length=LONGEST_ID)] = "",
    after: Annotated[str | None, Query(max_length=LONGEST_ID)] = None,
) -> Response:
    """Show the runs, the newest first, a page at a time."""
    access = visit.access
    reachable = access.reachable([connection] if connection else [])
    if after is not None:
        access.check_run(after)
    runs = access.store.runs(
        limit=PAGE + 1,
        statuses=[each for each in ExecutionStatus if each == status],
        connections=reachable,
        newest_first=True,
        after=after,
    )
    return visit.page(
        "runs.html",
        runs=runs[:PAGE],
        older=runs[PAGE - 1].id if len(runs) > PAGE else None,
        counts=access.store.counts(connections=reachable),
        statuses=list(ExecutionStatus),
        status=status,
        connection=connection,
        after=after,
        requests=access.store.oversight.asked_to_roll_back([run.id for run in runs]),
    )


@console.get("/find")
def find_run(visit: SignedIn, run: Annotated[str, Query(max_length=LONGEST_ID)] = "") -> Response:
    """Go to a run by its id."""
    visit.access.check_run(run)
    visit.access.store.run(run)
    return _to_run(run)


@console.get("/runs/{run_id}")
def show_run(visit: SignedIn, run_id: str) -> Response:
    """Show one run: its report as far as it has grown."""
    return _run_page(visit, run_id)


@console.post("/runs/{run_id}/rollback")
def request_rollback(visit: Posted, run_id: str, form: FormBody) -> Response:
    """Ask that the index of an ended run be taken back."""
    reason = form.text("reason")
    if not reason or len(reason) > LONGEST_REASON:
        return _run_page(visit, run_id, "Say why, in a sentence: the reason is kept with the request.")
    wanted = RollbackWanted(reason=reason)
    try:
        visit.access.store.oversight.request_rollback(run_id, wanted.reason, now=visit.access.now())
    except Rejection as refused:
        return _run_page(visit, run_id, f"Not asked: {refused}.")
    return _to_run(run_id)


def _run_page(visit: Visit, run_id: str, problem: str | None = None) -> Response:
    store = visit.access.store
    run = store.run(run_id)
    trail = store.audit_trail(run_id)
    return visit.page(
        "run.html",
        HTTPStatus.OK if problem is None else HTTPStatus.CONFLICT,
        run=run,
        stages=stages(run, trail),
        sheet=sheet(run, trail, store.rollbacks(run_id), visit.access.now()),
        claims=store.claims(run_id),
        requests=store.oversight.rollback_requests(run_id),
        may_request=may_be_requested(run.status),
        live=run.status not in TERMINAL_STATUSES,
        connection=run.connection_id,
        problem=problem,
    )


# Scheduling


@console.get("/schedule")
def ask_for_run(visit: SignedIn) -> Response:
    """Show the form for a new run."""
    return visit.page("schedule.html", fields=dict.fromkeys(FIELDS, ""), plan=None, problem=None)


@console.post("/schedule")
def schedule(visit: Posted, form: FormBody) -> Response:
    """Show what the run would do; schedule it when that has been seen and confirmed."""
    fields = {name: form.text(name) for name in FIELDS}
    try:
        plan = dry_run(fields)
        visit.access.check_connection(plan.run.connection_id)
        if form.get("confirmed") is None:
            return visit.page("schedule.html", fields=fields, plan=plan, problem=None)
        visit.access.store.schedule(plan.run, now=visit.access.now())
    except (InvalidInput, Rejection) as refused:
        return visit.page(
            "schedule.html", HTTPStatus.UNPROCESSABLE_ENTITY, fields=fields, plan=None, problem=f"{refused}."
        )
    return _to_run(plan.run.id)


# Kill switches


@console.get("/switches")
def show_switches(visit: SignedIn) -> Response:
    """Show every kill switch, and who turned them when and why."""
    return _switches(visit)


@console.post("/switches")
def turn_switch(visit: Posted, form: FormBody) -> Response:
    """Turn a switch on, at once, or off, with a reason."""
    turned, reason = form.get("turn"), form.get("reason")
    connection = form.get("connection")
    everything = form.get("scope") == "all"
    if turned not in ("on", "off") or everything == (connection is not None):
        return _switches(visit, "Say which switch is to be turned, and whether on or off.")
    if turned == "off" and reason is None:
        return _switches(visit, "Say why it may be turned off: whoever comes next wants to know.")
    if len(reason or "") > LONGEST_REASON or len(connection or "") > LONGEST_ID:
        return _switches(visit, "That is too long.")
    visit.access.check_connection(connection)
    visit.access.store.oversight.set_kill_switch(
        connection, active=turned == "on", reason=reason, now=visit.access.now()
    )
    return RedirectResponse(_within(form.text("to")), HTTPStatus.SEE_OTHER, headers=HEADERS)


def _switches(visit: Visit, problem: str | None = None) -> Response:
    access = visit.access
    logged = []
    if visit.may_operate():
        logged = access.store.oversight.log(limit=MOST_LOGGED, connections=access.caller.connections)
    return visit.page(
        "switches.html",
        HTTPStatus.OK if problem is None else HTTPStatus.UNPROCESSABLE_ENTITY,
        logged=logged,
        problem=problem,
    )


def _to_run(run_id: str) -> Response:
    return RedirectResponse(f"/runs/{quote(run_id, safe='')}", HTTPStatus.SEE_OTHER, headers=HEADERS)


def _within(to: str) -> str:
    """Return `to` if it is a place of this console, or else its first page: a link must not lead elsewhere."""
    return to if to.startswith("/") and not to.startswith(("//", "/\\")) and to.isprintable() else "/"
