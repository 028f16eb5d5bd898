import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from executor_adapters.checkpoints import SqliteJournal
from executor_adapters.checkpoints import sqlite as module
from executor_adapters.testing.contracts.samples import a_message, a_snapshot, a_state
from executor_core.errors import CheckpointUnusable, Unavailable
from executor_core.messages import Draft
from executor_core.model import AuditAction, RunId
from executor_core.state import WindowKind

RUN = RunId("run-1")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    journal = SqliteJournal(tmp_path / "state" / "deep")
    yield journal
    journal.close()


def spoil(journal: SqliteJournal, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(journal.path)) as connection, connection:
        connection.execute(statement, values)


def test_nothing_is_made_before_it_is_needed(journal: SqliteJournal) -> None:
    assert not journal.path.parent.exists()


def test_directories_and_files_are_this_user_s_alone(journal: SqliteJournal, tmp_path: Path) -> None:
    journal.save(a_state())
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert stat.S_IMODE(journal.path.parent.stat().st_mode) == 0o700
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in journal.path.parent.iterdir()}
    assert files == dict.fromkeys(("executor.sqlite3", "executor.sqlite3-wal", "executor.sqlite3-shm"), 0o600)


def test_every_commit_is_flushed_to_the_disk(journal: SqliteJournal) -> None:
    with journal._transaction() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_large_samples_are_stored_compressed_and_small_ones_as_text(journal: SqliteJournal) -> None:
    journal.add_sample(RUN, WindowKind.BASELINE, a_snapshot(0, digests=0))
    journal.add_sample(RUN, WindowKind.BASELINE, a_snapshot(60, digests=100))
    with closing(sqlite3.connect(journal.path)) as connection:
        rows = connection.execute("SELECT typeof(snapshot), length(snapshot) FROM samples ORDER BY taken_at")
        (small, _), (large, size) = rows.fetchall()
    assert (small, large) == ("text", "blob")
    assert size < len(a_snapshot(60, digests=100).model_dump_json(exclude_defaults=True)) / 5


@pytest.mark.parametrize(
    "state", ["", "{", "null", "{}", '{"format": 2}', a_state().model_dump_json().replace('"tries":3', '"tries":"x"')]
)
def test_a_state_that_can_not_be_read_is_refused(journal: SqliteJournal, state: str) -> None:
    journal.save(a_state())
    spoil(journal, "UPDATE states SET state = ?", state)
    with pytest.raises(CheckpointUnusable, match="run-1"):
        journal.load(RUN)


def test_a_state_of_another_run_is_refused(journal: SqliteJournal) -> None:
    journal.save(a_state("run-2"))
    spoil(journal, "UPDATE states SET run_id = 'run-1'")
    with pytest.raises(CheckpointUnusable, match="is of run run-2"):
        journal.load(RUN)


@pytest.mark.parametrize("sample", ["{", b"not zlib", b"x\x9c\x03\x00\x00\x00\x00\x01"])
def test_a_sample_that_can_not_be_read_is_refused(journal: SqliteJournal, sample: object) -> None:
    journal.add_sample(RUN, WindowKind.AFTER, a_snapshot())
    spoil(journal, "UPDATE samples SET snapshot = ?", sample)
    with pytest.raises(CheckpointUnusable):
        journal.samples(RUN, WindowKind.AFTER)


@pytest.mark.parametrize(("column", "value"), [("body", "{"), ("body", "[]"), ("kind", "song")])
def test_a_message_that_can_not_be_read_is_refused(journal: SqliteJournal, column: str, value: str) -> None:
    journal.append(a_message("a"))
    spoil(journal, f"UPDATE messages SET {column} = ?", value)
    with pytest.raises(CheckpointUnusable):
        journal.pending()


