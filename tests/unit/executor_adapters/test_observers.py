import logging
from datetime import UTC, datetime

import pytest

from executor_adapters.memory import RecordingObserver
from executor_adapters.observers import LoggingObserver, SeveralObservers
from executor_core.model import RunId
from executor_core.ports import Notice


def notice(name: str, **fields: object) -> Notice:
    return Notice(at=datetime(2026, 1, 1, tzinfo=UTC), run_id=RunId("run-1"), name=name, fields=fields)


def test_a_notice_is_logged_with_the_run_and_its_fields(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "executor")
    LoggingObserver().notice(notice("build.started", attempt=1, sql=None))
    (record,) = caplog.records
    assert record.getMessage() == "run-1 build.started attempt=1"
    assert vars(record)["execution_id"] == "run-1"
    assert vars(record)["event"] == "build.started"
    assert vars(record)["fields"] == {"attempt": 1, "sql": None}


def test_what_is_routine_is_for_debugging(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "executor")
    LoggingObserver().notice(notice("sample.taken"))
    assert caplog.records[0].levelno == logging.DEBUG


def test_several_observers_hear_the_same() -> None:
    first, second = RecordingObserver(), RecordingObserver()
    SeveralObservers([first, second]).notice(notice("run.claimed"))
    assert first.names == second.names == ["run.claimed"]
