import json

import pytest

from executor_adapters.saas import HttpControlPlane
from executor_core.errors import LeaseLost, Refused, Unavailable
from executor_core.lease import Claim
from executor_core.model import RunId, WorkerId
from executor_core.ports import Message, MessageKind

RUN = RunId("run-1")
CLAIM = Claim(run_id=RUN, worker_id=WorkerId("w"), fencing_token=7)
TOKENLESS = Claim(run_id=RUN, worker_id=WorkerId("w"))


def message(kind: MessageKind, key: str = "run-1:4", **body: object) -> Message:
    return Message(key=key, run_id=RUN, kind=kind, body=body or {"status": "running"})


@pytest.mark.parametrize(
    ("kind", "method", "path", "body"),
    [
        (MessageKind.STATUS, "PATCH", "/api/executions/run-1/status", {"a": 1, "fencing_token": 7}),
        (MessageKind.ROLLBACK, "POST", "/api/rollbacks", {"a": 1}),
        (MessageKind.AUDIT, "POST", "/api/audit", {"a": 1}),
    ],
)
@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_each_kind_has_its_call(script, plane: HttpControlPlane, kind, method, path, body, status) -> None:
    script.answers(status, text="<html>whatever</html>" if status != 204 else "")
    plane.deliver(message(kind, a=1), CLAIM)
    (request,) = script.requests
    assert (request.method, request.url.path) == (method, path)
    assert json.loads(request.content) == body
    assert request.headers["Idempotency-Key"] == "run-1:4"
    assert request.headers["X-Fencing-Token"] == "7"
    assert request.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("claim", [None, TOKENLESS])
def test_without_a_fencing_token_none_is_sent(script, plane, claim) -> None:
    plane.deliver(message(MessageKind.STATUS), claim)
    (request,) = script.requests
    assert json.loads(request.content) == {"status": "running"}
    assert "X-Fencing-Token" not in request.headers


@pytest.mark.parametrize(("key", "header"), [("ä b\n%:/", "%C3%A4%20b%0A%25:/"), ("plain@host:1", "plain@host:1")])
def test_any_key_fits_into_a_header(script, plane, key: str, header: str) -> None:
    plane.deliver(message(MessageKind.AUDIT, key), None)
    assert script.requests[0].headers["Idempotency-Key"] == header


def test_long_keys_are_shortened_and_stay_apart(script, plane) -> None:
    for key in ("ä" * 300, "ä" * 299 + "b", "x" * 255):
        plane.deliver(message(MessageKind.AUDIT, key), None)
    first, second, third = (request.headers["Idempotency-Key"] for request in script.requests)
    assert first != second
    assert (len(first), third) == (255, "x" * 255)


@pytest.mark.parametrize("kind", [MessageKind.STATUS, MessageKind.ROLLBACK])
@pytest.mark.parametrize("status", [409, 412])
def test_a_newer_claim_takes_the_lease(script, plane, kind, status: int) -> None:
    script.answers(status, json={"detail": "the token 7 is stale"})
    with pytest.raises(LeaseLost, match="the token 7 is stale"):
        plane.deliver(message(kind), CLAIM)


def test_a_conflict_that_says_it_is_about_the_transition_takes_no_lease(script, plane) -> None:
    script.answers(409, json={"code": "illegal_transition", "detail": "a run that is completed can't become failed"})
    with pytest.raises(Refused, match="can't become") as error:
        plane.deliver(message(MessageKind.STATUS), CLAIM)
    assert error.value.number == 409


@pytest.mark.parametrize("kind", list(MessageKind))
@pytest.mark.parametrize("status", [302, 408, 425, 429, 500, 503])
def test_what_may_be_sent_again(script, plane, kind, status: int) -> None:
    script.answers(status)
    with pytest.raises(Unavailable, match=f"the {kind} call failed"):
        plane.deliver(message(kind), CLAIM)
    assert len(script.requests) == 1


@pytest.mark.parametrize(
    ("kind", "status"),
    [(kind, status) for kind in MessageKind for status in (400, 401, 403, 404, 413, 422)] + [(MessageKind.AUDIT, 409)],
)
def test_what_would_be_refused_again(script, plane, kind, status: int) -> None:
    script.answers(status)
    with pytest.raises(Refused) as error:
        plane.deliver(message(kind), CLAIM)
    assert error.value.number == status


def test_a_body_that_is_not_json_is_never_sent(script, plane) -> None:
    with pytest.raises(Refused):
        plane.deliver(message(MessageKind.AUDIT, details=float("nan")), CLAIM)
    assert script.requests == []


def test_a_token_that_the_server_echoes_is_masked(script, plane) -> None:
    script.answers(403, json={"detail": "the token s3cret-token has expired"})
    with pytest.raises(Refused, match=r"the token \*\*\* has expired"):
        plane.deliver(message(MessageKind.AUDIT), CLAIM)
