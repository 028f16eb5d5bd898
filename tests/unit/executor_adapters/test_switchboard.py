"""The shared switchboard: one call for many runs, never older than asked for, and closed when in doubt."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from executor_adapters.memory import FakeClock, FakeControlPlane
from executor_adapters.switchboard import SharedSwitchboard
from executor_core.errors import Unavailable
from executor_core.kill_switch import KillSwitchAnswer
from executor_core.model import ConnectionId

SHOP, BANK = ConnectionId("shop"), ConnectionId("bank")
AGE = timedelta(seconds=5)


class House:
    """A switchboard and the calls that it made, by connection."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.control_plane = FakeControlPlane(self.clock)
        self.calls: Counter[str] = Counter()
        asked = self.control_plane.kill_switch

        def counted(connection_id: ConnectionId) -> KillSwitchAnswer:
            self.calls[connection_id] += 1
            return asked(connection_id)

        self.control_plane.kill_switch = counted  # type: ignore[method-assign]
        self.board = SharedSwitchboard(self.control_plane, self.clock)

    def engaged(self, connection_id: ConnectionId = SHOP, age: timedelta = AGE) -> bool:
        return self.board.read(connection_id, since=self.clock.now() - age).engaged


def test_one_call_serves_every_run_of_a_connection_until_it_is_too_old() -> None:
    house = House()
    for _ in range(100):
        assert not house.engaged()
    assert house.calls == {SHOP: 1}
    house.clock.advance(AGE)
    assert not house.engaged()
    assert house.calls == {SHOP: 1}
    house.clock.advance(timedelta(microseconds=1))
    house.control_plane.set_kill_switch(active=True)
    assert house.engaged()
    assert house.calls == {SHOP: 2}


def test_each_connection_has_a_switch_of_its_own() -> None:
    house = House()
    house.control_plane.set_kill_switch(active=True, connection_id=BANK)
    assert [house.engaged(SHOP), house.engaged(BANK)] == [False, True]
    assert house.calls == {SHOP: 1, BANK: 1}


def test_a_gate_is_asked_afresh_whatever_was_read_a_moment_ago() -> None:
    house = House()
    assert not house.engaged()
    house.clock.advance(timedelta(milliseconds=1))
    house.control_plane.set_kill_switch(active=True)
    assert not house.engaged()
    assert house.engaged(age=timedelta(0))


def test_a_look_that_failed_is_closed_for_all_and_not_repeated_by_each() -> None:
    house = House()
    house.control_plane.fail("kill_switch", Unavailable("HTTP 500"), times=1)
    assert all(house.engaged() for _ in range(100))
    assert house.calls == {SHOP: 1}
    house.clock.advance(AGE + AGE)
    assert not house.engaged()


def test_what_was_read_before_the_clock_was_set_back_is_read_again() -> None:
    house = House()
    assert not house.engaged()
    house.clock.set_wall_clock(house.clock.now() - timedelta(hours=1))
    house.control_plane.set_kill_switch(active=True)
    assert house.engaged()


def test_those_that_ask_at_once_wait_for_one_answer() -> None:
    house = House()
    asked, go_on = threading.Event(), threading.Event()

    def stall() -> None:
        asked.set()
        go_on.wait(20)

    house.control_plane.on("kill_switch", stall)
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(house.engaged, age=timedelta(0)) for _ in range(8)]
        assert asked.wait(20)
        go_on.set()
    assert [answer.result() for answer in answers] == [False] * 8
    assert house.calls == {SHOP: 1}


def test_an_answer_that_took_long_is_no_fresher_than_its_question() -> None:
    house = House()
    house.control_plane.on("kill_switch", lambda: house.clock.advance(timedelta(seconds=4)))
    assert not house.engaged()
    house.clock.advance(timedelta(seconds=2))
    assert not house.engaged()
    assert house.calls == {SHOP: 2}
