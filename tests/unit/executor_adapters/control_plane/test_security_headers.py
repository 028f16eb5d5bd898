"""What browsers are told with every answer."""

from typing import Any

import httpx
import pytest

from executor_adapters.testing.in_process import InProcessTransport


@pytest.mark.parametrize("path", ["/api/executions", "/api/nothing", "/docs", "/livez"])
def test_every_answer_tells_a_browser_to_be_careful(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "strict-transport-security" not in headers


def test_an_answer_of_the_api_is_kept_nowhere_and_runs_nothing(client: httpx.Client) -> None:
    headers = client.get("/api/executions").headers
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "content-security-policy" not in client.get("/docs").headers  # it needs its script


def test_over_https_a_browser_is_told_to_stay_there(control_plane: Any) -> None:
    with httpx.Client(transport=InProcessTransport(control_plane.app), base_url="https://control-plane") as client:
        assert "max-age" in client.get("/livez").headers["strict-transport-security"]
