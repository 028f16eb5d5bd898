import re
from html import unescape
from typing import Any

import httpx
import pytest
from tests.unit.executor_adapters.control_plane.console.conftest import BASE, Console, form_key, write_tokens
from tests.unit.executor_adapters.report.subjects import entry

from executor_core.lease import DEFAULT_LEASE
from executor_core.model import AuditAction, ExecutionRun, ExecutionStatus, StatusChange, WorkerId

HOSTILE = "<script>alert(1)</script>\"'"
PAGES = ("/", "/schedule", "/switches", "/runs/run-1")
CHANGES = ("/schedule", "/switches", "/runs/run-1/rollback")


def schedule(console: Console, run_id: str = "run-1", connection_id: str = "conn-1", **changes: Any) -> None:
    run: dict[str, Any] = {
        "id": run_id,
        "connection_id": connection_id,
        "action": "ADD_INDEX",
        "table_name": "orders",
        "index_name": "idx_a",
        "columns": ["a"],
        "query_digests": ["d"],
    }
    console.store.schedule(ExecutionRun.model_validate(run | changes), now=console.clock())


def end(console: Console, run_id: str = "run-1", status: ExecutionStatus = ExecutionStatus.COMPLETED) -> None:
    console.store.claim(run_id, WorkerId("worker-7"), length=DEFAULT_LEASE, now=console.clock())
    for each in (ExecutionStatus.RUNNING, status):
        console.store.change_status(
            run_id, StatusChange(status=each, message="All is well."), fencing_token=1, key=None, now=console.clock()
        )


def change(browser: httpx.Client, path: str, /, **fields: str) -> httpx.Response:
    """Send a form as its page would."""
    return browser.post(path, data={"form_key": form_key(browser.get("/switches")), **fields})


# Signing in


@pytest.mark.parametrize("path", [*PAGES, "/?status=failed&connection=conn-1"])
def test_who_is_not_signed_in_is_asked_to_and_led_back(console: Console, path: str) -> None:
    schedule(console)
    browser = console.browser()
    asked = browser.get(path)
    assert asked.url.path == "/sign-in"
    assert 'type="password"' in asked.text
    to = re.search(r'name="to" value="([^"]*)"', asked.text)
    assert to is not None
    answer = browser.post("/sign-in", data={"token": "secret of olga", "to": unescape(to[1])})
    assert (answer.status_code, answer.url) == (200, f"{BASE}{path}")


def test_a_wrong_token_is_told_so_and_gets_no_cookie(console: Console) -> None:
    browser = console.browser()
    answer = browser.post("/sign-in", data={"token": "guessed"})
    assert answer.status_code == 401
    assert "Nobody here knows this token" in answer.text
    assert not browser.cookies


def test_the_cookie_is_out_of_reach_for_scripts_and_for_other_sites(console: Console) -> None:
    browser = console.browser()
    answer = browser.post("/sign-in", data={"token": "secret of olga"}, follow_redirects=False)
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "secret" not in cookie


@pytest.mark.parametrize("to", ["//elsewhere.example", "https://elsewhere.example", "/\\elsewhere.example", "x"])
def test_signing_in_leads_nowhere_else(console: Console, to: str) -> None:
    answer = console.browser().post("/sign-in", data={"token": "secret of olga", "to": to}, follow_redirects=False)
    assert answer.headers["location"] == "/"


def test_signing_out_ends_the_session_and_not_just_the_cookie(console: Console) -> None:
    browser = console.as_("olga")
    kept = dict(browser.cookies)
    browser.post("/sign-out", data={"form_key": form_key(browser.get("/"))})
    browser.cookies.update(kept)
    assert browser.get("/").url.path == "/sign-in"


def test_a_token_that_is_taken_away_ends_its_sessions(console: Console) -> None:
    browser = console.as_("olga")
    write_tokens(console.tokens, "rita")
    assert browser.get("/").url.path == "/sign-in"


def test_without_tokens_nobody_has_to_sign_in(client: httpx.Client) -> None:
    client.follow_redirects = True
    page = client.get("/")
    assert page.status_code == 200
    assert "nobody has to sign in" in page.text


