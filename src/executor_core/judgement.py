"""From comparisons to findings: which changes are breaches, which are suspected, and which are nothing.

A breach needs both size and certainty: the point estimate past the policy's limit, and a p-value that stays
within the error budget after Holm's correction over all digests. A breach by a digest whose plan does not use
the new index can't be the index's doing and convicts nobody.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from executor_core.change import Change
from executor_core.comparison import Comparison, DigestKind
from executor_core.dispersion import welch_degrees
from executor_core.inference import t_tail, weighted_holm
from executor_core.metrics import DigestKey
from executor_core.policy import Policy, WritePolicy
from executor_core.tail import FEWEST, Tail
from executor_core.verdict import Reason, ReasonCode

_LEAST_WEIGHT = 0.02
"""Each digest's share of the error budget is its share of the table's time, but no less than this."""
_LESSER = 0.5
"""Rows examined and the table's time are tests of their own: each spends half of what the latencies may."""
_CPU_RISE = math.log(1.05)
_NINE_IN_TEN = 1.2816
"""The normal quantile of 0.9: a true change is below this many standard errors nine times in ten."""
_ROUNDING = 1e-9
_LARGER = 0.10
"""A larger result per execution counts from this p-value on: it may only excuse, so little certainty will do."""
_FEW_EARLY = 50
"""With fewer executions, an early look lets only a gross rise convict."""
_STRETCHED = 3.0
_GAP = math.log(2.0)
_WORK_SAVED = math.log(0.8)


@dataclass(slots=True)
class Findings:
    """What the comparisons amount to: `breaches` fail, `doubts` prevent success, `notes` are only said."""

    breaches: list[Reason] = field(default_factory=list[Reason])
    doubts: list[Reason] = field(default_factory=list[Reason])
    notes: list[Reason] = field(default_factory=list[Reason])


@dataclass(frozen=True, slots=True)
class _Look:
    """What is common to all digests of one look."""

    policy: Policy
    final: bool
    uses_index: Mapping[str, bool]
    tails: Mapping[DigestKey, Tail]

    def attributable(self, c: Comparison) -> bool:
        """Whether the index can have caused a change; a write always pays for an index."""
        return c.kind is DigestKind.WRITE or self.uses_index.get(c.key.digest, True)

    def steady(self, c: Comparison) -> bool:
        """Whether chance outliers moved the mean: the body stands within the limit, and no tail seems to grow."""
        if c.body is None or abs(c.body.log_ratio) > self.policy.latency_limit:
            return False
        tail = self.tails.get(c.key)
        return tail is None or (self.final and tail.p_lasting >= self.policy.suspicion)

    def minds(self, c: Comparison) -> bool:
        """Whether this digest alone is suspect enough: to wait for more, or to doubt what EXPLAIN said."""
        return c.p_latency < self.policy.suspicion and not (self.final and self.attributable(c))


def judge(
    comparisons: Sequence[Comparison],
    *,
    policy: Policy,
    final: bool,
    uses_index: Mapping[str, bool],
    tails: Mapping[DigestKey, Tail],
) -> Findings:
    """The findings on all comparisons of one look.

    `final` says that no later look will follow. The digests that can convict share one error budget, those
    whose plans don't use the index another.
    """
    look = _Look(policy, final, uses_index, tails)
    findings = Findings()
    writes = Findings()
    for family in (True, False):
        members = [c for c in comparisons if look.attributable(c) is family]
        _judge_family(members, look, findings, writes)
    _judge_writes(writes, comparisons, look, findings)
    _judge_table(comparisons, look, findings)
    return findings


def gross_harm(comparisons: Sequence[Comparison], *, policy: Policy, uses_index: Mapping[str, bool]) -> list[Reason]:
    """The reads that an index made so much slower that it may not stay until the window's end.

    A smaller error budget, and a larger rise, which must not be fading: caches are cold at first. Writes pay for
    cold leaf pages, so they are not judged so soon.
    """
    look = _Look(policy, False, uses_index, {})
    members = [c for c in comparisons if look.attributable(c)]
    adjusted = weighted_holm([c.p_latency for c in members], [max(c.time_share, _LEAST_WEIGHT) for c in members])
    breaches: list[Reason] = []
    for c, adjusted_p in zip(members, adjusted, strict=True):
        rest, p = _less_larger_results(c, c.latency, adjusted_p)
        gross = c.kind is DigestKind.READ and min(rest, c.lately) >= math.log(policy.interim_ratio)
        if gross and p < policy.alpha_per_interim_look and _corroborated(c, look):
            numbers = {
                "change_percent": percent(c.latency.log_ratio),
                "limit_percent": policy.max_latency_increase_percent,
                "p_value": p,
            }
            breaches.append(about(ReasonCode.LATENCY_INCREASED, c, numbers))
    return breaches


