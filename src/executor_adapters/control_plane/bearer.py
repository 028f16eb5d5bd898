"""The bearer token: who shows none that is known sees nothing of the API, not even which paths there are."""

from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from executor_adapters.control_plane.problems import problem
from executor_adapters.control_plane.tokens import Tokens


class RecogniseCaller:
    """ASGI middleware: a request to ``/api`` needs a known token, and carries ``state.caller`` from then on."""

    def __init__(self, app: ASGIApp, *, tokens: Tokens) -> None:
        self._app = app
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _guarded(scope["path"]):
            await self._app(scope, receive, send)
            return
        caller = self._tokens.caller(bearer_token(scope))
        if caller is not None:
            scope.setdefault("state", {})["caller"] = caller
            await self._app(scope, receive, send)
            return
        refusal = problem(
            scope["path"],
            HTTPStatus.UNAUTHORIZED,
            "unauthorized",
            "give a token that the API knows: Authorization: Bearer …",
            headers={"WWW-Authenticate": "Bearer"},
        )
        await refusal(scope, receive, send)


def bearer_token(scope: Scope) -> bytes | None:
    """Return the token of the request's one ``Authorization`` header, if it has such a one."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    given = [value for name, value in headers if name == b"authorization"]
    if len(given) != 1:
        return None
    scheme, _, token = given[0].partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" and token.strip() else None


def _guarded(path: str) -> bool:
    return path == "/api" or path.startswith("/api/")
