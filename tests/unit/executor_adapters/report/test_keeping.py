import logging
from datetime import timedelta
from pathlib import Path

import pytest

from executor_adapters.checkpoints import FileEvidenceArchive
from executor_adapters.driving import carry
from executor_adapters.memory import FakeWorld
from executor_adapters.report import keeping
from executor_core.carrying import Finished, Rules
from executor_core.engine import Engine
from executor_core.model import AuditLogEntry, WorkerId
from executor_core.pacing import Pacing
from executor_core.state import RunState


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunState, list[AuditLogEntry]]:
    """A run that did harm, with its evidence in a file."""
    world = FakeWorld()
    rules = Rules(pacing=Pacing(extended_window=timedelta(0)))
    end = carry(Engine(ports=world.ports(), worker_id=WorkerId("w"), rules=rules), world.run("status"), world.clock)
    assert isinstance(end, Finished)
    archive = FileEvidenceArchive(tmp_path_factory.mktemp("evidence"))
    where = archive.store(end.state.run_id, world.archive.evidence[end.state.run_id])
    trail = [AuditLogEntry.model_validate(each) for each in world.control_plane.audit]
    return end.state.model_copy(update={"evidence": where}), trail


def test_the_page_has_everything_and_is_this_user_s_alone(
    ended: tuple[RunState, list[AuditLogEntry]], tmp_path: Path
) -> None:
    state, trail = ended
    path = tmp_path / "pages" / "run-1.html"
    assert keeping.keep_report(state, trail, path) == str(path)
    page = path.read_text(encoding="utf-8")
    for told in ("it did harm and was taken back", "Audit trail", "Rollback started", 'class="distribution"', "times"):
        assert told in page
    assert path.stat().st_mode & 0o077 == 0


def test_evidence_that_is_gone_or_spoilt_costs_the_pictures_only(
    ended: tuple[RunState, list[AuditLogEntry]], tmp_path: Path
) -> None:
    state, trail = ended
    (tmp_path / "spoilt.json").write_text("{")
    for name in ("gone.json", "spoilt.json"):
        subject = keeping.subject_of(state.model_copy(update={"evidence": str(tmp_path / name)}), trail)
        assert subject.evidence is None
        assert subject.verdict is not None
        assert "taken back" in keeping.page_of(subject)


def test_a_page_that_can_not_be_written_is_logged_and_costs_nothing_else(
    ended: tuple[RunState, list[AuditLogEntry]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.ERROR):
        assert keeping.keep_report(ended[0], None, tmp_path / "file" / "run-1.html") is None
    assert "the report of run run-1 can't be made" in caplog.text
