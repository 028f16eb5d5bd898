"""The console over a control plane in memory, with one token for each role."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from tests.unit.executor_adapters.control_plane.conftest import ManualClock

from executor_adapters.control_plane.api import create_app
from executor_adapters.control_plane.database import Database
from executor_adapters.control_plane.store import ControlPlaneStore
from executor_adapters.control_plane.tokens import Tokens, hash_of
from executor_adapters.testing.in_process import InProcessTransport

BASE = "http://console"
TOKENS = {"olga": "operator", "rita": "reader", "worker": "worker", "carl": "operator"}


@dataclass(frozen=True)
class Console:
    """One application over one store; `browser` is a new browser that nobody has signed in with."""

    store: ControlPlaneStore
    clock: ManualClock
    tokens: Path
    browser: Callable[[], httpx.Client]

    def as_(self, name: str) -> httpx.Client:
        """A browser in which `name` has signed in."""
        browser = self.browser()
        answer = browser.post("/sign-in", data={"token": f"secret of {name}", "to": "/"})
        assert answer.status_code == 200, answer.text
        return browser


def write_tokens(path: Path, *names: str) -> None:
    path.write_text(
        "".join(
            f'[[token]]\nname = "{name}"\nrole = "{TOKENS[name]}"\nsha256 = "{hash_of(f"secret of {name}".encode())}"\n'
            + ('connections = ["conn-1"]\n' if name == "carl" else "")
            for name in names
        )
    )


def form_key(page: httpx.Response) -> str:
    """The key that stands in every form of a page."""
    found = re.search(r'name="form_key" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    path = tmp_path / "tokens.toml"
    write_tokens(path, *TOKENS)
    database, clock = Database("sqlite://"), ManualClock()
    store = ControlPlaneStore(database)
    app = create_app(store, clock=clock, tokens=Tokens(file=path))
    browsers: list[httpx.Client] = []

    def browser() -> httpx.Client:
        browsers.append(httpx.Client(transport=InProcessTransport(app), base_url=BASE, follow_redirects=True))
        return browsers[-1]

    yield Console(store, clock, path, browser)
    for each in browsers:
        each.close()
    database.close()
