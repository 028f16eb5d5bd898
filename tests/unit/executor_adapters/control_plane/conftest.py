"""A control plane in this process, over a file of its own, with a clock that only moves when told to."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from executor_adapters.control_plane.api import create_app
from executor_adapters.control_plane.database import Database
from executor_adapters.control_plane.store import ControlPlaneStore
from executor_adapters.testing.in_process import InProcessTransport


class ManualClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ControlPlaneStore]:
    store = ControlPlaneStore(Database(f"sqlite:///{tmp_path}/control-plane.db"))
    yield store
    store.close()


@pytest.fixture
def client(store: ControlPlaneStore, clock: ManualClock) -> Iterator[httpx.Client]:
    app = create_app(store, clock=clock)
    with httpx.Client(transport=InProcessTransport(app), base_url="http://control-plane") as client:
        yield client


@pytest.fixture
def run() -> dict[str, Any]:
    return {
        "id": "run-1",
        "connection_id": "conn-1",
        "action": "ADD_INDEX",
        "table_name": "orders",
        "index_name": "idx_customer",
        "columns": ["customer_id", "created_at DESC"],
        "query_digests": ["d1"],
    }


@pytest.fixture
def scheduled(client: httpx.Client, run: dict[str, Any]) -> str:
    assert client.post("/api/executions", json=run).status_code == 201
    return str(run["id"])


@pytest.fixture
def claim(client: httpx.Client, scheduled: str) -> Callable[..., httpx.Response]:
    def claim(worker_id: str = "w1", **fields: Any) -> httpx.Response:
        return client.post(f"/api/executions/{scheduled}/claim", json={"worker_id": worker_id, **fields})

    return claim
