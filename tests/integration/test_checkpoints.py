"""Checkpoints where processes die and work side by side."""

import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from executor_adapters.checkpoints import SqliteJournal

pytestmark = pytest.mark.integration

PROGRAM = """
import os, signal, sys
from pathlib import Path
from executor_adapters.checkpoints import SqliteJournal
from executor_core.ports import Message, MessageKind

journal = SqliteJournal(Path(sys.argv[1]))
for number in range(20):
    journal.append(Message(key=f"{sys.argv[2]}:{number}", run_id=sys.argv[2], kind=MessageKind.AUDIT, body={}))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_killed_processes_had_stored_side_by_side_is_there(tmp_path: Path) -> None:
    names = ["one", "two", "three"]
    processes = [subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path), name]) for name in names]
    assert [process.wait(240) for process in processes] == [-signal.SIGKILL] * 3
    with closing(SqliteJournal(tmp_path)) as journal:
        for name in names:
            assert [message.key for message in journal.pending(name)] == [f"{name}:{n}" for n in range(20)]
