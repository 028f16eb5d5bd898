"""The contract of `Outbox`."""

# ruff: noqa: S101 -- asserting is what a contract does

import pytest

from executor_adapters.testing.contracts.samples import a_message
from executor_core.model import RunId
from executor_core.ports import MessageKind, Outbox


class OutboxContract:
    """What every `Outbox` must do."""

    @pytest.fixture
    def outbox(self) -> Outbox:
        """The outbox under test, empty."""
        raise NotImplementedError

    def test_an_empty_outbox_has_nothing_pending(self, outbox: Outbox) -> None:
        assert list(outbox.pending()) == []
        assert list(outbox.pending(RunId("run-1"))) == []
        assert outbox.refused_count(RunId("run-1")) == 0

    @pytest.mark.parametrize("kind", list(MessageKind))
    def test_a_message_comes_back_as_it_was_stored(self, outbox: Outbox, kind: MessageKind) -> None:
        message = a_message("k", kind=kind)
        outbox.append(message)
        assert list(outbox.pending()) == [message]

    def test_messages_are_pending_oldest_first_of_one_run_or_of_all(self, outbox: Outbox) -> None:
        for key, run_id in [("c", "run-1"), ("a", "run-2"), ("b", "run-1")]:
            outbox.append(a_message(key, run_id))
        assert [message.key for message in outbox.pending()] == ["c", "a", "b"]
        assert [message.key for message in outbox.pending(RunId("run-1"))] == ["c", "b"]

    def test_a_key_that_is_stored_already_is_not_stored_again(self, outbox: Outbox) -> None:
        outbox.append(a_message("k", said="first"))
        outbox.append(a_message("k", said="second"))
        assert [message.body["said"] for message in outbox.pending()] == ["first"]

    def test_what_was_delivered_is_forgotten(self, outbox: Outbox) -> None:
        outbox.append(a_message("a"))
        outbox.append(a_message("b"))
        outbox.delivered("a")
        assert [message.key for message in outbox.pending()] == ["b"]
        assert outbox.refused_count(RunId("run-1")) == 0

    def test_an_unknown_key_was_delivered_without_an_error(self, outbox: Outbox) -> None:
        outbox.append(a_message("a"))
        outbox.delivered("unknown")
        outbox.delivered("unknown")
        assert [message.key for message in outbox.pending()] == ["a"]

    def test_what_was_refused_is_kept_and_no_longer_pending(self, outbox: Outbox) -> None:
        for key, run_id in [("a", "run-1"), ("b", "run-1"), ("c", "run-2")]:
            outbox.append(a_message(key, run_id))
        outbox.refused("a", "the answer was 422")
        outbox.refused("c", "the answer was 422")
        assert [message.key for message in outbox.pending()] == ["b"]
        assert outbox.refused_count(RunId("run-1")) == 1
        outbox.append(a_message("a"))
        assert [message.key for message in outbox.pending()] == ["b"]
        assert outbox.refused_count(RunId("run-1")) == 1

    def test_the_backlog_is_counted_by_run_the_oldest_first(self, outbox: Outbox) -> None:
        assert dict(outbox.backlog()) == {}
        for key, run_id in [("a", "run-2"), ("b", "run-1"), ("c", "run-1"), ("d", "run-1")]:
            outbox.append(a_message(key, run_id))
        outbox.refused("d", "the answer was 422")
        assert list(outbox.backlog().items()) == [("run-2", 1), ("run-1", 2)]
        assert dict(outbox.backlog(RunId("run-1"))) == {"run-1": 2}
        assert dict(outbox.backlog(RunId("run-3"))) == {}
        outbox.delivered("a")
        assert dict(outbox.backlog()) == {"run-1": 2}

    def test_what_is_read_can_be_changed_without_changing_what_is_stored(self, outbox: Outbox) -> None:
        message = a_message("a")
        outbox.append(message)
        message.body["added"] = "later"
        outbox.pending()[0].body.clear()
        assert list(outbox.pending()) == [a_message("a")]
