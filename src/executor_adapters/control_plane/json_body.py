"""How deep a body's JSON may be nested: counted in its text, before the reader that goes as deep itself.

Python's reader nests calls as deep as the JSON is nested, on whatever the stack has left; what it can read would
depend on who called. So it gets a thread's fresh stack, and nothing that doesn't fit there in any case.
"""

import json
import re
from collections.abc import Callable, Coroutine
from itertools import accumulate, repeat
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

DEEPEST_BODY = 950
"""Python's own limit is 1000 calls, the few that lead to the reader included."""

_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_STEP = {"[": 1, "{": 1, "]": -1, "}": -1}


class NestedTooDeep(ValueError):
    """The body is nested more than `DEEPEST_BODY` levels deep; nothing has read it."""


class JsonRoute(APIRoute):
    """A route that reads its body with `read_json`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, with the request's own reader replaced."""
        handle = super().get_route_handler()

        async def handle_readable(request: Request) -> Response:
            return await handle(_JsonRequest(request.scope, request.receive))

        return handle_readable


class _JsonRequest(Request):
    async def json(self) -> Any:
        return await run_in_threadpool(read_json, await self.body())


def read_json(body: bytes) -> Any:
    """Return what the body says. Raises `NestedTooDeep`, and `ValueError` for what is not JSON."""
    text = body.decode(json.detect_encoding(body), "surrogatepass")
    if nesting(text) > DEEPEST_BODY:
        raise NestedTooDeep
    return json.loads(text)


def nesting(text: str) -> int:
    """Return how many lists and objects stand in each other, at most.

    >>> nesting('{"a": [1, {"b": "[[["}], "c": {}}')
    3
    """
    steps = map(_STEP.get, _STRING.sub("", text), repeat(0))
    return max(accumulate(steps, initial=0))
