"""Keeping reports: the page of a run that has ended, as a file beside its evidence."""

import logging
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from executor_adapters.checkpoints import directories
from executor_adapters.report.page import report_page
from executor_adapters.report.subject import Subject
from executor_core.evidence import Evidence
from executor_core.metrics import EvidenceError
from executor_core.model import AuditLogEntry
from executor_core.state import RunState

DISTRIBUTION = "executor-mysql"


def page_of(subject: Subject) -> str:
    """Return the page of a subject, signed with this version."""
    return report_page(subject, version=version(DISTRIBUTION))


def subject_of(state: RunState, trail: Sequence[AuditLogEntry] | None, untold: int = 0) -> Subject:
    """Return a stored run with its evidence, where that still is: a page without it is better than none."""
    evidence = None
    if state.evidence is not None:
        try:
            evidence = Evidence.from_json(Path(state.evidence).read_bytes())
        except (OSError, EvidenceError):
            evidence = None
    return Subject.of_state(state, evidence=evidence, trail=trail, untold=untold)


def keep_report(state: RunState, trail: Sequence[AuditLogEntry] | None, path: Path, untold: int = 0) -> str | None:
    """Write the report of a run to `path`; return where it is.

    None, and a line in the log, when it can't be made or written: that never costs a run its result.
    """
    try:
        page = page_of(subject_of(state, trail, untold))
        directories.make_private(path.parent)
        directories.replace(path, page.encode())
    except Exception:
        # Whatever is wrong with a picture: the change is made or taken back, and that has to be said.
        logging.getLogger(__name__).exception("the report of run %s can't be made", state.run_id)
        return None
    return str(path)
