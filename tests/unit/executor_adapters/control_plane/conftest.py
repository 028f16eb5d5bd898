"""A control plane in this process and its memory, with a clock that only moves when told to."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import delete

from executor_adapters.control_plane.api import create_app
from executor_adapters.control_plane.database import Database
from executor_adapters.control_plane.store import ControlPlaneStore
from executor_adapters.control_plane.tables import METADATA
from executor_adapters.testing.in_process import InProcessTransport

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


class ManualClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@dataclass(frozen=True)
class ControlPlane:
    """One application for all tests, since making one takes longer than most of them; each finds it empty."""

    app: FastAPI
    database: Database
    clock: ManualClock

    def forget(self) -> None:
        self.clock.time = START
        with self.database.writing() as connection:
            for table in METADATA.sorted_tables:
                connection.execute(delete(table))


@pytest.fixture(scope="session")
def shared_control_plane() -> Iterator[ControlPlane]:
    database, clock = Database("sqlite://"), ManualClock()
    yield ControlPlane(create_app(ControlPlaneStore(database), clock=clock), database, clock)
    database.close()


@pytest.fixture
def control_plane(shared_control_plane: ControlPlane) -> ControlPlane:
    shared_control_plane.forget()
    return shared_control_plane


@pytest.fixture
def clock(control_plane: ControlPlane) -> ManualClock:
    return control_plane.clock


@pytest.fixture
def client(control_plane: ControlPlane) -> Iterator[httpx.Client]:
    with httpx.Client(transport=InProcessTransport(control_plane.app), base_url="http://control-plane") as client:
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
