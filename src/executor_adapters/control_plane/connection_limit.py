"""How many connections there may be. (The HTTP server's own limit would answer in plain text, not with a problem.)"""

from collections.abc import Callable
from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from executor_adapters.control_plane.problems import problem


class LimitConnections:
    """ASGI middleware: while the server is `crowded`, a request is turned away unread, and its connection ends."""

    def __init__(self, app: ASGIApp, *, crowded: Callable[[], bool]) -> None:
        self._app = app
        self._crowded = crowded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._crowded():
            await self._app(scope, receive, send)
            return
        turned_away = problem(
            scope["path"],
            HTTPStatus.SERVICE_UNAVAILABLE,
            "unavailable",
            "there are too many connections: try again a little later",
            headers={"Retry-After": "1", "Connection": "close"},
        )
        await turned_away(scope, receive, send)
