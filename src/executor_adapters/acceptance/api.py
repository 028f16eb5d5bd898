"""The user's API from the side of the tests: its switches, and runs where it can be given and asked for them."""

import json
from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Any, cast
from urllib.parse import quote

from executor_adapters.saas import answers
from executor_adapters.saas.base_url import BaseUrl
from executor_adapters.saas.transport import Answer, Transport
from executor_core.errors import Refused, Unavailable
from executor_core.kill_switch import KillSwitchAnswer
from executor_core.model import ExecutionRun, ExecutionStatus, FailReason

REASON = "executor acceptance"
_NO_SUCH_CALL = frozenset({404, 405, 501})


class Scheduled(StrEnum):
    """What became of a run that the API was to be given."""

    DONE = "done"
    EXISTS = "exists"
    NO_SUCH_CALL = "no_such_call"


class Api:
    """The API at `base_url`. Raises `Unavailable` and `Refused`.

    `operator_token` is for the switches and for scheduling, where the API tells workers and operators apart.
    """

    def __init__(
        self, base_url: str, token: str | None, *, timeout: timedelta, operator_token: str | None = None
    ) -> None:
        base = BaseUrl.parse(base_url)
        self.base_url = base.text
        self._worker = _authorized(token)
        self._operator = _authorized(operator_token or token)
        self._transport = Transport(timeout, {"Content-Type": "application/json"}, environment=not base.is_loopback)

    def close(self) -> None:
        """Free what the client holds."""
        self._transport.close()

    def kill_switch(self, connection_id: str) -> KillSwitchAnswer:
        """Read the switch as the executor reads it."""
        return answers.kill_switch(
            self._transport.exchange(
                "GET", f"{self.base_url}/api/kill-switch", params={"connection_id": connection_id}, headers=self._worker
            )
        )

    def set_kill_switch(self, connection_id: str, *, active: bool) -> None:
        """Turn the switch of a connection on or off."""
        body = {"connection_id": connection_id, "active": active, "reason": REASON}
        answer = self._send("POST", "/api/kill-switch", body, self._operator)
        if not answers.is_success(answer):
            raise Refused(
                f"the API does not let its kill switch be set: it answered {answer.status} to POST /api/kill-switch",
                number=answer.status,
            )

    def schedule(self, run: ExecutionRun) -> Scheduled:
        """Give the API a run, where it takes one."""
        answer = self._send("POST", "/api/executions", run.model_dump(mode="json", exclude_none=True), self._operator)
        if answers.is_success(answer):
            return Scheduled.DONE
        if answer.status == 409:
            return Scheduled.EXISTS
        if answer.status in _NO_SUCH_CALL:
            return Scheduled.NO_SUCH_CALL
        raise Refused(f"the API does not take the run {run.id}: it answered {answer.status}", number=answer.status)

    def record(self, run_id: str) -> dict[str, Any] | None:
        """Return the run as the API has it, or None where it can't be asked."""
        document = self._read(f"/api/executions/{quote(run_id, safe='')}")
        return cast("dict[str, Any]", document) if isinstance(document, dict) else None

    def left_over(self) -> Sequence[str] | None:
        """Return the ids of the cases' runs that an earlier acceptance did not end; None where it can't be asked."""
        document = self._read("/api/executions?claimable=true&limit=1000")
        if not isinstance(document, list):
            return None
        runs = cast("list[dict[str, Any]]", document)
        return [str(run.get("id")) for run in runs if str(run.get("id")).startswith("test-tc")]

    def abandon(self, run_id: str) -> None:
        """Tell the API that nobody will go on with a run of the cases."""
        body = {
            "status": ExecutionStatus.FAILED,
            "fail_reason": FailReason.EXECUTION_ERROR,
            "message": "A run of an acceptance that was broken off; its index is gone.",
        }
        self._send("PATCH", f"/api/executions/{quote(run_id, safe='')}/status", body, self._worker)

    def _send(self, method: str, path: str, body: dict[str, Any], headers: dict[str, str]) -> Answer:
        content = json.dumps(body).encode()
        return self._transport.exchange(method, f"{self.base_url}{path}", headers=headers, content=content)

    def _read(self, path: str) -> object:
        try:
            answer = self._transport.exchange("GET", f"{self.base_url}{path}", headers=self._worker)
            return json.loads(answer.body) if answer.status == 200 else None
        except (Unavailable, ValueError):
            return None


def _authorized(token: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}
