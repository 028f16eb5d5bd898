"""Signals: SIGTERM, SIGINT and SIGHUP end the waits of a clock; what is under way is then left in good order."""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

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