def _judge_family(members: Sequence[Comparison], look: _Look, findings: Findings, writes: Findings) -> None:
    """What is found about the digests of one family; about dearer writes it goes to `writes`."""
    policy = look.policy
    weights = [max(c.time_share, _LEAST_WEIGHT) for c in members]
    total_weight = math.fsum(weights)
    p_latency = weighted_holm(
        [c.p_latency if c.latency.log_ratio > policy.latency_limit else 1.0 for c in members], weights
    )
    p_rows = weighted_holm([c.rows.p_rise if c.rows.log_ratio > policy.rows_limit else 1.0 for c in members], weights)
    for c, weight, p_time, p_examined in zip(members, weights, p_latency, p_rows, strict=True):
        share = weight / total_weight
        _judge_latency(c, p_time, look, writes if c.kind is DigestKind.WRITE else findings)
        _judge_tail(c, look, findings)
        _judge_rows(c, p_examined, look, findings)
        _judge_errors(c, c.p_errors / share, look, findings)
        if not policy.allow_full_scan_increase:
            _judge_scans(c, c.p_scans / share, look, findings)


def _judge_latency(c: Comparison, p: float, look: _Look, findings: Findings) -> None:
    policy = look.policy
    rise = c.latency.log_ratio
    if rise <= policy.latency_limit:
        _judge_hidden(c, look, findings)
        return
    numbers = {
        "change_percent": percent(rise),
        "limit_percent": policy.max_latency_increase_percent,
        "p_value": p,
    }
    rest, p = _less_larger_results(c, c.latency, p)
    unexplained = rest > policy.latency_limit
    certain = p < policy.alpha_per_look and unexplained and _corroborated(c, look)
    gross = rise >= math.log(policy.gross_ratio)
    material = gross or c.time_share * math.expm1(rise) >= policy.min_added_share
    if certain and material:
        if look.attributable(c):
            findings.breaches.append(about(ReasonCode.LATENCY_INCREASED, c, numbers))
        else:
            findings.doubts.append(about(ReasonCode.NOT_ATTRIBUTABLE, c, numbers))
    elif certain:
        findings.notes.append(about(ReasonCode.IMMATERIAL_REGRESSION, c, numbers))
    elif (p < policy.suspicion or look.minds(c)) and material and unexplained:
        code = ReasonCode.SUSPECTED_INCREASE if look.attributable(c) else ReasonCode.NOT_ATTRIBUTABLE
        findings.doubts.append(about(code, c, numbers))
    elif not look.attributable(c):
        return
    elif c.time_share >= policy.material_share and not look.steady(c):
        findings.doubts.append(about(ReasonCode.UNDECIDED_INCREASE, c, numbers))


def _judge_hidden(c: Comparison, look: _Look, findings: Findings) -> None:
    """What a mean within the limit may hide: a slower body under outliers, or a harm not yet to be seen."""
    policy = look.policy
    if c.time_share < policy.material_share or not look.attributable(c):
        return
    numbers = {"change_percent": percent(c.latency.log_ratio)}
    bound = policy.alpha_per_look if look.final else policy.suspicion
    if c.body is not None and c.body.log_ratio > policy.latency_limit and c.body.p_rise < bound:
        numbers |= {"body_change_percent": percent(c.body.log_ratio), "p_value": c.body.p_rise}
        findings.doubts.append(about(ReasonCode.SUSPECTED_INCREASE, c, numbers))
        return
    highest = c.latency.log_ratio + _NINE_IN_TEN * math.sqrt(c.own_variance + c.shared_variance)
    hides = highest > math.log1p(policy.tellable_percent / 100)
    numbers |= {"highest_percent": percent(highest), "executions": c.after.executions}
    if not look.final and (hides or (c.body is not None and c.after.executions < FEWEST)):
        findings.doubts.append(about(ReasonCode.TOO_EARLY, c, numbers))
    elif hides and _stretched(c):
        findings.doubts.append(about(ReasonCode.TAIL_WORSE, c, numbers))


def _stretched(c: Comparison) -> bool:
    """Whether most executions got faster while the spread grew so much that few slow ones make the mean."""
    before, after = c.before.latency, c.after.latency
    if c.body is None or before is None or after is None:
        return False
    much = _STRETCHED * max(before.relative_variance, 1.0)
    return c.latency.log_ratio - c.body.log_ratio > _GAP and after.relative_variance > much


def _judge_tail(c: Comparison, look: _Look, findings: Findings) -> None:
    """A heavier tail: a doubt if it lasts and the digest matters, else said; early, each suspicion waits."""
    tail = look.tails.get(c.key)
    if tail is None:
        return
    reason = about(ReasonCode.TAIL_WORSE, c, tail.numbers)
    matters = c.time_share >= look.policy.min_added_share
    if not look.final or (tail.worse and tail.p_lasting < look.policy.alpha_per_look and matters):
        findings.doubts.append(reason)
    elif tail.worse:
        findings.notes.append(reason)


