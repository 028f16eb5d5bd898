import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from executor_adapters.command.main import main
from executor_adapters.driving import carry
from executor_adapters.memory import FakeWorld
from executor_core.carrying import Rules
from executor_core.engine import Engine
from executor_core.evidence import Evidence
from executor_core.model import RunId, WorkerId
from executor_core.pacing import Pacing

Shown = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def recorded() -> dict[str, Evidence]:
    """Evidence of an index that helps and of one that harms."""
    kept = {}
    for column in ("customer_id", "status"):
        world = FakeWorld()
        rules = Rules(pacing=Pacing(extended_window=timedelta(0)))
        carry(Engine(ports=world.ports(), worker_id=WorkerId("w"), rules=rules), world.run(column), world.clock)
        kept[column] = world.archive.evidence[RunId("run-1")]
    return kept


def written(evidence: Evidence | str, folder: Path) -> str:
    file = folder / "evidence.json"
    file.write_text(evidence if isinstance(evidence, str) else evidence.to_json())
    return str(file)


@pytest.mark.parametrize(("column", "code", "status"), [("customer_id", 0, "success"), ("status", 4, "failed")])
def test_the_same_verdict_as_in_the_run(
    recorded: dict[str, Evidence], tmp_path: Path, capsys: Shown, column: str, code: int, status: str
) -> None:
    assert main(["verify", written(recorded[column], tmp_path), "--json"]) == code
    verdict: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert verdict["status"] == status
    kept = recorded[column].verdict
    assert kept is not None
    assert verdict["message"] == kept["message"]
    assert verdict["metrics_comparison"]["rows_examined_change_percent"] is not None


def test_for_people_a_sentence_and_a_line_for_each_digest(
    recorded: dict[str, Evidence], tmp_path: Path, capsys: Shown
) -> None:
    assert main(["verify", written(recorded["customer_id"], tmp_path)]) == 0
    first, *digests = capsys.readouterr().out.splitlines()
    assert first.startswith("success: ")
    assert len([line for line in digests if "rows examined" in line]) >= 2


def test_too_few_samples_are_inconclusive_and_no_failure(
    recorded: dict[str, Evidence], tmp_path: Path, capsys: Shown
) -> None:
    evidence = recorded["customer_id"]
    few = evidence.model_copy(update={"policy": evidence.policy.model_copy(update={"min_samples": 10**9})})
    assert main(["verify", written(few, tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("inconclusive: ")


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ("", "Invalid JSON"),
        ("{}", "baseline: Field required (and 1 more)"),
        ('{"baseline": [], "after": 3}', "after: Input should be a valid"),
        ('{"format": 2, "baseline": [], "after": []}', "format: Input should be 1"),
    ],
)
def test_evidence_that_is_malformed_is_refused_in_one_line(
    tmp_path: Path, capsys: Shown, document: str, sentence: str
) -> None:
    assert main(["verify", written(document, tmp_path), "--json"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert "evidence.json: " in shown.err
    assert sentence in shown.err
