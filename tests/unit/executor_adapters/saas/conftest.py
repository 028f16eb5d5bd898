from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
import pytest

from executor_adapters.saas import HttpControlPlane


@dataclass
class Script:
    """A control plane that gives one scripted answer, and keeps the requests it was sent."""

    answer: Callable[[httpx.Request], httpx.Response] = lambda _: httpx.Response(200, json={})
    requests: list[httpx.Request] = field(default_factory=list[httpx.Request])

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.answer(request)

    def answers(self, status: int = 200, **content: object) -> None:
        self.answer = lambda _: httpx.Response(status, **content)  # type: ignore[arg-type]

    def raises(self, error: Exception) -> None:
        def fail(_: httpx.Request) -> httpx.Response:
            raise error

        self.answer = fail


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def plane(script: Script) -> HttpControlPlane:
    return HttpControlPlane("http://localhost:3000", "s3cret-token", mock=httpx.MockTransport(script))
