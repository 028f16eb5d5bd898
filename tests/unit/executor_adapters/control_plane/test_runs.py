"""Scheduling, listing and reading runs, and every change of status there could be."""

import itertools
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx
import pytest

from executor_core.lifecycle import STATUS_TRANSITIONS, TERMINAL_STATUSES
from executor_core.model import ExecutionStatus

S = ExecutionStatus

PATH_TO: dict[ExecutionStatus, list[ExecutionStatus]] = {
    S.SCHEDULED: [],
    S.RUNNING: [S.RUNNING],
    S.COMPLETED: [S.RUNNING, S.COMPLETED],
    S.FAILED: [S.RUNNING, S.FAILED],
    S.ROLLED_BACK: [S.RUNNING, S.ROLLED_BACK],
    S.REQUIRES_MANUAL: [S.RUNNING, S.REQUIRES_MANUAL],
}


def patch(client: httpx.Client, **body: Any) -> httpx.Response:
    return client.patch("/api/executions/run-1/status", json=body)


def test_a_scheduled_run_is_read_as_it_was_given(client: httpx.Client, run: dict[str, Any]) -> None:
    answer = client.post("/api/executions", json={**run, "claimed_by": "me", "colour": "blue"})
    assert (answer.status_code, answer.headers["location"]) == (201, "/api/executions/run-1")
    expected = run | {
        "status": "scheduled",
        "created_at": "2026-01-01T12:00:00Z",
        "updated_at": "2026-01-01T12:00:00Z",
    }
    never_set = [
        "started_at",
        "completed_at",
        "error_message",
        "fail_reason",
        "message",
        "claimed_by",
        "claimed_at",
        "lease_expires_at",
    ]
    assert answer.json() == expected | dict.fromkeys(never_set)
    assert client.get("/api/executions/run-1").json() == answer.json()


@pytest.mark.parametrize(
    "changed",
    [
        {"action": "DROP_TABLE"},
        {"columns": []},
        {"table_name": "t" * 300, "index_name": "i\x00`; --"},
        {"table_name": "Größe 表 🙂"},
        {"id": "Lauf/1".replace("/", "-") + "-ü%20"},
    ],
)
def test_what_a_run_asks_for_is_the_executors_to_judge(
    client: httpx.Client, run: dict[str, Any], changed: dict[str, Any]
) -> None:
    answer = client.post("/api/executions", json=run | changed)
    assert answer.status_code == 201
    stored = client.get(answer.headers["location"]).json()
    assert {name: stored[name] for name in run} == run | changed


@pytest.mark.parametrize(
    "changed",
    [
        {"id": ""},
        {"id": "a/b"},
        {"id": "x" * 256},
        {"connection_id": ""},
        {"connection_id": "x" * 256},
        {"columns": "customer_id"},
        {"columns": [1]},
        {"status": "running"},
        {"status": "unheard_of"},
    ],
)
def test_a_run_of_the_wrong_shape_is_refused(
    client: httpx.Client, run: dict[str, Any], changed: dict[str, Any]
) -> None:
    assert client.post("/api/executions", json=run | changed).status_code == 422
    assert client.get("/api/executions").json() == []


def test_an_id_is_used_once(client: httpx.Client, scheduled: str, run: dict[str, Any]) -> None:
    answer = client.post("/api/executions", json={**run, "table_name": "other"})
    assert (answer.status_code, answer.json()["code"]) == (409, "run_exists")
    assert client.get(f"/api/executions/{scheduled}").json()["table_name"] == "orders"


def test_runs_are_listed_oldest_first(client: httpx.Client, run: dict[str, Any], clock: Any) -> None:
    for name in ("c", "a", "b"):
        clock.advance(1)
        client.post("/api/executions", json={**run, "id": name})
    assert [r["id"] for r in client.get("/api/executions").json()] == ["c", "a", "b"]
    assert [r["id"] for r in client.get("/api/executions", params={"limit": 2}).json()] == ["c", "a"]


def test_runs_are_listed_by_status(client: httpx.Client, run: dict[str, Any]) -> None:
    for name in ("run-1", "run-2"):
        client.post("/api/executions", json={**run, "id": name})
    patch(client, status="running")
    ids = [r["id"] for r in client.get("/api/executions", params={"status": "scheduled"}).json()]
    assert ids == ["run-2"]


def test_claimable_runs_are_those_that_a_claim_would_get(
    client: httpx.Client, claim: Callable[..., httpx.Response], clock: Any
) -> None:
    def claimable() -> list[str]:
        return [r["id"] for r in client.get("/api/executions", params={"claimable": "true"}).json()]

    assert claimable() == ["run-1"]
    claim("w1", lease_seconds=30)
    assert claimable() == []
    patch(client, status="running")
    clock.advance(29.999)
    assert claimable() == []
    clock.advance(0.001)
    assert claimable() == ["run-1"]
    patch(client, status="completed")
    assert claimable() == []


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 7, 100])
def test_pages_hold_every_run_once_in_order(
    client: httpx.Client, run: dict[str, Any], newest_first: bool, limit: int
) -> None:
    moments = ["2026-01-02T00:00:00Z", "2026-01-01T00:00:00.000001Z", "2026-01-01T00:00:00Z"]
    for number in range(7):
        body = run | {"id": f"page-{number}", "created_at": moments[number % 3], "connection_id": f"c{number % 2}"}
        assert client.post("/api/executions", json=body).status_code == 201
    runs = client.get("/api/executions").json()
    in_order = sorted(runs, key=lambda r: (datetime.fromisoformat(r["created_at"]), r["id"]), reverse=newest_first)
    assert pages(client, limit=limit, newest_first=newest_first) == [r["id"] for r in in_order]
    of_c1 = [r["id"] for r in in_order if r["connection_id"] == "c1"]
    assert pages(client, limit=limit, newest_first=newest_first, connection_id="c1") == of_c1
    assert pages(client, limit=limit, newest_first=newest_first, connection_id=["c1", "none"]) == of_c1


