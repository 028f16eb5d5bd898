"""The control plane's own log: who decided what, in the order in which it happened, and not what was refused."""

from typing import Any

import httpx
import pytest

from executor_adapters.control_plane.store import ControlPlaneStore


def logged(client: httpx.Client, **query: Any) -> list[tuple[str, str]]:
    answer = client.get("/api/log", params=query)
    assert answer.status_code == 200, answer.text
    return [(entry["action"], entry["resource"]) for entry in answer.json()]


def test_each_decision_is_logged_once_the_newest_first(client: httpx.Client, scheduled: str) -> None:
    path = f"/api/executions/{scheduled}"
    record = {
        "execution_run_id": scheduled,
        "rollback_type": "auto",
        "trigger_reason": "r",
        "rollback_sql": "s",
        "status": "completed",
        "created_at": "2026-01-01T00:00:00Z",
    }
    for method, to, body in [
        ("POST", f"{path}/claim", {"worker_id": "w1"}),
        ("POST", f"{path}/claim", {"worker_id": "w1"}),  # a renewal
        ("PATCH", f"{path}/status", {"status": "running"}),
        ("PATCH", f"{path}/status", {"status": "running"}),  # no change
        ("POST", "/api/rollbacks", record),
        ("PATCH", f"{path}/status", {"status": "rolled_back", "fail_reason": "kill_switch"}),
        ("POST", "/api/kill-switch", {"active": True, "reason": "maintenance"}),
        ("POST", "/api/kill-switch", {"active": False, "connection_id": "conn-1"}),
    ]:
        assert client.request(method, to, json=body).is_success
    assert client.delete(f"{path}/lease", headers={"X-Fencing-Token": "1"}).status_code == 204
    assert logged(client) == [
        ("release", scheduled),
        ("kill_switch_off", "conn-1"),
        ("kill_switch_on", "all connections"),
        ("change_status", scheduled),
        ("record_rollback", scheduled),
        ("change_status", scheduled),
        ("claim", scheduled),
        ("schedule", scheduled),
    ]


def test_an_entry_says_who_when_and_what(client: httpx.Client, scheduled: str) -> None:
    client.post(f"/api/executions/{scheduled}/claim", json={"worker_id": "w1"})
    (entry,) = client.get("/api/log", params={"action": "claim"}).json()
    assert entry.pop("id") > 0
    assert entry == {
        "at": "2026-01-01T12:00:00Z",
        "actor": "anyone",
        "action": "claim",
        "resource": scheduled,
        "connection_id": "conn-1",
        "details": {"worker_id": "w1", "fencing_token": 1},
    }


def test_what_is_refused_is_not_logged(client: httpx.Client, scheduled: str, run: dict[str, Any]) -> None:
    path = f"/api/executions/{scheduled}"
    assert client.post("/api/executions", json=run).status_code == 409
    assert client.patch(f"{path}/status", json={"status": "completed"}).status_code == 409
    assert client.delete(f"{path}/lease", headers={"X-Fencing-Token": "7"}).status_code == 409
    assert client.post(f"{path}/rollback-requests", json={"reason": "r"}).status_code == 409
    assert logged(client) == [("schedule", scheduled)]


def test_the_log_is_paged_and_filtered(client: httpx.Client, scheduled: str) -> None:
    for number in range(5):
        client.post("/api/kill-switch", json={"active": True, "connection_id": f"c{number}"})
    pages: list[str] = []
    before: dict[str, Any] = {}
    while page := client.get("/api/log", params={"limit": 2, "action": "kill_switch_on"} | before).json():
        pages += [entry["resource"] for entry in page]
        before = {"before": page[-1]["id"]}
    assert pages == ["c4", "c3", "c2", "c1", "c0"]
    assert logged(client, resource="c2") == [("kill_switch_on", "c2")]
    assert logged(client, actor="somebody") == []


def test_a_scoped_reading_leaves_out_others_and_what_concerns_all(client: httpx.Client, control_plane: Any) -> None:
    store = ControlPlaneStore(control_plane.database, actor="ada")
    for connection_id in (None, "c1", "c2"):
        store.oversight.set_kill_switch(connection_id, active=True, reason=None, now=control_plane.clock())
    assert [entry.resource for entry in store.oversight.log(limit=9, connections={"c1"})] == ["c1"]
    assert {entry.actor for entry in store.oversight.log(limit=9)} == {"ada"}


def test_a_decision_that_fails_leaves_no_entry(
    control_plane: Any, scheduled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ControlPlaneStore(control_plane.database)

    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("executor_adapters.control_plane.oversight.put", fail)
    with pytest.raises(ZeroDivisionError):
        store.oversight.set_kill_switch("c1", active=True, reason=None, now=control_plane.clock())
    assert [entry.action for entry in store.oversight.log(limit=9)] == ["schedule"]


def test_every_switch_is_listed_with_who_turned_it(client: httpx.Client, control_plane: Any) -> None:
    store = ControlPlaneStore(control_plane.database, actor="ada")
    for connection_id in ("c2", None, "c1"):
        store.oversight.set_kill_switch(connection_id, active=True, reason="r", now=control_plane.clock())
    listed = client.get("/api/kill-switches").json()
    assert [switch["connection_id"] for switch in listed] == [None, "c1", "c2"]
    assert {switch["updated_by"] for switch in listed} == {"ada"}
    own = store.oversight.kill_switches(connections={"c2"})
    assert [switch.connection_id for switch in own] == [None, "c2"]
