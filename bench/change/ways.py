"""The ways to add an index: a plain statement, Executor's run, and a copy of the table by `pt-online-schema-change`.

Each returns the seconds that the change itself took, from its first statement until the index was there for all; what
goes wrong is raised as `WayFailed`.
"""

import secrets
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

from bench.change.table import INDEX, SCHEMA, connect, execute

from executor_adapters.clock import SystemClock
from executor_adapters.driving import carry
from executor_adapters.memory import FakeControlPlane, MemoryEvidenceArchive, MemoryJournal, RecordingObserver
from executor_adapters.mysql import MySQLTarget, MySQLUrl
from executor_core.carrying import Finished, Ports, Rules
from executor_core.ddl import Marker, add_index
from executor_core.engine import Engine
from executor_core.model import ConnectionId, ExecutionRun, RunId, WorkerId
from executor_core.pacing import Pacing

WINDOW = timedelta(seconds=2)
PATIENCE_S = 300


class WayFailed(Exception):
    """The index is not there, and why."""


Way = Callable[[MySQLUrl], float]


def plain(url: MySQLUrl) -> float:
    """One statement, and the server's usual patience."""
    begun = time.monotonic()
    with connect(url) as connection:
        execute(connection, add_index(SCHEMA, INDEX, Marker(RunId("plain"), 1)))
    return time.monotonic() - begun


def executor(url: MySQLUrl) -> float:
    """A whole run with its usual settings, but for windows of 2 s; timed from its build to the index's publication."""
    clock, observer, journal = SystemClock(), RecordingObserver(), MemoryJournal()
    control_plane = FakeControlPlane(clock)
    run = control_plane.schedule(
        ExecutionRun(
            id=f"bench-{secrets.token_hex(4)}",
            connection_id=ConnectionId("bench"),
            action="ADD_INDEX",
            table_name=INDEX.table_name,
            index_name=INDEX.index_name,
            columns=[part.column for part in INDEX.key_parts],
            query_digests=[],
        )
    )
    with closing(MySQLTarget(replace(url, database=SCHEMA), clock=clock)) as target:
        ports = Ports(
            control_plane=control_plane,
            target=lambda _: target,
            checkpoints=journal,
            outbox=journal,
            archive=MemoryEvidenceArchive(),
            clock=clock,
            jitter=lambda: 0.5,
            observer=observer,
        )
        pacing = Pacing(baseline_window=WINDOW, after_window=WINDOW, extended_window=timedelta(0))
        end = carry(Engine(ports=ports, worker_id=WorkerId("bench"), rules=Rules(pacing=pacing)), run, clock)
    entered = {notice.fields["phase"]: notice.at for notice in observer.notices if notice.name == "phase.entered"}
    if not isinstance(end, Finished) or "watching" not in entered:
        raise WayFailed(end.state.message if isinstance(end, Finished) else str(end))
    return (entered["watching"] - entered["building"]).total_seconds()


def pt_osc(url: MySQLUrl) -> float:
    """The table copied by `pt-online-schema-change`; without one setting it misreads the EXPLAIN of MySQL 9."""
    program = shutil.which("pt-online-schema-change")
    if program is None:
        raise WayFailed("pt-online-schema-change is not installed (Debian: percona-toolkit)")
    columns = ", ".join(part.column for part in INDEX.key_parts)
    command = [
        program,
        "--execute",
        f"--alter=ADD INDEX {INDEX.index_name} ({columns})",
        "--no-version-check",
        "--recursion-method=none",
        "--max-load=Threads_running=50",
        "--critical-load=Threads_running=100",
        f"h={url.host},P={url.port},u={url.user},D={SCHEMA},t={INDEX.table_name}",
    ]
    if _knows_explain_format(url):
        command.insert(1, "--set-vars=explain_format=TRADITIONAL")
    begun = time.monotonic()
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    if ended.returncode:
        raise WayFailed((ended.stderr or ended.stdout).strip().splitlines()[-1])
    return time.monotonic() - begun


def _knows_explain_format(url: MySQLUrl) -> bool:
    with connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW VARIABLES LIKE 'explain_format'")
        return bool(cursor.fetchall())


WAYS: dict[str, Way] = {"plain": plain, "executor": executor, "pt-osc": pt_osc}
