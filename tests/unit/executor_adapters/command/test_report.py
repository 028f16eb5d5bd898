import json
from pathlib import Path

import pytest
from tests.unit.executor_core import facts

from executor_adapters.checkpoints.archive import FileEvidenceArchive
from executor_adapters.checkpoints.sqlite import SqliteJournal
from executor_adapters.command.main import main
from executor_adapters.command.report import report_beside_evidence
from executor_core.carrying import Finished, Interrupted
from executor_core.lifecycle import Phase
from executor_core.messages import Draft
from executor_core.model import AuditAction, RunId

EVIDENCE = str(Path(__file__).parents[4] / "examples" / "evidence.json")
Shown = pytest.CaptureFixture[str]


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    """A state directory with one run that failed before anything was built."""
    journal = SqliteJournal(tmp_path / "state")
    state = facts.state(Phase.FAILED, message="The kill switch is on.", fail_reason="kill_switch")
    draft = Draft(state).audited(AuditAction.KILL_SWITCH_ENGAGED, facts.after(1), {"message": "on"})
    journal.save(draft.state, draft.messages)
    journal.delivered(draft.messages[0].key)
    journal.close()
    return tmp_path / "state"


def test_evidence_becomes_a_page(tmp_path: Path, capsys: Shown) -> None:
    out = tmp_path / "page.html"
    assert main(["report", EVIDENCE, "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "id": "demo-harmful",
        "status": None,
        "verdict": "failed",
        "report": str(out),
    }
    assert "Don’t keep the index" in out.read_text(encoding="utf-8")


def test_the_page_goes_to_the_output_for_a_dash(capsys: Shown) -> None:
    assert main(["report", EVIDENCE, "--out", "-"]) == 0
    assert capsys.readouterr().out.startswith("<!doctype html>")


def test_a_run_of_the_state_directory_has_its_audit_trail(state_dir: Path, tmp_path: Path, capsys: Shown) -> None:
    out = tmp_path / "page.html"
    assert main(["report", facts.RUN_ID, "--state-dir", str(state_dir), "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{facts.RUN_ID}: {out}\n"
    page = out.read_text(encoding="utf-8")
    assert "Not done: the kill switch was on" in page
    assert "Kill switch engaged" in page


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nobody", "--state-dir", "{state}"], "knows no run 'nobody'"),
        (["nobody", "--state-dir", "{state}/none"], "is no state directory"),
        (["missing.json"], "can't be read"),
        ([EVIDENCE, "--state-dir", "{state}"], "knows no run 'demo-harmful'"),
        ([EVIDENCE, "--out", "{state}/none/page.html"], "--out"),
    ],
)
def test_a_wrong_call_is_one_line_and_makes_nothing(
    arguments: list[str], said: str, state_dir: Path, capsys: Shown, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert main(["report", *(each.format(state=state_dir) for each in arguments)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert [path for path in sorted(tmp_path.rglob("*")) if not path.name.endswith(("-wal", "-shm"))] == before


def test_malformed_evidence_names_the_field(tmp_path: Path, capsys: Shown) -> None:
    (tmp_path / "evidence.json").write_text('{"baseline": []}')
    assert main(["report", str(tmp_path / "evidence.json")]) == 2
    assert "after" in capsys.readouterr().err


def test_the_report_of_a_run_stands_beside_its_evidence(state_dir: Path, tmp_path: Path) -> None:
    journal, archive = SqliteJournal(state_dir), FileEvidenceArchive(tmp_path / "evidence")
    state = journal.load(RunId(facts.RUN_ID))
    assert state is not None
    place = report_beside_evidence(Finished(state=state, undelivered=0, refused=0), journal, archive)
    assert place == str(tmp_path / "evidence" / f"{facts.RUN_ID}.html")
    assert "Kill switch engaged" in Path(place).read_text(encoding="utf-8")
    assert report_beside_evidence(Interrupted(reason="a signal"), journal, archive) is None
    journal.close()


def test_a_trail_that_can_not_be_read_costs_the_trail_only(tmp_path: Path) -> None:
    journal, archive = SqliteJournal(tmp_path / "state"), FileEvidenceArchive(tmp_path / "evidence")
    (tmp_path / "state").write_text("a file where a folder should be")
    end = Finished(state=facts.state(Phase.COMPLETED), undelivered=0, refused=0)
    place = report_beside_evidence(end, journal, archive)
    assert place is not None
    assert "no audit trail" in Path(place).read_text(encoding="utf-8")
