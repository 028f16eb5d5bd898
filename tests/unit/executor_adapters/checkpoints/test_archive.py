import stat
from pathlib import Path

import pytest

from executor_adapters.checkpoints import FileEvidenceArchive, directories
from executor_adapters.testing.contracts.samples import some_evidence
from executor_core.errors import Unavailable
from executor_core.evidence import Evidence
from executor_core.model import RunId

RUN = RunId("run-1")


def test_the_file_is_this_user_s_alone_and_named_like_the_run(tmp_path: Path) -> None:
    place = Path(FileEvidenceArchive(tmp_path / "evidence").store(RUN, some_evidence()))
    assert place == tmp_path / "evidence" / "run-1.json"
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    assert [path.name for path in place.parent.iterdir()] == ["run-1.json"]


@pytest.mark.parametrize("run_id", ["../../etc/passwd", "..", "a/b", "x" * 255, "日" * 255, "\x00", ".hidden"])
def test_no_id_leads_out_of_the_directory(tmp_path: Path, run_id: str) -> None:
    path = FileEvidenceArchive(tmp_path).path_of(RunId(run_id))
    assert path.parent == tmp_path
    assert not path.name.startswith(".")
    assert len(path.name.encode()) <= 210


def test_a_write_that_fails_leaves_the_old_evidence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = FileEvidenceArchive(tmp_path)
    place = archive.store(RUN, some_evidence(samples=2))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(directories.os, "fsync", full)
    with pytest.raises(Unavailable, match="No space left on device"):
        archive.store(RUN, some_evidence(samples=3))
    assert Evidence.from_json(Path(place).read_bytes()) == some_evidence(samples=2)
    assert [path.name for path in tmp_path.iterdir()] == ["run-1.json"]


def test_a_directory_that_can_not_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="can't be written"):
        FileEvidenceArchive(tmp_path / "file").store(RUN, some_evidence())
