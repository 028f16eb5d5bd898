import json
from datetime import timedelta

import pytest

from executor_adapters.saas import HttpClaim, HttpControlPlane
from executor_core.errors import LeaseLost, Refused, Unavailable
from executor_core.lease import Claim
from executor_core.model import RunId, WorkerId

RUN, WORKER = RunId("run/1"), WorkerId("worker-1")
PLAIN = Claim(run_id=RUN, worker_id=WORKER)
LEASED = HttpClaim(
    run_id=RUN,
    worker_id=WORKER,
    length=timedelta(seconds=60),
    fencing_token=3,
    renewable=True,
    renew_url="http://localhost:3000/api/lease",
)


def test_the_request_names_the_worker_under_both_names(script, plane: HttpControlPlane) -> None:
    plane.claim(RUN, WORKER)
    (request,) = script.requests
    assert (request.method, request.url.raw_path) == ("POST", b"/api/executions/run%2F1/claim")
    assert json.loads(request.content) == {"worker_id": "worker-1", "claimed_by": "worker-1"}


@pytest.mark.parametrize(
    "content",
    [
        {"content": b""},
        {"content": b" \n", "headers": {"Content-Type": "text/html"}},
        {"json": {}},
        {"json": {"ok": True, "claimed": True, "success": True}},
        {"json": {"claimed_by": "worker-1", "worker_id": ""}},
        {
            "json": {
                "claimed_by": None,
                "lease_seconds": None,
                "lease_expires_at": None,
                "fencing_token": None,
            }
        },
    ],
)
@pytest.mark.parametrize("status", [200, 201, 202])
def test_any_2xx_grants_the_claim(script, plane, status: int, content) -> None:
    script.answers(status, **content)
    assert plane.claim(RUN, WORKER) == PLAIN


@pytest.mark.parametrize("name", ["ok", "claimed", "success"])
def test_an_answer_that_says_no(script, plane, name: str) -> None:
    script.answers(json={name: False})
    with pytest.raises(Refused, match="not granted"):
        plane.claim(RUN, WORKER)


@pytest.mark.parametrize("name", ["claimed_by", "worker_id"])
def test_an_answer_that_names_somebody_else_is_a_conflict(script, plane, name: str) -> None:
    script.answers(json={name: "worker-2"})
    with pytest.raises(Refused, match="worker-2") as error:
        plane.claim(RUN, WORKER)
    assert error.value.number == 409


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 422, 423])
def test_a_4xx_refuses(script, plane, status: int) -> None:
    script.answers(status, json={"detail": "worker-2 holds it"})
    with pytest.raises(Refused, match="worker-2 holds it") as error:
        plane.claim(RUN, WORKER)
    assert error.value.number == status
    assert len(script.requests) == 1


@pytest.mark.parametrize("status", [300, 302, 307, 408, 425, 429, 500, 502, 503, 504])
def test_other_statuses_are_unclear_and_not_repeated(script, plane, status: int) -> None:
    script.answers(status, headers={"Location": "/elsewhere"})
    with pytest.raises(Unavailable, match=str(status)):
        plane.claim(RUN, WORKER)
    assert len(script.requests) == 1


@pytest.mark.parametrize(
    "content",
    [
        {"html": "<html>Sign in</html>"},
        {"text": "OK"},
        {"json": []},
        {"json": True},
        {"json": {"lease_seconds": "60"}},
        {"json": {"lease_seconds": True}},
        {"json": {"lease_seconds": 0}},
        {"json": {"lease_seconds": -5}},
        {"content": b'{"lease_seconds": NaN}', "headers": {"Content-Type": "application/json"}},
        {"content": b'{"lease_seconds": Infinity}', "headers": {"Content-Type": "application/json"}},
        {"json": {"lease_expires_at": "tomorrow"}},
        {"json": {"fencing_token": "7"}},
        {"json": {"fencing_token": True}},
        {"json": {"fencing_token": 1.5}},
        {"json": {"claimed": "no"}},
        {"json": {"claimed_at": "2026-01-01T00:00:10Z", "lease_expires_at": "2026-01-01T00:00:10Z"}},
        {"json": {"renew_url": "http://elsewhere.example/lease"}},
        {"json": {"renew_url": "//elsewhere.example/lease"}},
    ],
)
def test_an_answer_that_makes_no_sense(script, plane, content) -> None:
    script.answers(**content)
    with pytest.raises(Unavailable, match="the claim failed"):
        plane.claim(RUN, WORKER)


