"""Everything but a 200 whose two flags are booleans is no answer: the switch then counts as active."""

import httpx
import pytest

from executor_adapters.saas import HttpControlPlane
from executor_core.errors import Unavailable
from executor_core.kill_switch import KillSwitchAnswer
from executor_core.model import ConnectionId

OFF = {"global_active": False, "connection_active": False}


@pytest.mark.parametrize("global_active", [True, False])
@pytest.mark.parametrize("connection_active", [True, False])
@pytest.mark.parametrize("reason", [None, "maintenance"])
def test_a_well_formed_answer(script, plane: HttpControlPlane, global_active, connection_active, reason) -> None:
    script.answers(
        json={
            "global_active": global_active,
            "connection_active": connection_active,
            "reason": reason,
            "new": 1,
        }
    )
    assert plane.kill_switch(ConnectionId("conn 1/2")) == KillSwitchAnswer(
        global_active=global_active, connection_active=connection_active, reason=reason
    )
    (request,) = script.requests
    assert request.method == "GET"
    assert request.url.path == "/api/kill-switch"
    assert dict(request.url.params) == {"connection_id": "conn 1/2"}
    assert request.headers["Authorization"] == "Bearer s3cret-token"


def test_the_reason_may_be_missing_and_the_type_may_be_any_json(script, plane) -> None:
    script.answers(
        text='{"global_active": false, "connection_active": false}',
        headers={"Content-Type": "application/vnd.x+json; charset=utf-8"},
    )
    assert plane.kill_switch(ConnectionId("c")).reason is None


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("{}", "global_active"),
        ('{"global_active": false}', "connection_active"),
        ('{"connection_active": false}', "global_active"),
        ('{"global_active": 0, "connection_active": false}', "global_active"),
        ('{"global_active": "false", "connection_active": false}', "global_active"),
        ('{"global_active": null, "connection_active": false}', "global_active"),
        ('{"global_active": false, "connection_active": []}', "connection_active"),
        ('{"global_active": false, "connection_active": false, "reason": 5}', "reason"),
        ('{"global_active": true, "global_active": false, "connection_active": false}', "malformed"),
        ("[]", "not a JSON object"),
        ("false", "not a JSON object"),
        ("null", "not a JSON object"),
        ("", "malformed"),
        ("{", "malformed"),
        ("\xff\xfe", "malformed"),
        ("[" * 100_000, "malformed"),
    ],
)
def test_a_malformed_answer(script, plane, body: str, complaint: str) -> None:
    script.answers(content=body.encode("latin-1"), headers={"Content-Type": "application/json"})
    with pytest.raises(Unavailable, match=complaint):
        plane.kill_switch(ConnectionId("c"))
    assert len(script.requests) == 1


@pytest.mark.parametrize("content_type", ["text/html", "text/plain", "text/json", "", "application/octet-stream"])
def test_json_that_is_not_called_json(script, plane, content_type: str) -> None:
    script.answers(
        content=b'{"global_active": false, "connection_active": false}',
        headers={"Content-Type": content_type},
    )
    with pytest.raises(Unavailable, match="not JSON"):
        plane.kill_switch(ConnectionId("c"))


@pytest.mark.parametrize("status", [201, 204, 206, 301, 302, 307, 308, 400, 401, 404, 409, 429, 500, 502, 503, 504])
def test_a_status_other_than_200_is_no_answer_and_is_not_asked_again(script, plane, status: int) -> None:
    script.answers(status, json=OFF, headers={"Location": "http://localhost:3000/elsewhere"})
    with pytest.raises(Unavailable, match=str(status)):
        plane.kill_switch(ConnectionId("c"))
    assert len(script.requests) == 1


def test_a_reason_is_one_line_of_bounded_length(script, plane) -> None:
    script.answers(json={**OFF, "reason": "for\n\x1b[2J maintenance " + "x" * 10_000})
    reason = plane.kill_switch(ConnectionId("c")).reason
    assert reason is not None
    assert reason.startswith("for [2J maintenance x")
    assert len(reason) <= 500


def test_a_connection_id_that_no_url_can_carry(script, plane) -> None:
    with pytest.raises(Unavailable):
        plane.kill_switch(ConnectionId("x" * 100_000))
    assert script.requests == []


def test_a_long_answer(script, plane) -> None:
    script.answers(json={**OFF, "padding": "x" * 1_000_000})
    with pytest.raises(Unavailable, match="longer than"):
        plane.kill_switch(ConnectionId("c"))


def test_a_compressed_answer_was_not_asked_for(script, plane) -> None:
    script.answers(content=b"\x1f\x8b", headers={"Content-Type": "application/json", "Content-Encoding": "x-unknown"})
    with pytest.raises(Unavailable, match="compressed"):
        plane.kill_switch(ConnectionId("c"))
    assert script.requests[0].headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError("[Errno 111] Connection refused"),
        httpx.ConnectTimeout("s3cret-token"),
        httpx.ReadTimeout("s3cret-token"),
        httpx.RemoteProtocolError("s3cret-token"),
        httpx.LocalProtocolError("Illegal header value b'Bearer s3cret-token'"),
        httpx.ConnectError("s3cret-token"),
        OSError("s3cret-token"),
        RuntimeError("s3cret-token"),
    ],
)
def test_whatever_goes_wrong_is_unavailable_and_shows_no_token(script, plane, error: Exception) -> None:
    script.raises(error)
    with pytest.raises(Unavailable, match="the kill switch failed") as raised:
        plane.kill_switch(ConnectionId("c"))
    assert "s3cret-token" not in str(raised.value)
    assert raised.value.__suppress_context__
    assert len(script.requests) == 1
