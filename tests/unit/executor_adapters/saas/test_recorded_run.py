import pytest
from tests.unit.executor_adapters.saas.test_scheduled_runs import RUN

from executor_adapters.saas import HttpControlPlane
from executor_core.errors import Refused, Unavailable
from executor_core.model import RunId


def test_a_run_is_read_by_its_id(script, plane: HttpControlPlane) -> None:
    script.answers(json={**RUN, "id": "a&b", "status": "completed", "added": "later"})
    assert plane.recorded_run(RunId("a&b")).status == "completed"
    assert script.requests[0].url.raw_path == b"/api/executions/a%26b"


@pytest.mark.parametrize("status", [404, 405])
def test_a_server_without_the_call(script, plane, status: int) -> None:
    script.answers(status)
    with pytest.raises(Refused) as error:
        plane.recorded_run(RunId("r1"))
    assert error.value.number == status


@pytest.mark.parametrize(
    "content",
    [{"json": []}, {"json": {**RUN, "columns": "a"}}, {"json": {**RUN, "id": "r2"}}, {"text": "{}"}, {"status": 500}],
)
def test_what_is_no_such_run(script, plane, content) -> None:
    script.answers(**content)
    with pytest.raises(Unavailable):
        plane.recorded_run(RunId("r1"))
