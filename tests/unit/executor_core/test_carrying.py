"""A run in this process's hands begins with nothing seen, nothing claimed and nothing told."""

from datetime import timedelta

from tests.unit.executor_core.facts import INDEX, state
from tests.unit.executor_core.stubs import Unused

from executor_core.carrying import Carried, Rules
from executor_core.delivery import Delivery
from executor_core.look import Sight
from executor_core.pacing import Pacing
from executor_core.policy import Policy


def carried() -> Carried:
    return Carried(state=state(), index=INDEX, target=Unused())  # type: ignore[arg-type]


def test_a_run_begins_with_nothing_seen_claimed_or_told() -> None:
    fresh = carried()
    assert (fresh.tenure, fresh.lease_on_record, fresh.last_word_until) == (None, None, None)
    assert fresh.sight == Sight()
    assert fresh.delivery == Delivery()


def test_no_two_runs_share_what_was_seen_or_told() -> None:
    first, second = carried(), carried()
    first.sight.building = True
    first.delivery.failures = 1
    assert not second.sight.building
    assert second.delivery.failures == 0


def test_the_rules_are_the_specifications_unless_an_operator_sets_them() -> None:
    assert Rules() == Rules(pacing=Pacing(), verification=Policy())
    assert Rules(pacing=Pacing(after_window=timedelta(minutes=30))).pacing.after_window == timedelta(minutes=30)