def _less_larger_results(c: Comparison, change: Change, p: float) -> tuple[float, float]:
    """What is left of a rise, and its p-value, without a larger result per execution that is more than chance."""
    larger = c.returned
    if larger.log_ratio <= 0 or larger.p_rise >= _LARGER:
        return change.log_ratio, p
    if larger.log_ratio == math.inf:
        return 0.0, 1.0
    rest = Change(change.log_ratio - larger.log_ratio, (*change.parts, *larger.parts))
    return rest.log_ratio, max(p, rest.p_rise)


def _corroborated(c: Comparison, look: _Look) -> bool:
    """Whether a rise in latency has what must back it: CPU time where measured, or else a large size."""
    rows_up = c.rows.log_ratio > look.policy.rows_limit and c.rows.p_rise < 0.10
    cpu_up = c.cpu is not None and c.cpu.log_ratio > _CPU_RISE and c.cpu.p_rise < 0.10
    if c.cpu is not None and not (cpu_up or rows_up):
        return False
    if c.thin or not look.final:
        rise = c.latency.log_ratio - c.common_rise
        few = c.after.executions < _FEW_EARLY
        least = look.policy.gross_ratio if few else look.policy.early_ratio
        large = rise > math.log(least) - _ROUNDING and (c.body is None or c.body.log_ratio > rise / 2)
        return large or rows_up or (cpu_up and c.thin)
    return True


def _judge_rows(c: Comparison, p: float, look: _Look, findings: Findings) -> None:
    policy = look.policy
    rise = c.rows.log_ratio
    if rise <= policy.rows_limit:
        return
    rest, p = _less_larger_results(c, c.rows, p)
    numbers = {
        "change_percent": percent(rise),
        "limit_percent": policy.max_rows_examined_increase_percent,
        "p_value": p,
        "before": c.before.rows / c.before.executions,
        "after": c.after.rows / c.after.executions,
    }
    bounded = p / _LESSER if rest > policy.rows_limit else 1.0
    if not look.final and rise <= math.log(policy.early_ratio):
        bounded = max(bounded, policy.alpha_per_look)
    _file(c, ReasonCode.ROWS_EXAMINED_INCREASED, numbers, bounded, look, findings)


def _judge_scans(c: Comparison, p: float, look: _Look, findings: Findings) -> None:
    """Executions that read without an index: new ones fail, a few more of what there was is a doubt."""
    rates = (c.before.unindexed / c.before.executions, c.after.unindexed / c.after.executions)
    small = c.before.unindexed > 0 and rates[1] - rates[0] < look.policy.min_scan_rate_increase
    if rates[1] > rates[0]:
        bounded = max(p, look.policy.alpha_per_look) if small else p
        _file(c, ReasonCode.FULL_SCANS_INCREASED, _rates(rates, p), bounded, look, findings)


def _judge_errors(c: Comparison, p: float, look: _Look, findings: Findings) -> None:
    """Executions that ended in an error: more of them all through the window fail, a burst is a doubt."""
    rates = (c.before.errors / c.before.executions, c.after.errors / c.after.executions)
    if rates[1] - rates[0] > look.policy.min_error_rate_increase:
        bounded = p if c.errors_persist else max(p, look.policy.alpha_per_look)
        _file(c, ReasonCode.ERRORS_INCREASED, _rates(rates, p), bounded, look, findings)


def _rates(rates: tuple[float, float], p: float) -> dict[str, float]:
    return {"before": rates[0], "after": rates[1], "p_value": min(1.0, p)}


def _file(
    c: Comparison,
    code: ReasonCode,
    numbers: Mapping[str, float | None],
    p: float,
    look: _Look,
    findings: Findings,
) -> None:
    """A breach, a doubt or nothing, by the p-value and by whether the index can have done it."""
    if p < look.policy.alpha_per_look:
        if look.attributable(c):
            findings.breaches.append(about(code, c, numbers))
        else:
            findings.doubts.append(about(ReasonCode.NOT_ATTRIBUTABLE, c, numbers))
    elif p < look.policy.suspicion and look.attributable(c):
        findings.doubts.append(about(ReasonCode.SUSPECTED_INCREASE, c, numbers))