# What every answer has


@pytest.mark.parametrize("path", [*PAGES, "/sign-in", "/runs/none", "/console/console.css"])
def test_no_page_lets_in_code_frames_or_forms_of_others(console: Console, path: str) -> None:
    schedule(console)
    answer = console.as_("olga").get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "style=" not in answer.text
    assert " onclick" not in answer.text
    if not path.startswith("/console"):
        assert answer.headers["cache-control"] == "no-store"


def test_what_a_page_loads_is_there_and_can_be_kept(console: Console) -> None:
    browser = console.as_("olga")
    for name in ("report.css", "console.css", "console.js"):
        assert f"/console/{name}?v=" in browser.get("/").text
        assert "immutable" in browser.get(f"/console/{name}").headers["cache-control"]
    assert browser.get("/console/..%2Fvisit.py").status_code == 404


def test_the_state_of_the_switch_is_on_every_page(console: Console) -> None:
    schedule(console)
    browser = console.as_("rita")
    for path in PAGES:
        assert "Kill switch off" in browser.get(path).text
    console.store.on_behalf_of("olga").oversight.set_kill_switch(
        None, active=True, reason="a storm", now=console.clock()
    )
    for path in PAGES:
        page = browser.get(path).text
        assert "Kill switch on" in page
        assert "Turned by olga at 2026-01-01 12:00:00 UTC: a storm" in page


# Who may change things


@pytest.mark.parametrize("path", CHANGES)
@pytest.mark.parametrize("name", ["rita", "worker"])
def test_who_may_only_look_changes_nothing(console: Console, path: str, name: str) -> None:
    schedule(console)
    browser = console.as_(name)
    answer = change(browser, path, turn="on", scope="all", reason="I may not")
    assert answer.status_code == 403
    assert console.store.oversight.kill_switches() == []
    page = browser.get("/switches").text
    assert 'action="/switches"' not in page
    assert "Schedule</a>" not in page


@pytest.mark.parametrize("path", CHANGES)
@pytest.mark.parametrize("key", [{}, {"form_key": "made up"}])
def test_a_form_that_is_not_of_this_session_changes_nothing(console: Console, path: str, key: dict[str, str]) -> None:
    schedule(console)
    answer = console.as_("olga").post(path, data={"turn": "on", "scope": "all", **key})
    assert answer.status_code == 403
    assert "came from another site" in answer.text
    assert console.store.oversight.kill_switches() == []


