"""A wait ends with its condition or at its limit."""

from datetime import timedelta

from executor_adapters.local_server.waiting import wait_until


def test_a_condition_that_holds_is_not_waited_for():
    assert wait_until(lambda: True, limit=timedelta(0))


def test_a_condition_that_never_holds_is_given_up_at_the_limit():
    asked = []
    assert not wait_until(lambda: asked.append(1) is not None, limit=timedelta(0))
    assert asked == [1]


def test_the_condition_is_asked_again_until_it_holds(monkeypatch):
    naps = []
    monkeypatch.setattr("time.sleep", naps.append)
    answers = iter([False, False, True])
    assert wait_until(lambda: next(answers), limit=timedelta(minutes=1))
    assert naps == [0.05, 0.05]
