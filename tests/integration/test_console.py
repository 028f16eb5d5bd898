"""The console and the report as a person sees them: in a real browser, over HTTP, beside a worker at work."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait
from tests.integration.browser import DESK, PHONE, Browser, chromium

from executor_adapters.command.main import main
from executor_adapters.control_plane.server import ControlPlaneServer
from executor_adapters.control_plane.tokens import hash_of
from executor_adapters.driving import carry
from executor_adapters.memory import FakeWorld
from executor_adapters.memory.world import CONNECTION, MISLED, SLOW
from executor_adapters.saas.control_plane import HttpControlPlane
from executor_core.engine import Engine
from executor_core.lifecycle import Phase
from executor_core.model import ExecutionRun, RunId, WorkerId

pytestmark = pytest.mark.integration

ROLES = {"olga": "operator", "rita": "reader", "worker": "worker"}
RUN = "run-in-sight"
PATIENCE_S = 60
EVIDENCE = Path(__file__).parents[2] / "examples" / "evidence.json"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def world() -> FakeWorld:
    return FakeWorld()


@pytest.fixture
def base_url(tmp_path: Path, world: FakeWorld, browser: Browser) -> Iterator[str]:
    tokens = tmp_path / "tokens.toml"
    tokens.write_text(
        "".join(
            f'[[token]]\nname = "{name}"\nrole = "{role}"\nsha256 = "{hash_of(f"secret-of-{name}".encode())}"\n'
            for name, role in ROLES.items()
        )
    )
    database = f"sqlite:///{tmp_path / 'control-plane.db'}"
    with ControlPlaneServer(database, tokens_file=tokens, clock=world.clock.now) as server:
        browser.driver.delete_all_cookies()
        browser.driver.get("about:blank")  # the page of the test before may go on asking its server, which has ended
        browser.size(*DESK)
        browser.complaints()
        yield server.base_url


def sign_in(browser: Browser, base_url: str, name: str) -> None:
    browser.driver.get(f"{base_url}/")
    fill(browser, token=f"secret-of-{name}")
    press(browser, "Sign in")


def fill(browser: Browser, **fields: str) -> None:
    for name, value in fields.items():
        browser.driver.find_element(By.ID, name).send_keys(value)


def press(browser: Browser, label: str) -> None:
    """Click the one thing that is called so."""
    path = f"//*[self::button or self::summary or self::a][normalize-space()='{label}']"

    def clicked(driver: Any) -> bool:
        driver.find_element(By.XPATH, path).click()
        return True

    # A page that keeps itself up to date may put another element in its place meanwhile.
    WebDriverWait(browser.driver, PATIENCE_S, ignored_exceptions=[StaleElementReferenceException]).until(clicked)


def await_text(browser: Browser, selector: str, text: str) -> None:
    """Wait until the page shows `text`, without doing anything to it."""

    def shown(driver: Any) -> bool:
        script = "return [...document.querySelectorAll(arguments[0])].map(each => each.innerText).join('\\n')"
        return text in driver.execute_script(script, selector)

    WebDriverWait(browser.driver, PATIENCE_S).until(shown, f"{selector} never showed {text!r}")


def await_address(browser: Browser, address: str) -> None:
    WebDriverWait(browser.driver, PATIENCE_S).until(lambda driver: driver.current_url == address)


def check_page(browser: Browser) -> None:
    """What holds of every page: accessible in light and dark, no wider than a phone, nothing forbidden on it."""
    assert browser.violations() == []
    browser.size(*PHONE)
    assert browser.overflow() <= 0
    browser.size(*DESK)
    assert browser.complaints() == []


class WorkerInATest:
    """A worker on a server in memory, over real HTTP; while it measures with the index it waits to be let on."""

    def __init__(self, world: FakeWorld, base_url: str, run: ExecutionRun, monkeypatch: pytest.MonkeyPatch) -> None:
        self.let_on = threading.Event()
        control_plane = HttpControlPlane(base_url, "secret-of-worker", timeout=timedelta(seconds=30))
        engine = Engine(ports=replace(world.ports(), control_plane=control_plane), worker_id=WorkerId("worker-7"))

        def wait(duration: timedelta) -> None:
            state = world.journal.load(RunId(run.id))
            if state is not None and state.phase is Phase.WATCHING:
                assert self.let_on.wait(4 * PATIENCE_S)
            world.clock.wait_anyway(duration)

        def work() -> None:
            try:
                carry(engine, run, world.clock)
            finally:
                control_plane.close()

        monkeypatch.setattr(world.clock, "wait", wait)
        self.thread = threading.Thread(target=work, name="worker")

    def __enter__(self) -> "WorkerInATest":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.let_on.set()
        self.thread.join(4 * PATIENCE_S)
        assert not self.thread.is_alive()


def test_a_run_is_scheduled_watched_stopped_and_rolled_back(
    browser: Browser, base_url: str, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(browser, base_url, "olga")
    press(browser, "Schedule")
    check_page(browser)
    asked = {
        "id": RUN,
        "connection_id": CONNECTION,
        "table_name": "orders",
        "index_name": "idx_customer",
        "columns": "customer_id",
        "query_digests": f"{SLOW.digest}\n{MISLED.digest}",
    }
    fill(browser, **asked)
    press(browser, "Show what it would do")
    await_text(browser, "pre", "ADD INDEX `idx_customer` (`customer_id`)")
    check_page(browser)
    press(browser, f"Schedule {RUN}")
    await_address(browser, f"{base_url}/runs/{RUN}")
    await_text(browser, "#verdict", "Waiting for a worker")

    run = ExecutionRun.model_validate(
        {
            **asked,
            "action": "ADD_INDEX",
            "columns": ["customer_id"],
            "query_digests": asked["query_digests"].split(),
        }
    )
    with WorkerInATest(world, base_url, run, monkeypatch) as worker:
        await_text(browser, ".stages .doing", "Measured with it")
        await_text(browser, ".trail", "Index added")
        assert "idx_customer" in world.server.indexes("orders")
        check_page(browser)

        press(browser, "Stop…")
        press(browser, f"Stop {CONNECTION} now")
        await_text(browser, ".strip", f"Kill switch on for {CONNECTION}")
        worker.let_on.set()
        await_text(browser, "#verdict", "Taken back: the kill switch was on")

    assert "idx_customer" not in world.server.indexes("orders")
    await_text(browser, ".facts", "rolled back")
    await_text(browser, "main", "There is nothing to take back")
    check_page(browser)

    press(browser, "Kill switches")
    await_text(browser, ".switch.engaged", "by olga; no reason was given")
    check_page(browser)
    press(browser, f"Turn off for {CONNECTION}")
    await_text(browser, ".strip", f"Kill switch on for {CONNECTION}")  # the browser asks for the reason first
    fill(browser, **{"reason-1": "it was a drill"})
    press(browser, f"Turn off for {CONNECTION}")
    await_text(browser, ".strip", "Kill switch off")
    await_text(browser, "#log ~ .trail", "it was a drill")


def test_a_wrong_token_leads_nowhere_and_signing_out_ends_it(browser: Browser, base_url: str) -> None:
    browser.driver.get(f"{base_url}/switches")
    check_page(browser)
    fill(browser, token="guessed")
    press(browser, "Sign in")
    await_text(browser, ".problem", "Nobody here knows this token")
    browser.complaints()  # the browser remarks on the 401 that was meant
    fill(browser, token="secret-of-olga")
    press(browser, "Sign in")
    await_address(browser, f"{base_url}/switches")
    press(browser, "Sign out")
    await_address(browser, f"{base_url}/sign-in")
    browser.driver.get(f"{base_url}/switches")
    assert "/sign-in" in browser.driver.current_url


def test_a_reader_sees_everything_and_is_offered_no_change(browser: Browser, base_url: str) -> None:
    sign_in(browser, base_url, "rita")
    await_address(browser, f"{base_url}/")
    for address in ("/", "/switches"):
        browser.driver.get(f"{base_url}{address}")
        await_text(browser, ".strip", "Kill switch off")
        count = "return document.querySelectorAll('.stop, .danger, main form[method=post]').length"
        assert browser.driver.execute_script(count) == 0
        check_page(browser)
    script = """
      const done = arguments[0];
      const key = document.querySelector("[name=form_key]").value;
      const body = new URLSearchParams({form_key: key, turn: "on", scope: "all"});
      fetch("/switches", {method: "POST", body}).then(answer => done(answer.status));
    """
    assert browser.driver.execute_async_script(script) == 403
    browser.complaints()  # the browser remarks on the 403 that was meant


def test_the_list_of_runs_is_filtered(browser: Browser, base_url: str) -> None:
    sign_in(browser, base_url, "olga")
    Select(browser.driver.find_element(By.ID, "f-status")).select_by_value("failed")
    press(browser, "Show")
    await_text(browser, "#runs", "No run is like that")


def test_the_report_is_accessible_and_fits_everywhere(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert main(["report", str(EVIDENCE), "--out", str(page)]) == 0
    browser.complaints()
    browser.driver.get(page.as_uri())
    await_text(browser, "#verdict", "Don’t keep the index")
    check_page(browser)
