"""The executor under test, in processes of its own: ``executor run`` as anybody would start it."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from executor_adapters.acceptance.documents import as_object
from executor_adapters.clock import SystemClock
from executor_core.errors import Unavailable
from executor_core.model import ExecutionRun

COMMAND = (sys.executable, "-m", "executor_adapters.command.main")
POLL = timedelta(milliseconds=50)
END_LIMIT_S = 40
"""How long a process that was asked to end may take to leave everything in good order."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended: its exit code, the one object that it printed, and where its log is."""

    code: int
    result: Mapping[str, Any]
    log: Path
    last_words: str = ""


@dataclass(slots=True)
class Worker:
    """One process that carries one run."""

    worker_id: str
    process: "subprocess.Popen[bytes]"
    out: Path
    log: Path
    state: Path
    """Its state directory, which goes with it: what is worth keeping of it has been copied by then."""

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@dataclass(slots=True)
class Executor:
    """Starts the executor under test; `mask` takes secrets out of what is kept of its output."""

    environment: Mapping[str, str]
    folder: Path
    mask: Callable[[str], str]
    command: Sequence[str] = COMMAND
    limit: timedelta = timedelta(minutes=10)
    """The longest that one run may take."""
    _started: int = 0
    _workers: list[Worker] = field(default_factory=list[Worker])

    def version(self) -> str:
        """Return what the command says of its version. Raises `Unavailable` when it can't be started."""
        try:
            done = subprocess.run(  # noqa: S603 -- our own command
                [*self.command, "--version"], env=self._environment({}), capture_output=True, text=True, timeout=60
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unavailable(f"the executor can't be started: {error}") from None
        if done.returncode:
            raise Unavailable(f"the executor can't be started: {self.mask(done.stderr.strip())[-300:]}")
        return done.stdout.strip()

    def start(self, run: ExecutionRun, worker_id: str, **variables: str) -> Worker:
        """Start a process that carries `run`, with a state directory of its own."""
        self._started += 1
        name = f"{run.id}-{worker_id}-{self._started}"
        out, log = self.folder / f"{name}.out", self.folder / f"{name}.log"
        state = self.folder / f"{name}.state"
        own = {"EXECUTOR_STATE_DIR": str(state), "EXECUTOR_WORKER_ID": worker_id, **variables}
        with out.open("wb") as stdout, log.open("wb") as stderr:
            process = subprocess.Popen(  # noqa: S603 -- our own command
                [*self.command, "run", "-", "--json"],
                stdin=subprocess.PIPE,
                stdout=stdout,
                stderr=stderr,
                env=self._environment(own),
                start_new_session=True,  # Ctrl-C is for us: we end it in good order
            )
        worker = Worker(worker_id, process, out, log, state)
        self._workers.append(worker)
        if process.stdin is not None:
            with process.stdin as given:
                given.write(run.model_dump_json(exclude_none=True).encode())
        return worker

    def finish(self, worker: Worker, check: Callable[[], None] = lambda: None) -> Ended:
        """Wait until a process has ended; `check` may raise meanwhile. Raises `Unavailable` for one that never ends."""
        clock = SystemClock()
        until = clock.monotonic() + self.limit
        while worker.process.poll() is None:
            check()
            if clock.monotonic() >= until:
                self._end(worker)
                raise Unavailable(f"the executor did not end within {self.limit}")
            clock.wait(POLL)
        lines = self._masked(worker.log).strip().splitlines()
        return Ended(worker.process.returncode, _printed(worker.out), worker.log, lines[-1] if lines else "")

    def end_all(self) -> None:
        """End every process that is still there, in good order or else at once; of each, its log alone is kept."""
        while self._workers:
            worker = self._workers[-1]
            self._end(worker)
            self._masked(worker.log)
            shutil.rmtree(worker.state, ignore_errors=True)
            worker.out.unlink(missing_ok=True)
            self._workers.pop()

    def _masked(self, log: Path) -> str:
        """Take the secrets out of a log that nobody writes any more, and return it."""
        said = self.mask(log.read_text("utf-8", "replace"))
        log.write_text(said, "utf-8")
        return said

    def _end(self, worker: Worker) -> None:
        if worker.process.poll() is not None:
            return
        worker.process.terminate()
        try:
            worker.process.wait(END_LIMIT_S)
        except subprocess.TimeoutExpired:
            worker.kill()

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("EXECUTOR_", "SAAS_"))}
        return {**inherited, **self.environment, **more}


def _printed(out: Path) -> Mapping[str, Any]:
    try:
        return as_object(json.loads(out.read_text("utf-8")))
    except ValueError:
        return {}
