import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from executor_adapters.acceptance.result import MetricsWindow
from executor_adapters.acceptance.windows import kept_windows


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "kept").mkdir()
    return tmp_path / "kept"


def test_evidence_is_kept_and_its_windows_are_from_the_first_sample_to_the_last(tmp_path: Path, folder: Path) -> None:
    evidence = tmp_path / "evidence.json"
    samples = [{"taken_at": f"2026-01-01T12:00:0{second}Z"} for second in (1, 2, 5)]
    evidence.write_text(json.dumps({"baseline": samples, "after": []}))
    begin, end = (datetime(2026, 1, 1, 12, 0, second, tzinfo=UTC) for second in (1, 5))
    assert kept_windows("run-1", str(evidence), folder) == MetricsWindow("run-1", (begin, end), None)
    assert (folder / "run-1.evidence.json").read_bytes() == evidence.read_bytes()


@pytest.mark.parametrize("evidence", [None, "/nowhere/evidence.json", 7])
def test_a_run_without_evidence_has_no_windows(evidence: object, folder: Path) -> None:
    assert kept_windows("run-1", evidence, folder) is None
    assert list(folder.iterdir()) == []
