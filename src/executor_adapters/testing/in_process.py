"""A way to call an ASGI application from httpx's plain client, without a socket."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import httpx


class InProcessTransport(httpx.BaseTransport):
    """Carries each request of an `httpx.Client` to an ASGI application, on an event loop of its own.

    The request is over when `handle_request` returns. What the application raises is answered as it would be
    over HTTP. Not to be used inside a running event loop.
    """

    def __init__(self, app: Callable[..., Coroutine[Any, Any, None]]) -> None:
        self._transport = httpx.ASGITransport(app, raise_app_exceptions=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return asyncio.run(self._handle(request))

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        request.read()
        answer = await self._transport.handle_async_request(
            httpx.Request(request.method, request.url, headers=request.headers, content=request.content)
        )
        content = await answer.aread()
        return httpx.Response(answer.status_code, headers=answer.headers, content=content, request=request)
