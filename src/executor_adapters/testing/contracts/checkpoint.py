"""The contract of `CheckpointStore`, with the outbox beside it."""

# ruff: noqa: S101 -- asserting is what a contract does

import threading
from collections.abc import Callable
from typing import Any

import pytest

from executor_adapters.testing.contracts.samples import NOON, a_message, a_snapshot, a_state
from executor_core.errors import LeaseLost
from executor_core.model import RunId, WorkerId
from executor_core.ports import CheckpointStore, Outbox
from executor_core.state import WindowKind

RUN = RunId("run-1")


class CheckpointStoreContract:
    """What every `CheckpointStore` must do."""

    @pytest.fixture
    def store(self) -> CheckpointStore:
        """The store under test, empty."""
        raise NotImplementedError

    @pytest.fixture
    def outbox(self) -> Outbox:
        """The outbox beside it."""
        raise NotImplementedError

    @pytest.fixture
    def reopen(self) -> Callable[[], Any]:
        """Returns store and outbox in one, as the next process would open them."""
        raise NotImplementedError

    def test_nothing_is_stored_at_first(self, store: CheckpointStore) -> None:
        assert store.load(RUN) is None
        assert list(store.samples(RUN, WindowKind.BASELINE)) == []

    def test_a_state_comes_back_as_it_was_saved(self, store: CheckpointStore) -> None:
        store.save(a_state())
        assert store.load(RUN) == a_state()

    def test_the_last_state_saved_counts(self, store: CheckpointStore) -> None:
        store.save(a_state(message="first"))
        store.save(a_state(message="second"))
        assert store.load(RUN) == a_state(message="second")

    def test_only_who_goes_on_from_a_state_replaces_it(self, store: CheckpointStore, outbox: Outbox) -> None:
        first = a_state()
        store.save(first)
        second = first.resumed(WorkerId("worker-2"), NOON)
        store.save(second)
        store.save(second.model_copy(update={"tries": 1}))
        with pytest.raises(LeaseLost):
            store.save(first, [a_message("late")])
        assert store.load(first.run_id) == second.model_copy(update={"tries": 1})
        assert list(outbox.pending()) == []

    def test_runs_are_kept_apart(self, store: CheckpointStore) -> None:
        store.save(a_state("run-1"))
        store.save(a_state("run-2"))
        assert store.load(RunId("run-2")) == a_state("run-2")
        assert store.load(RunId("run-3")) is None

    def test_messages_are_saved_with_the_state(self, store: CheckpointStore, outbox: Outbox) -> None:
        outbox.append(a_message("a"))
        store.save(a_state(), [a_message("b"), a_message("c")])
        store.save(a_state())
        assert [message.key for message in outbox.pending(RUN)] == ["a", "b", "c"]

    def test_a_key_that_is_stored_already_is_not_stored_again(self, store: CheckpointStore, outbox: Outbox) -> None:
        store.save(a_state(), [a_message("a", said="first")])
        store.save(a_state(), [a_message("a", said="second"), a_message("b", said="third")])
        assert [message.body["said"] for message in outbox.pending(RUN)] == ["first", "third"]

    def test_a_state_and_its_messages_are_saved_as_one(self, store: CheckpointStore, outbox: Outbox) -> None:
        store.save(a_state(message="before"))
        unwritable = a_message("b", body=object())
        with pytest.raises(TypeError):
            store.save(a_state(message="after"), [a_message("a"), unwritable])
        assert store.load(RUN) == a_state(message="before")
        assert list(outbox.pending()) == []

    def test_samples_come_back_in_the_order_of_their_instants(self, store: CheckpointStore) -> None:
        for seconds in (60, 0, 120):
            store.add_sample(RUN, WindowKind.BASELINE, a_snapshot(seconds))
        stored = list(store.samples(RUN, WindowKind.BASELINE))
        assert stored == [a_snapshot(0), a_snapshot(60), a_snapshot(120)]

    def test_a_large_sample_comes_back_whole(self, store: CheckpointStore) -> None:
        store.add_sample(RUN, WindowKind.AFTER, a_snapshot(digests=500))
        assert list(store.samples(RUN, WindowKind.AFTER)) == [a_snapshot(digests=500)]

    def test_the_same_instant_is_not_stored_again(self, store: CheckpointStore) -> None:
        store.add_sample(RUN, WindowKind.BASELINE, a_snapshot(0, digests=1))
        store.add_sample(RUN, WindowKind.BASELINE, a_snapshot(0, digests=2))
        assert list(store.samples(RUN, WindowKind.BASELINE)) == [a_snapshot(0, digests=1)]

    def test_windows_and_runs_are_kept_apart(self, store: CheckpointStore) -> None:
        store.add_sample(RUN, WindowKind.BASELINE, a_snapshot(1))
        store.add_sample(RUN, WindowKind.AFTER, a_snapshot(2))
        store.add_sample(RunId("run-2"), WindowKind.AFTER, a_snapshot(3))
        assert list(store.samples(RUN, WindowKind.AFTER)) == [a_snapshot(2)]

    def test_what_was_saved_outlives_the_process(
        self, store: CheckpointStore, outbox: Outbox, reopen: Callable[[], Any]
    ) -> None:
        store.save(a_state(), [a_message("a"), a_message("b"), a_message("c")])
        store.add_sample(RUN, WindowKind.BASELINE, a_snapshot())
        outbox.delivered("a")
        outbox.refused("b", "the answer was 422")
        again = reopen()
        assert again.load(RUN) == a_state()
        assert list(again.samples(RUN, WindowKind.BASELINE)) == [a_snapshot()]
        assert [message.key for message in again.pending()] == ["c"]
        assert again.refused_count(RUN) == 1

    def test_several_threads_may_save_at_once(self, store: CheckpointStore, outbox: Outbox) -> None:
        def work(number: int) -> None:
            for step in range(5):
                run_id = f"run-{number}"
                store.save(a_state(run_id, message=str(step)), [a_message(f"{run_id}:{step}", run_id)])

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for number in range(4):
            run_id = RunId(f"run-{number}")
            assert store.load(run_id) == a_state(run_id, message="4")
            assert [message.key for message in outbox.pending(run_id)] == [f"{run_id}:{step}" for step in range(5)]
