"""The files do what their ports promise."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from executor_adapters.checkpoints import FileEvidenceArchive, SqliteJournal
from executor_adapters.clock import SystemClock
from executor_adapters.testing.contracts import (
    CheckpointStoreContract,
    ClockContract,
    EvidenceArchiveContract,
    OutboxContract,
)
from executor_core.evidence import Evidence


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    journal = SqliteJournal(tmp_path)
    yield journal
    journal.close()


class TestSqliteJournalAsOutbox(OutboxContract):
    @pytest.fixture
    def outbox(self, journal: SqliteJournal) -> SqliteJournal:
        return journal


class TestSqliteJournal(CheckpointStoreContract):
    @pytest.fixture
    def store(self, journal: SqliteJournal) -> SqliteJournal:
        return journal

    @pytest.fixture
    def outbox(self, tmp_path: Path) -> Iterator[SqliteJournal]:
        """On purpose another object on the same directory, as another process would have."""
        outbox = SqliteJournal(tmp_path)
        yield outbox
        outbox.close()

    @pytest.fixture
    def reopen(self, journal: SqliteJournal, tmp_path: Path) -> Iterator[Callable[[], SqliteJournal]]:
        again = SqliteJournal(tmp_path)

        def reopen() -> SqliteJournal:
            journal.close()
            return again

        yield reopen
        again.close()


class TestFileEvidenceArchive(EvidenceArchiveContract):
    @pytest.fixture
    def archive(self, tmp_path: Path) -> FileEvidenceArchive:
        return FileEvidenceArchive(tmp_path / "evidence")

    @pytest.fixture
    def read(self) -> Callable[[str], Evidence]:
        return lambda place: Evidence.from_json(Path(place).read_bytes())


class TestSystemClock(ClockContract):
    @pytest.fixture
    def clock(self) -> SystemClock:
        return SystemClock()
