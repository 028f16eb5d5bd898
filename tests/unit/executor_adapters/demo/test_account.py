"""The account says what was seen, and whether it was what had to come."""

from dataclasses import replace
from datetime import timedelta

import pytest

from executor_adapters.demo.fakes import run_on_fakes
from executor_adapters.demo.plan import HARMFUL
from executor_adapters.memory import RecordingObserver
from executor_core.carrying import Finished, Interrupted, NotClaimed
from executor_core.model import ExecutionStatus
from executor_core.pacing import Pacing


@pytest.fixture(scope="module")
def account(tmp_path_factory):
    window = timedelta(seconds=30)
    return run_on_fakes(
        pacing=Pacing(baseline_window=window, after_window=window),
        evidence=tmp_path_factory.mktemp("evidence"),
        observer=RecordingObserver(),
        say=lambda _text: None,
    )


def with_harmful(account, **changes):
    helpful, harmful = account.runs
    return replace(account, runs=(helpful, replace(harmful, **changes)))


def test_what_had_to_come_is_no_surprise(account):
    assert account.surprise is None
    assert account.as_json()["ok"] is True


def test_the_numbers_are_told(account):
    told = account.as_text()
    assert "completed\n" in told
    assert "rolled_back (verification_failed)\n" in told
    assert "latency 70.00 ms -> 0.40 ms (-99.4 %), rows examined 200,000 -> 10 (-100.0 %)" in told
    assert "latency 3.00 ms -> 270.00 ms (x90), rows examined 1,000 -> 100,001 (x100)" in told
    assert "indexes   PRIMARY, idx_orders_tenant, idx_orders_customer_id\n" in told
    assert "DROP INDEX `idx_orders_created_at`" in told
    for seen in account.runs:
        assert f"executor verify {seen.evidence}" in told


def test_programs_get_each_run_as_the_command_prints_it(account):
    helpful, harmful = account.as_json()["runs"]
    assert helpful["verification"]["status"] == "success"
    assert harmful["rollback"]["status"] == "completed"
    assert harmful["columns"] == ["created_at"]


def test_an_index_that_is_still_there_is_a_surprise(account):
    seen = with_harmful(account, indexes=("PRIMARY", HARMFUL.index_name))
    assert seen.surprise == (
        "demo-harmful ended as rolled_back, but the table has the indexes PRIMARY, idx_orders_created_at"
    )
    assert seen.as_json()["message"] == seen.surprise


def test_another_end_is_a_surprise(account):
    end = account.runs[0].end
    assert isinstance(end, Finished)
    assert end.state.status is ExecutionStatus.COMPLETED
    surprise = with_harmful(account, end=end).surprise
    assert surprise is not None
    assert surprise.startswith(
        "demo-harmful should have ended as rolled_back with the verdict failed, but ended as completed with the "
        "verdict success: The index did no harm"
    )


@pytest.mark.parametrize("end", [NotClaimed("somebody holds it"), Interrupted("a signal came")])
def test_a_run_that_came_to_no_end_is_a_surprise(account, end):
    seen = with_harmful(account, end=end, indexes=())
    assert seen.surprise == f"demo-harmful was not carried to its end: {end.reason}"
    assert f"run       {end.reason}" in seen.as_text()
    assert seen.runs[1].evidence is None
    assert seen.runs[1].verdict is None


def test_a_run_that_never_was_is_a_surprise(account):
    assert replace(account, runs=account.runs[:1]).surprise == "demo-harmful was not run"
