"""A person asks that the index of an ended run be taken back; the record of that rollback settles it."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

WANTED = {"reason": "the nightly report got slow"}


def record(run_id: str, **fields: Any) -> dict[str, Any]:
    return {
        "execution_run_id": run_id,
        "rollback_type": "manual",
        "trigger_reason": "r",
        "rollback_sql": "s",
        "status": "completed",
        "created_at": "2026-01-01T12:00:00Z",
    } | fields


@pytest.fixture
def ended(client: httpx.Client, scheduled: str) -> Callable[[str], str]:
    def ended(status: str) -> str:
        for step in ("running", status):
            assert client.patch(f"/api/executions/{scheduled}/status", json={"status": step}).status_code == 200
        return f"/api/executions/{scheduled}/rollback-requests"

    return ended


@pytest.mark.parametrize("status", ["completed", "failed", "requires_manual"])
def test_the_rollback_of_an_ended_run_can_be_asked_for(
    client: httpx.Client, ended: Callable[[str], str], status: str
) -> None:
    path = ended(status)
    answer = client.post(path, json=WANTED)
    stored = {
        "execution_run_id": "run-1",
        "reason": WANTED["reason"],
        "requested_by": "anyone",
        "requested_at": "2026-01-01T12:00:00Z",
        "settled_at": None,
    }
    assert (answer.status_code, answer.json()) == (202, stored)
    assert client.get(path).json() == [stored]
    run = client.get("/api/executions/run-1").json()
    assert client.get("/api/rollback-requests").json() == [{**stored, "run": run}]


@pytest.mark.parametrize("status", [None, "running", "rolled_back"])
def test_a_run_without_an_index_to_take_back_is_refused(
    client: httpx.Client, scheduled: str, status: str | None
) -> None:
    for step in ("running", status):
        if status is not None:
            client.patch(f"/api/executions/{scheduled}/status", json={"status": step})
    answer = client.post(f"/api/executions/{scheduled}/rollback-requests", json=WANTED)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_to_roll_back")
    assert client.get("/api/rollback-requests").json() == []


@pytest.mark.parametrize("status", ["completed", "failed"])
def test_the_record_of_a_manual_rollback_settles_it(
    client: httpx.Client, ended: Callable[[str], str], status: str
) -> None:
    path = ended("completed")
    assert client.post(path, json=WANTED).status_code == 202
    answer = client.post(path, json=WANTED)
    assert (answer.status_code, answer.json()["code"]) == (409, "rollback_requested")
    for other in ({"rollback_type": "auto"}, {"status": "pending"}):
        assert client.post("/api/rollbacks", json=record("run-1", **other)).status_code == 201
        assert client.get(path).json()[0]["settled_at"] is None
    assert client.post("/api/rollbacks", json=record("run-1", status=status)).status_code == 201
    assert client.get(path).json()[0]["settled_at"] == "2026-01-01T12:00:00Z"
    assert client.get("/api/rollback-requests").json() == []
    assert client.post(path, json=WANTED).status_code == 202


@pytest.mark.parametrize("reason", ["", "  ", None, "x" * 2001])
def test_a_reason_is_wanted(client: httpx.Client, ended: Callable[[str], str], reason: str | None) -> None:
    assert client.post(ended("completed"), json={"reason": reason}).status_code == 422


def test_a_run_that_is_not_there_is_said(client: httpx.Client) -> None:
    assert client.post("/api/executions/none/rollback-requests", json=WANTED).status_code == 404
    assert client.get("/api/executions/none/rollback-requests").status_code == 404


def test_what_is_asked_for_can_be_claimed_until_it_is_settled(
    client: httpx.Client, ended: Callable[[str], str]
) -> None:
    def claim(worker_id: str) -> httpx.Response:
        return client.post(f"{path}/claim", json={"worker_id": worker_id})

    path = ended("completed")
    answer = claim("worker-1")
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_requested")
    client.post(path, json=WANTED)
    lease = claim("worker-1").json()
    assert (lease["claimed_by"], lease["status"]) == ("worker-1", "completed")
    answer = claim("worker-2")
    assert (answer.status_code, answer.json()["code"]) == (409, "run_held")
    renewal = {"worker_id": "worker-1", "fencing_token": lease["fencing_token"]}
    assert client.post(lease["renew_url"], json=renewal).status_code == 200
    assert client.post("/api/rollbacks", json=record("run-1")).status_code == 201
    assert claim("worker-1").json()["code"] == "nothing_requested"
    assert client.post("/api/executions/run-1/claim", json={"worker_id": "worker-1"}).json()["code"] == "run_over"


def test_the_oldest_request_is_listed_first(client: httpx.Client, run: dict[str, Any]) -> None:
    for run_id in ("run-b", "run-a"):
        client.post("/api/executions", json={**run, "id": run_id})
        for status in ("running", "completed"):
            client.patch(f"/api/executions/{run_id}/status", json={"status": status})
        client.post(f"/api/executions/{run_id}/rollback-requests", json=WANTED)
    assert [each["run"]["id"] for each in client.get("/api/rollback-requests").json()] == ["run-b", "run-a"]
