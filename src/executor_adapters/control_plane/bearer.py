"""The bearer token: who does not know it sees nothing of the API, not even which paths there are."""

import hmac
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from executor_adapters.control_plane.problems import problem


class RequireBearer:
    """ASGI middleware: a request to ``/api`` passes only with the token. Comparing takes constant time."""

    def __init__(self, app: ASGIApp, *, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._guarded(scope["path"]) or self._admitted(scope):
            await self._app(scope, receive, send)
            return
        refusal = problem(
            scope["path"],
            HTTPStatus.UNAUTHORIZED,
            "unauthorized",
            "give the API's token: Authorization: Bearer …",
            headers={"WWW-Authenticate": "Bearer"},
        )
        await refusal(scope, receive, send)

    @staticmethod
    def _guarded(path: str) -> bool:
        return path == "/api" or path.startswith("/api/")

    def _admitted(self, scope: Scope) -> bool:
        scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        given = f"{scheme.capitalize()} {token.strip()}".encode("latin-1", "replace")
        return hmac.compare_digest(given, self._expected)
