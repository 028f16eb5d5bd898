"""The `ControlPlane` over HTTP: the six calls, and leases and listings where the server has them.

Each method makes one attempt; whoever calls decides about repeating. A server that knows just the six calls
answers a claim with any 2xx, and that is enough. One that knows more says so in the claim's answer:

================================  ==========================================================================
``lease_seconds``                 how long the lease lasts; else ``lease_expires_at`` less ``claimed_at`` (or
                                  the ``Date`` header)
``fencing_token``                 an integer, sent back with every write as ``X-Fencing-Token`` and, with a
                                  status, in its body
``renew_url``                     where the lease is renewed (POST) and handed back (DELETE)
================================  ==========================================================================
"""

import json
import logging
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from executor_adapters.saas import answers
from executor_adapters.saas.base_url import BaseUrl
from executor_adapters.saas.transport import Answer, Network, Transport, check_url
from executor_core.errors import ExecutorError, InvalidInput, LeaseLost, Refused, Unavailable
from executor_core.kill_switch import KillSwitchAnswer
from executor_core.lease import Claim
from executor_core.model import ConnectionId, ExecutionRun, RunId, WorkerId
from executor_core.ports import Message, MessageKind, RollbackRequest

DEFAULT_TIMEOUT = timedelta(seconds=5)

LONGEST_KEY = 255
"""Stripe and those who follow it refuse longer idempotency keys."""

_HEADER_SAFE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != "%")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpClaim(Claim):
    """A claim with the address of its lease: absolute, and on the control plane's own server."""

    renew_url: str


