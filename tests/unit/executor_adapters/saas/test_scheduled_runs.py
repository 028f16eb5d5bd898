from datetime import timedelta

import pytest

from executor_adapters.saas import HttpControlPlane, answers
from executor_core.errors import Refused, Unavailable

RUN = {
    "id": "r1",
    "connection_id": "c",
    "action": "ADD_INDEX",
    "table_name": "t",
    "index_name": "i",
    "columns": ["a"],
    "query_digests": [],
}


def test_the_runs_in_the_order_of_the_server(script, plane: HttpControlPlane) -> None:
    script.answers(json=[RUN, {**RUN, "id": "r2", "added": "later"}, {**RUN, "id": "r3"}])
    assert [run.id for run in plane.scheduled_runs(2)] == ["r1", "r2"]
    assert dict(script.requests[0].url.params) == {"claimable": "true", "limit": "2"}


def test_a_listing_may_stand_in_an_object(script, plane) -> None:
    script.answers(json={"executions": [RUN]})
    assert [run.id for run in plane.scheduled_runs(5)] == ["r1"]


def test_an_entry_that_is_no_run_is_logged_and_left_out(script, plane, caplog: pytest.LogCaptureFixture) -> None:
    script.answers(json=[{**RUN, "columns": "a"}, RUN, 5])
    assert [run.id for run in plane.scheduled_runs(5)] == ["r1"]
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert "entry 0 is not a run: columns" in caplog.text


@pytest.mark.parametrize("status", [404, 405])
def test_a_server_without_the_call(script, plane, status: int) -> None:
    script.answers(status)
    with pytest.raises(Refused) as error:
        plane.scheduled_runs(5)
    assert error.value.number == status


@pytest.mark.parametrize(
    "content", [{"json": {}}, {"json": 5}, {"json": {"executions": {}}}, {"text": "[]"}, {"status": 500}]
)
def test_what_is_no_listing(script, plane, content) -> None:
    script.answers(**content)
    with pytest.raises(Unavailable):
        plane.scheduled_runs(5)


@pytest.mark.parametrize(
    ("headers", "patience"),
    [
        ({}, None),
        ({"Retry-After": "7"}, timedelta(seconds=7)),
        ({"Retry-After": " 0 "}, timedelta(0)),
        ({"Retry-After": "999999999999999999999"}, answers.LONGEST_PATIENCE),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "soon"}, None),
        (
            {"Date": "Sun, 01 Mar 2026 12:00:00 GMT", "Retry-After": "Sun, 01 Mar 2026 12:00:30 GMT"},
            timedelta(seconds=30),
        ),
        ({"Date": "Sun, 01 Mar 2026 12:00:00 GMT", "Retry-After": "Sun, 01 Mar 2026 11:00:00 GMT"}, timedelta(0)),
        ({"Retry-After": "Sun, 01 Mar 2026 12:00:30 GMT"}, None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_asks_for_patience_is_heard(script, plane, status: int, headers, patience) -> None:
    script.answers(status, headers=headers)
    with pytest.raises(Unavailable) as error:
        plane.scheduled_runs(10)
    assert error.value.retry_after == patience
