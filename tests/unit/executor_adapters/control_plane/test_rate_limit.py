"""How often a caller may call: the arithmetic, and what the API answers who calls too often."""

import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from executor_adapters.control_plane.api import create_app
from executor_adapters.control_plane.database import Database
from executor_adapters.control_plane.rate_limit import RateLimiter
from executor_adapters.control_plane.store import ControlPlaneStore
from executor_adapters.control_plane.tokens import Tokens, hash_of
from executor_adapters.testing.in_process import InProcessTransport


class Elapsed:
    """A clock that only moves when told to."""

    def __init__(self) -> None:
        self.time = timedelta()

    def __call__(self) -> timedelta:
        return self.time


@pytest.fixture
def elapsed() -> Elapsed:
    return Elapsed()


def admitted(limiter: RateLimiter, caller: str, tries: int) -> int:
    return sum(not limiter.wait(caller) for _ in range(tries))


def test_two_seconds_worth_may_come_at_once_and_then_so_many_a_second(elapsed: Elapsed) -> None:
    limiter = RateLimiter(10, elapsed=elapsed)
    assert admitted(limiter, "a", 50) == 20
    for _ in range(3):
        elapsed.time += timedelta(seconds=1)
        assert admitted(limiter, "a", 50) == 10
    elapsed.time += timedelta(hours=1)
    assert admitted(limiter, "a", 50) == 20


def test_who_waits_as_long_as_it_was_told_is_admitted(elapsed: Elapsed) -> None:
    limiter = RateLimiter(4, elapsed=elapsed)
    assert admitted(limiter, "a", 8) == 8
    wait = limiter.wait("a")
    assert wait == timedelta(seconds=0.25)
    elapsed.time += wait
    assert not limiter.wait("a")


def test_one_caller_does_not_use_up_what_is_anothers(elapsed: Elapsed) -> None:
    limiter = RateLimiter(1, elapsed=elapsed)
    assert admitted(limiter, "a", 9) == admitted(limiter, "b", 9) == 2


def test_a_slow_limit_admits_one_at_a_time(elapsed: Elapsed) -> None:
    limiter = RateLimiter(0.1, elapsed=elapsed)
    assert admitted(limiter, "a", 3) == 1
    assert limiter.wait("a") == timedelta(seconds=10)


def test_what_is_remembered_of_callers_is_bounded(elapsed: Elapsed) -> None:
    limiter = RateLimiter(1, elapsed=elapsed)
    tracemalloc.start()
    for number in range(100_000):
        limiter.wait(f"address {number}")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6_000_000  # of all of them it would be several times as much


def test_a_busy_caller_is_not_forgotten_for_the_quiet(elapsed: Elapsed) -> None:
    limiter = RateLimiter(1, elapsed=elapsed)
    for number in range(9_999):
        limiter.wait(f"address {number}")
    elapsed.time += timedelta(seconds=10)
    assert admitted(limiter, "busy", 5) == 2
    assert admitted(limiter, "one more", 1) == 1
    assert admitted(limiter, "busy", 5) == 0


@pytest.fixture
def client(elapsed: Elapsed, tmp_path: Path) -> Iterator[httpx.Client]:
    file = tmp_path / "tokens.toml"
    names = ("one", "two")
    entries = [f'[[token]]\nname = "{name}"\nrole = "reader"\nsha256 = "{hash_of(name.encode())}"\n' for name in names]
    file.write_text("".join(entries), encoding="utf-8")
    store = ControlPlaneStore(Database("sqlite://"))
    app = create_app(store, tokens=Tokens(file=file), limiter=RateLimiter(2, elapsed=elapsed))
    with httpx.Client(transport=InProcessTransport(app), base_url="http://control-plane") as client:
        yield client
    store.close()


def statuses(client: httpx.Client, token: str, path: str = "/api/executions") -> list[int]:
    return [client.get(path, headers={"Authorization": f"Bearer {token}"}).status_code for _ in range(6)]


def test_who_calls_too_often_is_told_when_to_come_again(client: httpx.Client, elapsed: Elapsed) -> None:
    assert statuses(client, "one") == [200] * 4 + [429] * 2
    answer = client.get("/api/executions", headers={"Authorization": "Bearer one"})
    assert (answer.json()["code"], answer.headers["retry-after"]) == ("too_many_requests", "1")
    assert statuses(client, "two") == [200] * 4 + [429] * 2
    elapsed.time += timedelta(seconds=1)
    assert statuses(client, "one") == [200] * 2 + [429] * 4


def test_guesses_at_a_token_are_counted_together(client: httpx.Client) -> None:
    assert [statuses(client, guess)[0] for guess in ("a", "b")] == [401, 429]
    assert client.get("/docs").status_code == 429


def test_health_is_always_told(client: httpx.Client) -> None:
    assert statuses(client, "", "/livez") + statuses(client, "", "/readyz") == [200] * 12
