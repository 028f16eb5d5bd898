"""What an event does to a run's state, and which messages announce it. Pure: a state and a move in, a draft out."""

from datetime import datetime
from types import MappingProxyType
from typing import Any

from executor_core.actions import Move
from executor_core.ddl import drop_index
from executor_core.index_definition import IndexDefinition
from executor_core.lifecycle import TERMINAL_PHASES, Event, Phase, next_phase
from executor_core.messages import Draft
from executor_core.model import AuditAction, FailReason, RollbackRecord, RollbackStatus, VerificationStatus
from executor_core.pacing import Pacing
from executor_core.state import RunState, WindowPlan
from executor_core.verdict import Verdict

ANNOUNCED_AS = MappingProxyType(
    {
        Event.SCOPE_REFUSED: AuditAction.SCOPE_REFUSED,
        Event.KILL_SWITCH_ENGAGED: AuditAction.KILL_SWITCH_ENGAGED,
        Event.PREFLIGHT_REFUSED: AuditAction.PREFLIGHT_REFUSED,
        Event.BUILD_FOUND: AuditAction.BUILD_FOUND,
        Event.BASELINE_COLLECTED: AuditAction.BASELINE_METRICS_COLLECTED,
        Event.BUILD_FAILED: AuditAction.BUILD_FAILED,
        Event.ONLINE_BUILD_REFUSED: AuditAction.BUILD_FAILED,
        Event.BUILD_GIVEN_UP: AuditAction.BUILD_GIVEN_UP,
        Event.BUILD_STOPPED: AuditAction.BUILD_STOPPED,
        Event.DRAIN_BEGUN: AuditAction.DRAIN_STARTED,
        Event.DRAIN_FINISHED: AuditAction.DRAIN_COMPLETED,
        Event.INDEX_PUBLISHED: AuditAction.INDEX_PUBLISHED,
        Event.INDEX_DROPPED: AuditAction.INDEX_DROPPED,
        Event.DROP_FAILED: AuditAction.ROLLBACK_FAILED,
    }
)
"""The audit entry that announces an event. Other events are announced by what follows from them."""

ROLLBACK_ENDS = MappingProxyType(
    {
        Event.INDEX_DROPPED: RollbackStatus.COMPLETED,
        Event.DROP_FAILED: RollbackStatus.FAILED,
        Event.PERSON_NEEDED: RollbackStatus.FAILED,
    }
)


def moved(state: RunState, move: Move, index: IndexDefinition, schema_name: str, at: datetime, pacing: Pacing) -> Draft:
    """Return the state after `move`, with the messages that announce it.

    Raises `IllegalTransition` when the table has no row for the event in the state's phase.
    """
    phase = next_phase(state.phase, move.event)
    changes: dict[str, Any] = {"phase": phase, "wake_at": None, "tries": 0, "give_up_at": None}
    if move.stop is not None:
        changes["stop"] = move.stop
    if move.error_message is not None:
        changes["error_message"] = move.error_message
    if move.event is Event.RUN_STARTED:
        changes |= {"started_at": at, "taken_over": state.taken_over or move.details.get("taken_over", False)}
    if move.event is Event.BUILD_FINISHED:
        changes["built_at"] = at
    if move.event is Event.INDEX_UNUSED:
        changes["verdict"] = _unused(move)
    if phase is Phase.STOPPING_BUILD:
        changes["stopping_since"] = at
    if phase is Phase.WATCHING:
        begins_at = at + pacing.settle
        after = WindowPlan(begins_at=begins_at, ends_at=begins_at + pacing.after_window, next_sample_at=begins_at)
        changes["after"] = after.model_copy(update={"next_look_at": begins_at + after.between_looks})
    if phase in TERMINAL_PHASES:
        changes |= {"completed_at": at, "fail_reason": move.fail_reason, "message": move.message}
    if phase is Phase.ROLLING_BACK:
        changes["rollback"] = _pending_rollback(state, move, index, schema_name, at)

    draft = Draft(state.model_copy(update=changes))
    if (action := ANNOUNCED_AS.get(move.event)) is not None:
        draft = draft.audited(action, at, _told(move))
    if move.event is Event.BUILD_FINISHED:
        # Without an attempt of its own on record, this state is a successor's: the index is adopted, not added.
        action = AuditAction.INDEX_ADDED if state.attempt else AuditAction.INDEX_ADOPTED
        draft = draft.audited(action, at, {**_the_index(state, index), **move.details})
    if move.event is Event.INDEX_UNUSED:
        details = {"verification_status": VerificationStatus.FAILED, "message": _unused(move).message}
        draft = draft.audited(AuditAction.VERIFICATION_COMPLETED, at, details)
    if phase is Phase.ROLLING_BACK:
        draft = draft.audited(AuditAction.ROLLBACK_STARTED, at, _the_rollback(draft.state))
    if state.phase is Phase.ROLLING_BACK and move.event in ROLLBACK_ENDS:
        draft = _rollback_ended(draft, ROLLBACK_ENDS[move.event], at)
    for warning in move.details.get("warnings", ()):
        draft = draft.audited(AuditAction.PREFLIGHT_WARNING, at, warning)
    if draft.state.status != state.status:
        draft = draft.status_changed(state.status, at)
    return draft


