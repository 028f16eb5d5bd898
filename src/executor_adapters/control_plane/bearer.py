"""The bearer token: who shows none that is known sees nothing of the API, not even which paths there are."""

import math
from http import HTTPStatus

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from executor_adapters.control_plane.problems import problem
from executor_adapters.control_plane.rate_limit import RateLimiter
from executor_adapters.control_plane.tokens import Tokens

_ALWAYS_ANSWERED = frozenset({"/livez", "/readyz"})


class RecogniseCaller:
    """ASGI middleware: a request to ``/api`` needs a known token, and carries ``state.caller`` from then on.

    With `limiter`, nobody calls too often: a known token counts by its name, everything else by its address, guesses
    at a token included.
    """

    def __init__(self, app: ASGIApp, *, tokens: Tokens, limiter: RateLimiter | None = None) -> None:
        self._app = app
        self._tokens = tokens
        self._limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope) if scope["type"] == "http" and scope["path"] not in _ALWAYS_ANSWERED else None
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        """Note who calls; return what a request is answered that goes no further."""
        path = scope["path"]
        guarded = path == "/api" or path.startswith("/api/")
        caller = self._tokens.caller(bearer_token(scope)) if guarded else None
        if self._limiter is not None:
            known = caller is not None and not self._tokens.open
            wait = self._limiter.wait(f"token {caller.name}" if caller and known else f"address {_address(scope)}")
            if wait:
                return problem(
                    path,
                    HTTPStatus.TOO_MANY_REQUESTS,
                    "too_many_requests",
                    "too many requests: call less often",
                    headers={"Retry-After": str(math.ceil(wait.total_seconds()))},
                )
        if guarded and caller is None:
            return problem(
                path,
                HTTPStatus.UNAUTHORIZED,
                "unauthorized",
                "give a token that the API knows: Authorization: Bearer …",
                headers={"WWW-Authenticate": "Bearer"},
            )
        scope.setdefault("state", {})["caller"] = caller
        return None


def bearer_token(scope: Scope) -> bytes | None:
    """Return the token of the request's one ``Authorization`` header, if it has such a one."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    given = [value for name, value in headers if name == b"authorization"]
    if len(given) != 1:
        return None
    scheme, _, token = given[0].partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" and token.strip() else None


def _address(scope: Scope) -> str:
    client: tuple[str, int] | None = scope.get("client")
    return "" if client is None else client[0]