def _judge_writes(writes: Findings, comparisons: Sequence[Comparison], look: _Look, findings: Findings) -> None:
    """What was found about dearer writes, unless the reads confirmedly save more than all writes now cost."""
    saved = math.fsum(_saved(c, look.policy) for c in comparisons if c.kind is DigestKind.READ)
    cost = math.fsum(
        c.before.time_ps * max(0.0, math.expm1(c.latency.log_ratio)) for c in comparisons if c.kind is DigestKind.WRITE
    )
    if look.policy.write_policy is WritePolicy.NET and saved > cost:
        paid = [*writes.breaches, *writes.doubts]
        findings.notes += [reason.model_copy(update={"code": ReasonCode.WRITE_COST}) for reason in paid]
    else:
        findings.breaches += writes.breaches
        findings.doubts += writes.doubts
    findings.notes += writes.notes


def _saved(c: Comparison, policy: Policy) -> float:
    """The baseline time that a read no longer takes, if it fell beyond chance and with less work; else 0."""
    less_work = c.rows.log_ratio <= _WORK_SAVED or (c.cpu is not None and c.cpu.log_ratio <= _WORK_SAVED)
    if c.latency.log_ratio >= 0 or c.latency.p_fall >= policy.suspicion or not less_work:
        return 0.0
    return -c.before.time_ps * math.expm1(c.latency.log_ratio)


def _judge_table(comparisons: Sequence[Comparison], look: _Look, findings: Findings) -> None:
    """The table's time per execution in the baseline's mix, where digests too small to convict add up."""
    policy = look.policy
    if not comparisons:
        return
    judged = table_change(comparisons, [c.latency.log_ratio for c in comparisons])
    admitted = table_change(
        comparisons,
        [
            _less_larger_results(c, c.latency, 0.0)[0]
            if look.attributable(c) and _corroborated(c, look)
            else min(c.latency.log_ratio, 0.0)
            for c in comparisons
        ],
    )
    certain = min(judged, admitted)  # what may convict must be beyond chance by itself
    p = _table_p(comparisons, certain) if certain > policy.latency_limit else 1.0
    numbers = {
        "change_percent": percent(judged),
        "limit_percent": policy.max_latency_increase_percent,
        "p_value": p,
    }
    raw = table_change(comparisons, [c.raw_latency for c in comparisons])
    doubtful = table_change(
        comparisons,
        [
            c.latency.log_ratio if look.attributable(c) and not look.steady(c) else min(c.latency.log_ratio, 0.0)
            for c in comparisons
        ],
    )
    if p < policy.alpha_per_look * _LESSER:
        findings.breaches.append(Reason(code=ReasonCode.TABLE_TIME_INCREASED, numbers=numbers))
    elif doubtful > policy.latency_limit:
        findings.doubts.append(Reason(code=ReasonCode.UNDECIDED_INCREASE, numbers=numbers))
    elif raw > policy.latency_limit and not look.final:
        findings.doubts.append(
            Reason(code=ReasonCode.EARLY_INCREASE, numbers={**numbers, "change_percent": percent(raw)})
        )


def table_change(comparisons: Sequence[Comparison], log_ratios: Sequence[float]) -> float:
    """The log-ratio of the table's time in the baseline's mix, if each digest changed by its log-ratio."""
    total = math.fsum(c.before.time_ps for c in comparisons)
    return math.log(
        math.fsum(c.before.time_ps * math.exp(r) for c, r in zip(comparisons, log_ratios, strict=True)) / total
    )


def _table_p(comparisons: Sequence[Comparison], change: float) -> float:
    """The p-value of the table's rise: sampling independent between digests, drift common to all."""
    after = [c.before.time_ps * math.exp(c.latency.log_ratio) for c in comparisons]
    total = math.fsum(after)
    own = [((t / total) ** 2 * c.own_variance, c.degrees) for t, c in zip(after, comparisons, strict=True)]
    shared = math.fsum(t / total * math.sqrt(c.shared_variance) for t, c in zip(after, comparisons, strict=True))
    weighted = math.fsum(t / total * min(c.degrees, 1e6) for t, c in zip(after, comparisons, strict=True))
    parts = [*own, (shared * shared, weighted)]
    variance = math.fsum(part for part, _ in parts)
    return t_tail(change / math.sqrt(variance), welch_degrees(parts)) if variance > 0 else float(change <= 0)


def about(code: ReasonCode, c: Comparison, numbers: Mapping[str, float | int | None]) -> Reason:
    """A reason that concerns one digest."""
    return Reason(code=code, digest=c.key.digest, schema_name=c.key.schema_name, numbers=dict(numbers))


def percent(log_ratio: float) -> float | None:
    """A log-ratio as a change in percent; None if infinite."""
    return round(100 * math.expm1(log_ratio), 4) if log_ratio < 700 else None


def lost(key: DigestKey, code: ReasonCode, numbers: Mapping[str, float | int | None]) -> Reason:
    """A reason that concerns a digest which could not be compared."""
    return Reason(code=code, digest=key.digest, schema_name=key.schema_name, numbers=dict(numbers))
