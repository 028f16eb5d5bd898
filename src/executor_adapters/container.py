"""The wiring: which adapter serves which port, one container for each shape of deployment.

Only entry points import this file. Nothing is injected by magic: every object is made from plain constructor
arguments, and `dependency_injector` keeps one of each. A test builds every provider of every container.
"""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from dependency_injector import containers, providers

from executor_adapters.checkpoints.archive import FileEvidenceArchive
from executor_adapters.checkpoints.sqlite import SqliteJournal
from executor_adapters.clock import SystemClock, system_jitter
from executor_adapters.connections import Connections, read_connections
from executor_adapters.lease_keeper import ThreadedLeaseKeeper
from executor_adapters.memory import FakeWorld
from executor_adapters.mysql.database import MySQLTarget
from executor_adapters.mysql.url import MySQLUrl
from executor_adapters.observers import LoggingObserver, SeveralObservers
from executor_adapters.saas.control_plane import HttpControlPlane
from executor_adapters.settings import Settings
from executor_adapters.switchboard import SharedSwitchboard
from executor_core.carrying import Ports, Rules
from executor_core.engine import Engine
from executor_core.model import WorkerId
from executor_core.pacing import Pacing
from executor_core.policy import Policy
from executor_core.ports import Observer


def _control_plane(settings: Settings) -> HttpControlPlane:
    token = None if settings.api_token is None else settings.api_token.get_secret_value()
    return HttpControlPlane(settings.api_url, token, timeout=settings.api_timeout)


def _connections(settings: Settings, clock: SystemClock) -> Connections:
    def open_target(url: MySQLUrl) -> MySQLTarget:
        return MySQLTarget(url, clock=clock)

    urls = {} if settings.connections is None else read_connections(settings.connections)
    default = None if settings.mysql_url is None else settings.mysql_url.get_secret_value()
    return Connections(urls, default=default, open_target=open_target)


def _state_dir(settings: Settings) -> Path:
    return settings.state_dir


def _evidence_dir(settings: Settings) -> Path:
    return settings.state_dir / "evidence"


def _worker_id(settings: Settings) -> WorkerId:
    return WorkerId(settings.worker_id)


class Production(containers.DeclarativeContainer):
    """The command and the worker: MySQL, the control plane over HTTP, state in a directory."""

    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)

    clock: providers.Provider[SystemClock] = providers.ThreadSafeSingleton(SystemClock)
    observer: providers.Provider[Observer] = providers.ThreadSafeSingleton(LoggingObserver)
    control_plane: providers.Provider[HttpControlPlane] = providers.ThreadSafeSingleton(_control_plane, settings)
    connections: providers.Provider[Connections] = providers.ThreadSafeSingleton(_connections, settings, clock)
    state_dir: providers.Provider[Path] = providers.Callable(_state_dir, settings)
    evidence_dir: providers.Provider[Path] = providers.Callable(_evidence_dir, settings)
    journal: providers.Provider[SqliteJournal] = providers.ThreadSafeSingleton(SqliteJournal, state_dir)
    archive: providers.Provider[FileEvidenceArchive] = providers.ThreadSafeSingleton(FileEvidenceArchive, evidence_dir)
    lease_keeper: providers.Provider[ThreadedLeaseKeeper] = providers.ThreadSafeSingleton(
        ThreadedLeaseKeeper, control_plane, clock
    )
    switchboard: providers.Provider[SharedSwitchboard] = providers.ThreadSafeSingleton(
        SharedSwitchboard, control_plane, clock
    )
    ports: providers.Provider[Ports] = providers.ThreadSafeSingleton(
        Ports,
        control_plane=control_plane,
        target=connections,
        checkpoints=journal,
        outbox=journal,
        archive=archive,
        clock=clock,
        jitter=providers.Object(system_jitter),
        observer=observer,
        lease_keeper=lease_keeper,
        switchboard=switchboard,
    )
    pacing: providers.Provider[Pacing] = providers.Callable(Settings.pacing, settings)
    rules: providers.Provider[Rules] = providers.ThreadSafeSingleton(Settings.rules, settings)
    worker_id: providers.Provider[WorkerId] = providers.Callable(_worker_id, settings)
    engine: providers.Provider[Engine] = providers.ThreadSafeSingleton(
        Engine, ports=ports, worker_id=worker_id, rules=rules
    )


@contextmanager
def production(settings: Settings, *observers: Observer, evidence_dir: Path | None = None) -> Generator[Production]:
    """Wire for one command, whose `observers` hear of everything too; close what was opened afterwards.

    Evidence is kept in the state directory, or in `evidence_dir` where that is to go and the evidence to stay.
    Raises `InvalidInput` for settings that can't be used; connects to nothing yet.
    """
    container = Production(
        settings=providers.Object(settings),
        observer=providers.Object(SeveralObservers([LoggingObserver(), *observers])),
        evidence_dir=providers.Object(evidence_dir or _evidence_dir(settings)),
    )
    with ExitStack() as opened:
        for part in (container.journal(), container.control_plane(), container.connections(), container.lease_keeper()):
            opened.callback(part.close)
        yield container


@contextmanager
def targets_of(settings: Settings) -> Generator[Connections]:
    """Wire the databases alone, for a command that looks and changes nothing; close what was opened afterwards.

    Raises `InvalidInput` for settings that can't be used; connects to nothing yet.
    """
    connections = _connections(settings, SystemClock())
    try:
        yield connections
    finally:
        connections.close()


class InMemory(containers.DeclarativeContainer):
    """Everything on the fakes of one `FakeWorld`, with a clock that moves when told: for users' tests."""

    world: providers.Provider[FakeWorld] = providers.ThreadSafeSingleton(FakeWorld)
    worker_id: providers.Provider[WorkerId] = providers.Object(WorkerId("worker-1"))
    ports: providers.Provider[Ports] = providers.ThreadSafeSingleton(FakeWorld.ports, world)
    pacing: providers.Provider[Pacing] = providers.ThreadSafeSingleton(Pacing)
    verification: providers.Provider[Policy] = providers.ThreadSafeSingleton(Policy)
    rules: providers.Provider[Rules] = providers.ThreadSafeSingleton(Rules, pacing=pacing, verification=verification)
    engine: providers.Provider[Engine] = providers.ThreadSafeSingleton(
        Engine, ports=ports, worker_id=worker_id, rules=rules
    )
