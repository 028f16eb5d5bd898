"""The relay, in front of a control plane that has the six calls."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from executor_adapters.acceptance.relay import Relay
from executor_adapters.testing.six_calls import SixCallsServer


@pytest.fixture
def api() -> Iterator[SixCallsServer]:
    with SixCallsServer() as server:
        yield server


@pytest.fixture
def relay(api: SixCallsServer) -> Iterator[Relay]:
    with Relay(api.base_url) as relay:
        yield relay


def call(method: str, url: str, body: Any = None, timeout: float = 5) -> tuple[int, Any]:
    request = urllib.request.Request(
        url,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "Authorization": "Bearer t0ken", "Idempotency-Key": "k"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def switch(relay: Relay) -> str:
    return f"{relay.base_url}/api/kill-switch?connection_id=conn-002"


def test_a_call_goes_through_as_it_came(relay: Relay, api: SixCallsServer) -> None:
    api.kill_switch(connections={"conn-002": True})
    assert call("GET", switch(relay))[1]["connection_active"] is True
    (seen,) = api.calls
    assert (seen.method, seen.query) == ("GET", {"connection_id": "conn-002"})
    assert (seen.headers["authorization"], seen.headers["idempotency-key"]) == ("Bearer t0ken", "k")


def test_what_was_told_and_answered_is_written_down(relay: Relay) -> None:
    call("POST", f"{relay.base_url}/api/executions/run-1/claim", {"worker_id": "a"})
    call("POST", f"{relay.base_url}/api/executions/run-1/claim", {"worker_id": "b"})
    call("POST", f"{relay.base_url}/api/audit", {"execution_run_id": "run-2", "action": "x"})
    first, second = relay.exchanges("run-1", call="claim")
    assert (first.status, first.accepted, second.status, second.accepted) == (200, True, 409, False)
    assert [each.call for each in relay.exchanges("run-2")] == ["audit"]
    assert "409" in second.line()
    assert "t0ken" not in first.line()
    relay.forget()
    assert relay.exchanges() == []


def test_an_address_of_the_api_in_an_answer_leads_back_to_the_relay(api: SixCallsServer) -> None:
    api._claim_answer = {"renew_url": f"{api.base_url}/renew"}
    with Relay(api.base_url) as relay:
        _, answer = call("POST", f"{relay.base_url}/api/executions/run-1/claim", {"worker_id": "a"})
        assert answer["renew_url"] == f"{relay.base_url}/renew"


def test_the_kill_switch_can_be_answered_500_without_the_api_hearing(relay: Relay, api: SixCallsServer) -> None:
    relay.break_kill_switch("500")
    assert call("GET", switch(relay))[0] == 500
    assert api.calls == []
    assert relay.exchanges(call="kill_switch")[0].fault == "500"
    relay.heal()
    assert call("GET", switch(relay))[0] == 200


def test_the_kill_switch_can_be_left_without_an_answer(relay: Relay) -> None:
    relay.break_kill_switch("timeout")
    with pytest.raises(TimeoutError):
        call("GET", switch(relay), timeout=0.3)
    relay.heal()
    assert call("GET", switch(relay))[0] == 200


def test_after_a_claim_nothing_can_connect_for_a_while(relay: Relay) -> None:
    relay.break_kill_switch("refused")
    assert call("POST", f"{relay.base_url}/api/executions/run-1/claim", {"worker_id": "a"})[0] == 200
    with pytest.raises(urllib.error.URLError) as error:
        call("GET", switch(relay))
    assert isinstance(error.value.reason, ConnectionRefusedError)


def test_somebody_can_act_before_the_executor_hears_that_an_audit_entry_was_taken(relay: Relay) -> None:
    heard: list[str] = []
    relay.when_audited("run-1", "index_added", lambda: heard.append("now"))
    for run_id, action in [("run-2", "index_added"), ("run-1", "build_started"), ("run-1", "index_added")]:
        call("POST", f"{relay.base_url}/api/audit", {"execution_run_id": run_id, "action": action})
    call("POST", f"{relay.base_url}/api/audit", {"execution_run_id": "run-1", "action": "index_added"})
    assert heard == ["now"]


def test_an_api_that_is_gone_gives_no_answer(api: SixCallsServer) -> None:
    with Relay("http://127.0.0.1:9") as relay:
        with pytest.raises((urllib.error.URLError, ConnectionError)):
            call("GET", switch(relay))
        assert relay.exchanges()[0].status is None
