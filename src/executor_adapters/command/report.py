"""``executor report``: what a run did and why, as a page for people."""

import argparse
from contextlib import closing
from pathlib import Path

from executor_adapters.checkpoints import directories
from executor_adapters.checkpoints.archive import FileEvidenceArchive
from executor_adapters.checkpoints.sqlite import SqliteJournal
from executor_adapters.command.exit_codes import ExitCode
from executor_adapters.command.inputs import called, read_document
from executor_adapters.command.outcome import End
from executor_adapters.command.output import say, say_object
from executor_adapters.report.keeping import keep_report, page_of, subject_of
from executor_adapters.report.subject import Subject
from executor_adapters.settings import Settings
from executor_core.carrying import Finished
from executor_core.errors import ExecutorError, InvalidInput
from executor_core.evidence import Evidence
from executor_core.metrics import EvidenceError
from executor_core.model import RunId


def report(arguments: argparse.Namespace) -> int:
    """Write the report of a run that is kept here, or of recorded evidence; return the exit code.

    Raises `InvalidInput` when there is no such run or evidence, or the page can't be written, and
    `CheckpointUnusable` or `Unavailable` when the state directory can't be read.
    """
    named: str = arguments.subject
    state_dir = None if arguments.state_dir is None else Path(arguments.state_dir)
    if named == "-" or named.endswith(".json") or Path(named).is_file():
        subject = _of_evidence(named, state_dir)
    else:
        subject = _of_run(RunId(named), state_dir or Settings.read().state_dir)
    page = page_of(subject)
    if arguments.out == "-":
        say(page)
        return ExitCode.COMPLETED
    path = Path(arguments.out).absolute()
    try:
        directories.replace(path, page.encode())
    except OSError as error:
        raise InvalidInput(f"--out: {path} can't be written: {error.strerror or error}") from None
    if arguments.json:
        verdict = None if subject.verdict is None else subject.verdict.status
        say_object({"id": subject.run_id, "status": subject.status, "verdict": verdict, "report": str(path)})
    else:
        say(f"{subject.run_id}: {path}\n")
    return ExitCode.COMPLETED


def report_beside_evidence(end: End, journal: SqliteJournal, archive: FileEvidenceArchive) -> str | None:
    """Write the report of a run that has just ended beside its evidence; return where it is, if it is."""
    if not isinstance(end, Finished):
        return None
    path = archive.path_of(end.state.run_id).with_suffix(".html")
    try:
        trail = journal.trail(end.state.run_id)
    except ExecutorError:
        return keep_report(end.state, None, path)
    return keep_report(end.state, trail.entries, path, trail.untold)


def _of_evidence(named: str, state_dir: Path | None) -> Subject:
    try:
        alone = Subject.of_evidence(Evidence.from_json(read_document(named)), None if named == "-" else named)
    except EvidenceError as error:
        raise InvalidInput(f"{called(named)}: {error}") from None
    return alone if state_dir is None else _of_run(RunId(alone.run_id), state_dir)


def _of_run(run_id: RunId, state_dir: Path) -> Subject:
    with closing(SqliteJournal(state_dir)) as journal:
        if not journal.path.is_file():  # reading it would make one
            raise InvalidInput(f"{state_dir} is no state directory; name one with --state-dir, or the evidence's file")
        state = journal.load(run_id)
        if state is None:
            raise InvalidInput(f"{state_dir} knows no run {run_id!r}; name another --state-dir, or the evidence's file")
        trail = journal.trail(run_id)
    return subject_of(state, trail.entries, trail.untold)
