import os
import signal
from collections.abc import Iterator

import pytest

from executor_adapters.clock import SystemClock
from executor_adapters.command.signals import SIGNALS, interrupting, unwinding


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


@pytest.fixture
def nohup() -> Iterator[None]:
    """SIGHUP is ignored, as ``nohup`` does it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("nohup")
def test_a_signal_that_is_ignored_stays_ignored() -> None:
    clock = SystemClock()
    with interrupting(clock):
        os.kill(os.getpid(), signal.SIGHUP)
    assert not clock.interrupted
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    with unwinding():
        os.kill(os.getpid(), signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_unwinds_a_block_once(number: signal.Signals) -> None:
    before = {each: signal.getsignal(each) for each in SIGNALS}
    cleaned_up = False
    with pytest.raises(KeyboardInterrupt), unwinding():  # noqa: PT012 -- what comes after the signal is what is tested
        try:
            os.kill(os.getpid(), number)
        finally:
            os.kill(os.getpid(), number)
            cleaned_up = True
    assert cleaned_up
    assert {each: signal.getsignal(each) for each in SIGNALS} == before
