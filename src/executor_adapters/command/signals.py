"""Signals: SIGTERM, SIGINT and SIGHUP end the waits of a clock, or unwind the whole of what is under way.

Either way it is left in good order.
"""

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from executor_adapters.clock import SystemClock

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextmanager
def interrupting(clock: SystemClock) -> Generator[None]:
    """Let signals interrupt `clock` while the block runs."""
    with _handled(lambda _number, _frame: clock.interrupt()):
        yield


@contextmanager
def unwinding() -> Generator[None]:
    """Let a signal end the block as Ctrl-C does, once: what is cleaned up on the way out is not disturbed again."""

    def handle(_number: int, _frame: FrameType | None) -> NoReturn:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    with _handled(handle):
        yield


@contextmanager
def _handled(handle: Callable[[int, FrameType | None], None]) -> Generator[None]:
    """Handle signals so while the block runs; restore the handlers afterwards.

    A signal that the caller had ignored, as ``nohup`` does with SIGHUP, stays ignored.
    """
    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
