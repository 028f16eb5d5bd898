"""The verdict's reasons and warnings as sentences for people, each beside the statement that it concerns."""

from collections.abc import Mapping
from types import MappingProxyType

from executor_adapters.report.amounts import percent, probability, three_digits
from executor_core.model import AuditAction
from executor_core.verdict import Reason, ReasonCode

_CODES = ReasonCode
SENTENCES: Mapping[ReasonCode, str] = MappingProxyType(
    {
        _CODES.INDEX_MISSING: "The index was not there any more: somebody dropped it.",
        _CODES.LATENCY_INCREASED: "It takes more time per execution, noise allowed for: {change} (limit {limit}, "
        "p {p}).",
        _CODES.ROWS_EXAMINED_INCREASED: "It examines more rows per execution: {change} (limit {limit}, p {p}).",
        _CODES.FULL_SCANS_INCREASED: "It reads without an index more often: {share_after} of its executions, not "
        "{share_before} (p {p}).",
        _CODES.ERRORS_INCREASED: "It ends in an error more often: {share_after} of its executions, not "
        "{share_before} (p {p}).",
        _CODES.TABLE_TIME_INCREASED: "The table's statements together take more time: {change} (limit {limit}, p {p}).",
        _CODES.TOO_FEW_SNAPSHOTS: "A window needs two readings of the counters; one of them has fewer.",
        _CODES.SERVER_CHANGED: "The readings come from different servers.",
        _CODES.DISTURBED: "Somebody else changed the table or its data meanwhile.",
        _CODES.NO_TARGET_DIGEST: "None of the statements that the index is meant for was named or seen.",
        _CODES.NO_TIMING: "The server did not measure its time.",
        _CODES.DIGEST_LOST: "It may have run unseen: the server's table of statements overflowed.",
        _CODES.COUNTER_RESET: "Its counters were reset meanwhile; what is between two resets was left out.",
        _CODES.INSUFFICIENT_SAMPLES: "The statements ran too rarely to judge{samples}.",
        _CODES.SAMPLES_LOST: "It hardly runs any more: {before} times before, {after} times after.",
        _CODES.COVERAGE_LOW: "The statements that ran often enough are too small a part of the table's load.",
        _CODES.NOT_ATTRIBUTABLE: "It got worse ({change}), but its plan does not use the index.",
        _CODES.SUSPECTED_INCREASE: "It may have got worse: the numbers neither show it nor rule it out.",
        _CODES.UNDECIDED_INCREASE: "It took longer than the limit allows ({change}), which noise may explain.",
        _CODES.TOO_EARLY: "It varies so much that harm could still hide so early.",
        _CODES.EARLY_INCREASE: "The table's statements take more time so early after the build.",
        _CODES.BASELINE_IDLE: "Nothing ran before the change.",
        _CODES.BASELINE_NOISY: "The numbers before the change vary so much that harm could hide in them.",
        _CODES.TOO_RARE: "The statements run too rarely for any window to decide.",
        _CODES.SERVER_RESTARTED: "The server restarted meanwhile; the interval was left out.",
        _CODES.CLOCK_TROUBLE: "The server's clock and its uptime disagree in an interval.",
        _CODES.IMMATERIAL_REGRESSION: "It got slower ({change}), but it is too small a part of the table's time to "
        "matter.",
        _CODES.WRITE_COST: "Writing costs more now ({change}); the reads save more than that.",
        _CODES.TAIL_WORSE: "Its slowest executions got slower.",
        _CODES.INDEX_UNUSED: "Nothing was read through the index, or no plan uses it.",
        _CODES.NO_CONTROLS: "There were too few other statements to tell what the machine itself did meanwhile.",
    }
)


def sentence(reason: Reason) -> str:
    """Return a reason for people; which statement it concerns is said beside it."""
    numbers = reason.numbers
    p = numbers.get("p_value")
    samples = ""
    if "samples" in numbers:
        samples = f": {numbers['samples']} executions of the {numbers['needed']} needed"
    return SENTENCES[reason.code].format(
        change=percent(numbers.get("change_percent")),
        limit=percent(numbers.get("limit_percent") or 0.0),
        p="unknown" if p is None else probability(p) if p < 0.0001 else f"= {probability(p)}",
        share_before=_share(numbers.get("before")),
        share_after=_share(numbers.get("after")),
        before=numbers.get("before"),
        after=numbers.get("after"),
        samples=samples,
    )


def _share(rate: float | None) -> str:
    return "an unknown part" if rate is None else f"{three_digits(100 * rate)} %"


STEPS: Mapping[AuditAction, str] = MappingProxyType(
    {
        AuditAction.STATUS_CHANGE: "Status changed",
        AuditAction.BASELINE_METRICS_COLLECTED: "Measured before the change",
        AuditAction.INDEX_ADDED: "Index added",
        AuditAction.AFTER_METRICS_COLLECTED: "Measured with the index",
        AuditAction.VERIFICATION_COMPLETED: "Verdict reached",
        AuditAction.CLAIM_FAILED: "Not claimed",
        AuditAction.ROLLBACK_FAILED: "Rollback failed",
        AuditAction.SCOPE_REFUSED: "Refused: out of scope",
        AuditAction.RUN_CLAIMED: "Claimed by a worker",
        AuditAction.RUN_TAKEN_OVER: "Taken over by another worker",
        AuditAction.KILL_SWITCH_ENGAGED: "Kill switch engaged",
        AuditAction.PREFLIGHT_REFUSED: "Refused before the change",
        AuditAction.PREFLIGHT_WARNING: "Warning before the change",
        AuditAction.BUILD_STARTED: "Build started",
        AuditAction.BUILD_POSTPONED: "Build postponed: the table was busy",
        AuditAction.BUILD_GIVEN_UP: "Build given up: it cost more than it may, or would have",
        AuditAction.IDLE_TRANSACTION_ENDED: "Ended a session that was idle in a transaction in our way",
        AuditAction.BUILD_FOUND: "A build of this run was found",
        AuditAction.BUILD_FAILED: "Build failed",
        AuditAction.BUILD_STOPPED: "Build stopped",
        AuditAction.INDEX_ADOPTED: "Index of this run found and adopted",
        AuditAction.DRAIN_STARTED: "Waiting for older transactions",
        AuditAction.DRAIN_COMPLETED: "Older transactions have ended",
        AuditAction.PUBLISH_STARTED: "Publication started",
        AuditAction.PUBLISH_POSTPONED: "Publication postponed: the table was busy",
        AuditAction.INDEX_PUBLISHED: "Index published to the optimizer",
        AuditAction.ROLLBACK_STARTED: "Rollback started",
        AuditAction.ROLLBACK_POSTPONED: "Rollback postponed: the table was busy",
        AuditAction.INDEX_DROPPED: "Index dropped",
    }
)
"""What an audit entry records, in words. An action that a later version adds is shown by its name."""
