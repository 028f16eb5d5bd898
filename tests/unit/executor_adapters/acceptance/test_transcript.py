"""The transcript, of exchanges that a relay would have written down."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from executor_adapters.acceptance.relay import Exchange, Relay
from executor_adapters.acceptance.transcript import Transcript, worker_of
from executor_adapters.testing.listener import CallName
from executor_core.model import AuditAction

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass
class WrittenDown:
    """Stands for a relay: what went through is put in."""

    all: list[Exchange] = field(default_factory=list[Exchange])

    def add(
        self,
        call: CallName,
        run_id: str | None,
        body: Any = None,
        *,
        status: int | None = 200,
        path: str = "/",
        fault: Any = None,
    ) -> None:
        at = NOON + timedelta(seconds=len(self.all))
        exchange = Exchange(
            at=at, call=call, run_id=run_id, method="POST", path=path, body=body, status=status, fault=fault
        )
        self.all.append(exchange)

    def exchanges(self, *run_ids: str, call: CallName | None = None) -> list[Exchange]:
        return [e for e in self.all if (not run_ids or e.run_id in run_ids) and call in (None, e.call)]


@pytest.fixture
def relay() -> WrittenDown:
    return WrittenDown()


@pytest.fixture
def transcript(relay: WrittenDown) -> Transcript:
    return Transcript(cast("Relay", relay))


def test_a_claim_is_known_by_its_worker(relay: WrittenDown, transcript: Transcript) -> None:
    relay.add("claim", "run-1", {"worker_id": "a"})
    relay.add("claim", "run-1", {"worker_id": "b"}, status=409)
    relay.add("claim", "run-1", {"worker_id": "b"})
    relay.add("claim", "run-2", {"worker_id": "c"}, status=None)
    assert [transcript.first_claim("run-1", name) for name in "abc"] == [200, 409, None]
    assert (transcript.last_claim("run-1"), transcript.last_claim("run-2"), transcript.last_claim("run-3")) == (
        200,
        None,
        None,
    )
    assert [worker_of(each) for each in transcript.grants("run-1")] == ["a", "b"]


def test_what_the_api_did_not_accept_was_not_told(relay: WrittenDown, transcript: Transcript) -> None:
    relay.add("status", "run-1", {"status": "running"})
    relay.add("status", "run-1", {"status": "failed"}, status=503)
    relay.add("audit", "run-1", {"action": "index_added"}, status=None)
    relay.add("audit", "run-1", {"action": "index_added"})
    relay.add("rollback", "run-1", {"status": "completed"}, status=500)
    assert transcript.last_status("run-1") == {"status": "running"}
    assert transcript.audited("run-1", AuditAction.INDEX_ADDED) == 1
    assert transcript.rollbacks("run-1") == []
    assert transcript.last_status("run-2") == {}


def test_a_run_is_unended_until_its_end_was_accepted(relay: WrittenDown, transcript: Transcript) -> None:
    for run_id, status in (("begun", "running"), ("over", "rolled_back")):
        relay.add("claim", run_id)
        relay.add("status", run_id, {"status": status})
    relay.add("claim", "untold")
    relay.add("status", "untold", {"status": "failed"}, status=None)
    relay.add("claim", "somebody-s", status=409)
    assert transcript.unended({"given", "over"}) == ["begun", "given", "untold"]


def test_steps_are_in_the_order_of_their_own_times(relay: WrittenDown, transcript: Transcript) -> None:
    change = {"action": "status_change", "old_status": "running", "new_status": "failed"}
    relay.add("audit", "run-1", {**change, "timestamp": "2026-01-01T12:00:09Z"})
    relay.add("audit", "run-1", {"action": "run_claimed", "timestamp": "soon"})
    relay.add("audit", "run-2", {"action": "run_claimed"})
    steps = transcript.steps(["run-1"])
    assert [(step.what, step.at) for step in steps] == [
        ("run_claimed", NOON + timedelta(seconds=1)),
        ("status_change RUNNING → FAILED", NOON + timedelta(seconds=9)),
    ]
    assert transcript.steps([]) == ()


def test_the_lines_of_a_run_have_the_actions_asked_for_and_the_faults_of_its_switch(
    relay: WrittenDown, transcript: Transcript
) -> None:
    relay.add("claim", "run-1", path="/claim")
    relay.add("audit", "run-1", {"action": "index_added"}, path="/audit")
    relay.add("audit", "run-1", {"action": "run_claimed"}, path="/audit")
    relay.add("status", "run-2", path="/other")
    for number in range(5):
        relay.add("kill_switch", None, status=None, path=f"/switch?connection_id=conn-001&{number}", fault="timeout")
    relay.add("kill_switch", None, path="/switch?connection_id=conn-001")
    relay.add("kill_switch", None, status=None, path="/switch?connection_id=conn-002", fault="timeout")
    lines = transcript.lines("run-1", "conn-001", {"index_added"})
    assert [line.split()[1] for line in lines] == [
        "/claim",
        "/audit",
        *(f"/switch?connection_id=conn-001&{number}" for number in (2, 3, 4)),
    ]
