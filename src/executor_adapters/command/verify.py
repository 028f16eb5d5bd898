"""``executor verify``: the verdict from recorded evidence alone."""

import argparse

from executor_adapters.command.exit_codes import ExitCode
from executor_adapters.command.inputs import called, read_document
from executor_adapters.command.output import say, say_object
from executor_core.errors import InvalidInput
from executor_core.evidence import Evidence
from executor_core.metrics import EvidenceError
from executor_core.model import VerificationStatus
from executor_core.verdict import Verdict
from executor_core.verification import verify_evidence

_EXIT = {
    VerificationStatus.SUCCESS: ExitCode.COMPLETED,
    VerificationStatus.INCONCLUSIVE: ExitCode.COMPLETED,
    VerificationStatus.FAILED: ExitCode.FAILED,
}


def verify(arguments: argparse.Namespace) -> int:
    """Print the verdict that ``EVIDENCE.json`` bears; return the exit code.

    Raises `InvalidInput`, naming the field, for evidence that is malformed.
    """
    document = read_document(arguments.evidence)
    try:
        verdict = verify_evidence(Evidence.from_json(document))
    except EvidenceError as error:
        raise InvalidInput(f"{called(arguments.evidence)}: {error}") from None
    if arguments.json:
        say_object(verdict.model_dump(mode="json", exclude={"extend"}))
    else:
        say(describe(verdict))
    return _EXIT[verdict.status]


def describe(verdict: Verdict) -> str:
    """Return a verdict for people: the sentence, then a line for each digest."""
    lines = [f"{verdict.status}: {verdict.message}"]
    for digest in verdict.digests:
        latency = _percent(digest.latency_change_percent)
        rows = _percent(digest.rows_examined_change_percent)
        lines.append(
            f"  {digest.kind:<8} {digest.digest[:16]}  {digest.executions_before} -> {digest.executions_after} times, "
            f"{digest.avg_latency_before_ms:.3f} -> {digest.avg_latency_after_ms:.3f} ms ({latency}), "
            f"rows examined {digest.rows_examined_before:.1f} -> {digest.rows_examined_after:.1f} ({rows})"
        )
    lines.extend(f"  warning: {reason.code}" for reason in verdict.warnings)
    return "\n".join(lines) + "\n"


def _percent(change: float | None) -> str:
    return "n/a" if change is None else f"{change:+.1f} %"
