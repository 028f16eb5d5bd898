"""Rollback records, audit entries, checkpoints and idempotency keys."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from executor_adapters.control_plane.body_limit import MAX_BODY_BYTES, MAX_CHECKPOINT_BYTES

ROLLBACK = {
    "execution_run_id": "run-1",
    "rollback_type": "auto",
    "trigger_reason": "latency worse by 12 %",
    "rollback_sql": "ALTER TABLE `orders` DROP INDEX `idx_customer`",
    "status": "completed",
    "created_at": "2026-01-01T11:59:00.123456Z",
}
ENTRY = {
    "execution_run_id": "run-1",
    "action": "status_change",
    "old_status": "scheduled",
    "new_status": "running",
    "details": {"b": 1, "a": [1.5, None, "ü"]},
    "timestamp": "2026-01-01T13:59:00+02:00",
}
CALLS: list[tuple[str, dict[str, Any], str]] = [
    ("/api/rollbacks", ROLLBACK, "/api/executions/run-1/rollbacks"),
    ("/api/audit", ENTRY, "/api/executions/run-1/audit"),
]


@pytest.fixture(autouse=True)
def _a_run(scheduled: str) -> None:
    """Every test here begins with one scheduled run."""


def test_a_rollback_record_is_stored(client: httpx.Client) -> None:
    answer = client.post("/api/rollbacks", json=ROLLBACK)
    assert answer.status_code == 201
    assert answer.json() == ROLLBACK | {"id": 1}
    assert client.get("/api/executions/run-1/rollbacks").json() == [ROLLBACK | {"id": 1}]


def test_a_rollback_of_an_unknown_run_is_refused(client: httpx.Client) -> None:
    answer = client.post("/api/rollbacks", json=ROLLBACK | {"execution_run_id": "none"})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_run")


def test_an_audit_entry_is_stored_with_its_time_in_utc(client: httpx.Client) -> None:
    answer = client.post("/api/audit", json=ENTRY)
    assert answer.status_code == 201
    stored = ENTRY | {
        "id": 1,
        "timestamp": "2026-01-01T11:59:00Z",
        "received_at": "2026-01-01T12:00:00Z",
        "fencing_token": None,
    }
    assert answer.json() == stored
    assert client.get("/api/executions/run-1/audit").json() == [stored]
    assert list(client.get("/api/executions/run-1/audit").json()[0]["details"]) == ["b", "a"]


def test_audit_entries_keep_the_order_of_their_arrival(client: httpx.Client) -> None:
    for action in ("run_claimed", "index_added", "claim_failed"):
        client.post("/api/audit", json=ENTRY | {"action": action})
    trail = client.get("/api/executions/run-1/audit").json()
    assert [entry["action"] for entry in trail] == ["run_claimed", "index_added", "claim_failed"]


def test_an_audit_entry_for_an_unknown_run_is_kept(client: httpx.Client) -> None:
    assert client.post("/api/audit", json=ENTRY | {"execution_run_id": "none"}).status_code == 201
    assert len(client.get("/api/executions/none/audit").json()) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"action": "lunch"},
        {"timestamp": "2026-01-01T12:00:00"},
        {"new_status": "done"},
        {"details": []},
        {"execution_run_id": 1},
    ],
)
def test_an_audit_entry_of_the_wrong_shape_is_refused(client: httpx.Client, changed: dict[str, Any]) -> None:
    assert client.post("/api/audit", json=ENTRY | changed).status_code == 422


@pytest.mark.parametrize("details", ['{"a": NaN}', '{"a": -Infinity}', '{"a": "\\ud800"}', '{"a": 1e999}'])
def test_details_that_no_reader_could_read_are_refused(client: httpx.Client, details: str) -> None:
    body = (
        '{"execution_run_id": "run-1", "action": "index_added", "timestamp": "2026-01-01T12:00:00Z", "details": '
        f"{details}}}"
    )
    answer = client.post("/api/audit", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert client.get("/api/executions/run-1/audit").json() == []


@pytest.mark.parametrize(("path", "body", "listing"), CALLS)
def test_the_same_key_again_is_answered_again_and_stored_once(
    client: httpx.Client, clock: Any, path: str, body: dict[str, Any], listing: str
) -> None:
    first = client.post(path, json=body, headers={"Idempotency-Key": "k1"})
    clock.advance(60)
    reordered = dict(reversed(body.items()))
    again = client.post(path, json=reordered, headers={"Idempotency-Key": "k1"})
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert len(client.get(listing).json()) == 1


@pytest.mark.parametrize(("path", "body", "listing"), CALLS)
def test_the_same_key_with_another_body_is_refused(
    client: httpx.Client, path: str, body: dict[str, Any], listing: str
) -> None:
    client.post(path, json=body, headers={"Idempotency-Key": "k1"})
    other = body | {"status": "failed"} if path == "/api/rollbacks" else body | {"details": {}}
    answer = client.post(path, json=other, headers={"Idempotency-Key": "k1"})
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert len(client.get(listing).json()) == 1


def test_a_key_belongs_to_one_call(client: httpx.Client) -> None:
    client.post("/api/rollbacks", json=ROLLBACK, headers={"Idempotency-Key": "k1"})
    assert client.post("/api/audit", json=ENTRY, headers={"Idempotency-Key": "k1"}).status_code == 422


def test_a_key_belongs_to_one_run(client: httpx.Client, scheduled: str) -> None:
    for run_id in (scheduled, "run-2"):
        answer = client.post("/api/audit", json=ENTRY | {"execution_run_id": run_id}, headers={"Idempotency-Key": "k1"})
        assert (answer.status_code, answer.json()["execution_run_id"]) == (201, run_id)


@pytest.mark.parametrize(("path", "body", "listing"), CALLS)
def test_without_a_key_every_delivery_is_stored(
    client: httpx.Client, path: str, body: dict[str, Any], listing: str
) -> None:
    client.post(path, json=body)
    client.post(path, json=body)
    assert len(client.get(listing).json()) == 2


def test_a_refused_request_does_not_use_its_key_up(client: httpx.Client) -> None:
    key = {"Idempotency-Key": "k1"}
    assert client.post("/api/rollbacks", json=ROLLBACK, headers=key | {"X-Fencing-Token": "1"}).status_code == 409
    assert client.post("/api/rollbacks", json=ROLLBACK, headers=key).status_code == 201


def test_what_was_stored_once_is_answered_again_after_a_change_of_hands(
    client: httpx.Client, claim: Callable[..., httpx.Response], clock: Any
) -> None:
    claim("w1", lease_seconds=30)
    first = client.post("/api/rollbacks", json=ROLLBACK, headers={"Idempotency-Key": "k1", "X-Fencing-Token": "1"})
    clock.advance(30)
    claim("w2")
    for token in ("1", "2"):
        headers = {"Idempotency-Key": "k1", "X-Fencing-Token": token}
        again = client.post("/api/rollbacks", json=ROLLBACK, headers=headers)
        assert (again.status_code, again.json()) == (201, first.json())


def test_a_status_delivered_late_under_its_key_is_no_second_change(client: httpx.Client) -> None:
    path = "/api/executions/run-1/status"
    first = client.patch(path, json={"status": "running"}, headers={"Idempotency-Key": "k1"})
    client.patch(path, json={"status": "completed"})
    again = client.patch(path, json={"status": "running"}, headers={"Idempotency-Key": "k1"})
    assert (again.status_code, again.json()) == (200, first.json())
    assert client.get("/api/executions/run-1").json()["status"] == "completed"


@pytest.mark.parametrize("key", ["", "two words", "x" * 256])
def test_a_key_has_to_be_printable_and_short(client: httpx.Client, key: str) -> None:
    assert client.post("/api/audit", json=ENTRY, headers={"Idempotency-Key": key}).status_code == 422


def test_the_last_checkpoint_is_read_as_it_was_stored(client: httpx.Client) -> None:
    path = "/api/executions/run-1/checkpoint"
    for body in ({"old": True}, {"z": 1, "a": ["ü", 1.5, None], "e": {}}):
        assert client.put(path, json=body).status_code == 204
    assert client.get(path).text == '{"z":1,"a":["\\u00fc",1.5,null],"e":{}}'
    assert client.get(path).headers["content-type"] == "application/json"


def test_a_checkpoint_of_an_unknown_run_is_refused(client: httpx.Client) -> None:
    assert client.put("/api/executions/none/checkpoint", json={}).status_code == 404


def test_a_checkpoint_may_be_large(client: httpx.Client) -> None:
    path = "/api/executions/run-1/checkpoint"
    large = {"text": "x" * (MAX_CHECKPOINT_BYTES - 100)}
    assert client.put(path, json=large).status_code == 204
    assert client.get(path).json() == large


@pytest.mark.parametrize(
    ("method", "path", "limit"),
    [("PUT", "/api/executions/run-1/checkpoint", MAX_CHECKPOINT_BYTES), ("POST", "/api/audit", MAX_BODY_BYTES)],
)
def test_a_body_that_is_too_large_is_refused(client: httpx.Client, method: str, path: str, limit: int) -> None:
    answer = client.request(method, path, json={"text": "x" * limit})
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
