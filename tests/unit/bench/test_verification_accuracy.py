"""The accuracy benchmark in small: one trial a family, on fixed seeds, with wide bounds."""

from collections import Counter

import pytest
from bench.verification.__main__ import main
from bench.verification.rules import RULES
from bench.verification.workload import FAMILIES, Watch, trial

from executor_core.model import VerificationStatus

SEED = 6_000_000


def verdicts(rule: str, effect: str) -> Counter[VerificationStatus]:
    trials = (trial(family=family, effect=effect, executions=100, seed=SEED) for family in FAMILIES)
    return Counter(RULES[rule](one) for one in trials)


def test_a_harmless_index_is_kept_where_the_draft_takes_it_back() -> None:
    assert verdicts("Executor", "none")[VerificationStatus.FAILED] <= 1
    assert verdicts("draft", "none")[VerificationStatus.FAILED] >= 7


def test_a_hidden_threefold_harm_is_never_passed() -> None:
    found = verdicts("Executor", "hidden3")
    assert found[VerificationStatus.SUCCESS] == 0
    assert found[VerificationStatus.FAILED] >= 6


@pytest.mark.parametrize("intervals", [1, 3, 11])
def test_small_evidence_shows_what_is_gross(intervals: int) -> None:
    watch = Watch(intervals=intervals, seconds=1, first_look=None, reads=1, writes=0, controls=0, histograms=False)

    def found(effect: str) -> Counter[VerificationStatus]:
        trials = (trial(family="noisy", effect=effect, executions=15_000, seed=s, watch=watch) for s in range(6))
        return Counter(RULES["Executor"](one) for one in trials)

    assert found("none")[VerificationStatus.FAILED] == 0
    assert found("better10")[VerificationStatus.SUCCESS] == 6
    assert found("hidden8")[VerificationStatus.FAILED] >= 5
    assert found("rows6")[VerificationStatus.FAILED] == 6


def test_the_table_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--effects", "better10", "--families", "quiet", "noisy", "--executions", "30"]
    main(["--first", str(SEED), "--trials", "1", *asked])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("| executions | effect | rule |")
    assert len(lines) == 2 + len(RULES)
    assert lines[2].startswith("| 30 | better10 | draft | 2 | 100.0 % |")
    assert lines[2].endswith("| quiet: 100.0 % |")
    assert lines[-1].endswith("| none |")
