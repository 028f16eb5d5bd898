from pathlib import Path

import pytest
from dependency_injector import containers, providers
from pydantic import SecretStr

from executor_adapters import container
from executor_adapters.container import InMemory, Production, production, targets_of
from executor_adapters.driving import carry
from executor_adapters.memory import FakeWorld, RecordingObserver
from executor_adapters.settings import Settings
from executor_core.carrying import Finished
from executor_core.errors import InvalidInput
from executor_core.model import ConnectionId, ExecutionStatus, RunId
from executor_core.ports import Notice


def settings(state_dir: Path, **changes: object) -> Settings:
    given = {
        "api_url": "http://127.0.0.1:9",
        "api_token": SecretStr("t0ken"),
        "mysql_url": SecretStr("mysql://app:s3cret@127.0.0.1:9/shop"),
        "state_dir": state_dir,
        "worker_id": "worker-1",
    }
    return Settings.read({**given, **changes})


def all_containers() -> list[type[containers.DeclarativeContainer]]:
    return [
        each
        for each in vars(container).values()
        if isinstance(each, type) and issubclass(each, containers.DeclarativeContainer)
    ]


@pytest.mark.parametrize("kind", all_containers(), ids=lambda kind: kind.__name__)
def test_every_provider_of_every_container_can_be_built(kind: type, tmp_path: Path) -> None:
    needed = {"settings": providers.Object(settings(tmp_path))} if kind is Production else {}
    built = kind(**needed)
    assert len(built.providers) > 5
    for name, provider in built.providers.items():
        assert provider() is not None, name
    for part in ("journal", "control_plane", "connections"):
        if part in built.providers:
            built.providers[part]().close()


def test_there_is_one_of_each(tmp_path: Path) -> None:
    with production(settings(tmp_path)) as wired:
        ports = wired.ports()
        assert ports.checkpoints is ports.outbox is wired.journal()
        assert ports.clock is wired.clock()
        assert wired.engine() is wired.engine()
        assert wired.connections()(ConnectionId("any")).schema_name == "shop"


def test_a_commands_observers_hear_of_everything(tmp_path: Path) -> None:
    heard = RecordingObserver()
    with production(settings(tmp_path), heard) as wired:
        notice = Notice(at=wired.clock().now(), run_id=RunId("run-1"), name="run.claimed", fields={})
        wired.ports().observer.notice(notice)
    assert heard.notices == [notice]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"api_url": "ftp://there"}, "must begin with http://"),
        ({"mysql_url": SecretStr("mysql://app:s3cret@db")}, "names no database"),
        ({"connections": "/nowhere.toml"}, "can't be read"),
    ],
)
def test_settings_that_can_not_be_used_are_refused_at_once(
    tmp_path: Path, wrong: dict[str, object], sentence: str
) -> None:
    with pytest.raises(InvalidInput, match=sentence), production(settings(tmp_path / "state", **wrong)):
        pass
    assert not (tmp_path / "state").exists()


def test_a_run_in_memory_comes_to_its_end() -> None:
    wired = InMemory()
    world = wired.world()
    assert isinstance(world, FakeWorld)
    end = carry(wired.engine(), world.run("customer_id"), world.clock)
    assert isinstance(end, Finished)
    assert end.state.status is ExecutionStatus.COMPLETED


def test_databases_alone_need_no_state(tmp_path: Path) -> None:
    with targets_of(settings(tmp_path / "state")) as targets:
        assert targets(ConnectionId("any")).schema_name == "shop"
    assert not (tmp_path / "state").exists()
