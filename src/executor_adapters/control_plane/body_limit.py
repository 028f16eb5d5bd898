"""How long a request's body may be. (FastAPI's own limit would answer in plain text, not with a problem.)"""

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 1_000_000
MAX_CHECKPOINT_BYTES = 5_000_000


class LimitBody:
    """ASGI middleware that stops reading a body at its limit: that of checkpoints is larger."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        left = MAX_CHECKPOINT_BYTES if scope["path"].endswith("/checkpoint") else MAX_BODY_BYTES

        async def receive_within_limit() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                # Raised where the application reads the body, so that it is answered like its other errors.
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is too long")
            return message

        await self._app(scope, receive_within_limit, send)
