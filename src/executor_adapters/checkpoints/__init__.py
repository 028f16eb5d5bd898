"""What outlives the process: checkpoints and the outbox in one SQLite file, and evidence as JSON files."""

from executor_adapters.checkpoints.archive import FileEvidenceArchive
from executor_adapters.checkpoints.sqlite import SqliteJournal

__all__ = ["FileEvidenceArchive", "SqliteJournal"]
