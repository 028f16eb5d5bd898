"""The verdict as a record: status, reasons as data, one sentence for people, and every digest's numbers."""

from collections.abc import Mapping
from enum import StrEnum

from executor_core.model import Record, VerificationStatus


class ReasonCode(StrEnum):
    """Why a verdict is what it is. The codes are stable; programs may rely on them."""

    INDEX_MISSING = "index_missing"
    LATENCY_INCREASED = "latency_increased"
    ROWS_EXAMINED_INCREASED = "rows_examined_increased"
    FULL_SCANS_INCREASED = "full_scans_increased"
    ERRORS_INCREASED = "errors_increased"
    TABLE_TIME_INCREASED = "table_time_increased"

    TOO_FEW_SNAPSHOTS = "too_few_snapshots"
    SERVER_CHANGED = "server_changed"
    DISTURBED = "disturbed"
    NO_TARGET_DIGEST = "no_target_digest"
    NO_TIMING = "no_timing"
    DIGEST_LOST = "digest_lost"
    COUNTER_RESET = "counter_reset"
    INSUFFICIENT_SAMPLES = "insufficient_samples"
    SAMPLES_LOST = "samples_lost"
    COVERAGE_LOW = "coverage_low"
    NOT_ATTRIBUTABLE = "not_attributable"
    SUSPECTED_INCREASE = "suspected_increase"
    UNDECIDED_INCREASE = "undecided_increase"
    TOO_EARLY = "too_early"
    EARLY_INCREASE = "early_increase"

    BASELINE_IDLE = "baseline_idle"
    BASELINE_NOISY = "baseline_noisy"
    TOO_RARE = "too_rare"

    SERVER_RESTARTED = "server_restarted"
    CLOCK_TROUBLE = "clock_trouble"
    IMMATERIAL_REGRESSION = "immaterial_regression"
    WRITE_COST = "write_cost"
    TAIL_WORSE = "tail_worse"
    INDEX_UNUSED = "index_unused"
    NO_CONTROLS = "no_controls"


class Reason(Record):
    """One reason: its code, the digest it concerns (None: all of them), and the numbers behind it."""

    code: ReasonCode
    digest: str | None = None
    schema_name: str | None = None
    numbers: Mapping[str, float | int | None] = {}


class MetricsComparison(Record):
    """The specification's comparison, over the wanted digests in the mix of the baseline."""

    avg_latency_change_percent: float | None = None
    rows_examined_change_percent: float | None = None
    full_scan_increased: bool = False


class DigestVerdict(Record):
    """One digest's numbers: per execution before and after, the changes in percent, and their p-values.

    `judged_latency_change_percent` is what remains after controls and lock waits were allowed for.
    A change from nothing has no percentage: it is None.
    """

    schema_name: str | None
    digest: str
    kind: str
    wanted: bool
    executions_before: int
    executions_after: int
    time_share_percent: float
    avg_latency_before_ms: float
    avg_latency_after_ms: float
    latency_change_percent: float | None
    judged_latency_change_percent: float | None
    latency_p_value: float
    rows_examined_before: float
    rows_examined_after: float
    rows_examined_change_percent: float | None
    rows_examined_p_value: float
    unindexed_before: float
    unindexed_after: float
    unindexed_p_value: float
    cpu_change_percent: float | None = None
    outcome: VerificationStatus


class Verdict(Record):
    """The specification's VerificationResult, with what it rests on.

    `extend` says that this look is undecided and that more time could decide it. `sample_count` is the number
    of executions of the wanted digests in the after window.
    """

    status: VerificationStatus
    message: str
    metrics_comparison: MetricsComparison | None = None
    sample_count: int = 0
    extend: bool = False
    reasons: tuple[Reason, ...] = ()
    warnings: tuple[Reason, ...] = ()
    digests: tuple[DigestVerdict, ...] = ()