def refused_by_scope(state: RunState, why: str, at: datetime) -> Draft:
    """Return the end of a run that asks for what Executor does not do: it is told, and nothing else happens."""
    changes = {
        "phase": next_phase(state.phase, Event.SCOPE_REFUSED),
        "completed_at": at,
        "fail_reason": FailReason.OUT_OF_SCOPE,
        "message": f"Refused, out of scope: {why}",
        "error_message": why,
    }
    draft = Draft(state.model_copy(update=changes)).audited(AuditAction.SCOPE_REFUSED, at, {"error_message": why})
    return draft.status_changed(state.status, at)


def _unused(move: Move) -> Verdict:
    """The verdict on an index that was never published."""
    if move.stop is None:
        raise AssertionError("an unused index is taken back for a reason")
    return Verdict(status=VerificationStatus.FAILED, message=move.stop.sentence)


def _told(move: Move) -> dict[str, Any]:
    texts = {"message": move.message, "error_message": move.error_message}
    return {**{name: text for name, text in texts.items() if text is not None}, **move.details}


def _the_index(state: RunState, index: IndexDefinition) -> dict[str, Any]:
    return {
        "table_name": index.table_name,
        "index_name": index.index_name,
        "columns": [str(part) for part in index.key_parts],
        "attempt": state.attempt,
        "executed_sql": state.executed_sql,
    }


def _pending_rollback(
    state: RunState, move: Move, index: IndexDefinition, schema_name: str, at: datetime
) -> RollbackRecord:
    stop = move.stop or state.stop
    if stop is None:
        raise AssertionError(f"{move.event} begins a rollback without a reason")
    return RollbackRecord(
        execution_run_id=state.run.id,
        rollback_type=stop.rollback_type,
        trigger_reason=stop.reason,
        rollback_sql=drop_index(schema_name, index.table_name, index.index_name),
        status=RollbackStatus.PENDING,
        created_at=at,
    )


def _the_rollback(state: RunState) -> dict[str, Any]:
    return {
        "trigger_reason": None if state.stop is None else state.stop.reason,
        "sentence": None if state.stop is None else state.stop.sentence,
        "rollback_sql": None if state.rollback is None else state.rollback.rollback_sql,
    }


def _rollback_ended(draft: Draft, status: RollbackStatus, at: datetime) -> Draft:
    record = draft.state.rollback
    if record is None:
        raise AssertionError("a rollback that ends was begun")
    ended = record.model_copy(update={"status": status})
    draft = Draft(draft.state.model_copy(update={"rollback": ended}), draft.messages)
    if status is RollbackStatus.FAILED and not any(m.body.get("action") == "rollback_failed" for m in draft.messages):
        draft = draft.audited(AuditAction.ROLLBACK_FAILED, at, _the_rollback(draft.state))
    return draft.rollback_recorded(ended)
