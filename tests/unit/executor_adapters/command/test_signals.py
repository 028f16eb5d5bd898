import os
import signal
from collections.abc import Iterator

import pytest

from executor_adapters.clock import SystemClock
from executor_adapters.command.signals import SIGNALS, interrupting, unwinding


@pytest.fixture(autouse=True)
def as_for_a_fresh_process() -> Iterator[None]:
    """Whoever started the tests, in the background or with ``nohup``, may have ignored some signals."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def handlers() -> list[object]:
    return [signal.getsignal(number) for number in SIGNALS]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_interrupts_the_clock_and_nothing_else(number: signal.Signals) -> None:
    clock = SystemClock()
    before = handlers()
    with interrupting(clock):
        os.kill(os.getpid(), number)
        assert clock.interrupted
    assert handlers() == before


def test_without_a_signal_nothing_is_interrupted() -> None:
    clock = SystemClock()
    with interrupting(clock):
        assert not clock.interrupted


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    clock = SystemClock()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with interrupting(clock):
        os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    assert not clock.interrupted
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    with unwinding():
        os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_unwinds_a_block_once(number: signal.Signals) -> None:
    before = handlers()
    cleaned_up = False
    with pytest.raises(KeyboardInterrupt), unwinding():  # noqa: PT012 -- what comes after the signal is what is tested
        try:
            os.kill(os.getpid(), number)
        finally:
            os.kill(os.getpid(), number)
            cleaned_up = True
    assert cleaned_up
    assert handlers() == before
