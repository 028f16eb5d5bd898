"""Every error of the API as a problem document (RFC 9457)."""

import json
import logging
import math
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match

from executor_adapters.control_plane import rejections as r
from executor_adapters.control_plane.json_body import NestedTooDeep
from executor_core.errors import ExecutorError, IllegalTransition, InvalidInput, Unavailable

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_RETRY_SOON = {"Retry-After": "1"}

STATUS_OF: Mapping[type[ExecutorError], HTTPStatus] = MappingProxyType(
    {
        InvalidInput: HTTPStatus.UNPROCESSABLE_ENTITY,
        r.Forbidden: HTTPStatus.FORBIDDEN,
        r.UnknownRun: HTTPStatus.NOT_FOUND,
        r.NoCheckpoint: HTTPStatus.NOT_FOUND,
        r.RunExists: HTTPStatus.CONFLICT,
        r.RunHeld: HTTPStatus.CONFLICT,
        r.RunOver: HTTPStatus.CONFLICT,
        r.NothingRequested: HTTPStatus.CONFLICT,
        r.NotToRollBack: HTTPStatus.CONFLICT,
        r.RollbackRequested: HTTPStatus.CONFLICT,
        r.StaleToken: HTTPStatus.CONFLICT,
        r.LeaseEnded: HTTPStatus.CONFLICT,
        IllegalTransition: HTTPStatus.CONFLICT,
        r.KeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
        Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    }
)
"""The HTTP status of each error. The error's `code` is the problem's."""


class WrongField(BaseModel):
    """A value that can't be used. `at` is the way to it, from ``body``, ``query``, ``path`` or ``header``."""

    at: list[str | int]
    message: str


class Problem(BaseModel):
    """What went wrong, for programs (`code`, `status`) and for people (`title`, `detail`)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    errors: list[WrongField] | None = None


def _problem_schema() -> dict[str, Any]:
    """Return the JSON schema of a problem in one piece: a reference would lead nowhere inside the API's description."""
    schema = Problem.model_json_schema()
    fields = schema["properties"]
    fields["errors"] = {
        "title": fields["errors"]["title"],
        "type": "array",
        "items": schema.pop("$defs")[WrongField.__name__],
    }
    return schema


DOCUMENTED: dict[int | str, dict[str, Any]] = {
    status: {"description": what, "content": {MEDIA_TYPE: {"schema": _problem_schema()}}}
    for status, what in {
        "4XX": "The request was refused.",
        "5XX": "The request could not be answered.",
    }.items()
}
"""The OpenAPI description of errors, the same for every call."""


def problem(
    path: str,
    status: HTTPStatus,
    code: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    errors: list[WrongField] | None = None,
) -> Response:
    """Return a problem document about the request to `path`."""
    document = Problem(
        type=f"urn:executor:problem:{code}",
        title=status.phrase,
        status=status,
        detail=detail,
        instance=path,
        code=code,
        errors=errors,
    )
    # In ASCII: a sentence may quote a name that the caller made of half a surrogate pair.
    content = json.dumps(document.model_dump(mode="python", exclude_none=True))
    return Response(content, status, headers=headers, media_type=MEDIA_TYPE)


def answer_with_problems(app: FastAPI) -> None:
    """Make `app` answer every error with a problem document, those of its framework included."""
    app.add_exception_handler(ExecutorError, _rejected)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(HTTPException, _refused_by_framework)
    app.add_exception_handler(Exception, _broken)


def _rejected(request: Request, error: Exception) -> Response:
    if not isinstance(error, ExecutorError) or type(error) not in STATUS_OF:
        return _broken(request, error)
    headers = None
    if isinstance(error, r.Forbidden):
        log.warning("refused %s %r: %s", request.method, request.url.path, error)
    if isinstance(error, r.RunHeld):
        headers = {"Retry-After": str(max(1, math.ceil(error.time_left.total_seconds())))}
    elif isinstance(error, Unavailable):
        headers = _RETRY_SOON
    return problem(request.url.path, STATUS_OF[type(error)], error.code, str(error), headers=headers)


def _unreadable(request: Request, error: Exception) -> Response:
    faults: list[Any] = list(error.errors()) if isinstance(error, RequestValidationError) else []
    path = request.url.path
    if any(fault["type"] == "json_invalid" for fault in faults):
        return problem(path, HTTPStatus.BAD_REQUEST, "malformed_json", "the body is not JSON")
    errors = [WrongField(at=list(fault["loc"]), message=fault["msg"]) for fault in faults]
    where = ", ".join(".".join(str(step) for step in wrong.at) for wrong in errors)
    return problem(path, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", f"can't be used: {where}", errors=errors)


def _refused_by_framework(request: Request, error: Exception) -> Response:
    """Answer an unknown path, a method that a path does not have, a body that is too long."""
    if not isinstance(error, HTTPException):
        return _broken(request, error)
    if isinstance(error.__cause__, NestedTooDeep):
        return problem(request.url.path, HTTPStatus.BAD_REQUEST, "malformed_json", "the body is nested too deep")
    status = HTTPStatus(error.status_code)
    headers = error.headers
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {"Allow": ", ".join(_methods_of(request))}
    return problem(request.url.path, status, status.name.lower(), str(error.detail), headers=headers)


def _methods_of(request: Request) -> list[str]:
    """Return every method that the path has: the framework names those of its first route alone."""
    routes: list[BaseRoute] = request.app.routes
    return [
        method
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]


def _broken(request: Request, _error: Exception) -> Response:
    """Answer a bug. What it was stays in the server's log."""
    detail = "the control plane has failed; its log says how"
    return problem(request.url.path, HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", detail)
