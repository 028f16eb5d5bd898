"""Whatever is sent, the API answers: with what was asked for or with a problem, and never fails."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

CALLS = [
    ("POST", "/api/kill-switch"),
    ("POST", "/api/executions/run-1/claim"),
    ("PATCH", "/api/executions/run-1/status"),
    ("POST", "/api/rollbacks"),
    ("POST", "/api/audit"),
    ("POST", "/api/executions"),
    ("POST", "/api/executions/run-1/lease"),
    ("PUT", "/api/executions/run-1/checkpoint"),
    ("POST", "/api/executions/run-1/rollback-requests"),
]
FIELDS = [
    "active",
    "connection_id",
    "reason",
    "worker_id",
    "claimed_by",
    "lease_seconds",
    "fencing_token",
    "status",
    "message",
    "execution_run_id",
    "action",
    "details",
    "timestamp",
    "created_at",
    "columns",
    "id",
]
TEXTS = st.text(st.characters(exclude_categories=()), max_size=20)  # half surrogate pairs and NUL included
WORDS = st.sampled_from(
    ["run-1", "running", "index_added", "ADD_INDEX", "2026-01-01T00:00:00Z", "9999-12-31T23:59:59-23:00"]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | WORDS
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3))
BODIES = VALUES | st.dictionaries(st.sampled_from(FIELDS) | TEXTS, VALUES, max_size=8)


def send(client: httpx.Client, method: str, path: str, content: str) -> httpx.Response:
    return client.request(method, path, content=content, headers={"Content-Type": "application/json"})


@pytest.mark.parametrize(("method", "path"), CALLS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES)
def test_any_json_is_answered(client: httpx.Client, scheduled: str, method: str, path: str, body: Any) -> None:
    assert send(client, method, path, json.dumps(body)).status_code < 500


@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize(
    "content",
    [
        "[" * 50_000,
        "[" * 900 + "]" * 900,
        '{"a":' * 900 + "1" + "}" * 900,
        "9" * 10_000,
        '{"\\ud800": 1}',
        '{"worker_id": "\\ud800", "reason": "\\ud800", "active": true}',
        "",
        "null",
    ],
)
def test_no_extreme_of_json_is_too_much(
    client: httpx.Client, scheduled: str, method: str, path: str, content: str
) -> None:
    assert send(client, method, path, content).status_code < 500
    assert client.get("/api/executions/run-1/audit").status_code == 200


@pytest.mark.parametrize("path", ["a%00b", "%ff", "%ED%A0%80", "..%2f..", "x" * 5000, "%20", "'; --"])
def test_no_id_is_too_strange(client: httpx.Client, path: str) -> None:
    assert client.get(f"/api/executions/{path}").status_code in {404, 405}
    assert client.get(f"/api/kill-switch?connection_id={path}").status_code in {200, 422}


@pytest.mark.parametrize("token", ["", "x", "-1", "1.5", "9" * 30, "1e3", "٣"])
def test_a_token_that_is_no_number_is_refused(client: httpx.Client, scheduled: str, token: str) -> None:
    answer = client.patch(
        f"/api/executions/{scheduled}/status",
        json={"status": "running"},
        headers={"X-Fencing-Token": token.encode()},  # type: ignore[dict-item]
    )
    assert answer.status_code in {409, 422}
