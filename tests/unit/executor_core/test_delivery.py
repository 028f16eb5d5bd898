"""Telling the control plane: in order, once, later if need be, and a status only with authority."""

from datetime import timedelta

import pytest
from tests.unit.executor_core.facts import RUN_ID, WORKER, seconds
from tests.unit.executor_core.stubs import ListedOutbox, ScriptedControlPlane

from executor_core.delivery import LONGEST_RETRY, Delivery, deliver_pending
from executor_core.errors import LeaseLost, Refused, Unavailable
from executor_core.lease import Claim
from executor_core.model import RunId
from executor_core.ports import Message, MessageKind

NOW = seconds(100)
CLAIM = Claim(run_id=RUN_ID, worker_id=WORKER, fencing_token=3)
AUDIT, STATUS, ROLLBACK = MessageKind.AUDIT, MessageKind.STATUS, MessageKind.ROLLBACK


def outbox_of(*kinds: MessageKind, run_id: RunId = RUN_ID) -> ListedOutbox:
    return ListedOutbox(
        [Message(key=f"{run_id}:{number}", run_id=run_id, kind=kind, body={}) for number, kind in enumerate(kinds)]
    )


def deliver(
    outbox: ListedOutbox,
    control_plane: ScriptedControlPlane,
    delivery: Delivery,
    *,
    claim: Claim | None = CLAIM,
    with_authority: bool = True,
    monotonic: timedelta = NOW,
    jitter: float = 1.0,
) -> bool:
    return deliver_pending(
        run_id=RUN_ID,
        claim=claim,
        with_authority=with_authority,
        control_plane=control_plane,  # type: ignore[arg-type]
        outbox=outbox,
        delivery=delivery,
        monotonic=monotonic,
        jitter=jitter,
    )


def keys(outbox: ListedOutbox) -> list[str]:
    return [message.key for message in outbox.messages]


def test_everything_is_told_in_order_with_the_claim() -> None:
    outbox, plane = outbox_of(AUDIT, STATUS, ROLLBACK), ScriptedControlPlane()
    assert deliver(outbox, plane, Delivery())
    assert plane.calls == [("deliver", f"run-1:{number}", CLAIM) for number in range(3)]
    assert keys(outbox) == []


def test_nothing_to_tell_is_told() -> None:
    assert deliver(ListedOutbox(), ScriptedControlPlane(), Delivery())


def test_another_runs_messages_are_not_told() -> None:
    outbox, plane = outbox_of(AUDIT, run_id=RunId("run-2")), ScriptedControlPlane()
    assert deliver(outbox, plane, Delivery())
    assert plane.calls == []
    assert keys(outbox) == ["run-2:0"]


@pytest.mark.parametrize(
    "error",
    [Unavailable("away"), Refused("who are you?", number=401), Refused("not with this token", number=403)],
    ids=["unavailable", "unauthorized", "forbidden"],
)
def test_what_could_be_told_later_stays_with_all_that_follows(error: Exception) -> None:
    outbox, plane, delivery = outbox_of(AUDIT, AUDIT, AUDIT), ScriptedControlPlane([None, error]), Delivery()
    assert not deliver(outbox, plane, delivery)
    assert len(plane.calls) == 2
    assert keys(outbox) == ["run-1:1", "run-1:2"]
    assert delivery == Delivery(failures=1, not_before=seconds(100.5), last_error=str(error), delivered=1)
    assert outbox.set_aside == {}


def test_nothing_is_tried_before_its_time() -> None:
    outbox, plane, delivery = outbox_of(AUDIT), ScriptedControlPlane(), Delivery(failures=1, not_before=seconds(100.5))
    assert not deliver(outbox, plane, delivery, monotonic=seconds(100.499))
    assert plane.calls == []
    assert deliver(outbox, plane, delivery, monotonic=seconds(100.5))


@pytest.mark.parametrize(("failures", "wait"), [(0, 0.5), (1, 1), (2, 2), (5, 16), (6, 30), (50, 30)])
def test_each_failure_doubles_the_wait_up_to_the_longest(failures: int, wait: float) -> None:
    delivery = Delivery(failures=failures)
    deliver(outbox_of(AUDIT), ScriptedControlPlane([Unavailable("away")]), delivery)
    assert delivery.failures == failures + 1
    assert delivery.not_before == seconds(100 + wait)
    assert seconds(wait) <= LONGEST_RETRY


def test_the_jitter_spreads_the_wait() -> None:
    delivery = Delivery()
    deliver(outbox_of(AUDIT), ScriptedControlPlane([Unavailable("away")]), delivery, jitter=0.0)
    assert delivery.not_before == seconds(100.25)


def test_once_everything_is_told_the_failures_are_forgotten() -> None:
    delivery = Delivery(failures=4, not_before=seconds(99), last_error="away")
    assert deliver(outbox_of(AUDIT), ScriptedControlPlane(), delivery)
    assert (delivery.failures, delivery.last_error) == (0, None)


@pytest.mark.parametrize("number", [400, 404, 409, 413, 422, None])
def test_what_will_never_be_taken_is_set_aside_and_the_rest_is_told(number: int | None) -> None:
    outbox = outbox_of(AUDIT, AUDIT)
    assert deliver(outbox, ScriptedControlPlane([Refused("not like this", number=number)]), Delivery())
    assert outbox.set_aside == {"run-1:0": "not like this"}
    assert keys(outbox) == []


def test_without_authority_facts_are_told_up_to_the_first_status() -> None:
    outbox, plane = outbox_of(AUDIT, ROLLBACK, STATUS, AUDIT), ScriptedControlPlane()
    assert not deliver(outbox, plane, Delivery(), claim=None, with_authority=False)
    assert plane.calls == [("deliver", "run-1:0", None), ("deliver", "run-1:1", None)]
    assert keys(outbox) == ["run-1:2", "run-1:3"]


def test_a_newer_claim_ends_the_telling_and_the_message_stays() -> None:
    outbox = outbox_of(AUDIT, STATUS)
    with pytest.raises(LeaseLost):
        deliver(outbox, ScriptedControlPlane([None, LeaseLost("worker-2 has it")]), Delivery())
    assert keys(outbox) == ["run-1:1"]


def test_a_server_that_asks_for_patience_is_given_it() -> None:
    outbox, delivery = outbox_of(AUDIT), Delivery()
    plane = ScriptedControlPlane([Unavailable("HTTP 429", retry_after=seconds(90))])
    assert not deliver(outbox, plane, delivery)
    assert delivery.not_before == NOW + seconds(90)
