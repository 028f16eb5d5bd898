"""The console over many runs, as the bench fills them in: every run is on one page, and no page reads a whole table."""

import re
from collections.abc import Iterator

import httpx
import pytest
from bench.console import BEGINNING, fill, main, pages
from sqlalchemy import Engine, event

from executor_adapters.control_plane.api import create_app
from executor_adapters.control_plane.database import Database
from executor_adapters.control_plane.store import ControlPlaneStore
from executor_adapters.control_plane.tables import METADATA
from executor_adapters.testing.in_process import InProcessTransport

RUNS = 320
WHOLE = {f"SCAN {table}" for table in METADATA.tables} - {"SCAN kill_switches", "SCAN access_log"}
"""The steps of a plan that read a table from end to end. There are few switches, and of the log the newest entries are
read, in the order in which it is stored."""


@pytest.fixture(scope="module")
def browser() -> Iterator[httpx.Client]:
    database = Database("sqlite://")
    fill(database, RUNS)
    transport = InProcessTransport(create_app(ControlPlaneStore(database), clock=lambda: BEGINNING))
    with httpx.Client(transport=transport, base_url="http://console", follow_redirects=True) as browser:
        yield browser
    database.close()


def walked(browser: httpx.Client, path: str) -> list[str]:
    """The runs on a page and on all that it leads to, in order."""
    found: list[str] = []
    while path:
        page = browser.get(path).text
        found += re.findall(r'<a href="/runs/[^"]+"><b>([^<]+)</b>', page)
        older = re.search(r'<a rel="next" href="([^"]+)"', page)
        path = older[1].replace("&amp;", "&") if older else ""
    return found


def test_the_pages_together_show_every_run_once_the_newest_first(browser: httpx.Client) -> None:
    assert walked(browser, "/") == [f"run-{number:06}" for number in reversed(range(RUNS))]


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        ("status=requires_manual", range(5, RUNS, 8)),
        ("connection=conn-007", range(7, RUNS, 50)),
        ("status=failed&connection=conn-004", range(4, RUNS, 200)),
        ("connection=none", []),
    ],
)
def test_a_filter_holds_on_every_page(browser: httpx.Client, wanted: str, numbers: list[int]) -> None:
    assert walked(browser, f"/?{wanted}") == [f"run-{number:06}" for number in reversed(numbers)]


@pytest.mark.parametrize(("what", "path"), pages(RUNS).items(), ids=pages(RUNS).keys())
def test_no_page_reads_a_whole_table(browser: httpx.Client, what: str, path: str) -> None:
    read: list[str] = []

    def look(connection: object, cursor: object, statement: str, parameters: tuple[object, ...], *_: object) -> None:
        if statement.startswith("SELECT"):
            plan = connection.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)  # type: ignore[attr-defined]
            read.extend(step[3] for step in plan.fetchall())

    event.listen(Engine, "before_cursor_execute", look)
    try:
        assert browser.get(path).status_code == 200, what
    finally:
        event.remove(Engine, "before_cursor_execute", look)
    assert read
    assert {step for step in read if step in WHOLE} == set()


def test_the_bench_tells_of_every_page(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--runs", "60"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(pages(60))
    assert all(" ms " in line and line.endswith("KiB") for line in lines)
