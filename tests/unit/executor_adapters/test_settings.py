from datetime import timedelta
from pathlib import Path

import pytest

from executor_adapters.settings import Exposure, Settings, default_state_dir, default_worker_id, option_of
from executor_core.errors import InvalidInput
from executor_core.pacing import Pacing

VARIABLES = [str(info.validation_alias) for info in Settings.model_fields.values()]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)


def test_every_setting_has_the_variable_that_is_promised() -> None:
    promised = {
        "SAAS_API_URL",
        "SAAS_API_TOKEN",
        "EXECUTOR_MYSQL_URL",
        "EXECUTOR_CONNECTIONS",
        "EXECUTOR_WORKER_ID",
        "EXECUTOR_BASELINE_WINDOW",
        "EXECUTOR_AFTER_WINDOW",
        "EXECUTOR_EXTENDED_WINDOW",
        "EXECUTOR_SETTLE",
        "EXECUTOR_STATE_DIR",
        "EXECUTOR_API_TIMEOUT",
        "EXECUTOR_LOCK_WAIT",
        "EXECUTOR_EXPOSURE",
        "EXECUTOR_WAIVE",
        "EXECUTOR_COMMIT_LOCK_WAIT",
        "EXECUTOR_BUILD_PATIENCE",
        "EXECUTOR_BUILD_TRIES",
        "EXECUTOR_BUILD_LIMIT",
        "EXECUTOR_REPLICA_LAG_LIMIT",
        "EXECUTOR_SLOWDOWN_LIMIT",
        "EXECUTOR_BUILD_MEMORY",
        "EXECUTOR_DRAIN_PATIENCE",
        "EXECUTOR_END_IDLE_TRANSACTIONS",
    }
    assert promised <= set(VARIABLES)


def test_the_defaults(tmp_path: Path) -> None:
    settings = Settings.read()
    assert settings.api_url == "http://localhost:3000"
    assert settings.api_token is None
    assert settings.mysql_url is None
    assert settings.api_timeout == timedelta(seconds=5)
    assert settings.state_dir == tmp_path / ".local" / "state" / "executor"
    assert settings.exposure is Exposure.STAGED
    assert settings.waive == frozenset()
    assert settings.pacing() == Pacing()


def test_an_option_comes_before_its_variable_and_that_before_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAAS_API_URL", "http://of-the-environment")
    monkeypatch.setenv("EXECUTOR_SETTLE", "2s")
    settings = Settings.read({"api_url": "http://of-the-option", "settle": None})
    assert settings.api_url == "http://of-the-option"
    assert settings.settle == timedelta(seconds=2)


@pytest.mark.parametrize(("text", "size"), [("512K", 2**19), ("16M", 2**24), (" 2g ", 2**31), (4096, 4096)])
def test_a_size_is_written_with_its_unit(text: str | int, size: int) -> None:
    assert Settings.read({"build_memory": text}).build_memory == size


@pytest.mark.parametrize("text", ["16", "1.5M", "M", "-1M", "16MB", "9999999G"])
def test_a_size_without_a_unit_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"--build-memory \(EXECUTOR_BUILD_MEMORY\): write a size such as"):
        Settings.read({"build_memory": text})


def test_nobody_is_ended_unless_it_is_set() -> None:
    assert Settings.read().pacing().end_idle_transactions is None
    assert Settings.read({"end_idle_transactions": "10m"}).pacing().end_idle_transactions == timedelta(minutes=10)


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAAS_API_TOKEN", "")
    monkeypatch.setenv("EXECUTOR_AFTER_WINDOW", "")
    settings = Settings.read()
    assert settings.api_token is None
    assert settings.after_window == Pacing().after_window


def test_waivers_are_codes_of_warnings_with_commas_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.read({"waive": " busy, room,"}).waive == {"busy", "room"}
    monkeypatch.setenv("EXECUTOR_WAIVE", "replicas")
    assert Settings.read().waive == {"replicas"}
    with pytest.raises(InvalidInput, match="--waive"):
        Settings.read({"waive": "busy,read_only"})


def test_durations_are_read_as_people_write_them() -> None:
    options = {"baseline_window": "90s", "extended_window": "0s", "api_timeout": timedelta(seconds=3)}
    settings = Settings.read(options)
    assert settings.pacing().baseline_window == timedelta(seconds=90)
    assert settings.pacing().extended_window == timedelta(0)
    assert settings.api_timeout == timedelta(seconds=3)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"baseline_window": "five"},
            "--baseline-window (EXECUTOR_BASELINE_WINDOW): 'five' is not a duration: write 90s, 5m or 1h",
        ),
        ({"worker_id": ""}, "--worker-id (EXECUTOR_WORKER_ID): String should have at least 1 character"),
        ({"exposure": "bold"}, "--exposure (EXECUTOR_EXPOSURE): Input should be 'staged' or 'direct'"),
    ],
)
def test_one_line_names_the_setting_that_is_wrong(options: dict[str, str], sentence: str) -> None:
    with pytest.raises(InvalidInput) as wrong:
        Settings.read(options)
    assert str(wrong.value) == sentence


def test_a_variable_that_is_wrong_is_named_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXECUTOR_LOCK_WAIT", "long")
    with pytest.raises(InvalidInput, match=r"--lock-wait \(EXECUTOR_LOCK_WAIT\): 'long' is not a duration"):
        Settings.read()


def test_windows_that_make_no_sense_are_refused() -> None:
    with pytest.raises(InvalidInput, match="the after window must be longer than zero"):
        Settings.read({"after_window": "0s"}).pacing()


def test_secrets_do_not_show() -> None:
    settings = Settings.read({"mysql_url": "mysql://app:s3cret@db/shop", "api_token": "t0ken"})
    assert "s3cret" not in repr(settings)
    assert "t0ken" not in repr(settings)
    assert "s3cret" not in settings.model_dump_json()


def test_what_is_no_setting_is_ignored() -> None:
    assert Settings.read({"command": "run", "json": True}) is not None


def test_the_state_lies_in_the_state_folder_of_the_user() -> None:
    assert default_state_dir({"XDG_STATE_HOME": "/var/state", "HOME": "/nowhere"}) == Path("/var/state/executor")
    assert default_state_dir({"HOME": "/there"}) == Path("/there/.local/state/executor")


def test_each_worker_has_a_name_of_its_own() -> None:
    assert default_worker_id() != default_worker_id()


def test_what_is_no_field_is_called_by_its_name() -> None:
    assert option_of("json") == "json"
