"""What an operator sets: by option, by environment variable, or by default, in that order.

Nothing is read until `Settings.read` is called; the library itself has no settings. A secret never shows in a
repr or an error.
"""

import os
import re
import secrets
import socket
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from executor_adapters.durations import parse_duration
from executor_core.carrying import Rules
from executor_core.errors import InvalidInput
from executor_core.exposure import Exposure
from executor_core.pacing import Pacing
from executor_core.preflight import waived


def _duration(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    try:
        return parse_duration(str(value))
    except InvalidInput as error:
        raise ValueError(str(error)) from None


Duration = Annotated[timedelta, BeforeValidator(_duration)]


def _waivers(value: Any) -> frozenset[str]:
    codes: list[str] = value.split(",") if isinstance(value, str) else [*value]
    try:
        return waived(code.strip() for code in codes if code.strip())
    except InvalidInput as error:
        raise ValueError(str(error)) from None


Waivers = Annotated[frozenset[str], NoDecode, BeforeValidator(_waivers)]


def _size(value: Any) -> int:
    if isinstance(value, int):
        return value
    match = _SIZE.fullmatch(str(value).strip())
    if match is None:
        raise ValueError("write a size such as 512K, 16M or 1G")
    return int(match["number"]) * _UNITS[match["unit"].upper()]


_SIZE = re.compile(r"(?P<number>[0-9]{1,6})(?P<unit>[KkMmGg])")
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}
Size = Annotated[int, BeforeValidator(_size)]


def default_state_dir(environment: Mapping[str, str] | None = None) -> Path:
    """Where checkpoints and undelivered messages are kept unless set: the user's state folder."""
    variables = os.environ if environment is None else environment
    base = variables.get("XDG_STATE_HOME") or str(Path(variables.get("HOME") or Path.cwd()) / ".local" / "state")
    return Path(base) / "executor"


def default_worker_id() -> str:
    """Host, process and a random part: another one for each start."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


_PACING = Pacing()


class Settings(BaseSettings):
    """The settings of a command or worker. Each field's environment variable stands beside it."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True, env_ignore_empty=True)

    api_url: str = Field("http://localhost:3000", validation_alias="SAAS_API_URL")
    api_token: SecretStr | None = Field(None, validation_alias="SAAS_API_TOKEN")
    mysql_url: SecretStr | None = Field(None, validation_alias="EXECUTOR_MYSQL_URL")
    connections: Path | None = Field(None, validation_alias="EXECUTOR_CONNECTIONS")
    worker_id: str = Field(default_factory=default_worker_id, validation_alias="EXECUTOR_WORKER_ID", min_length=1)
    baseline_window: Duration = Field(_PACING.baseline_window, validation_alias="EXECUTOR_BASELINE_WINDOW")
    after_window: Duration = Field(_PACING.after_window, validation_alias="EXECUTOR_AFTER_WINDOW")
    extended_window: Duration | None = Field(None, validation_alias="EXECUTOR_EXTENDED_WINDOW")
    settle: Duration = Field(_PACING.settle, validation_alias="EXECUTOR_SETTLE")
    state_dir: Path = Field(default_factory=default_state_dir, validation_alias="EXECUTOR_STATE_DIR")
    api_timeout: Duration = Field(timedelta(seconds=5), validation_alias="EXECUTOR_API_TIMEOUT")
    lock_wait: Duration = Field(_PACING.lock_wait, validation_alias="EXECUTOR_LOCK_WAIT")
    commit_lock_wait: Duration = Field(_PACING.commit_lock_wait, validation_alias="EXECUTOR_COMMIT_LOCK_WAIT")
    exposure: Exposure = Field(Exposure.STAGED, validation_alias="EXECUTOR_EXPOSURE")
    waive: Waivers = Field(frozenset(), validation_alias="EXECUTOR_WAIVE")
    builds_per_instance: int = Field(1, validation_alias="EXECUTOR_BUILDS_PER_INSTANCE", ge=1)
    build_patience: Duration = Field(_PACING.build_patience, validation_alias="EXECUTOR_BUILD_PATIENCE")
    build_tries: int = Field(_PACING.build_tries, validation_alias="EXECUTOR_BUILD_TRIES")
    build_limit: Duration | None = Field(None, validation_alias="EXECUTOR_BUILD_LIMIT")
    replica_lag_limit: Duration | None = Field(None, validation_alias="EXECUTOR_REPLICA_LAG_LIMIT")
    slowdown_limit: float | None = Field(None, validation_alias="EXECUTOR_SLOWDOWN_LIMIT")
    build_memory: Size = Field(Rules().build_memory, validation_alias="EXECUTOR_BUILD_MEMORY")
    end_idle_transactions: Duration | None = Field(None, validation_alias="EXECUTOR_END_IDLE_TRANSACTIONS")
    drain_patience: Duration = Field(_PACING.drain_patience, validation_alias="EXECUTOR_DRAIN_PATIENCE")
    rollback_patience: Duration = Field(_PACING.rollback_patience, validation_alias="EXECUTOR_ROLLBACK_PATIENCE")
    kill_switch_interval: Duration = Field(
        _PACING.kill_switch_interval, validation_alias="EXECUTOR_KILL_SWITCH_INTERVAL"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Options first, then the environment; no file is read."""
        del settings_cls, dotenv_settings, file_secret_settings
        return init_settings, env_settings

    @classmethod
    def read(cls, options: Mapping[str, Any] | None = None) -> "Settings":
        """Return the settings; raise `InvalidInput` with one line that names the first one that is wrong."""
        given = {name: value for name, value in (options or {}).items() if value is not None}
        try:
            return cls(**given)
        except ValidationError as invalid:
            error = invalid.errors(include_url=False, include_input=False)[0]
            name = str(error["loc"][0])
            problem = error["msg"].removeprefix("Value error, ")
            raise InvalidInput(f"{option_of(name)}: {problem}") from None

    def pacing(self) -> Pacing:
        """Return the durations of a run; raise `InvalidInput` when they make no sense."""
        return Pacing(
            baseline_window=self.baseline_window,
            after_window=self.after_window,
            extended_window=self.extended_window,
            settle=self.settle,
            lock_wait=self.lock_wait,
            commit_lock_wait=self.commit_lock_wait,
            build_patience=self.build_patience,
            build_tries=self.build_tries,
            build_limit=self.build_limit,
            replica_lag_limit=self.replica_lag_limit,
            slowdown_limit=self.slowdown_limit,
            end_idle_transactions=self.end_idle_transactions,
            drain_patience=self.drain_patience,
            rollback_patience=self.rollback_patience,
            kill_switch_interval=self.kill_switch_interval,
        )

    def rules(self) -> Rules:
        """Return what runs keep to; raise `InvalidInput` when their durations make no sense."""
        return Rules(
            pacing=self.pacing(),
            build_memory=self.build_memory,
            exposure=self.exposure,
            waived=self.waive,
            builds_per_instance=self.builds_per_instance,
        )


def option_of(name: str) -> str:
    """Return how people know a setting: by its option, or by its variable where it has none."""
    for field, info in Settings.model_fields.items():
        if name in (field, info.validation_alias):
            return f"--{field.replace('_', '-')} ({info.validation_alias})"
    return name
