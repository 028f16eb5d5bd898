"""Every error is a problem document, whoever noticed it: a route, the framework, the store, a bug."""

import functools
import inspect
import operator
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from executor_adapters.control_plane import problems, rejections
from executor_adapters.control_plane.api import create_app
from executor_adapters.control_plane.database import Database
from executor_adapters.control_plane.store import ControlPlaneStore
from executor_adapters.control_plane.tokens import Tokens
from executor_adapters.testing.in_process import InProcessTransport
from executor_core.errors import ExecutorError, InvalidInput, Unavailable

MEMBERS = {"type", "title", "status", "detail", "instance", "code"}


def assert_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    document: dict[str, Any] = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert document.keys() >= MEMBERS
    assert (answer.status_code, document["status"], document["code"]) == (status, status, code)
    assert document["type"] == f"urn:executor:problem:{code}"
    assert document["instance"] == answer.request.url.path
    return document


def test_an_unknown_path_is_a_problem(client: httpx.Client) -> None:
    assert_problem(client.get("/api/nothing"), 404, "not_found")


def test_a_method_that_a_path_does_not_have_is_a_problem(client: httpx.Client) -> None:
    answer = client.get("/api/audit")
    assert_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("path", "methods"),
    [("/api/kill-switch", "GET, POST"), ("/api/executions/r/checkpoint", "GET, PUT"), ("/api/executions", "GET, POST")],
)
def test_every_method_that_a_path_has_is_named(client: httpx.Client, path: str, methods: str) -> None:
    answer = client.options(path)
    assert_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == methods


@pytest.mark.parametrize("body", ["{", "{'a': 1}", "<html>", '{"a": 1}}'])
def test_a_body_that_is_not_json_is_a_problem(client: httpx.Client, body: str) -> None:
    answer = client.post("/api/audit", content=body, headers={"Content-Type": "application/json"})
    assert_problem(answer, 400, "malformed_json")


def test_bytes_that_are_not_text_are_a_problem(client: httpx.Client) -> None:
    answer = client.post("/api/audit", content=b"\xff\xfe\xfa", headers={"Content-Type": "application/json"})
    assert_problem(answer, 400, "bad_request")


def test_a_body_of_another_type_is_a_problem(client: httpx.Client) -> None:
    assert_problem(client.post("/api/audit", data={"a": "b"}), 422, "invalid_request")


@pytest.mark.parametrize("body", ["[" * 50_000, '{"a":' * 50_000, "[" * 20_000 + "]" * 20_000])
def test_a_body_that_is_nested_too_deep_for_any_reader_is_a_problem(client: httpx.Client, body: str) -> None:
    answer = client.post("/api/audit", content=body, headers={"Content-Type": "application/json"})
    assert assert_problem(answer, 400, "malformed_json")["detail"] == "the body is nested too deep"


