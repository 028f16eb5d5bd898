"""Who may call what: every call of the API, by every role, of its own connections and of another's."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from executor_adapters.control_plane.api import create_app, more_calls, six_calls
from executor_adapters.control_plane.database import Database
from executor_adapters.control_plane.store import ControlPlaneStore
from executor_adapters.control_plane.tokens import Tokens, hash_of
from executor_adapters.testing.in_process import InProcessTransport

NAMES = {
    "worker": ("worker", ["conn-1"]),
    "other worker": ("worker", ["conn-2"]),
    "operator": ("operator", None),
    "operator of one": ("operator", ["conn-1"]),
    "reader": ("reader", None),
    "other reader": ("reader", ["conn-2"]),
}
AUDIT = {"execution_run_id": "run-1", "action": "index_added", "timestamp": "2026-01-01T00:00:00Z"}
ROLLBACK = {
    "execution_run_id": "run-1",
    "rollback_type": "auto",
    "trigger_reason": "r",
    "rollback_sql": "s",
    "status": "completed",
    "created_at": "2026-01-01T00:00:00Z",
}
RENEWAL = {"worker_id": "w", "fencing_token": 1}

WORKING: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/api/executions/run-1/claim", {"json": {"worker_id": "w"}}),
    ("PATCH", "/api/executions/run-1/status", {"json": {"status": "running"}}),
    ("POST", "/api/rollbacks", {"json": ROLLBACK}),
    ("POST", "/api/audit", {"json": AUDIT}),
    ("POST", "/api/executions/run-1/lease", {"json": RENEWAL}),
    ("DELETE", "/api/executions/run-1/lease", {"headers": {"X-Fencing-Token": "1"}}),
    ("PUT", "/api/executions/run-1/checkpoint", {"json": {}}),
]
READING: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/api/executions/run-1", {}),
    ("GET", "/api/executions/run-1/audit", {}),
    ("GET", "/api/executions/run-1/rollbacks", {}),
    ("GET", "/api/executions/run-1/claims", {}),
    ("GET", "/api/executions/run-1/checkpoint", {}),
    ("GET", "/api/executions/run-1/rollback-requests", {}),
    ("GET", "/api/executions?after=run-1", {}),
]
SWITCHING: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/api/kill-switch", {"json": {"connection_id": "conn-1", "active": False}}),
]
OF_CONNECTIONS: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/api/kill-switch?connection_id=conn-1", {}),
    ("GET", "/api/executions?connection_id=conn-1", {}),
]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    file = tmp_path_factory.mktemp("tokens") / "tokens.toml"
    file.write_text("".join(_entry(name) for name in NAMES), encoding="utf-8")
    store = ControlPlaneStore(Database("sqlite://"))
    yield create_app(store, tokens=Tokens(file=file))
    store.close()


def _entry(name: str) -> str:
    role, connections = NAMES[name]
    scope = "" if connections is None else f"connections = {connections}\n"
    return (
        f'[[token]]\nname = "{name.replace(" ", "-")}"\nrole = "{role}"\nsha256 = "{hash_of(name.encode())}"\n{scope}'
    )


def call(app: Any, name: str, method: str, path: str, **more: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {name}"} | more.pop("headers", {})
    with httpx.Client(transport=InProcessTransport(app), base_url="http://control-plane") as client:
        return client.request(method, path, headers=headers, **more)


@pytest.fixture(autouse=True)
def run(app: Any, run: dict[str, Any]) -> None:
    assert call(app, "operator", "POST", "/api/executions", json=run).status_code in {201, 409}


def said(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize("name", ["operator", "operator of one", "reader"])
@pytest.mark.parametrize(("method", "path", "more"), WORKING)
def test_only_a_worker_works(app: Any, name: str, method: str, path: str, more: dict[str, Any]) -> None:
    assert said(call(app, name, method, path, **more)) == (403, "forbidden")


@pytest.mark.parametrize(("method", "path", "more"), WORKING)
def test_a_worker_works_on_its_own_connections(app: Any, method: str, path: str, more: dict[str, Any]) -> None:
    assert call(app, "worker", method, path, **more).status_code in {200, 201, 204, 409}


@pytest.mark.parametrize("name", ["other worker", "other reader"])
@pytest.mark.parametrize(("method", "path", "more"), [*WORKING, *READING])
def test_a_run_of_another_is_not_there(app: Any, name: str, method: str, path: str, more: dict[str, Any]) -> None:
    answer = call(app, name, method, path, **more)
    if (name, method) == ("other reader", "GET") or name == "other worker":
        assert said(answer) == (404, "unknown_run")
        unknown = call(app, name, method, path.replace("run-1", "run-0"), **_renamed(more))
        assert unknown.json()["detail"].replace("run-0", "run-1") == answer.json()["detail"]
    else:
        assert said(answer) == (403, "forbidden")


def _renamed(more: dict[str, Any]) -> dict[str, Any]:
    body = more.get("json", {})
    return {**more, "json": {**body, "execution_run_id": "run-0"}} if "execution_run_id" in body else more


@pytest.mark.parametrize("name", ["worker", "operator", "operator of one", "reader"])
@pytest.mark.parametrize(("method", "path", "more"), [*READING, *OF_CONNECTIONS])
def test_everybody_reads_of_its_own(app: Any, name: str, method: str, path: str, more: dict[str, Any]) -> None:
    answer = call(app, name, method, path, **more)
    assert answer.status_code == 200 or said(answer) == (404, "no_checkpoint")


@pytest.mark.parametrize("name", ["other worker", "other reader"])
@pytest.mark.parametrize(("method", "path", "more"), OF_CONNECTIONS)
def test_a_connection_of_another_is_refused(app: Any, name: str, method: str, path: str, more: dict[str, Any]) -> None:
    assert said(call(app, name, method, path, **more)) == (403, "forbidden")


@pytest.mark.parametrize("name", ["worker", "other worker", "reader"])
def test_a_worker_and_a_reader_turn_no_switch(app: Any, name: str) -> None:
    assert call(app, "operator", "POST", "/api/kill-switch", json={"active": True}).status_code == 200
    for body in ({"active": False}, {"active": False, "connection_id": "conn-1"}):
        assert said(call(app, name, "POST", "/api/kill-switch", json=body)) == (403, "forbidden")
    assert call(app, "reader", "GET", "/api/kill-switch?connection_id=conn-1").json()["global_active"] is True


def test_what_is_forbidden_is_said_in_the_servers_own_log(app: Any, caplog: pytest.LogCaptureFixture) -> None:
    call(app, "reader", "POST", "/api/kill-switch", json={"active": False})
    (record,) = caplog.records
    assert record.getMessage() == "refused POST '/api/kill-switch': the token of reader does not allow to operate"


def test_an_operator_of_some_connections_turns_their_switches_and_not_the_global_one(app: Any) -> None:
    own = {"active": False, "connection_id": "conn-1"}
    assert call(app, "operator of one", "POST", "/api/kill-switch", json=own).status_code == 200
    for body in ({"active": False}, {"active": False, "connection_id": "conn-2"}):
        assert said(call(app, "operator of one", "POST", "/api/kill-switch", json=body)) == (403, "forbidden")


@pytest.mark.parametrize("name", ["worker", "reader", "operator of one"])
def test_a_run_is_scheduled_by_an_operator_of_its_connection(app: Any, name: str, run: None) -> None:
    body = {
        "id": "run-2",
        "connection_id": "conn-2",
        "action": "ADD_INDEX",
        "table_name": "t",
        "index_name": "i",
        "columns": ["a"],
        "query_digests": [],
    }
    assert said(call(app, name, "POST", "/api/executions", json=body)) == (403, "forbidden")


def test_a_listing_shows_the_callers_connections_alone(app: Any) -> None:
    assert [run["id"] for run in call(app, "worker", "GET", "/api/executions").json()] == ["run-1"]
    assert call(app, "other worker", "GET", "/api/executions").json() == []
    assert call(app, "other reader", "GET", "/api/executions?claimable=true").json() == []


@pytest.mark.parametrize("name", ["worker", "other worker", "reader"])
def test_the_log_and_the_asking_for_a_rollback_are_the_operators(app: Any, name: str) -> None:
    assert said(call(app, name, "GET", "/api/log")) == (403, "forbidden")
    wanted = {"json": {"reason": "r"}}
    assert said(call(app, name, "POST", "/api/executions/run-1/rollback-requests", **wanted)) == (403, "forbidden")


def test_what_is_logged_bears_the_name_of_the_token(app: Any) -> None:
    call(app, "operator of one", "POST", "/api/kill-switch", json={"active": True, "connection_id": "conn-1"})
    newest = call(app, "operator", "GET", "/api/log?limit=1").json()[0]
    assert (newest["actor"], newest["action"], newest["resource"]) == ("operator-of-one", "kill_switch_on", "conn-1")
    scoped = call(app, "operator of one", "GET", "/api/log").json()
    assert {entry["connection_id"] for entry in scoped} == {"conn-1"}


@pytest.mark.parametrize("routes", [six_calls.routes, more_calls.routes])
def test_every_call_states_its_permission(app: Any, routes: list[Any]) -> None:
    for route in routes:
        assert isinstance(route, APIRoute)
        granted = [each.call for each in route.dependant.dependencies]
        assert any("access.<locals>.granted" in getattr(each, "__qualname__", "") for each in granted), route.path


def test_tokens_in_two_headers_are_none(app: Any) -> None:
    with httpx.Client(transport=InProcessTransport(app), base_url="http://control-plane") as client:
        headers = [("Authorization", "Bearer reader"), ("Authorization", "Bearer operator")]
        assert client.get("/api/executions", headers=headers).status_code == 401
