"""A visit: one request of a person's browser, with who it is, and the answers that it can get.

Every page that changes something takes a `Posted` visit: its form came from a page of the same session.
"""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, cast
from urllib.parse import parse_qs, quote

from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse

from executor_adapters.control_plane.access import Access, backing_of
from executor_adapters.control_plane.callers import Permission
from executor_adapters.control_plane.console.drawing import drawn
from executor_adapters.control_plane.console.sessions import Session, Sessions
from executor_adapters.control_plane.problems import STATUS_OF
from executor_core.errors import ExecutorError

COOKIE = "executor_session"
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}
MOST_FIELDS = 50


class NotSignedIn(Exception):
    """Nobody is signed in; the answer leads to where that is done."""


class ForeignForm(Exception):
    """The form was not one of ours, or is older than the session."""


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form, each with its last value; a field that was left empty is not there."""

    fields: Mapping[str, str]

    def get(self, name: str) -> str | None:
        """Return a field's text, or None."""
        return self.fields.get(name)

    def text(self, name: str) -> str:
        """Return a field's text, or nothing."""
        return self.fields.get(name, "")


@dataclass(frozen=True, slots=True)
class Visit:
    """A request of somebody who is signed in."""

    request: Request
    session: Session
    access: Access

    def may_operate(self) -> bool:
        """Say whether this person may change anything."""
        return self.access.caller.may(Permission.OPERATE)

    def page(self, template: str, code: HTTPStatus = HTTPStatus.OK, **shown: Any) -> Response:
        """Return a page: what every page shows is added here, the state of the kill switches first."""
        access = self.access
        switches = access.store.oversight.kill_switches(connections=access.caller.connections)
        text = drawn(
            template,
            caller=access.caller.name,
            open=sessions_of(self.request).open,
            may_operate=self.may_operate(),
            may_stop_all=self.may_operate() and access.caller.connections is None,
            form_key=self.session.form_key,
            switches=switches,
            engaged=[switch for switch in switches if switch.active],
            now=access.now(),
            here=self.request.url.path,
            **shown,
        )
        return HTMLResponse(text, code, headers=HEADERS)


def sessions_of(request: Request) -> Sessions:
    """Return the sessions of the application."""
    return cast("Sessions", request.app.state.sessions)


def signed_in(request: Request) -> Visit:
    """Return the visit of whoever is signed in; raise `NotSignedIn`."""
    backing = backing_of(request)
    found = sessions_of(request).find(request.cookies.get(COOKIE), backing.now())
    if found is None:
        raise NotSignedIn
    session, caller = found
    caller.require(Permission.READ)
    access = Access(caller=caller, backing=backing)
    run_id = request.path_params.get("run_id")
    if run_id is not None:
        access.check_run(run_id)
    return Visit(request, session, access)


async def read_form(request: Request) -> Form:
    """Return the form that the request's body is."""
    body = await request.body()
    try:
        fields = parse_qs(body.decode(), max_num_fields=MOST_FIELDS)
    except ValueError:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "the form can't be read") from None
    return Form({name: values[-1].strip() for name, values in fields.items() if values[-1].strip()})


FormBody = Annotated[Form, Depends(read_form)]
SignedIn = Annotated[Visit, Depends(signed_in)]


def check_origin(request: Request) -> None:
    """Raise `ForeignForm` when the browser says that another site sent the request."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    own = {f"{scheme}://{request.headers.get('host', '')}" for scheme in ("http", "https")}  # a proxy may add TLS
    if (origin is not None and origin not in own) or site not in (None, "same-origin", "none"):
        raise ForeignForm


def posted(request: Request, visit: SignedIn, form: FormBody) -> Visit:
    """Return the visit of an operator whose form came from a page of this session; raise `ForeignForm` otherwise."""
    check_origin(request)
    if not visit.session.sent(form.get("form_key")):
        raise ForeignForm
    visit.access.caller.require(Permission.OPERATE)
    return visit


class PageRoute(APIRoute):
    """A route whose errors are pages for people, not problem documents for programs."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except NotSignedIn:
                return to_sign_in(request)
            except ForeignForm:
                return trouble(
                    HTTPStatus.FORBIDDEN, "This form is too old, or came from another site. Nothing was done."
                )
            except RequestValidationError:
                return trouble(HTTPStatus.UNPROCESSABLE_ENTITY, "The address can’t be understood.")
            except HTTPException as error:
                return trouble(HTTPStatus(error.status_code), f"{error.detail}.")
            except ExecutorError as error:
                status = STATUS_OF.get(type(error))
                if status is None:
                    raise
                return trouble(status, f"{error}.")

        return handled


def to_sign_in(request: Request) -> Response:
    """Lead to where people sign in, and from there back; in an open control plane a session begins at once."""
    sessions = sessions_of(request)
    query = f"?{request.url.query}" if request.url.query else ""
    where = request.url.path + query if request.method == "GET" else "/"
    if not sessions.open:
        return RedirectResponse(f"/sign-in?to={quote(where, safe='')}", HTTPStatus.SEE_OTHER, headers=HEADERS)
    answer = RedirectResponse(where, HTTPStatus.SEE_OTHER, headers=HEADERS)
    begin_session(answer, request, sessions.begin(None, backing_of(request).now()))
    return answer


def begin_session(answer: Response, request: Request, name: str | None) -> None:
    """Have the browser keep the session's name where no script and no other site gets at it."""
    answer.set_cookie(
        COOKIE, name or "", httponly=True, samesite="strict", path="/", secure=request.url.scheme == "https"
    )


def trouble(status: HTTPStatus, sentence: str) -> Response:
    """Return a page that says what went wrong."""
    text = drawn("trouble.html", title=status.phrase, sentence=sentence[:1].upper() + sentence[1:])
    return HTMLResponse(text, status, headers=HEADERS)
