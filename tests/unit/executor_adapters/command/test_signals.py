import os
import signal

import pytest

from executor_adapters.clock import SystemClock
from executor_adapters.command.signals import SIGNALS, interrupting


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_interrupts_the_clock_and_nothing_else(number: signal.Signals) -> None:
    clock = SystemClock()
    before = {each: signal.getsignal(each) for each in SIGNALS}
    with interrupting(clock):
        os.kill(os.getpid(), number)
        assert clock.interrupted
    assert {each: signal.getsignal(each) for each in SIGNALS} == before


def test_without_a_signal_nothing_is_interrupted() -> None:
    clock = SystemClock()
    with interrupting(clock):
        assert not clock.interrupted


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    clock = SystemClock()
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interrupting(clock):
            os.kill(os.getpid(), signal.SIGHUP)
        assert not clock.interrupted
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