@pytest.mark.parametrize("version", [0, 3, 99])
def test_a_file_of_another_version_is_refused_and_left_alone(journal: SqliteJournal, version: int) -> None:
    journal.save(a_state())
    journal.close()
    spoil(journal, f"PRAGMA user_version = {version}")
    with pytest.raises(CheckpointUnusable, match=f"its schema is {version}"):
        journal.save(a_state(message="changed"))
    spoil(journal, f"PRAGMA user_version = {module.SCHEMA_VERSION}")
    assert journal.load(RUN) == a_state()


def test_a_database_of_something_else_is_refused(journal: SqliteJournal) -> None:
    journal.path.parent.mkdir(parents=True)
    spoil(journal, "CREATE TABLE theirs (id INTEGER)")
    with pytest.raises(CheckpointUnusable, match="not a checkpoint file"):
        journal.load(RUN)


def test_a_file_that_is_no_database_is_refused(journal: SqliteJournal) -> None:
    journal.path.parent.mkdir(parents=True)
    journal.path.write_bytes(b"this is not a database, and longer than a header of a hundred bytes" * 3)
    with pytest.raises(CheckpointUnusable, match="not a checkpoint file"):
        journal.load(RUN)


def test_a_directory_that_is_a_file_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="can't be used"):
        SqliteJournal(tmp_path / "file" / "state").load(RUN)


def test_a_full_disk_is_unavailable_and_changes_nothing(journal: SqliteJournal) -> None:
    journal.save(a_state(message="before"))
    with journal._transaction() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(Unavailable, match="full"):
        journal.save(a_state(message="after"), [a_message(str(number), text="x" * 1000) for number in range(100)])
    assert journal.load(RUN) == a_state(message="before")
    assert journal.pending() == []


def test_a_file_that_another_process_keeps_locked_is_unavailable(
    journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUSY_TIMEOUT", module.timedelta(milliseconds=20))
    journal.save(a_state())
    with closing(sqlite3.connect(journal.path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="locked"):
            journal.save(a_state(message="after"))
    assert journal.load(RUN) == a_state()


def test_the_trail_keeps_what_was_delivered_and_counts_what_was_not(journal: SqliteJournal) -> None:
    draft = Draft(a_state())
    for action in (AuditAction.RUN_CLAIMED, AuditAction.BUILD_STARTED, AuditAction.INDEX_ADDED):
        draft = draft.audited(action, a_snapshot().taken_at)
    journal.save(draft.state, draft.messages)
    journal.delivered(draft.messages[0].key)
    journal.refused(draft.messages[1].key, "they would not have it")
    journal.refused(draft.messages[0].key, "a refusal that comes after a delivery changes nothing")
    trail = journal.trail(RUN)
    assert [entry.action for entry in trail.entries] == ["run_claimed", "build_started", "index_added"]
    assert trail.untold == 2
    assert journal.refused_count(RUN) == 1
    assert journal.trail(RunId("another")).entries == ()


def test_what_was_delivered_is_not_stored_again_under_its_key(journal: SqliteJournal) -> None:
    journal.append(a_message("a"))
    journal.delivered("a")
    journal.append(a_message("a"))
    assert journal.pending() == []


def test_an_audit_entry_that_can_not_be_read_is_refused(journal: SqliteJournal) -> None:
    journal.append(a_message("a"))
    spoil(journal, "UPDATE messages SET body = '{}'")
    with pytest.raises(CheckpointUnusable, match="an audit entry of run run-1"):
        journal.trail(RUN)


def test_a_file_of_the_first_version_is_brought_up_to_date(journal: SqliteJournal) -> None:
    journal.save(a_state(), [a_message("a")])
    journal.close()
    spoil(journal, "DROP INDEX messages_pending")
    spoil(journal, "ALTER TABLE messages DROP COLUMN delivered")
    spoil(journal, "PRAGMA user_version = 1")
    assert journal.load(RUN) == a_state()
    assert [message.key for message in journal.pending()] == ["a"]
    journal.delivered("a")
    assert journal.pending() == []
