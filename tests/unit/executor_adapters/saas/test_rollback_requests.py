import json

import pytest
from tests.unit.executor_adapters.saas.test_scheduled_runs import RUN

from executor_adapters.saas import HttpControlPlane
from executor_core.errors import Refused, Unavailable
from executor_core.model import RunId, WorkerId

REQUEST = {"execution_run_id": "r1", "reason": "too slow", "requested_by": "ada", "run": {**RUN, "status": "completed"}}


def test_the_requests_in_the_order_of_the_server(script, plane: HttpControlPlane) -> None:
    second = {**REQUEST, "reason": "line\n\x1b[31mtwo", "run": {**RUN, "id": "r2"}, "added": "later"}
    script.answers(json=[REQUEST, second])
    requests = plane.rollback_requests()
    assert [(request.run.id, request.reason) for request in requests] == [("r1", "too slow"), ("r2", "line [31mtwo")]
    assert script.requests[0].url.raw_path == b"/api/rollback-requests"


def test_an_entry_that_is_no_request_is_logged_and_left_out(script, plane, caplog: pytest.LogCaptureFixture) -> None:
    script.answers(json=[{**REQUEST, "run": None}, REQUEST, 5])
    assert [request.run.id for request in plane.rollback_requests()] == ["r1"]
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert "entry 0 is not a request: run" in caplog.text


@pytest.mark.parametrize("content", [{"json": {}}, {"text": "[]"}, {"status": 500}])
def test_what_is_no_listing(script, plane, content) -> None:
    script.answers(**content)
    with pytest.raises(Unavailable):
        plane.rollback_requests()


@pytest.mark.parametrize("status", [404, 405])
def test_a_server_without_the_calls(script, plane, status: int) -> None:
    script.answers(status)
    with pytest.raises(Refused) as error:
        plane.rollback_requests()
    assert error.value.number == status
    with pytest.raises(Refused):
        plane.claim_rollback(RunId("r1"), WorkerId("worker-1"))


def test_a_rollback_is_claimed_as_a_run_is(script, plane: HttpControlPlane) -> None:
    script.answers(json={"lease_seconds": 60, "fencing_token": 7, "renew_url": "/api/executions/r%2F1/lease"})
    claim = plane.claim_rollback(RunId("r/1"), WorkerId("worker-1"))
    assert (claim.fencing_token, claim.renewable) == (7, True)
    (request,) = script.requests
    assert (request.method, request.url.raw_path) == ("POST", b"/api/executions/r%2F1/rollback-requests/claim")
    assert json.loads(request.content)["worker_id"] == "worker-1"
