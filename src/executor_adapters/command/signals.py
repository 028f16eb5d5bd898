"""Signals: SIGTERM, SIGINT and SIGHUP end the waits of a clock, or unwind the whole of what is under way.

Either way it is left in good order.
"""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from executor_adapters.clock import SystemClock

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextmanager
def interrupting(clock: SystemClock) -> Generator[None]:
    """Let signals interrupt `clock` while the block runs; restore the handlers afterwards.

    A signal that the caller had ignored, as ``nohup`` does with SIGHUP, stays ignored.
    """

    def handle(_number: int, _frame: FrameType | None) -> None:
        clock.interrupt()

    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def unwinding() -> Generator[None]:
    """Let a signal end the block as Ctrl-C does, once: what is cleaned up on the way out is not disturbed again."""

    def handle(_number: int, _frame: FrameType | None) -> NoReturn:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
