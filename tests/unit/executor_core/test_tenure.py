"""A tenure: what came of each renewal, and when the right to act is gone."""

from datetime import timedelta

import pytest
from tests.unit.executor_core.facts import RUN_ID, WORKER, seconds

from executor_core.errors import LeaseLost
from executor_core.lease import Claim, Lease
from executor_core.tenure import RENEWAL_RETRY, Tenure


def tenure(length: float | None = 60, *, renewable: bool = True) -> Tenure:
    """A lease that was asked for at 100 s."""
    claim = Claim(
        run_id=RUN_ID, worker_id=WORKER, length=None if length is None else seconds(length), renewable=renewable
    )
    return Tenure(Lease(claim=claim, asked_at=seconds(100)))


@pytest.mark.parametrize(("length", "pause"), [(60, RENEWAL_RETRY), (3, seconds(0.3))])
def test_a_renewal_without_an_answer_is_due_again_soon_enough_for_its_length(length: float, pause: timedelta) -> None:
    held = tenure(length)
    held.unanswered(seconds(120))
    assert held.due_at() == seconds(120) + pause


@pytest.mark.parametrize(("asked_for", "given"), [(5, 5), (3600, 20)])
def test_a_server_that_asks_for_patience_gets_half_of_what_is_left(asked_for: float, given: float) -> None:
    held = tenure()
    held.unanswered(seconds(120), seconds(asked_for))
    assert held.due_at() == seconds(120 + given)


def test_a_failed_renewal_lengthens_nothing() -> None:
    held = tenure()
    held.unanswered(seconds(159))
    assert held.ends_at == seconds(160)
    assert held.holds(seconds(159.999))
    assert not held.holds(seconds(160))


def test_a_lease_that_was_lost_stays_lost_whatever_comes_after() -> None:
    held = tenure()
    with pytest.raises(LeaseLost, match="ended and could not be renewed"):
        held.check(seconds(160))
    held.renewed(held.lease.claim, seconds(150))
    assert not held.holds(seconds(150))
    assert not held.is_due(seconds(500))
    with pytest.raises(LeaseLost, match="ended and could not be renewed"):
        held.check(seconds(150))
    assert held.lose("another reason") == held.lost == "the lease of run run-1 ended and could not be renewed"


def test_a_lease_without_an_end_is_never_due_and_holds_whatever_fails() -> None:
    held = tenure(None)
    held.unanswered(seconds(100))
    assert held.due_at() is None
    assert held.ends_at is None
    assert not held.is_due(seconds(1e6))
    held.check(seconds(1e6))