@pytest.mark.parametrize("header", [{"Origin": "https://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_a_form_that_another_site_sends_changes_nothing(console: Console, header: dict[str, str]) -> None:
    browser = console.as_("olga")
    fields = {"form_key": form_key(browser.get("/switches")), "turn": "on", "scope": "all"}
    assert browser.post("/switches", data=fields, headers=header).status_code == 403
    assert console.store.oversight.kill_switches() == []
    assert browser.post("/switches", data=fields, headers={"Origin": BASE}).status_code == 200
    assert console.store.oversight.kill_switches()[0].active


def test_who_is_bound_to_a_connection_sees_and_stops_that_one_alone(console: Console) -> None:
    schedule(console)
    schedule(console, "run-2", "conn-2")
    browser = console.as_("carl")
    page = browser.get("/").text
    assert "run-1" in page
    assert "run-2" not in page
    assert browser.get("/runs/run-2").status_code == 404
    assert browser.get("/", params={"connection": "conn-2"}).status_code == 403
    assert "Stop everything" not in page
    assert change(browser, "/switches", turn="on", scope="all").status_code == 403
    assert change(browser, "/switches", turn="on", connection="conn-2").status_code == 403
    assert change(browser, "/switches", turn="on", connection="conn-1").status_code == 200
    assert console.store.oversight.kill_switch("conn-1").connection_active


# Kill switches


def test_a_switch_is_turned_on_at_once_and_off_with_a_reason(console: Console) -> None:
    browser = console.as_("olga")
    page = change(browser, "/switches", turn="on", scope="all", to="/switches").text
    assert "On</b> since 2026-01-01 12:00:00 UTC, by olga" in page
    refused = change(browser, "/switches", turn="off", scope="all")
    assert refused.status_code == 422
    assert console.store.oversight.kill_switch("any").global_active
    page = change(browser, "/switches", turn="off", scope="all", reason="the storm is over", to="/switches").text
    assert "the storm is over" in page
    assert not console.store.oversight.kill_switch("any").global_active
    assert [each.action for each in console.store.oversight.log(limit=9)] == ["kill_switch_off", "kill_switch_on"]
    assert {each.actor for each in console.store.oversight.log(limit=9)} == {"olga"}


@pytest.mark.parametrize(
    "fields",
    [
        {"turn": "on"},
        {"turn": "sideways", "scope": "all"},
        {"turn": "on", "scope": "all", "connection": "conn-1"},
        {"turn": "on", "connection": "c" * 256},
        {"turn": "on", "scope": "all", "reason": "r" * 2001},
    ],
)
def test_a_switch_that_is_not_clear_is_not_turned(console: Console, fields: dict[str, str]) -> None:
    assert change(console.as_("olga"), "/switches", **fields).status_code == 422
    assert console.store.oversight.kill_switches() == []


# Runs


def test_many_runs_are_shown_a_page_at_a_time_each_once(console: Console) -> None:
    for number in range(120):
        schedule(console, f"run-{number:03}", f"conn-{number % 2}")
        console.clock.advance(1)
    browser = console.as_("rita")
    seen: list[str] = []
    address: str | None = "/"
    while address is not None and len(seen) <= 120:
        page = browser.get(address).text
        found = re.findall(r'<a href="/runs/([^"]+)">', page)
        assert 0 < len(found) <= 50
        seen += found
        older = re.search(r'rel="next" href="([^"]+)"', page)
        address = None if older is None else older[1].replace("&amp;", "&")
    assert seen == [f"run-{number:03}" for number in reversed(range(120))]
    assert "all (120)" in page


def test_runs_are_filtered_by_status_and_connection_and_found_by_id(console: Console) -> None:
    schedule(console)
    schedule(console, "run-2", "conn-2")
    end(console)
    browser = console.as_("rita")
    assert "run-2" not in browser.get("/?status=completed&connection=").text
    assert "run-1" not in browser.get("/?connection=conn-2").text
    assert "No run is like that" in browser.get("/?status=failed").text
    assert browser.get("/find?run=run-2").url.path == "/runs/run-2"
    assert browser.get("/find?run=none").status_code == 404
    assert browser.get("/?after=none").status_code == 404


def test_a_run_s_page_grows_with_its_audit_trail(console: Console) -> None:
    schedule(console)
    browser = console.as_("rita")
    assert "Waiting for a worker" in browser.get("/runs/run-1").text
    for action in (AuditAction.RUN_CLAIMED, AuditAction.BUILD_STARTED):
        told = entry(action, 0, executed_sql="ALTER TABLE x")
        console.store.add_audit(told, fencing_token=None, key=None, now=console.clock())
    page = browser.get("/runs/run-1").text
    assert 'id="run" data-live' in page
    assert "Build started" in page
    assert "ALTER TABLE x" in page
    end(console)
    page = browser.get("/runs/run-1").text
    assert 'id="run" data-live' not in page
    assert "Keep the index" in page
    assert "worker-7" in page


def test_whatever_a_run_holds_is_text(console: Console) -> None:
    schedule(console, "run-1", HOSTILE, table_name=HOSTILE, index_name=HOSTILE, columns=[HOSTILE])
    told = entry(AuditAction.BUILD_FAILED, 0, message=HOSTILE, **{HOSTILE: HOSTILE})
    console.store.add_audit(told, fencing_token=None, key=None, now=console.clock())
    console.store.on_behalf_of(HOSTILE).oversight.set_kill_switch(
        HOSTILE, active=True, reason=HOSTILE, now=console.clock()
    )
    browser = console.as_("olga")
    for path in PAGES:
        assert "<script>alert" not in browser.get(path).text
    assert "<script>alert" not in change(browser, "/schedule", id=HOSTILE, columns=HOSTILE).text


# Asking for a rollback


def test_a_rollback_is_asked_for_with_a_reason_and_once(console: Console) -> None:
    schedule(console)
    browser = console.as_("olga")
    assert change(browser, "/runs/run-1/rollback", reason="too early").status_code == 409
    end(console)
    assert "Ask a worker" in browser.get("/runs/run-1").text
    assert "Say why" in change(browser, "/runs/run-1/rollback").text
    assert console.store.oversight.rollback_requests("run-1") == []
    page = change(browser, "/runs/run-1/rollback", reason="the shop is slow").text
    assert "olga asked for it at" in page
    assert "the shop is slow" in page
    assert 'href="#rollback">rollback asked for<' in page
    assert "Ask a worker" not in page
    assert change(browser, "/runs/run-1/rollback", reason="again").status_code == 409
    assert "rollback asked for" in browser.get("/").text
    assert "Ask a worker" not in console.as_("rita").get("/runs/run-1").text


@pytest.mark.parametrize("connection_id", [None, "conn-1"])
def test_what_holds_up_a_rollback_that_was_asked_for_is_said(console: Console, connection_id: str | None) -> None:
    schedule(console)
    end(console)
    browser = console.as_("olga")
    assert "takes it up within seconds" in change(browser, "/runs/run-1/rollback", reason="slow").text
    for switched in ("conn-2", connection_id):
        assert "takes it up within seconds" in browser.get("/runs/run-1").text
        console.store.oversight.set_kill_switch(switched, active=True, reason=None, now=console.clock())
    assert "No worker begins it while the kill switch is on" in browser.get("/runs/run-1").text


def test_of_a_run_that_was_rolled_back_there_is_nothing_to_take_back(console: Console) -> None:
    schedule(console)
    end(console, status=ExecutionStatus.ROLLED_BACK)
    assert "There is nothing to take back" in console.as_("olga").get("/runs/run-1").text


# Scheduling


ASKED = {
    "id": "run-9",
    "connection_id": "conn-9",
    "table_name": "orders",
    "index_name": "idx_new",
    "columns": "a, b(10) DESC",
    "query_digests": "d1",
}


def test_a_run_is_shown_first_and_scheduled_when_that_is_confirmed(console: Console) -> None:
    browser = console.as_("olga")
    page = change(browser, "/schedule", **ASKED).text
    assert "ADD INDEX `idx_new` (`a`, `b`(10) DESC)" in page
    assert "Nothing has been scheduled yet" in page
    assert console.store.runs(limit=9) == []
    answer = change(browser, "/schedule", confirmed="yes", **ASKED)
    assert answer.url.path == "/runs/run-9"
    run = console.store.run("run-9")
    assert (run.columns, run.query_digests) == (("a", "b(10) DESC"), ("d1",))
    assert [(each.actor, each.action) for each in console.store.oversight.log(limit=9)] == [("olga", "schedule")]
    assert "there is a run run-9 already" in change(browser, "/schedule", confirmed="yes", **ASKED).text


def test_what_is_out_of_scope_is_said_and_nothing_is_scheduled(console: Console) -> None:
    answer = change(console.as_("olga"), "/schedule", **{**ASKED, "columns": "lower(a)", "confirmed": "yes"})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert "lower(a)" in answer.text
    assert console.store.runs(limit=9) == []


def test_a_run_is_scheduled_on_one_s_own_connections_alone(console: Console) -> None:
    answer = change(console.as_("carl"), "/schedule", confirmed="yes", **ASKED)
    assert answer.status_code == 422
    assert console.store.runs(limit=9) == []


def test_a_switch_that_is_on_is_said_before_a_run_is_scheduled(console: Console) -> None:
    console.store.oversight.set_kill_switch("conn-9", active=True, reason=None, now=console.clock())
    assert "The kill switch for conn-9 is on" in change(console.as_("olga"), "/schedule", **ASKED).text


def test_a_form_that_can_not_be_read_is_refused(console: Console) -> None:
    browser = console.as_("olga")
    body = "&".join(f"field-{number}=x" for number in range(60))
    assert browser.post("/switches", content=body).status_code == 400
