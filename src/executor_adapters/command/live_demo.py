"""The live demonstration: as in production, but with settings of its own and short windows."""

import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr

from executor_adapters.command.outcome import End
from executor_adapters.command.report import report_beside_evidence
from executor_adapters.command.signals import interrupting
from executor_adapters.container import production
from executor_adapters.demo.account import Account
from executor_adapters.demo.live import run_live
from executor_adapters.driving import carry
from executor_adapters.settings import Settings
from executor_core.errors import InvalidInput
from executor_core.model import ExecutionRun
from executor_core.ports import Observer

WORKER_ID = "demo"
WINDOW = timedelta(seconds=20)
SHORTEST_WINDOW = timedelta(seconds=10)
"""The rarest statement of the workload runs three times in two seconds, and ten executions are needed."""
EXTENSION = 1.75
"""How far, as a multiple, a window grows on a machine too busy to decide: three minutes are then not exceeded."""
SETTLE = timedelta(seconds=1)


def live_demo(
    url: str, *, window: timedelta | None, evidence: Path, observer: Observer, say: Callable[[str], None]
) -> Account:
    """Carry both runs on the server of `url`; raise `KeyboardInterrupt` when a signal came meanwhile."""
    length = window or WINDOW
    if length < SHORTEST_WINDOW:
        raise InvalidInput(f"--window: a live demonstration needs {SHORTEST_WINDOW.seconds}s at least")

    with tempfile.TemporaryDirectory(prefix="executor-demo-") as state:

        def carried(run: ExecutionRun, api_url: str, mysql_url: str) -> End:
            # Made as it is, so that nothing set in the environment for real work bears on a demonstration.
            settings = Settings.model_construct(
                api_url=api_url,
                mysql_url=SecretStr(mysql_url),
                worker_id=WORKER_ID,
                baseline_window=length,
                after_window=length,
                extended_window=EXTENSION * length,
                settle=SETTLE,
                state_dir=Path(state) / run.id,
            )
            return _carry(run, settings, evidence, observer)

        return run_live(url, carry=carried, say=say, worker_id=WORKER_ID)


def _carry(run: ExecutionRun, settings: Settings, evidence: Path, observer: Observer) -> End:
    with production(settings, observer, evidence_dir=evidence) as container:
        clock = container.clock()
        with interrupting(clock):
            end = carry(container.engine(), run, clock)
        report_beside_evidence(end, container.journal(), container.archive())
    if clock.interrupted:
        raise KeyboardInterrupt
    return end
