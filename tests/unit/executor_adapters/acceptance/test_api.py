"""The user's API from the side of the cases: one with the six calls alone, and one with more."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from executor_adapters.acceptance.api import REASON, Api, Scheduled
from executor_adapters.acceptance.cases import CASES
from executor_adapters.acceptance.checklist import (
    ItemState,
    look_at_api,
    look_at_kill_switches,
    look_at_left_over,
    missing,
)
from executor_adapters.clock import SystemClock
from executor_adapters.testing.listener import Call, Listener, Reply
from executor_adapters.testing.six_calls import SixCallsServer
from executor_core.errors import Refused
from executor_core.model import ExecutionRun

RUN = ExecutionRun(
    id="test-tc02-001",
    connection_id="conn-002",
    action="ADD_INDEX",
    table_name="test_orders",
    index_name="idx_tc02_status",
    columns=("status",),
    query_digests=(),
)
CHOSEN = (CASES["TC-02"], CASES["TC-09"])


@pytest.fixture
def server() -> Iterator[SixCallsServer]:
    with SixCallsServer() as server:
        yield server


@contextmanager
def api_at(url: str) -> Iterator[Api]:
    api = Api(url, "t0ken", timeout=timedelta(seconds=5))
    try:
        yield api
    finally:
        api.close()


@pytest.fixture
def api(server: SixCallsServer) -> Iterator[Api]:
    with api_at(server.base_url) as api:
        yield api


@contextmanager
def answering(respond: Callable[[Call], tuple[int, object]]) -> Iterator[Api]:
    """An API that answers as it is told."""

    def reply(call: Call) -> Reply:
        status, body = respond(call)
        return Reply(status=status, body=json.dumps(body))

    listener = Listener(0, reply, SystemClock())
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        with api_at(f"http://127.0.0.1:{listener.server_address[1]}") as api:
            yield api
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


def test_a_switch_is_set_with_a_reason_that_is_known_again(api: Api, server: SixCallsServer) -> None:
    api.set_kill_switch("conn-002", active=True)
    answer = api.kill_switch("conn-002")
    assert (answer.connection_active, answer.reason) == (True, REASON)
    assert server.calls[0].headers["authorization"] == "Bearer t0ken"


def test_an_operator_s_token_is_for_the_switches_and_for_scheduling_alone(server: SixCallsServer) -> None:
    api = Api(server.base_url, "work", timeout=timedelta(seconds=5), operator_token="operate")
    api.set_kill_switch("conn-002", active=False)
    api.schedule(RUN)
    api.kill_switch("conn-002")
    api.abandon(RUN.id)
    api.close()
    assert [call.headers["authorization"].split()[1] for call in server.calls] == ["operate", "operate", "work", "work"]


def test_six_calls_alone_take_no_run_and_show_none(api: Api) -> None:
    assert api.schedule(RUN) is Scheduled.NO_SUCH_CALL
    assert api.record(RUN.id) is None
    assert api.left_over() is None


@pytest.mark.parametrize(("status", "scheduled"), [(201, Scheduled.DONE), (409, Scheduled.EXISTS)])
def test_an_api_that_takes_runs_says_whether_it_had_one(status: int, scheduled: Scheduled) -> None:
    with answering(lambda _: (status, {})) as api:
        assert api.schedule(RUN) is scheduled


def test_an_api_that_does_not_let_us_is_refused() -> None:
    with answering(lambda _: (403, {})) as api:
        with pytest.raises(Refused, match="403"):
            api.schedule(RUN)
        with pytest.raises(Refused, match="403"):
            api.set_kill_switch("conn-002", active=True)


def test_a_run_that_is_abandoned_has_failed(api: Api, server: SixCallsServer) -> None:
    api.abandon(RUN.id)
    ((run_id, body),) = server.statuses
    assert (run_id, body["status"]) == (RUN.id, "failed")


# --- the checklist


def test_an_api_that_answers_is_fine_and_one_that_is_gone_is_missing(api: Api) -> None:
    assert look_at_api(api, CHOSEN).state is ItemState.OK
    with api_at("http://127.0.0.1:9") as gone:
        item = look_at_api(gone, CHOSEN)
    assert missing([item]) == [item]
    assert "no connection" in item.seen.values["error"]


def test_switches_that_are_off_are_fine(api: Api) -> None:
    assert look_at_kill_switches(api, CHOSEN).state is ItemState.OK


def test_a_switch_that_somebody_turned_on_stops_the_acceptance(api: Api, server: SixCallsServer) -> None:
    server.kill_switch(connections={"conn-009": True}, reason="incident")
    item = look_at_kill_switches(api, CHOSEN)
    assert (item.state, item.seen.values) == (ItemState.MISSING, {"switches": "conn-009"})
    server.kill_switch(global_active=True, reason=REASON)
    assert look_at_kill_switches(api, CHOSEN).seen.values == {"switches": "global"}


def test_a_switch_that_a_killed_acceptance_left_on_is_turned_off(api: Api, server: SixCallsServer) -> None:
    server.kill_switch(connections={"conn-002": True}, reason=REASON)
    assert look_at_kill_switches(api, CHOSEN).state is ItemState.OK
    assert not api.kill_switch("conn-002").connection_active


def test_an_api_of_six_calls_is_told_which_runs_it_must_hold(api: Api) -> None:
    item = look_at_left_over(api, CHOSEN, 7)
    assert item.state is ItemState.TO_CONFIRM
    assert item.seen.values["runs"] == "test-tc02-007, test-tc09-007, test-tc09-008, test-tc09-009"


def test_runs_that_were_left_over_are_ended_and_others_are_let_be() -> None:
    ended: list[str] = []

    def respond(call: Call) -> tuple[int, object]:
        if call.method == "GET":
            return 200, [{"id": "test-tc03-001"}, {"id": "real-run"}]
        ended.append(call.path)
        return 200, {}

    with answering(respond) as api:
        item = look_at_left_over(api, CHOSEN, 1)
    assert (item.state, item.seen.values) == (ItemState.OK, {"runs": "test-tc03-001"})
    assert ended == ["/api/executions/test-tc03-001/status"]


def test_nothing_left_over_is_fine() -> None:
    with answering(lambda _: (200, [])) as api:
        item = look_at_left_over(api, CHOSEN, 1)
    assert (item.state, item.seen.key) == (ItemState.OK, "seen.none_left")
