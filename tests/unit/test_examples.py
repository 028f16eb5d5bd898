"""The examples are programs that run, and short ones."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from executor_core.evidence import Evidence
from executor_core.model import VerificationStatus
from executor_core.verification import verify_evidence

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_each_is_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) < 60


def test_embedding_carries_two_runs_to_their_ends(capsys):
    runpy.run_path(str(EXAMPLES / "embed.py"), run_name="__main__")

    helps, harms = capsys.readouterr().out.splitlines()
    assert helps.startswith("helps: completed: The index did no harm")
    assert harms.startswith("harms: rolled_back: The index was taken back")


def test_the_verdict_alone_convicts_the_recorded_index(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["verify_only.py"])
    runpy.run_path(str(EXAMPLES / "verify_only.py"), run_name="__main__")

    first, *_, last = capsys.readouterr().out.splitlines()
    assert first.startswith("failed: The index made things worse")
    assert last == "wanting a thousand executions: inconclusive"


def test_the_verdict_alone_names_what_is_wrong_with_evidence(tmp_path, monkeypatch):
    wrong = tmp_path / "evidence.json"
    wrong.write_text('{"after": []}', encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["verify_only.py", str(wrong)])

    with pytest.raises(SystemExit, match="baseline: Field required"):
        runpy.run_path(str(EXAMPLES / "verify_only.py"), run_name="__main__")


def test_the_shipped_evidence_bears_the_verdict_that_was_reached():
    evidence = Evidence.from_json((EXAMPLES / "evidence.json").read_bytes())

    assert evidence.verdict is not None
    assert evidence.verdict["status"] == verify_evidence(evidence).status == VerificationStatus.FAILED


def test_a_products_tests_pass_on_the_fakes(tmp_path):
    alone = ("-c", "/dev/null", "--rootdir", str(tmp_path), "-p", "no:cacheprovider")
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *alone, str(EXAMPLES / "test_your_product.py")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "3 passed" in ended.stdout
