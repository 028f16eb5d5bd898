"""The verdict's one sentence for people."""

from collections.abc import Sequence

from executor_core.metrics import DigestKey
from executor_core.policy import Policy
from executor_core.verdict import MetricsComparison, Reason, ReasonCode

_TOLD = 3
"""So many reasons are told in the sentence; the rest are counted."""

_SENTENCES = {
    ReasonCode.INDEX_MISSING: "the index is not there: somebody dropped it",
    ReasonCode.LATENCY_INCREASED: "{digest} takes {change} more time per execution ({certainty})",
    ReasonCode.ROWS_EXAMINED_INCREASED: "{digest} examines {change} more rows per execution ({certainty})",
    ReasonCode.FULL_SCANS_INCREASED: ("{digest} reads without an index {after} times in 100, not {before} (p {p})"),
    ReasonCode.ERRORS_INCREASED: "{digest} has errors {after} times in 100, not {before} (p {p})",
    ReasonCode.TABLE_TIME_INCREASED: "the table's statements together take {change} more time ({certainty})",
    ReasonCode.TOO_FEW_SNAPSHOTS: "a window needs two snapshots",
    ReasonCode.SERVER_CHANGED: "the snapshots come from different servers",
    ReasonCode.DISTURBED: "somebody else changed the table's columns or indexes meanwhile",
    ReasonCode.NO_TARGET_DIGEST: "no target digest was named or seen",
    ReasonCode.NO_TIMING: "{digest} ran without its time being measured",
    ReasonCode.DIGEST_LOST: "{digest} is absent while the server's digest table overflowed",
    ReasonCode.COUNTER_RESET: "the counters of {digest} were reset",
    ReasonCode.INSUFFICIENT_SAMPLES: "too few executions",
    ReasonCode.SAMPLES_LOST: "{digest} hardly runs now: {count_before} times before, {count_after} after",
    ReasonCode.COVERAGE_LOW: "the digests that ran often enough are too small a part of the table's load",
    ReasonCode.NOT_ATTRIBUTABLE: "{digest} got worse, but its plan does not use the index",
    ReasonCode.SUSPECTED_INCREASE: "{digest} may have got worse: the numbers neither show it nor rule it out",
    ReasonCode.UNDECIDED_INCREASE: "{digest} took longer than the limit allows, which noise may explain",
    ReasonCode.TAIL_WORSE: "the slowest executions of {digest} got slower",
    ReasonCode.TOO_EARLY: "{digest} varies so much that harm could still hide so early",
    ReasonCode.EARLY_INCREASE: "the table's statements take more time so early after the build",
}


def success_sentence(compared: MetricsComparison | None, samples: int, policy: Policy) -> str:
    """What a success found."""
    parts = [
        f"{name} {change:+.1f} % (limit {limit:+.0f} %)"
        for name, change, limit in (
            (
                "latency",
                compared and compared.avg_latency_change_percent,
                policy.max_latency_increase_percent,
            ),
            (
                "rows examined",
                compared and compared.rows_examined_change_percent,
                policy.max_rows_examined_increase_percent,
            ),
        )
        if change is not None
    ]
    told = ", ".join(parts) or "nothing got worse"
    return f"The index did no harm over {_plural(samples, 'execution')}: {told}."


def failed_sentence(breaches: Sequence[Reason]) -> str:
    """What a failure found, worst kinds first."""
    if any(reason.code is ReasonCode.INDEX_MISSING for reason in breaches):
        return f"Verification failed: {_SENTENCES[ReasonCode.INDEX_MISSING]}."
    return f"The index made things worse: {_told(breaches)}."


def inconclusive_sentence(doubts: Sequence[Reason]) -> str:
    """Why no verdict could be reached."""
    return f"The verification is inconclusive: {_told(doubts)}."


def _told(reasons: Sequence[Reason]) -> str:
    told = [_clause(reason) for reason in reasons[:_TOLD]]
    if len(reasons) > _TOLD:
        told.append(f"and {_plural(len(reasons) - _TOLD, 'more reason')}")
    return "; ".join(told)


def _clause(reason: Reason) -> str:
    numbers = reason.numbers
    if reason.code is ReasonCode.INSUFFICIENT_SAMPLES and "samples" in numbers:
        hopeless = (numbers.get("extended") or 0) < (numbers["needed"] or 0) and "extended" in numbers
        more = f", and about {numbers['extended']} if watched six times as long" if hopeless else ""
        return f"{numbers['samples']} of the {numbers['needed']} executions needed{more}"
    if reason.code is ReasonCode.ROWS_EXAMINED_INCREASED and numbers.get("change_percent") is None:
        return f"{_named(reason)} went from none to {numbers.get('after'):.3g} rows examined per execution"
    if reason.code is ReasonCode.DISTURBED and "rows_most" in numbers:
        least, most = numbers.get("rows_least"), numbers["rows_most"]
        return f"somebody else filled or emptied the table meanwhile: it had from {least:,} to {most:,} rows"
    return _SENTENCES[reason.code].format(
        digest=_named(reason),
        change=_percent(numbers.get("change_percent")),
        certainty=f"limit {_percent(numbers.get('limit_percent'))}, p {_chance(numbers.get('p_value'))}",
        p=_chance(numbers.get("p_value")),
        before=_rate(numbers.get("before")),
        after=_rate(numbers.get("after")),
        count_before=numbers.get("before"),
        count_after=numbers.get("after"),
    )


def _named(reason: Reason) -> str:
    if reason.digest is None:
        return "the table's load"
    key = DigestKey(reason.schema_name, reason.digest)
    short = key.digest if len(key.digest) <= 16 else f"{key.digest[:12]}…"
    return f"digest {short}"


def _percent(change: float | None) -> str:
    return "?" if change is None else f"{change:.3g} %" if abs(change) < 1000 else f"{change:,.0f} %"


def _chance(p: float | None) -> str:
    return "?" if p is None else "< 0.0001" if p < 0.0001 else f"= {p:.2g}"


def _rate(share: float | None) -> str:
    return "?" if share is None else f"{100 * share:.3g}"


def _plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