@pytest.mark.parametrize(("levels", "status"), [(99, 201), (100, 422), (900, 422)])
def test_details_may_be_nested_a_hundred_levels_deep(client: httpx.Client, levels: int, status: int) -> None:
    head = '{"execution_run_id": "r", "action": "index_added", "timestamp": "2026-01-01T00:00:00Z", "details": '
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        body = f'{head}{{"a": {opening * levels}1{closing * levels}}}}}'
        answer = client.post("/api/audit", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == status
        assert status == 201 or "100 levels" in answer.json()["errors"][0]["message"]


def test_a_missing_field_is_named(client: httpx.Client) -> None:
    document = assert_problem(client.post("/api/kill-switch", json={"reason": "r"}), 422, "invalid_request")
    assert document["detail"] == "can't be used: body.active"
    assert document["errors"] == [{"at": ["body", "active"], "message": "Field required"}]


def test_a_problem_does_not_repeat_what_was_sent(client: httpx.Client) -> None:
    answer = client.post("/api/kill-switch", json={"active": "correct horse battery staple"})
    assert "staple" not in answer.text


REJECTIONS = [
    rejection
    for _, rejection in inspect.getmembers(rejections, inspect.isclass)
    if issubclass(rejection, rejections.Rejection) and rejection is not rejections.Rejection
]


@pytest.mark.parametrize("rejection", REJECTIONS)
def test_every_rejection_has_a_status_and_a_code_of_its_own(rejection: type[ExecutorError]) -> None:
    assert 400 <= problems.STATUS_OF[rejection] < 500
    assert [other.code for other in problems.STATUS_OF].count(rejection.code) == 1


class Failing(ControlPlaneStore):
    """A store whose database fails in one way."""

    def __init__(self, failure: Exception) -> None:
        self.failure = failure

    def check(self) -> None:
        raise self.failure


def ask(failure: Exception) -> httpx.Response:
    app = create_app(Failing(failure))
    with httpx.Client(transport=InProcessTransport(app), base_url="http://control-plane") as client:
        return client.get("/readyz")


def test_a_database_that_is_away_is_worth_another_try() -> None:
    answer = ask(Unavailable("gone"))
    assert_problem(answer, 503, "unavailable")
    assert answer.headers["retry-after"] == "1"


def test_a_value_that_the_database_refuses_is_the_callers_fault() -> None:
    assert_problem(ask(InvalidInput("too long")), 422, "invalid_input")


@pytest.mark.parametrize("failure", [ZeroDivisionError("secret"), ExecutorError("secret")])
def test_a_bug_is_a_problem_that_tells_nothing(failure: Exception) -> None:
    answer = ask(failure)
    assert_problem(answer, 500, "internal_error")
    assert "secret" not in answer.text


@pytest.fixture(scope="module")
def guarded() -> Iterator[httpx.Client]:
    store = ControlPlaneStore(Database("sqlite://"))
    app = create_app(store, tokens=Tokens(single="s3cret"))
    with httpx.Client(transport=InProcessTransport(app), base_url="http://control-plane") as client:
        yield client
    store.close()


@pytest.mark.parametrize("authorization", ["Bearer s3cret", "bearer s3cret", "BEARER  s3cret"])
def test_the_token_opens_the_api(guarded: httpx.Client, authorization: str) -> None:
    assert guarded.get("/api/executions", headers={"Authorization": authorization}).status_code == 200


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer s3cre", "Bearer s3cretx", "Basic s3cret", "s3cret"])
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/executions"), ("POST", "/api/audit"), ("GET", "/api"), ("GET", "/api/nothing")],
)
def test_without_the_token_there_is_nothing_to_see(
    guarded: httpx.Client, method: str, path: str, authorization: str
) -> None:
    answer = guarded.request(method, path, headers={"Authorization": authorization})
    assert_problem(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_health_needs_no_token(guarded: httpx.Client, path: str) -> None:
    assert guarded.get(path).json() == {"status": "ok"}


def test_the_api_describes_itself(client: httpx.Client) -> None:
    assert "swagger" in client.get("/docs").text
    document = client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    references = re.findall(r'"\$ref":"#/([^"]+)"', client.get("/openapi.json").text.replace('": "', '":"'))
    assert len(references) > 10
    for reference in references:
        functools.reduce(operator.getitem, reference.split("/"), document)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            problems_of = operation["responses"]["4XX"]["content"]
            assert list(problems_of) == ["application/problem+json"], f"{method} {path}"
    assert set(document["paths"]) == {
        "/api/kill-switch",
        "/api/executions/{run_id}/claim",
        "/api/executions/{run_id}/status",
        "/api/rollbacks",
        "/api/audit",
        "/api/executions",
        "/api/executions/{run_id}",
        "/api/executions/{run_id}/audit",
        "/api/executions/{run_id}/rollbacks",
        "/api/executions/{run_id}/claims",
        "/api/executions/{run_id}/lease",
        "/api/executions/{run_id}/checkpoint",
        "/api/executions/{run_id}/rollback-requests",
        "/api/executions/{run_id}/rollback-requests/claim",
        "/api/rollback-requests",
        "/api/kill-switches",
        "/api/log",
        "/livez",
        "/readyz",
    }
