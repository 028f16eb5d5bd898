"""The one place here that waits: starting and stopping a process of another program can only be polled."""

import time
from collections.abc import Callable
from datetime import timedelta

POLL_INTERVAL = timedelta(milliseconds=50)


def wait_until(condition: Callable[[], bool], *, limit: timedelta) -> bool:
    """Poll until the condition holds; False if it still does not when the limit has passed."""
    deadline = time.monotonic() + limit.total_seconds()
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_INTERVAL.total_seconds())  # noqa: TID251 - a foreign process announces nothing
    return True