@pytest.mark.parametrize(
    ("body", "date", "seconds"),
    [
        ({"lease_seconds": 60}, None, 60),
        ({"lease_seconds": 0.5, "lease_expires_at": "2030-01-01T00:00:00Z"}, None, 0.5),
        ({"claimed_at": "2026-01-01T00:00:00Z", "lease_expires_at": "2026-01-01T02:01:30+02:00"}, None, 90),
        ({"claimed_at": "2026-01-01 00:00:00", "lease_expires_at": "2026-01-01 00:00:45"}, None, 45),
        ({"lease_expires_at": "2026-01-01T00:01:00Z"}, "Thu, 01 Jan 2026 00:00:00 GMT", 60),
        ({"lease_expires_at": "2026-01-01T00:01:00Z"}, None, None),
        ({"lease_expires_at": "2026-01-01T00:01:00Z"}, "rubbish", None),
        ({"lease_expires_at": "2026-01-01T00:01:00"}, "Thu, 01 Jan 2026 00:00:00 GMT", None),
        ({"claimed_at": "2026-01-01T00:00:00", "lease_expires_at": "2026-01-01T00:01:00Z"}, None, None),
        ({}, "Thu, 01 Jan 2026 00:00:00 GMT", None),
    ],
)
def test_the_lease_is_as_long_as_the_server_reckons(script, plane, body, date, seconds) -> None:
    script.answers(json=body, headers={"Date": date} if date else {})
    length = plane.claim(RUN, WORKER).length
    assert length == (None if seconds is None else timedelta(seconds=seconds))


def test_a_server_that_renews_says_where(script, plane) -> None:
    script.answers(json={"lease_seconds": 60, "fencing_token": 3, "renew_url": "/api/lease"})
    assert plane.claim(RUN, WORKER) == LEASED


def test_a_renewal(script, plane) -> None:
    script.answers(json={"lease_seconds": 90})
    renewed = plane.renew(LEASED)
    assert (renewed.length, renewed.fencing_token, renewed.renewable) == (timedelta(seconds=90), 3, True)
    (request,) = script.requests
    assert (request.method, str(request.url)) == ("POST", "http://localhost:3000/api/lease")
    assert json.loads(request.content) == {"worker_id": "worker-1", "fencing_token": 3}
    assert request.headers["X-Fencing-Token"] == "3"


def test_a_renewal_without_a_body_keeps_the_length(script, plane) -> None:
    script.answers(204)
    assert plane.renew(LEASED) == LEASED


@pytest.mark.parametrize("status", [404, 409, 410, 412])
def test_a_renewal_that_is_told_the_lease_is_gone(script, plane, status: int) -> None:
    script.answers(status)
    with pytest.raises(LeaseLost):
        plane.renew(LEASED)


@pytest.mark.parametrize("body", [{"ok": False}, {"claimed_by": "worker-2"}])
def test_a_renewal_whose_answer_says_no(script, plane, body) -> None:
    script.answers(json=body)
    with pytest.raises(LeaseLost):
        plane.renew(LEASED)


@pytest.mark.parametrize(
    ("status", "error"), [(503, Unavailable), (429, Unavailable), (401, Refused), (302, Unavailable)]
)
def test_a_renewal_that_fails_otherwise(script, plane, status: int, error: type[Exception]) -> None:
    script.answers(status)
    with pytest.raises(error):
        plane.renew(LEASED)


def test_a_claim_that_names_no_address_can_not_be_renewed(script, plane) -> None:
    with pytest.raises(Refused):
        plane.renew(PLAIN)
    assert script.requests == []


def test_a_release_shows_whose_claim_it_is(script, plane) -> None:
    script.answers(204)
    plane.release(LEASED)
    (request,) = script.requests
    assert (request.method, request.url.path) == ("DELETE", "/api/lease")
    assert request.url.params["worker_id"] == "worker-1"
    assert request.headers["X-Fencing-Token"] == "3"


@pytest.mark.parametrize("status", [404, 409, 410, 412])
def test_a_lease_that_is_gone_is_released(script, plane, status: int) -> None:
    script.answers(status)
    plane.release(LEASED)
    assert len(script.requests) == 1


def test_where_nothing_can_be_released_nothing_is_sent(script, plane) -> None:
    plane.release(PLAIN)
    assert script.requests == []


def test_a_release_that_fails(script, plane) -> None:
    script.answers(500)
    with pytest.raises(Unavailable):
        plane.release(LEASED)
