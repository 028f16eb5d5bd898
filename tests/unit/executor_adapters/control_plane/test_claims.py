"""Claiming, renewing and handing back: who holds a run, and whose word counts."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

Claim = Callable[..., httpx.Response]


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()


def test_a_claim_says_who_holds_the_run_and_until_when(claim: Claim) -> None:
    answer = claim("w1", lease_seconds=30)
    assert answer.status_code == 200
    assert answer.json() == {
        "execution_id": "run-1",
        "worker_id": "w1",
        "claimed_by": "w1",
        "claimed_at": "2026-01-01T12:00:00Z",
        "lease_expires_at": "2026-01-01T12:00:30Z",
        "lease_seconds": 30,
        "fencing_token": 1,
        "status": "scheduled",
        "renew_url": "/api/executions/run-1/lease",
    }


def test_the_default_lease_is_the_cores(claim: Claim) -> None:
    assert claim().json()["lease_seconds"] == 60


def test_a_fraction_of_a_second_is_a_lease(claim: Claim) -> None:
    answer = claim(lease_seconds=0.25).json()
    assert (answer["lease_seconds"], answer["lease_expires_at"]) == (0.25, "2026-01-01T12:00:00.250000Z")


def test_another_worker_is_refused_and_told_when_to_come_back(claim: Claim, clock: Any) -> None:
    claim("w1", lease_seconds=30)
    clock.advance(9.5)
    answer = claim("w2")
    problem(answer, 409, "run_held")
    assert answer.headers["retry-after"] == "21"


def test_the_same_worker_again_renews_with_the_same_token(claim: Claim, clock: Any) -> None:
    claim("w1", lease_seconds=30)
    clock.advance(10)
    answer = claim("w1", lease_seconds=30).json()
    assert answer["fencing_token"] == 1
    assert answer["claimed_at"] == "2026-01-01T12:00:00Z"
    assert answer["lease_expires_at"] == "2026-01-01T12:00:40Z"


@pytest.mark.parametrize("worker_id", ["w1", "w2"])
def test_a_lease_that_ended_can_be_claimed_with_a_larger_token(claim: Claim, clock: Any, worker_id: str) -> None:
    claim("w1", lease_seconds=30)
    clock.advance(30)
    answer = claim(worker_id)
    assert answer.status_code == 200
    assert answer.json()["fencing_token"] == 2


def test_a_run_that_is_over_is_nobodys_to_claim(claim: Claim, client: httpx.Client) -> None:
    claim("w1")
    client.patch("/api/executions/run-1/status", json={"status": "failed"})
    answer = claim("w1")
    problem(answer, 409, "run_over")
    assert "retry-after" not in answer.headers


def test_an_unknown_run_cannot_be_claimed(client: httpx.Client) -> None:
    problem(client.post("/api/executions/none/claim", json={"worker_id": "w1"}), 404, "unknown_run")


def test_claimed_by_alone_names_the_worker(client: httpx.Client, scheduled: str) -> None:
    answer = client.post(f"/api/executions/{scheduled}/claim", json={"claimed_by": "w1", "host": "h"})
    assert (answer.status_code, answer.json()["worker_id"]) == (200, "w1")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"worker_id": ""},
        {"worker_id": 7},
        {"worker_id": " w1"},
        {"worker_id": "w1", "claimed_by": "w2"},
        {"worker_id": "w1", "lease_seconds": 0},
        {"worker_id": "w1", "lease_seconds": "30"},
        {"worker_id": "w1", "lease_seconds": 3601},
        ["w1"],
        "w1",
        None,
    ],
)
def test_a_claim_that_names_no_worker_or_no_length_is_refused(client: httpx.Client, scheduled: str, body: Any) -> None:
    problem(client.post(f"/api/executions/{scheduled}/claim", json=body), 422, "invalid_request")
    assert client.get(f"/api/executions/{scheduled}/claims").json() == []


def test_every_claim_stays_on_record(claim: Claim, client: httpx.Client, clock: Any) -> None:
    claim("w1", lease_seconds=30)
    clock.advance(10)
    claim("w1", lease_seconds=30)
    clock.advance(30)
    claim("w2", lease_seconds=30)
    claims = client.get("/api/executions/run-1/claims").json()
    assert [(c["claimed_by"], c["fencing_token"], c["lease_expires_at"]) for c in claims] == [
        ("w1", 1, "2026-01-01T12:00:40Z"),
        ("w2", 2, "2026-01-01T12:01:10Z"),
    ]


def test_the_run_shows_who_holds_it(claim: Claim, client: httpx.Client) -> None:
    claim("w1", lease_seconds=30)
    run = client.get("/api/executions/run-1").json()
    assert (run["status"], run["claimed_by"], run["claimed_at"], run["lease_expires_at"]) == (
        "scheduled",
        "w1",
        "2026-01-01T12:00:00Z",
        "2026-01-01T12:00:30Z",
    )


def renew(client: httpx.Client, **body: Any) -> httpx.Response:
    return client.post("/api/executions/run-1/lease", json=body)


def test_a_lease_is_renewed_from_now_on(claim: Claim, client: httpx.Client, clock: Any) -> None:
    claim("w1", lease_seconds=30)
    clock.advance(20)
    answer = renew(client, worker_id="w1", fencing_token=1, lease_seconds=30)
    assert answer.status_code == 200
    assert answer.json() == claim("w1", lease_seconds=30).json()
    assert answer.json()["lease_expires_at"] == "2026-01-01T12:00:50Z"


@pytest.mark.parametrize(("worker_id", "fencing_token"), [("w2", 1), ("w1", 0), ("w1", 2)])
def test_only_the_newest_claim_is_renewed(
    claim: Claim, client: httpx.Client, worker_id: str, fencing_token: int
) -> None:
    claim("w1")
    problem(renew(client, worker_id=worker_id, fencing_token=fencing_token), 409, "stale_token")


def test_a_run_that_nobody_claimed_has_no_lease_to_renew(client: httpx.Client, scheduled: str) -> None:
    problem(renew(client, worker_id="w1", fencing_token=0), 409, "stale_token")


def test_a_lease_that_ended_is_not_renewed(claim: Claim, client: httpx.Client, clock: Any) -> None:
    claim("w1", lease_seconds=30)
    clock.advance(30)
    problem(renew(client, worker_id="w1", fencing_token=1), 409, "lease_ended")


def test_the_lease_of_a_run_that_is_over_can_still_be_renewed(claim: Claim, client: httpx.Client) -> None:
    claim("w1")
    client.patch("/api/executions/run-1/status", json={"status": "failed"})
    assert renew(client, worker_id="w1", fencing_token=1).json()["status"] == "failed"


def release(client: httpx.Client, token: int) -> httpx.Response:
    return client.delete("/api/executions/run-1/lease", headers={"X-Fencing-Token": str(token)})


def test_a_run_handed_back_is_free_at_once(claim: Claim, client: httpx.Client, clock: Any) -> None:
    claim("w1")
    clock.advance(1)
    assert release(client, 1).status_code == 204
    problem(renew(client, worker_id="w1", fencing_token=1), 409, "lease_ended")
    assert client.get("/api/executions/run-1/claims").json()[0]["released_at"] == "2026-01-01T12:00:01Z"
    assert client.get("/api/executions/run-1").json()["claimed_by"] == "w1"
    assert claim("w2").json()["fencing_token"] == 2


def test_handing_back_twice_is_handing_back_once(claim: Claim, client: httpx.Client, clock: Any) -> None:
    claim("w1")
    release(client, 1)
    clock.advance(5)
    assert release(client, 1).status_code == 204
    assert client.get("/api/executions/run-1/claims").json()[0]["released_at"] == "2026-01-01T12:00:00Z"


def test_only_the_newest_claim_hands_back(claim: Claim, client: httpx.Client, clock: Any) -> None:
    claim("w1", lease_seconds=30)
    clock.advance(30)
    claim("w2")
    problem(release(client, 1), 409, "stale_token")
    problem(claim("w3"), 409, "run_held")


def test_handing_back_needs_a_token(claim: Claim, client: httpx.Client) -> None:
    claim("w1")
    problem(client.delete("/api/executions/run-1/lease"), 422, "invalid_request")


@pytest.mark.parametrize("token", [None, 1])
def test_the_newest_claim_and_a_caller_without_a_token_may_write(
    claim: Claim, client: httpx.Client, token: int | None
) -> None:
    claim("w1")
    headers = {} if token is None else {"X-Fencing-Token": str(token)}
    status = client.patch("/api/executions/run-1/status", json={"status": "running"}, headers=headers)
    assert (status.status_code, status.json()["status"]) == (200, "running")
    assert client.put("/api/executions/run-1/checkpoint", json={"a": 1}, headers=headers).status_code == 204


def test_a_token_before_any_claim_is_stale(client: httpx.Client, scheduled: str) -> None:
    answer = client.patch(f"/api/executions/{scheduled}/status", json={"status": "running", "fencing_token": 1})
    problem(answer, 409, "stale_token")


def test_an_older_token_is_refused_for_everything_but_audit(claim: Claim, client: httpx.Client, clock: Any) -> None:
    claim("w1", lease_seconds=30)
    clock.advance(30)
    claim("w2")
    old = {"X-Fencing-Token": "1"}
    path = "/api/executions/run-1"
    problem(client.patch(f"{path}/status", json={"status": "running"}, headers=old), 409, "stale_token")
    problem(client.patch(f"{path}/status", json={"status": "running", "fencing_token": 1}), 409, "stale_token")
    problem(client.put(f"{path}/checkpoint", json={}, headers=old), 409, "stale_token")
    rollback = {
        "execution_run_id": "run-1",
        "rollback_type": "auto",
        "trigger_reason": "r",
        "rollback_sql": "s",
        "status": "completed",
        "created_at": "2026-01-01T12:00:00Z",
    }
    problem(client.post("/api/rollbacks", json=rollback, headers=old), 409, "stale_token")
    entry = {"execution_run_id": "run-1", "action": "index_added", "timestamp": "2026-01-01T12:00:00Z"}
    answer = client.post("/api/audit", json=entry, headers=old)
    assert (answer.status_code, answer.json()["fencing_token"]) == (201, 1)

    assert client.get(path).json()["status"] == "scheduled"
    assert client.get(f"{path}/rollbacks").json() == []
    problem(client.get(f"{path}/checkpoint"), 404, "no_checkpoint")


def test_two_different_tokens_in_one_call_are_refused(claim: Claim, client: httpx.Client) -> None:
    claim("w1")
    answer = client.patch(
        "/api/executions/run-1/status",
        json={"status": "running", "fencing_token": 1},
        headers={"X-Fencing-Token": "2"},
    )
    problem(answer, 422, "invalid_input")
