"""Fakes for tests, one for each port: public, and held to the same contracts as the real adapters.

They have no thread, no sleep and no chance in them. A `FakeWorld` has one of each.
"""

from executor_adapters.memory.clock import FakeClock
from executor_adapters.memory.control_plane import FakeControlPlane
from executor_adapters.memory.database import FakeDatabase
from executor_adapters.memory.faults import Faults
from executor_adapters.memory.journal import MemoryEvidenceArchive, MemoryJournal, RecordingObserver
from executor_adapters.memory.server import FakeServer
from executor_adapters.memory.workload import Cost, Query
from executor_adapters.memory.world import FakeWorld

__all__ = [
    "Cost",
    "FakeClock",
    "FakeControlPlane",
    "FakeDatabase",
    "FakeServer",
    "FakeWorld",
    "Faults",
    "MemoryEvidenceArchive",
    "MemoryJournal",
    "Query",
    "RecordingObserver",
]