def pages(client: httpx.Client, **query: Any) -> list[str]:
    """Return the ids of all pages, each reached by the link of the one before."""
    answer = client.get("/api/executions", params=query)
    ids: list[str] = []
    while True:
        assert answer.status_code == 200, answer.text
        assert len(answer.json()) <= query["limit"]
        ids += [r["id"] for r in answer.json()]
        if "next" not in answer.links:
            return ids
        answer = client.get(answer.links["next"]["url"])


def test_a_run_that_comes_between_two_pages_shifts_nothing(client: httpx.Client, run: dict[str, Any]) -> None:
    for number in range(4):
        client.post("/api/executions", json=run | {"id": f"r{number}", "created_at": f"2026-01-01T0{number}:00:00Z"})
    first = client.get("/api/executions", params={"limit": 2, "newest_first": True})
    client.post("/api/executions", json=run | {"id": "r9", "created_at": "2026-01-01T09:00:00Z"})
    second = client.get(first.links["next"]["url"])
    assert [r["id"] for r in first.json() + second.json()] == ["r3", "r2", "r1", "r0"]


def test_a_page_behind_a_run_that_is_not_there_is_refused(client: httpx.Client) -> None:
    answer = client.get("/api/executions", params={"after": "none"})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_run")


def test_runs_of_several_statuses_are_listed_together(client: httpx.Client, run: dict[str, Any]) -> None:
    for number, status in enumerate(["running", "failed", None]):
        client.post("/api/executions", json=run | {"id": f"r{number}"})
        if status is not None:
            client.patch(f"/api/executions/r{number}/status", json={"status": status})
    listed = client.get("/api/executions", params={"status": ["failed", "running"]}).json()
    assert [r["id"] for r in listed] == ["r0", "r1"]


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "status=gone", "claimable=perhaps"])
def test_a_listing_that_can_not_be_is_refused(client: httpx.Client, query: str) -> None:
    assert client.get(f"/api/executions?{query}").status_code == 422


@pytest.mark.parametrize("path", ["", "/audit", "/rollbacks", "/claims", "/checkpoint"])
def test_an_unknown_run_has_nothing(client: httpx.Client, path: str) -> None:
    answer = client.get(f"/api/executions/none{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_run")


def test_ids_that_differ_in_case_are_two_runs(client: httpx.Client, run: dict[str, Any]) -> None:
    assert client.post("/api/executions", json=run).status_code == 201
    assert client.post("/api/executions", json={**run, "id": "RUN-1"}).status_code == 201


@pytest.mark.parametrize(("old", "new"), list(itertools.product(S, S)))
def test_the_transition_table_holds_for_every_pair_of_statuses(
    client: httpx.Client, scheduled: str, old: ExecutionStatus, new: ExecutionStatus
) -> None:
    for step in PATH_TO[old]:
        assert patch(client, status=step).status_code == 200
    before = client.get("/api/executions/run-1").json()
    answer = patch(client, status=new, message="why")
    after = client.get("/api/executions/run-1").json()
    if old is new:
        assert answer.status_code == 200
        assert answer.json() == after == before
    elif (old, new) in STATUS_TRANSITIONS:
        assert answer.status_code == 200
        assert answer.json() == after
        assert (after["status"], after["message"]) == (new, "why")
    else:
        assert (answer.status_code, answer.json()["code"]) == (409, "illegal_transition")
        assert after == before


def test_a_change_of_status_leaves_its_times_and_reasons(client: httpx.Client, scheduled: str, clock: Any) -> None:
    clock.advance(1)
    running = patch(client, status="running").json()
    assert (running["started_at"], running["updated_at"], running["completed_at"]) == (
        "2026-01-01T12:00:01Z",
        "2026-01-01T12:00:01Z",
        None,
    )
    clock.advance(1)
    over = patch(
        client, status="rolled_back", fail_reason="kill_switch", message="m", error_message="e", more="ignored"
    ).json()
    assert (over["started_at"], over["updated_at"], over["completed_at"]) == (
        "2026-01-01T12:00:01Z",
        "2026-01-01T12:00:02Z",
        "2026-01-01T12:00:02Z",
    )
    assert (over["fail_reason"], over["message"], over["error_message"]) == ("kill_switch", "m", "e")


@pytest.mark.parametrize("status", sorted(TERMINAL_STATUSES))
def test_a_terminal_status_is_never_overwritten(client: httpx.Client, scheduled: str, status: str) -> None:
    patch(client, status="running")
    first = patch(client, status=status, fail_reason="verification_failed", message="first").json()
    assert patch(client, status=status, fail_reason="execution_error", message="second").json() == first


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"status": "COMPLETED"},
        {"status": "running", "fail_reason": "bad_luck"},
        {"status": "running", "fencing_token": "1"},
        {"status": "running", "fencing_token": True},
        {"status": "running", "fencing_token": -1},
        {"status": "running", "fencing_token": 2**63},
        {"status": "running", "message": ["m"]},
    ],
)
def test_a_status_of_the_wrong_shape_is_refused(client: httpx.Client, scheduled: str, body: dict[str, Any]) -> None:
    assert patch(client, **body).status_code == 422
    assert client.get("/api/executions/run-1").json()["status"] == "scheduled"


def test_an_unknown_run_has_no_status_to_change(client: httpx.Client) -> None:
    assert patch(client, status="running").json()["code"] == "unknown_run"
