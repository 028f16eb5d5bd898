"""``executor demo``: the whole job, live, with nothing to configure."""

import argparse
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from dependency_injector import providers
from pydantic import SecretStr

from executor_adapters.checkpoints.archive import FileEvidenceArchive
from executor_adapters.command.outcome import End, ExitCode
from executor_adapters.command.progress import ProgressLines
from executor_adapters.command.signals import SIGNALS, interrupting
from executor_adapters.container import Production
from executor_adapters.driving import carry
from executor_adapters.durations import parse_duration
from executor_adapters.observers import LoggingObserver, SeveralObservers
from executor_adapters.settings import Settings
from executor_core.errors import ExecutorError, InvalidInput
from executor_core.model import ExecutionRun
from executor_core.pacing import Pacing

if TYPE_CHECKING:
    from executor_adapters.demo.account import Account

LIVE_WINDOW = timedelta(seconds=20)
LONGEST_WINDOW = 1.75
"""How far, as a multiple, a window is extended on a machine too busy to decide; three minutes are then not exceeded."""
LIVE_SETTLE = timedelta(seconds=1)
SHORTEST_LIVE_WINDOW = timedelta(seconds=10)
"""The rarest statement of the workload runs three times in two seconds, and ten executions are needed."""


def demo(arguments: argparse.Namespace) -> int:
    """Let a helpful and a harmful index come and see what becomes of them; return the exit code.

    0 only when the helpful one was kept and the harmful one taken back; otherwise 4, with one sentence.
    """
    window = None if arguments.window is None else parse_duration(arguments.window)
    progress = ProgressLines()
    evidence = Path(tempfile.mkdtemp(prefix="executor-demo-evidence-"))
    try:
        with _unwound_by_signals():
            account = _account(arguments, window, evidence, progress)
    except InvalidInput:
        raise
    except ExecutorError as error:
        progress.line(f"executor: {' '.join(str(error).split())}")
        return ExitCode.FAILED
    finally:
        if not any(evidence.iterdir()):
            shutil.rmtree(evidence)
    if arguments.json:
        sys.stdout.write(json.dumps(account.as_json(), ensure_ascii=False) + "\n")
    else:
        sys.stdout.write("\n" + account.as_text())
    if account.surprise is not None:
        progress.line(f"executor: {account.surprise}")
        return ExitCode.FAILED
    return ExitCode.COMPLETED


def _account(
    arguments: argparse.Namespace, window: timedelta | None, evidence: Path, progress: ProgressLines
) -> "Account":
    if arguments.engine == "memory":
        return _in_memory(window, evidence, progress)
    if arguments.mysql_url is not None:
        return _live(arguments.mysql_url, window or LIVE_WINDOW, evidence, progress)
    from executor_adapters.demo.server import own_server
    from executor_adapters.local_server import ServerNotFoundError

    try:
        with own_server(progress.line) as url:
            return _live(url, window or LIVE_WINDOW, evidence, progress)
    except ServerNotFoundError as error:
        progress.line(f"{error} So the demonstration runs on the fakes. A MySQL of yours: --mysql-url.")
        return _in_memory(window, evidence, progress)


def _in_memory(window: timedelta | None, evidence: Path, progress: ProgressLines) -> "Account":
    from executor_adapters.demo.fakes import run_on_fakes

    pacing = Pacing() if window is None else Pacing(baseline_window=window, after_window=window)
    return run_on_fakes(pacing=pacing, evidence=evidence, observer=progress, say=progress.line)


def _live(url: str, window: timedelta, evidence: Path, progress: ProgressLines) -> "Account":
    if window < SHORTEST_LIVE_WINDOW:
        raise InvalidInput(f"--window: a live demonstration needs {SHORTEST_LIVE_WINDOW.seconds}s at least")
    try:
        from executor_adapters.demo.live import run_live
    except ImportError as error:
        raise InvalidInput(
            f"the demonstration needs more packages: pip install 'executor-mysql[server]' ({error.name}); "
            "--engine memory does without"
        ) from None

    with tempfile.TemporaryDirectory(prefix="executor-demo-") as state:

        def carried(run: ExecutionRun, api_url: str, mysql_url: str) -> End:
            # Made as it is, so that nothing set in the environment for real work bears on a demonstration.
            settings = Settings.model_construct(
                api_url=api_url,
                mysql_url=SecretStr(mysql_url),
                worker_id="demo",
                baseline_window=window,
                after_window=window,
                extended_window=LONGEST_WINDOW * window,
                settle=LIVE_SETTLE,
                state_dir=Path(state) / run.id,
            )
            return _carry(run, settings, evidence, progress)

        return run_live(url, carry=carried, say=progress.line, worker_id="demo")


def _carry(run: ExecutionRun, settings: Settings, evidence: Path, progress: ProgressLines) -> End:
    container = Production(settings=providers.Object(settings))
    container.observer.override(providers.Object(SeveralObservers([LoggingObserver(), progress])))
    container.archive.override(providers.Object(FileEvidenceArchive(evidence)))
    clock, connections = container.clock(), container.connections()
    try:
        with interrupting(clock):
            end = carry(container.engine(), run, clock)
    finally:
        connections.close()
        container.journal().close()
    if clock.interrupted:
        raise KeyboardInterrupt
    return end


@contextmanager
def _unwound_by_signals() -> Generator[None]:
    """Let a signal end the block as Ctrl-C does, once: what is cleaned up on the way out is not disturbed again."""

    def handle(_number: int, _frame: FrameType | None) -> NoReturn:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