class HttpControlPlane:
    """The control plane at `base_url`; safe for several threads.

    `token` is sent as a bearer token, and appears in no error, log or repr. Over plain HTTP to another
    machine it would travel readable, so that is refused unless `allow_insecure`. `timeout` limits each call
    as a whole. Proxies and certificates that the environment names are used, save for a server on this machine.
    Raises `InvalidInput` when `base_url` or `token` is unusable.
    """

    def __init__(
        self,
        base_url: str,
        token: str | None = None,
        *,
        timeout: timedelta = DEFAULT_TIMEOUT,
        allow_insecure: bool = False,
        mock: Network | None = None,
    ) -> None:
        self._base = BaseUrl.parse(base_url)
        check_url(self._base.text)
        self._token = _checked(token)
        if self._token and not self._base.is_private and not allow_insecure:
            raise InvalidInput("the token would travel unencrypted: use an https:// URL for the control plane")
        if timeout <= timedelta():
            raise InvalidInput("the control plane's time-out must be longer than nothing")
        self._transport = Transport(
            timeout,
            {"Authorization": f"Bearer {self._token}"} if self._token else {},
            environment=not self._base.is_loopback,
            mock=mock,
        )

    def __repr__(self) -> str:
        return f"HttpControlPlane({self._base.text!r})"

    def close(self) -> None:
        """Free what the client holds."""
        self._transport.close()

    def claim(self, run_id: RunId, worker_id: WorkerId) -> Claim:
        with self._told("the claim"):
            return self._claimed(run_id, worker_id, "claim")

    def renew(self, claim: Claim) -> Claim:
        if not isinstance(claim, HttpClaim):
            raise Refused("this lease can't be renewed: the control plane named no address for it")
        with self._told("the renewal of the lease"):
            body = {"worker_id": claim.worker_id, "fencing_token": claim.fencing_token}
            answer = self._send("POST", claim.renew_url, body=body, claim=claim)
            if answer.status in answers.LEASE_GONE:
                raise LeaseLost(f"the control plane says that the lease is not ours{answers.explanation(answer)}")
            try:
                return self._claim_of(answers.claim(answer, claim.worker_id), answer, claim)
            except Refused as error:
                if answers.is_success(answer):
                    raise LeaseLost(str(error)) from None
                raise

    def release(self, claim: Claim) -> None:
        if not isinstance(claim, HttpClaim):
            return
        with self._told("the release of the lease"):
            answer = self._send("DELETE", claim.renew_url, claim=claim, params={"worker_id": claim.worker_id})
            # A lease that is not ours any more is released as well as it can be.
            if answer.status not in answers.LEASE_GONE:
                answers.accepted(answer)

    def kill_switch(self, connection_id: ConnectionId) -> KillSwitchAnswer:
        with self._told("the kill switch"):
            url = self._base.of("api", "kill-switch")
            return answers.kill_switch(self._send("GET", url, params={"connection_id": connection_id}))

    def deliver(self, message: Message, claim: Claim | None) -> None:
        token = None if claim is None else claim.fencing_token
        body = message.body
        match message.kind:
            case MessageKind.STATUS:
                method, url = "PATCH", self._base.of("api", "executions", message.run_id, "status")
                body = body if token is None else {**body, "fencing_token": token}
            case MessageKind.ROLLBACK:
                method, url = "POST", self._base.of("api", "rollbacks")
            case MessageKind.AUDIT:
                method, url = "POST", self._base.of("api", "audit")
        with self._told(f"the {message.kind} call"):
            answer = self._send(method, url, body=body, claim=claim, key=message.key)
            if message.kind is not MessageKind.AUDIT and answers.says_superseded(answer):
                said = answers.explanation(answer)
                raise LeaseLost(f"the control plane answered {answer.status}: another claim is newer{said}")
            answers.accepted(answer)

    def scheduled_runs(self, limit: int) -> Sequence[ExecutionRun]:
        with self._told("the list of scheduled runs"):
            url = self._base.of("api", "executions")
            valid, invalid = answers.runs(self._send("GET", url, params={"claimable": "true", "limit": str(limit)}))
        for sentence in invalid:
            log.warning("the control plane listed something that is not a run; %s", sentence)
        return valid[:limit]

    def recorded_run(self, run_id: RunId) -> ExecutionRun:
        with self._told("the reading of the run"):
            return answers.run(self._send("GET", self._base.of("api", "executions", run_id)), run_id)

    def rollback_requests(self) -> Sequence[RollbackRequest]:
        with self._told("the list of rollback requests"):
            valid, invalid = answers.rollback_requests(self._send("GET", self._base.of("api", "rollback-requests")))
        for sentence in invalid:
            log.warning("the control plane listed something that is not a rollback request; %s", sentence)
        return valid

    def claim_rollback(self, run_id: RunId, worker_id: WorkerId) -> Claim:
        with self._told("the claim of the rollback"):
            return self._claimed(run_id, worker_id, "rollback-requests", "claim")

    def _claimed(self, run_id: RunId, worker_id: WorkerId, *call: str) -> Claim:
        answer = self._send(
            "POST",
            self._base.of("api", "executions", run_id, *call),
            body={"worker_id": worker_id, "claimed_by": worker_id},
        )
        body = answers.claim(answer, worker_id)
        return self._claim_of(body, answer, Claim(run_id=run_id, worker_id=worker_id))

    def _claim_of(self, body: answers.ClaimBody, answer: Answer, asked: Claim) -> Claim:
        """Return the claim that `body` grants; a renewal's answer need not repeat what has not changed."""
        length = body.length(answer.date) or asked.length
        token = asked.fencing_token if body.fencing_token is None else body.fencing_token
        renew_url = asked.renew_url if isinstance(asked, HttpClaim) else None
        if body.renew_url is not None:
            renew_url = self._base.same_origin(body.renew_url)
            if renew_url is None:
                raise Unavailable("the answer's renew_url leads to another server")
        if renew_url is None:
            return Claim(run_id=asked.run_id, worker_id=asked.worker_id, length=length, fencing_token=token)
        return HttpClaim(
            run_id=asked.run_id,
            worker_id=asked.worker_id,
            length=length,
            fencing_token=token,
            renewable=True,
            renew_url=renew_url,
        )

    def _send(
        self,
        method: str,
        url: str,
        *,
        params: dict[str, str] | None = None,
        body: dict[str, Any] | None = None,
        claim: Claim | None = None,
        key: str | None = None,
    ) -> Answer:
        headers: dict[str, str] = {}
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = _written(body)
        if claim is not None and claim.fencing_token is not None:
            headers["X-Fencing-Token"] = str(claim.fencing_token)
        if key is not None:
            headers["Idempotency-Key"] = _header_key(key)
        return self._transport.exchange(method, url, params=params, headers=headers, content=content)

    @contextmanager
    def _told(self, call: str) -> Generator[None]:
        """Say in every error which call failed, and take the token out of what a server may have echoed."""
        try:
            yield
        except Refused as error:
            raise Refused(self._sentence(call, error), number=error.number) from None
        except Unavailable as error:
            raise Unavailable(self._sentence(call, error), retry_after=error.retry_after) from None
        except LeaseLost as error:
            raise LeaseLost(self._sentence(call, error)) from None

    def _sentence(self, call: str, error: ExecutorError) -> str:
        sentence = f"{call} failed: {error}"
        return sentence.replace(self._token, "***") if self._token else sentence


def _header_key(key: str) -> str:
    """Return `key` as a header can carry it: percent-encoded, and a long one's tail as a digest of the whole."""
    encoded = quote(key, safe=_HEADER_SAFE)
    if len(encoded) <= LONGEST_KEY:
        return encoded
    return f"{encoded[: LONGEST_KEY - 65]}~{sha256(key.encode()).hexdigest()}"


def _checked(token: str | None) -> str | None:
    if token is not None and (not token.isascii() or not token.isprintable() or " " in token):
        raise InvalidInput("the control plane's token holds a character that no HTTP header can carry")
    return token or None


def _written(body: dict[str, Any]) -> bytes:
    try:
        return json.dumps(body, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise Refused(f"the body can't be written as JSON: {error}") from None
