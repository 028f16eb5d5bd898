"""The kill switch, global and for a connection."""

from typing import Any

import httpx
import pytest


def read(client: httpx.Client, connection_id: str = "conn-1") -> dict[str, Any]:
    answer = client.get("/api/kill-switch", params={"connection_id": connection_id})
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    return answer.json()


def test_a_new_control_plane_has_every_switch_off(client: httpx.Client) -> None:
    assert read(client) == {"global_active": False, "connection_active": False, "reason": None}


def test_the_switch_of_a_connection_is_its_own(client: httpx.Client) -> None:
    answer = client.post("/api/kill-switch", json={"connection_id": "conn-1", "active": True, "reason": "peak"})
    assert answer.json() == {
        "connection_id": "conn-1",
        "active": True,
        "reason": "peak",
        "updated_at": "2026-01-01T12:00:00Z",
        "updated_by": "anyone",
    }
    assert read(client) == {"global_active": False, "connection_active": True, "reason": "peak"}
    assert read(client, "conn-2") == {"global_active": False, "connection_active": False, "reason": None}


def test_the_global_switch_is_everybodys(client: httpx.Client) -> None:
    assert client.post("/api/kill-switch", json={"active": True, "reason": "all"}).json()["connection_id"] is None
    assert read(client, "conn-2") == {"global_active": True, "connection_active": False, "reason": "all"}


def test_both_switches_show_and_the_global_one_gives_the_reason(client: httpx.Client) -> None:
    client.post("/api/kill-switch", json={"connection_id": "conn-1", "active": True, "reason": "one"})
    client.post("/api/kill-switch", json={"active": True, "reason": "all"})
    assert read(client) == {"global_active": True, "connection_active": True, "reason": "all"}


def test_a_switch_turned_off_is_off(client: httpx.Client) -> None:
    for active in (True, False):
        client.post("/api/kill-switch", json={"connection_id": "conn-1", "active": active, "reason": "r"})
    assert read(client) == {"global_active": False, "connection_active": False, "reason": None}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"active": "true"},
        {"active": 1},
        {"active": True, "conection_id": "conn-1"},
        {"active": True, "connection_id": ""},
        {"active": True, "connection_id": "x" * 256},
    ],
)
def test_a_setting_that_could_be_misread_changes_nothing(client: httpx.Client, body: dict[str, Any]) -> None:
    assert client.post("/api/kill-switch", json=body).status_code == 422
    assert not read(client)["global_active"]


@pytest.mark.parametrize("query", ["", "?connection_id=", "?connection=conn-1"])
def test_a_question_that_names_no_connection_is_refused(client: httpx.Client, query: str) -> None:
    assert client.get(f"/api/kill-switch{query}").status_code == 422
