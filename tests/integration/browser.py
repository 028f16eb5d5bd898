"""A browser for the tests: Debian's Chromium with its driver, headless, with a profile of its own."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_core_python.selenium import Axe
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

PHONE = (390, 844)
DESK = (1200, 900)
_QUIET = (
    "--headless",
    "--no-sandbox",  # the tests may run as root, where Chromium has none
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)

_PATIENCE_S = 60
_GRAVE = ("WARNING", "SEVERE")


class Browser:
    """Chromium, driven; `driver` is selenium's."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def size(self, width: int, height: int) -> None:
        """Give the page this room, in CSS pixels."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def prefer(self, scheme: str) -> None:
        """Prefer light or dark."""
        features = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", features)

    def overflow(self) -> int:
        """How many pixels the page is wider than its room."""
        width: int = self.driver.execute_script(
            "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return width

    def violations(self) -> list[str]:
        """What axe has to say against the page, in light and in dark."""
        found: list[str] = []
        for scheme in ("dark", "light"):
            self.prefer(scheme)
            result: dict[str, Any] = Axe().run(self.driver)
            found += [
                f"{scheme}: {each['id']}: {node['html']}" for each in result["violations"] for node in each["nodes"]
            ]
        return found

    def complaints(self) -> Sequence[str]:
        """What the browser itself held against the page since the last time: what a policy forbade, what failed."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in _GRAVE]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium. Where it can't be had the test is skipped, and fails in CI."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        missing = "no Chromium with its driver: apt-get install chromium chromium-driver"
        if os.environ.get("CI") or os.environ.get("EXECUTOR_REQUIRE_SERVERS"):
            pytest.fail(missing)
        pytest.skip(missing)
    profile = Path(tempfile.mkdtemp(prefix="executor-chromium-"))
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in (*_QUIET, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    try:
        opened = webdriver.Chrome(options=options, service=Service(driver))
        try:
            opened.implicitly_wait(_PATIENCE_S)  # a click leads to a page that is not there at once
            yield Browser(opened)
        finally:
            opened.quit()
    finally:
        shutil.rmtree(profile, ignore_errors=True)
