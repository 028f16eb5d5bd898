import pytest
from tests.unit.executor_adapters.report.subjects import evidence, rollback, subject
from tests.unit.executor_core.loads import Load, control, later, steady

from executor_adapters.report.conclusion import Conclusion, Tone, conclusion
from executor_adapters.report.figures import digest_figures
from executor_adapters.report.sentences import SENTENCES, STEPS, sentence
from executor_adapters.report.subject import Subject
from executor_core.model import AuditAction, ExecutionStatus, FailReason, RollbackStatus
from executor_core.verdict import Reason, ReasonCode

CONTROLS = [control(f"control-{number}") for number in range(3)]
S, F = ExecutionStatus, FailReason


def concluded(factor: float, **known: object) -> Conclusion:
    """The conclusion of a run whose wanted statement takes `factor` times as long afterwards."""
    load = Load("wanted", ms=8.0)
    recorded = evidence(steady(load, *CONTROLS), later(load.slower(factor), *CONTROLS), "wanted")
    alone = Subject.of_evidence(recorded)
    assert alone.verdict is not None
    figures = digest_figures(recorded, alone.verdict)
    return conclusion(subject(evidence=recorded, verdict=alone.verdict, **known), figures)


def test_an_index_that_helped_is_to_be_kept() -> None:
    told = concluded(0.01, status=S.COMPLETED)
    assert (told.tone, told.headline) == (Tone.GOOD, "Keep the index")
    assert "8.00 ms to 80.0 µs per execution, 100 times faster: SELECT wanted" in told.why


def test_an_index_that_did_neither_good_nor_harm_is_kept_without_a_boast() -> None:
    told = concluded(1.0, status=S.COMPLETED)
    assert told.headline == "Keep the index"
    assert told.why == "Nothing got worse over 1,000 executions with the index."


def test_an_index_that_harmed_was_taken_back_and_it_says_what_it_did() -> None:
    told = concluded(30.0, status=S.ROLLED_BACK, fail_reason=F.VERIFICATION_FAILED)
    assert told.tone is Tone.TAKEN_BACK
    assert told.headline == "Don’t keep the index: it did harm and was taken back"
    assert "8.00 ms to 240 ms per execution, 30 times as long" in told.why


@pytest.mark.parametrize(("factor", "headline"), [(0.1, "Keep the index"), (30.0, "Don’t keep the index")])
def test_evidence_alone_says_whether_to_keep_it(factor: float, headline: str) -> None:
    assert concluded(factor).headline == headline


def test_a_doubt_is_no_success() -> None:
    few = Load("wanted", n=1)
    recorded = evidence(steady(few, intervals=3), later(few, intervals=3), "wanted")
    alone = Subject.of_evidence(recorded)
    for known in ({"verdict": alone.verdict}, {"message": "The verification is inconclusive: too few executions"}):
        told = conclusion(subject(status=S.COMPLETED, **known), [])
        assert told.tone is Tone.UNSURE
        assert "executor rollback run-1" in told.to_do
    assert conclusion(alone, []).tone is Tone.UNSURE


@pytest.mark.parametrize(
    ("known", "tone", "headline"),
    [
        ({"status": S.SCHEDULED}, Tone.QUIET, "Waiting for a worker"),
        ({"status": S.RUNNING}, Tone.QUIET, "Under way"),
        ({"status": S.COMPLETED, "message": "All is well."}, Tone.GOOD, "Keep the index"),
        (
            {"status": S.ROLLED_BACK, "fail_reason": F.KILL_SWITCH},
            Tone.TAKEN_BACK,
            "Taken back: the kill switch was on",
        ),
        ({"status": S.ROLLED_BACK, "fail_reason": F.EXECUTION_ERROR}, Tone.TAKEN_BACK, "The index was taken back"),
        ({"status": S.FAILED, "fail_reason": F.KILL_SWITCH}, Tone.QUIET, "Not done: the kill switch was on"),
        ({"status": S.FAILED, "fail_reason": F.OUT_OF_SCOPE}, Tone.QUIET, "Refused: out of scope"),
        ({"status": S.FAILED}, Tone.QUIET, "Not done: no index of this run is there"),
        ({"status": S.REQUIRES_MANUAL, "error_message": "1846"}, Tone.ACT, "A person has to decide"),
    ],
)
def test_every_end_has_a_headline(known: dict[str, object], tone: Tone, headline: str) -> None:
    told = conclusion(subject(**known), [])
    assert (told.tone, told.headline) == (tone, headline)
    assert told.to_do
    assert told.sign


def test_an_index_that_could_not_be_dropped_asks_for_a_person() -> None:
    told = conclusion(subject(status=S.FAILED, rollback=rollback(RollbackStatus.FAILED)), [])
    assert told.tone is Tone.ACT
    assert "DROP INDEX `idx`" in told.to_do


@pytest.mark.parametrize(
    ("status", "tone", "headline"),
    [
        (RollbackStatus.COMPLETED, Tone.TAKEN_BACK, "The index was taken back"),
        (RollbackStatus.FAILED, Tone.ACT, "The index is still there and has to go"),
        (RollbackStatus.PENDING, Tone.QUIET, "The index is being taken back"),
    ],
)
def test_what_a_person_took_back_is_no_longer_to_be_kept(status: RollbackStatus, tone: Tone, headline: str) -> None:
    told = concluded(0.1, status=S.COMPLETED, rollback=rollback(status))
    assert (told.tone, told.headline) == (tone, headline)


def test_every_reason_and_every_step_has_words() -> None:
    assert SENTENCES.keys() == set(ReasonCode)
    assert STEPS.keys() == set(AuditAction)


@pytest.mark.parametrize("code", ReasonCode)
def test_a_reason_is_told_whether_or_not_its_numbers_are_there(code: ReasonCode) -> None:
    numbers = {"change_percent": 12.5, "limit_percent": 10.0, "p_value": 0.004, "before": 1, "after": 2}
    for reason in (Reason(code=code), Reason(code=code, numbers=numbers), Reason(code=code, numbers={"p_value": 0.0})):
        assert sentence(reason).endswith(".")
