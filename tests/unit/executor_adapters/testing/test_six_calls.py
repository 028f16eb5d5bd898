"""The small server that customers test with: what it answers, remembers, and how it misbehaves."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from executor_adapters.testing.six_calls import Call, CallName, Misbehaviour, SixCallsServer

OFF = {"global_active": False, "connection_active": False}
REQUESTS: dict[CallName, tuple[str, str, dict[str, Any] | None]] = {
    "kill_switch": ("GET", "/api/kill-switch?connection_id=conn-1", None),
    "set_kill_switch": ("POST", "/api/kill-switch", {"active": True}),
    "claim": ("POST", "/api/executions/run-1/claim", {"worker_id": "w1"}),
    "status": ("PATCH", "/api/executions/run-1/status", {"status": "running"}),
    "rollback": ("POST", "/api/rollbacks", {"execution_run_id": "run-1"}),
    "audit": ("POST", "/api/audit", {"execution_run_id": "run-1", "action": "index_added"}),
}


@pytest.fixture
def server() -> Iterator[SixCallsServer]:
    with SixCallsServer() as server:
        yield server


@pytest.fixture
def client(server: SixCallsServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.base_url, timeout=20) as client:
        yield client


def ask(client: httpx.Client, call: CallName) -> httpx.Response:
    method, path, body = REQUESTS[call]
    return client.request(method, path, json=body)


def claim(client: httpx.Client, worker_id: str, run_id: str = "run-1") -> httpx.Response:
    return client.post(f"/api/executions/{run_id}/claim", json={"worker_id": worker_id})


@pytest.mark.parametrize("call", REQUESTS)
def test_each_of_the_six_is_answered_and_remembered(
    server: SixCallsServer, client: httpx.Client, call: CallName
) -> None:
    assert ask(client, call).status_code in {200, 201}
    method, path, body = REQUESTS[call]
    (heard,) = server.calls
    assert (heard.call, heard.method, heard.path, heard.body) == (call, method, path.partition("?")[0], body)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/executions"),
        ("GET", "/api/executions/run-1"),
        ("POST", "/api/executions/run-1/lease"),
        ("DELETE", "/api/executions/run-1/lease"),
        ("PUT", "/api/executions/run-1/checkpoint"),
        ("GET", "/api/audit"),
        ("POST", "/api/executions//claim/"),
    ],
)
def test_anything_else_is_not_there(server: SixCallsServer, client: httpx.Client, method: str, path: str) -> None:
    assert client.request(method, path, json={}).status_code == 404
    assert server.calls[0].call is None


def test_it_remembers_what_it_was_told(server: SixCallsServer, client: httpx.Client) -> None:
    for call in ("claim", "status", "rollback", "audit"):
        ask(client, call)
    assert server.claims == [("run-1", "w1")]
    assert server.statuses == [("run-1", {"status": "running"})]
    assert server.runs == {"run-1": {"status": "running"}}
    assert server.rollbacks == [{"execution_run_id": "run-1"}]
    assert server.trail("run-1") == ["index_added"]
    assert server.trail("run-2") == []


def test_it_knows_neither_keys_nor_transitions(server: SixCallsServer, client: httpx.Client) -> None:
    for _ in range(2):
        client.post("/api/audit", json={"execution_run_id": "r", "action": "a"}, headers={"Idempotency-Key": "k"})
    assert len(server.audit) == 2
    assert server.calls[0].headers["idempotency-key"] == "k"
    for status in ("completed", "scheduled"):
        assert client.patch("/api/executions/r/status", json={"status": status}).status_code == 200


def test_a_claim_keeps_others_out_until_its_lease_ends(server: SixCallsServer, client: httpx.Client) -> None:
    assert (claim(client, "w1").status_code, claim(client, "w1").status_code) == (200, 200)
    assert claim(client, "w2").status_code == 409
    assert claim(client, "w2", "run-2").status_code == 200
    server.end_lease("run-1")
    assert claim(client, "w2").status_code == 200
    assert claim(client, "w1").status_code == 409


def test_a_lease_ends_by_itself() -> None:
    with SixCallsServer(lease=timedelta(0)) as server, httpx.Client(base_url=server.base_url) as client:
        assert (claim(client, "w1").status_code, claim(client, "w2").status_code) == (200, 200)


def test_a_claim_is_answered_as_was_asked_for() -> None:
    lease = timedelta(seconds=7)
    with SixCallsServer() as server:
        assert httpx.post(f"{server.base_url}/api/executions/r/claim", json={"claimed_by": "w"}).json() == {}
    with SixCallsServer(lease=lease, claim_answer={"claimed": True}, answer_lease=True) as server:
        answer = httpx.post(f"{server.base_url}/api/executions/r/claim", json={"worker_id": "w"})
        assert answer.json() == {"claimed": True, "lease_seconds": 7.0}


def test_once_it_knows_runs_it_knows_no_others(server: SixCallsServer, client: httpx.Client) -> None:
    server.add_run({"id": "run-1", "connection_id": "conn-1"})
    assert claim(client, "w1", "run-2").status_code == 404
    assert claim(client, "w1").status_code == 200
    ask(client, "status")
    assert server.runs == {"run-1": {"id": "run-1", "connection_id": "conn-1", "status": "running"}}


def test_a_claim_without_a_worker_and_a_body_that_is_none_are_refused(client: httpx.Client) -> None:
    assert client.post("/api/executions/r/claim", json={}).status_code == 400
    assert client.post("/api/audit", content="{").status_code == 400
    assert client.post("/api/audit", json=[]).status_code == 400
    assert client.get("/api/kill-switch").status_code == 400


def test_switches_are_set_by_the_test_or_by_the_call(server: SixCallsServer, client: httpx.Client) -> None:
    assert ask(client, "kill_switch").json() == OFF
    server.kill_switch(connections={"conn-1": True}, reason="r")
    assert ask(client, "kill_switch").json() == OFF | {"connection_active": True, "reason": "r"}
    server.kill_switch()
    assert ask(client, "kill_switch").json() == OFF
    ask(client, "set_kill_switch")
    assert ask(client, "kill_switch").json() == OFF | {"global_active": True}
    client.post("/api/kill-switch", json={"active": False})
    client.post("/api/kill-switch", json={"active": True, "connection_id": "conn-1"})
    assert ask(client, "kill_switch").json() == OFF | {"connection_active": True}
    assert client.post("/api/kill-switch", json={"active": "yes"}).status_code == 400


@pytest.mark.parametrize("call", REQUESTS)
def test_a_call_that_fails_changes_nothing(server: SixCallsServer, client: httpx.Client, call: CallName) -> None:
    server.fail(call=call, with_=500)
    assert ask(client, call).status_code == 500
    stored = [server.claims, server.statuses, server.rollbacks, server.audit]
    assert (stored, len(server.calls)) == ([[], [], [], []], 1)
    server.heal()
    assert ask(client, "kill_switch").json() == OFF


@pytest.mark.parametrize(
    ("kind", "status", "media_type", "text"),
    [
        ("html", 200, "text/html", "<!doctype html><title>Sign in</title>"),
        ("redirect", 302, "application/json", ""),
        ("garbage", 200, "application/json", '{"global_active": fal'),
        ("missing_fields", 200, "application/json", "{}"),
    ],
)
def test_it_misbehaves_as_asked(
    server: SixCallsServer, client: httpx.Client, kind: Misbehaviour, status: int, media_type: str, text: str
) -> None:
    server.fail(call="kill_switch", with_=kind)
    answer = ask(client, "kill_switch")
    assert (answer.status_code, answer.headers["content-type"], answer.text) == (status, media_type, text)
    assert answer.headers.get("location") == ("/sign-in" if kind == "redirect" else None)


def test_it_hangs_up(server: SixCallsServer, client: httpx.Client) -> None:
    server.fail(call="audit", with_="close")
    with pytest.raises(httpx.RemoteProtocolError):
        ask(client, "audit")


def test_it_hangs_until_it_ends(server: SixCallsServer) -> None:
    server.fail(call="kill_switch", with_="hang")
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(server.base_url + "/api/kill-switch?connection_id=c", timeout=httpx.Timeout(30, read=0.05))


def test_a_fault_waits_for_its_turn_and_ends(server: SixCallsServer, client: httpx.Client) -> None:
    server.fail(call="audit", with_=503, after=1, times=2)
    assert [ask(client, "audit").status_code for _ in range(5)] == [201, 503, 503, 201, 201]


def test_faults_of_one_call_follow_each_other(server: SixCallsServer, client: httpx.Client) -> None:
    server.fail(call="audit", with_=503, times=1)
    server.fail(call="audit", with_=500, times=1)
    assert [ask(client, "audit").status_code for _ in range(3)] == [503, 500, 201]
    assert ask(client, "status").status_code == 200


def test_a_listener_acts_before_the_answer_goes_out(server: SixCallsServer, client: httpx.Client) -> None:
    def engage(call: Call) -> None:
        if call.body["action"] == "index_added":
            server.kill_switch(global_active=True)

    server.on("audit", engage)
    client.post("/api/audit", json={"execution_run_id": "run-1", "action": "run_claimed"})
    assert ask(client, "kill_switch").json() == OFF
    ask(client, "audit")
    assert ask(client, "kill_switch").json() == OFF | {"global_active": True}


def test_many_workers_at_once_are_granted_one_claim(server: SixCallsServer) -> None:
    start, statuses = threading.Barrier(8), []

    def worker(number: int) -> None:
        with httpx.Client(base_url=server.base_url, timeout=20) as client:
            start.wait()
            statuses.append(claim(client, f"w{number}").status_code)

    workers = [threading.Thread(target=worker, args=(number,)) for number in range(8)]
    for thread in workers:
        thread.start()
    for thread in workers:
        thread.join()
    assert sorted(statuses) == [200] + [409] * 7
    assert len(server.claims) == 1


def test_a_server_that_ended_answers_nobody() -> None:
    with httpx.Client() as client:
        with SixCallsServer() as server:
            url = f"{server.base_url}/api/kill-switch?connection_id=c"
            assert client.get(url).json() == OFF
        with pytest.raises(httpx.TransportError):
            client.get(url)  # over the connection that the client kept
    with pytest.raises(RuntimeError, match="inside its context"):
        _ = server.base_url


def test_it_can_run_again_on_the_same_port_with_what_it_remembers() -> None:
    server = SixCallsServer()
    with server:
        httpx.post(f"{server.base_url}/api/audit", json={"execution_run_id": "r", "action": "a"})
    with server:
        assert server.trail("r") == ["a"]
