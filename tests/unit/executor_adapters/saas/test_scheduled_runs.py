import pytest

from executor_adapters.saas import HttpControlPlane
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
