"""What is looked at before anything is changed: the list of checks, by the phase in which they are made.

Each check is one small function from a case to sentences; see `finding.py`. A check that can't look finds nothing,
or warns: only what is known to be wrong blocks.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from executor_core import index_checks, limits, server_checks, table_checks, traffic_checks
from executor_core.errors import InvalidInput
from executor_core.finding import Case, Check, Finding, Severity
from executor_core.lifecycle import Phase

CHECKS: Mapping[Phase, tuple[Check, ...]] = MappingProxyType(
    {
        Phase.CHECKING: (
            Check("read_only", Severity.BLOCKING, server_checks.server_is_writable),
            Check("proxy", Severity.PERSON_NEEDED, server_checks.server_answers_itself),
            Check("galera", Severity.PERSON_NEEDED, server_checks.no_galera_stands_still),
            Check("table_missing", Severity.BLOCKING, table_checks.table_is_there),
            Check("not_a_table", Severity.BLOCKING, table_checks.table_is_no_view),
            Check("engine", Severity.PERSON_NEEDED, table_checks.engine_builds_online),
            Check("alter_missing", Severity.BLOCKING, server_checks.account_may_alter),
            Check("select_missing", Severity.BLOCKING, server_checks.account_may_read_columns),
            Check("name_taken", Severity.BLOCKING, table_checks.name_is_free),
            Check("column_missing", Severity.BLOCKING, index_checks.columns_exist),
            Check("prefix_needed", Severity.BLOCKING, index_checks.long_texts_have_a_prefix),
            Check("json", Severity.BLOCKING, index_checks.no_json),
            Check("geometry", Severity.PERSON_NEEDED, index_checks.no_geometry),
            Check("prefix_of_a_number", Severity.BLOCKING, index_checks.prefixes_are_of_texts),
            Check("prefix_too_long", Severity.BLOCKING, index_checks.prefixes_are_shorter),
            Check("key_too_long", Severity.BLOCKING, index_checks.key_is_short_enough),
            Check("descending_ignored", Severity.BLOCKING, index_checks.descending_is_understood),
            Check("too_many_indexes", Severity.BLOCKING, table_checks.table_has_room),
            Check(
                "foreign_key_index_displaced",
                Severity.PERSON_NEEDED,
                table_checks.no_foreign_key_index_is_displaced,
            ),
            Check("performance_schema_off", Severity.BLOCKING, server_checks.statistics_are_on),
            Check("digests_off", Severity.BLOCKING, server_checks.digests_are_collected),
            Check("privileges_unclear", Severity.WARNING, server_checks.privileges_are_clear),
            Check("already_served", Severity.WARNING, index_checks.not_a_duplicate),
            Check("makes_redundant", Severity.WARNING, index_checks.no_other_becomes_redundant),
            Check("left_behind", Severity.WARNING, table_checks.nothing_is_left_behind),
            Check("partitioned", Severity.WARNING, table_checks.table_is_whole),
            Check("compressed", Severity.WARNING, table_checks.table_is_not_compressed),
            Check("group_replication", Severity.WARNING, server_checks.group_members_agree),
            Check("replicas", Severity.WARNING, server_checks.replicas_keep_up),
            Check("replica_lag_limit", Severity.WARNING, limits.replicas_are_behind_for_less),
            Check("build_limit", Severity.WARNING, limits.build_is_short_enough),
            Check("digests_lost", Severity.WARNING, server_checks.digests_have_room),
            Check("prepared_statements", Severity.WARNING, server_checks.statements_are_counted),
            Check("long_transactions", Severity.WARNING, traffic_checks.transactions_are_short),
            Check("prepared_xa", Severity.WARNING, traffic_checks.no_prepared_xa),
            Check("table_locked", Severity.WARNING, traffic_checks.nobody_holds_the_table),
            Check("other_change", Severity.WARNING, traffic_checks.nobody_else_changes_the_table),
            Check("busy", Severity.WARNING, traffic_checks.server_is_calm),
            Check("online_log", Severity.WARNING, traffic_checks.online_log_is_large_enough),
            Check("room", Severity.WARNING, traffic_checks.disk_has_room),
            Check("queue_unseen", Severity.WARNING, traffic_checks.queue_can_be_seen),
            Check("direct_exposure", Severity.WARNING, traffic_checks.exposure_is_staged),
        ),
        Phase.BUILDING: (Check("busy", Severity.WARNING, traffic_checks.server_is_calm),),
    }
)
"""What is looked at before the baseline; and the gate before the build, whose findings put it off."""

WAIVABLE = frozenset(check.code for check in CHECKS[Phase.CHECKING] if check.severity is Severity.WARNING)
"""The warnings that an operator can waive."""


def preflight(case: Case, phase: Phase = Phase.CHECKING) -> tuple[Finding, ...]:
    """Return what every check of `phase` found, in their order."""
    return tuple(finding for check in CHECKS[phase] for finding in check.findings(case))


def obstacle(findings: tuple[Finding, ...]) -> Finding | None:
    """Return the finding for which the change is not made, or None: the first that blocks decides."""
    return next((finding for finding in findings if finding.blocks), None)


def waived(codes: Iterable[str]) -> frozenset[str]:
    """Return the codes of the warnings that an operator waives; raise `InvalidInput` for what is no warning."""
    asked = frozenset(codes)
    if unknown := sorted(asked - WAIVABLE):
        raise InvalidInput(f"{unknown[0]!r} is no warning that can be waived; those are {', '.join(sorted(WAIVABLE))}")
    return asked
