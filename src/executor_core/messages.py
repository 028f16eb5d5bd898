"""What the control plane is told: audit entries, status changes and rollback records, numbered within a run.

A message's key names the run, the origin of its state and its number, so that no two messages ever share a key
and a message that is delivered again is known as the same. The functions return a `Draft`: the state that has
counted the messages, and the messages, to be stored together.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from executor_core.model import (
    AuditAction,
    AuditLogEntry,
    ExecutionStatus,
    Record,
    RollbackRecord,
    StatusChange,
)
from executor_core.ports import Message, MessageKind
from executor_core.state import RunState


@dataclass(frozen=True, slots=True)
class Draft:
    """A state and the messages that have to be stored with it."""

    state: RunState
    messages: tuple[Message, ...] = ()

    def _told(self, kind: MessageKind, body: Record) -> "Draft":
        state = self.state
        message = Message(
            key=f"{state.run.id}:{state.origin}:{state.messages}",
            run_id=state.run_id,
            kind=kind,
            body=body.model_dump(mode="json", exclude_none=True),
        )
        counted = state.model_copy(update={"messages": state.messages + 1})
        return replace(self, state=counted, messages=(*self.messages, message))

    def audited(
        self,
        action: AuditAction,
        at: datetime,
        details: Mapping[str, Any] | None = None,
        *,
        old_status: ExecutionStatus | None = None,
        new_status: ExecutionStatus | None = None,
    ) -> "Draft":
        """Add an audit entry. The worker's id is always among its details."""
        entry = AuditLogEntry(
            execution_run_id=self.state.run.id,
            action=action,
            old_status=old_status,
            new_status=new_status,
            details={"worker_id": self.state.worker_id, **(details or {})},
            timestamp=at,
        )
        return self._told(MessageKind.AUDIT, entry)

    def status_changed(self, old_status: ExecutionStatus, at: datetime) -> "Draft":
        """Add the change to the state's present status: the audit entry first, then the call."""
        state = self.state
        details = {
            name: value
            for name, value in (
                ("fail_reason", state.fail_reason),
                ("message", state.message),
                ("error_message", state.error_message),
            )
            if value is not None
        }
        audited = self.audited(AuditAction.STATUS_CHANGE, at, details, old_status=old_status, new_status=state.status)
        change = StatusChange(
            status=state.status,
            fail_reason=state.fail_reason,
            message=state.message,
            error_message=state.error_message,
        )
        return audited._told(MessageKind.STATUS, change)

    def rollback_recorded(self, record: RollbackRecord) -> "Draft":
        """Add a rollback record."""
        return self._told(MessageKind.ROLLBACK, record)
