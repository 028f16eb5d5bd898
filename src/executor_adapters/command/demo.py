"""``executor demo``: the whole job, live, with nothing to configure."""

import argparse
import json
import shutil
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from executor_adapters.command.exit_codes import ExitCode
from executor_adapters.command.progress import ProgressLines
from executor_adapters.command.signals import unwinding
from executor_adapters.demo.account import Account
from executor_adapters.demo.fakes import run_on_fakes
from executor_adapters.durations import parse_duration
from executor_core.errors import ExecutorError, InvalidInput
from executor_core.pacing import Pacing


def demo(arguments: argparse.Namespace) -> int:
    """Let a helpful and a harmful index come, and see what becomes of them; return the exit code.

    0 only when the helpful one was kept and the harmful one taken back; otherwise 4, with one sentence.
    Raises `InvalidInput` for a wrong call and `KeyboardInterrupt` when a signal came; nothing is left behind.
    """
    window = None if arguments.window is None else parse_duration(arguments.window)
    progress = ProgressLines()
    evidence = Path(tempfile.mkdtemp(prefix="executor-demo-evidence-"))
    try:
        with unwinding():
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
) -> Account:
    if arguments.engine == "memory":
        return _in_memory(window, evidence, progress)
    if arguments.mysql_url is not None:
        return _live(arguments.mysql_url, window, evidence, progress)
    from executor_adapters.demo.server import own_server
    from executor_adapters.local_server import ServerNotFoundError

    try:
        with own_server(progress.line) as url:
            return _live(url, window, evidence, progress)
    except ServerNotFoundError as error:
        progress.line(f"{error} So the demonstration runs on the fakes. For a MySQL of yours there is --mysql-url.")
        return _in_memory(window, evidence, progress)


def _in_memory(window: timedelta | None, evidence: Path, progress: ProgressLines) -> Account:
    pacing = Pacing() if window is None else Pacing(baseline_window=window, after_window=window)
    return run_on_fakes(pacing=pacing, evidence=evidence, observer=progress, say=progress.line)


def _live(url: str, window: timedelta | None, evidence: Path, progress: ProgressLines) -> Account:
    try:
        from executor_adapters.command.live_demo import live_demo
    except ImportError as error:
        raise InvalidInput(
            f"the demonstration needs more packages: pip install 'executor-mysql[server]' ({error.name}); "
            "--engine memory does without"
        ) from None
    return live_demo(url, window=window, evidence=evidence, observer=progress, say=progress.line)
