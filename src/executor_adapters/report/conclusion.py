"""What a reader has to know first: whether to keep the index, why, and what is left to do."""

from dataclasses import dataclass
from enum import StrEnum

from executor_adapters.report.amounts import milliseconds, three_digits, times
from executor_adapters.report.figures import DigestFigures
from executor_adapters.report.subject import Subject
from executor_core.model import ExecutionStatus, FailReason, RollbackRecord, RollbackStatus, VerificationStatus
from executor_core.verdict import ReasonCode


class Tone(StrEnum):
    """How a conclusion is to be read at a glance; each has a sign of its own, not a colour alone."""

    GOOD = "good"
    TAKEN_BACK = "taken-back"
    UNSURE = "unsure"
    ACT = "act"
    QUIET = "quiet"


SIGNS = {Tone.GOOD: "✓", Tone.TAKEN_BACK: "↩", Tone.UNSURE: "?", Tone.ACT: "!", Tone.QUIET: "·"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """`why` is one sentence or two, `to_do` what a person should do now."""

    tone: Tone
    headline: str
    why: str
    to_do: str

    @property
    def sign(self) -> str:
        """The sign that goes with the tone."""
        return SIGNS[self.tone]


NOTHING = "Nothing is left to do."


def conclusion(subject: Subject, figures: list[DigestFigures]) -> Conclusion:
    """Return what became of the run and what it means; from the evidence alone where no more is known."""
    taken_back = subject.rollback
    if taken_back is not None and subject.status in (ExecutionStatus.COMPLETED, ExecutionStatus.REQUIRES_MANUAL):
        return _by_hand(taken_back)
    match subject.status:
        case None:
            return _of_evidence(subject, figures)
        case ExecutionStatus.SCHEDULED:
            return Conclusion(
                tone=Tone.QUIET,
                headline="Waiting for a worker",
                why="Nothing has been done yet.",
                to_do="It begins as soon as a worker takes it. The kill switch prevents it.",
            )
        case ExecutionStatus.RUNNING:
            return Conclusion(
                tone=Tone.QUIET,
                headline="Under way",
                why="There is no verdict yet.",
                to_do="Wait, or use the kill switch: the index is then taken back.",
            )
        case ExecutionStatus.COMPLETED:
            return _completed(subject, figures)
        case ExecutionStatus.ROLLED_BACK:
            return _rolled_back(subject, figures)
        case ExecutionStatus.FAILED:
            return _failed(subject)
        case ExecutionStatus.REQUIRES_MANUAL:
            return Conclusion(
                tone=Tone.ACT,
                headline="A person has to decide",
                why=_sentence(subject.error_message or subject.message or "The run could not go on by itself."),
                to_do="See what the server said; then change the request, or add the index by hand in a quiet hour.",
            )


def _of_evidence(subject: Subject, figures: list[DigestFigures]) -> Conclusion:
    status = None if subject.verdict is None else subject.verdict.status
    if status is VerificationStatus.SUCCESS:
        return Conclusion(tone=Tone.GOOD, headline="Keep the index", why=_gain(subject, figures), to_do=NOTHING)
    if status is VerificationStatus.FAILED:
        return Conclusion(
            tone=Tone.TAKEN_BACK,
            headline="Don’t keep the index",
            why=_harm(subject, figures),
            to_do="The run that this evidence is from took the index back, or tried to: its result says which.",
        )
    return _undecided(subject)


def _completed(subject: Subject, figures: list[DigestFigures]) -> Conclusion:
    if subject.verdict is None:
        inconclusive = "inconclusive" in (subject.message or "").casefold()
        if inconclusive:
            return _undecided(subject)
        return Conclusion(
            tone=Tone.GOOD,
            headline="Keep the index",
            why=_sentence(subject.message or "The run completed."),
            to_do=NOTHING,
        )
    if subject.verdict.status is VerificationStatus.SUCCESS:
        return Conclusion(tone=Tone.GOOD, headline="Keep the index", why=_gain(subject, figures), to_do=NOTHING)
    return _undecided(subject)


def _undecided(subject: Subject) -> Conclusion:
    message = subject.message if subject.verdict is None else subject.verdict.message
    return Conclusion(
        tone=Tone.UNSURE,
        headline="Undecided: the index stays for now",
        why=_sentence(message or "The numbers could not show whether the index helps or harms."),
        to_do="Watch the statements below for a while. To take the index back: "
        f"executor rollback {subject.run_id} --reason TEXT.",
    )


def _rolled_back(subject: Subject, figures: list[DigestFigures]) -> Conclusion:
    if subject.fail_reason is FailReason.VERIFICATION_FAILED and subject.verdict is not None:
        headline, why = "Don’t keep the index: it did harm and was taken back", _harm(subject, figures)
    elif subject.fail_reason is FailReason.KILL_SWITCH:
        headline, why = "Taken back: the kill switch was on", _sentence(subject.message or "")
    else:
        headline, why = "The index was taken back", _sentence(subject.message or "")
    return Conclusion(tone=Tone.TAKEN_BACK, headline=headline, why=why, to_do=f"{NOTHING} The table is as it was.")


def _by_hand(rollback: RollbackRecord) -> Conclusion:
    """What became of the index of a run that had ended, after a person asked for it to be taken back."""
    why = _sentence(f"Asked for by a person: {rollback.trigger_reason}")
    if rollback.status is RollbackStatus.COMPLETED:
        return Conclusion(tone=Tone.TAKEN_BACK, headline="The index was taken back", why=why, to_do=NOTHING)
    if rollback.status is RollbackStatus.FAILED:
        return _stuck(rollback, why)
    return Conclusion(
        tone=Tone.QUIET, headline="The index is being taken back", why=why, to_do="Wait until that has ended."
    )


def _stuck(rollback: RollbackRecord, why: str) -> Conclusion:
    return Conclusion(
        tone=Tone.ACT,
        headline="The index is still there and has to go",
        why=why,
        to_do=f"Drop it by hand: {rollback.rollback_sql}",
    )


def _failed(subject: Subject) -> Conclusion:
    why = _sentence(subject.message or subject.error_message or "The run failed.")
    if subject.rollback is not None and subject.rollback.status is not RollbackStatus.COMPLETED:
        return _stuck(subject.rollback, why)
    headline = {
        FailReason.KILL_SWITCH: "Not done: the kill switch was on",
        FailReason.OUT_OF_SCOPE: "Refused: out of scope",
    }.get(subject.fail_reason or FailReason.EXECUTION_ERROR, "Not done: no index of this run is there")
    return Conclusion(tone=Tone.QUIET, headline=headline, why=why, to_do="The table is as it was.")


def _gain(subject: Subject, figures: list[DigestFigures]) -> str:
    samples = 0 if subject.verdict is None else subject.verdict.sample_count
    nothing = f"Nothing got worse over {samples:,} execution{'' if samples == 1 else 's'} with the index"
    gains = [each for each in figures if each.wanted and (each.latency_change or 0.0) < -10]
    if not gains:
        return f"{nothing}."
    best = min(gains, key=lambda each: each.latency_change or 0.0)
    return f"{nothing}, and {_told(best)}."


def _harm(subject: Subject, figures: list[DigestFigures]) -> str:
    worst = next(
        (
            each
            for code in (ReasonCode.LATENCY_INCREASED, ReasonCode.ROWS_EXAMINED_INCREASED)
            for each in figures
            if any(reason.code is code for reason in each.reasons)
        ),
        None,
    )
    if worst is None:
        return _sentence("" if subject.verdict is None else subject.verdict.message)
    harmed = sum(each.outcome is VerificationStatus.FAILED for each in figures)
    others = f" {harmed} statements got worse in all." if harmed > 1 else ""
    return f"{_capital(_told(worst))}.{others}"


def _told(figures: DigestFigures) -> str:
    before, after = figures.before, figures.after
    beyond = any(reason.code is ReasonCode.LATENCY_INCREASED for reason in figures.reasons)
    if beyond or (figures.latency_change or 0.0) < 0:
        return (
            f"one statement went from {milliseconds(before.latency_ms)} to {milliseconds(after.latency_ms)} per "
            f"execution, {_in_words(figures.latency_change)}: {figures.short_text}"
        )
    return (
        f"one statement examines {three_digits(after.rows_examined or 0)} rows per execution, not "
        f"{three_digits(before.rows_examined or 0)} ({times(figures.rows_change)}): {figures.short_text}"
    )


def _in_words(change: float | None) -> str:
    told = times(change)
    if told.startswith("×"):
        return f"{told[1:]} times as long"
    return f"{told[1:]} times faster" if told.startswith("÷") else told


def _sentence(text: str) -> str:
    return text if not text or text[-1] in ".!?" else f"{text}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
