"""What the control plane's answers mean: strict parsing, with no network in it.

An answer is believed only where it says what the call promises. `Unavailable` names what was wrong with it.
"""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, NoReturn, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, ValidationError

from executor_adapters.saas.transport import Answer
from executor_adapters.validation import first_problem
from executor_core.errors import IllegalTransition, Refused, Unavailable
from executor_core.kill_switch import KillSwitchAnswer
from executor_core.model import ExecutionRun, RunId, WorkerId
from executor_core.ports import RollbackRequest

RETRYABLE_4XX = frozenset({408, 425, 429})
"""Client errors that say "later": a time-out, too early, too many."""

LEASE_GONE = frozenset({404, 409, 410, 412})
"""What a server says to the holder of a lease that is not its any more."""

LONGEST_PATIENCE = timedelta(minutes=5)
"""No server's word keeps us away for longer than this."""

MAX_TEXT = 500
"""How much of somebody else's text is passed on, in characters."""

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


class _Answered(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class SwitchBody(_Answered):
    """The body of ``GET /api/kill-switch``."""

    global_active: StrictBool
    connection_active: StrictBool
    reason: StrictStr | None = None


class ClaimBody(_Answered):
    """The body of a granted claim or renewal, as far as a server has one."""

    claimed: StrictBool | None = None
    success: StrictBool | None = None
    ok: StrictBool | None = None
    claimed_by: StrictStr | None = None
    worker_id: StrictStr | None = None
    lease_seconds: Annotated[float, Field(gt=0, le=10**7, strict=True)] | None = None
    claimed_at: datetime | None = None
    lease_expires_at: datetime | None = None
    fencing_token: StrictInt | None = None
    renew_url: StrictStr | None = None

    @property
    def denied(self) -> bool:
        """Whether the answer says by itself that the claim was not granted."""
        return False in (self.claimed, self.success, self.ok)

    def holder_other_than(self, worker_id: WorkerId) -> str | None:
        """Return who has the run, if the answer names somebody else."""
        return next((name for name in (self.claimed_by, self.worker_id) if name and name != worker_id), None)

    def length(self, date: str) -> timedelta | None:
        """Return how long the lease lasts by the server's own reckoning, or None where it named no end.

        Two instants of one answer are compared with each other, never with a clock of ours. An end without an
        offset is no instant, and says something only next to a beginning that is written alike.
        """
        if self.lease_seconds is not None:
            return timedelta(seconds=self.lease_seconds)
        if self.lease_expires_at is None:
            return None
        begin = self.claimed_at or _http_date(date)
        if begin is None or (begin.tzinfo is None) != (self.lease_expires_at.tzinfo is None):
            return None
        length = self.lease_expires_at - begin
        if length <= timedelta():
            raise Unavailable("the answer grants a lease that has ended already")
        return length


class RequestBody(_Answered):
    """An entry of ``GET /api/rollback-requests``."""

    run: ExecutionRun
    reason: StrictStr


def kill_switch(answer: Answer) -> KillSwitchAnswer:
    """Return what the switch says; raise `Unavailable` unless this is a 200 whose two flags are booleans."""
    if answer.status != 200:
        _not_promised(answer, refusals=False)
    body = _parsed(SwitchBody, _json_object(answer))
    return KillSwitchAnswer(
        global_active=body.global_active,
        connection_active=body.connection_active,
        reason=None if body.reason is None else one_line(body.reason),
    )


def claim(answer: Answer, worker_id: WorkerId) -> ClaimBody:
    """Return what a granted claim says; raise `Refused` if it is not granted, `Unavailable` if unclear."""
    if not is_success(answer):
        _not_promised(answer)
    body = ClaimBody() if not answer.body.strip() else _parsed(ClaimBody, _json_object(answer))
    if body.denied:
        raise Refused("the answer says that the claim was not granted", number=answer.status)
    holder = body.holder_other_than(worker_id)
    if holder is not None:
        raise Refused(f"the run is claimed by {one_line(holder)!r}", number=409)
    return body


def runs(answer: Answer) -> tuple[list[ExecutionRun], list[str]]:
    """Return the runs of a listing and, for each entry that is not a run, a sentence about it."""
    if answer.status != 200:
        _not_promised(answer)
    listing = _json(answer)
    if isinstance(listing, dict):
        listing = cast(dict[str, Any], listing).get("executions")
    return _entries(listing, ExecutionRun.model_validate, one="run", many="executions")


def rollback_requests(answer: Answer) -> tuple[list[RollbackRequest], list[str]]:
    """Return what a list of requests asks for and, for each entry that is no request, a sentence about it."""
    if answer.status != 200:
        _not_promised(answer)

    def read(entry: object) -> RollbackRequest:
        body = RequestBody.model_validate(entry)
        return RollbackRequest(run=body.run, reason=one_line(body.reason))

    return _entries(_json(answer), read, one="request", many="requests")


def _entries(listing: object, read: Callable[[object], T], *, one: str, many: str) -> tuple[list[T], list[str]]:
    """Return the entries that can be read and, for each that can't, a sentence about it."""
    if not isinstance(listing, list):
        raise Unavailable(f"the answer is not a list of {many}")
    valid: list[T] = []
    invalid: list[str] = []
    for position, entry in enumerate(cast(list[object], listing)):
        try:
            valid.append(read(entry))
        except ValidationError as error:
            invalid.append(f"entry {position} is not a {one}: {first_problem(error)}")
    return valid, invalid


def run(answer: Answer, run_id: RunId) -> ExecutionRun:
    """Return the run of that id."""
    if answer.status != 200:
        _not_promised(answer)
    read = _parsed(ExecutionRun, _json_object(answer))
    if read.id != run_id:
        raise Unavailable(f"the answer is about another run, {one_line(read.id)}")
    return read


def accepted(answer: Answer) -> None:
    """Return if the server took what it was sent; raise `Refused` or `Unavailable` otherwise."""
    if not is_success(answer):
        _not_promised(answer)


def is_success(answer: Answer) -> bool:
    """Whether the status is a 2xx."""
    return 200 <= answer.status < 300


def says_superseded(answer: Answer) -> bool:
    """Whether a write was refused because another claim is newer.

    A 409 may mean something else where its problem document says so by its code.
    """
    return answer.status == 412 or (answer.status == 409 and _said(answer, "code") != IllegalTransition.code)


def explanation(answer: Answer) -> str:
    """Return what a refusal's body says about it, shortened, or nothing."""
    said = next(filter(None, (_said(answer, name) for name in ("detail", "message", "error", "title"))), "")
    return f": {said}" if said else ""


def _said(answer: Answer, name: str) -> str:
    """Return the text that an answer's JSON object has under `name`, or nothing."""
    try:
        text = _json_object(answer).get(name)
    except Unavailable:
        return ""
    return one_line(text) if isinstance(text, str) else ""


def one_line(text: str) -> str:
    """Return somebody else's text as one line of bounded length, without what would move a terminal's cursor."""
    printable = "".join(character if character.isprintable() else " " for character in text[:MAX_TEXT])
    return " ".join(printable.split())


def _not_promised(answer: Answer, *, refusals: bool = True) -> NoReturn:
    """Raise what a status outside 2xx means: 4xx is a refusal, save for those that say "later"."""
    sentence = f"the control plane answered {answer.status}{explanation(answer)}"
    if refusals and 400 <= answer.status < 500 and answer.status not in RETRYABLE_4XX:
        raise Refused(sentence, number=answer.status)
    if 300 <= answer.status < 400:
        sentence += "; redirects are not followed"
    raise Unavailable(sentence, retry_after=retry_after(answer))


def retry_after(answer: Answer) -> timedelta | None:
    """Return for how long the server asks to be left alone, in seconds or until an instant of its own clock.

    >>> retry_after(Answer(status=503, retry_after="7"))
    datetime.timedelta(seconds=7)
    """
    text = answer.retry_after.strip()
    if text.isascii() and text.isdecimal():
        return min(timedelta(seconds=int(text[:9])), LONGEST_PATIENCE)
    until, now = _http_date(text), _http_date(answer.date)
    if until is None or now is None:
        return None
    return min(max(until - now, timedelta(0)), LONGEST_PATIENCE)


def _json_object(answer: Answer) -> dict[str, Any]:
    document = _json(answer)
    if not isinstance(document, dict):
        raise Unavailable("the answer is not a JSON object")
    return cast(dict[str, Any], document)


def _json(answer: Answer) -> object:
    kind = answer.content_type.partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise Unavailable(f"the answer is not JSON but {kind[:60] or 'of no stated type'}")
    try:
        return json.loads(answer.body.decode("utf-8"), object_pairs_hook=_without_doubles)
    except (ValueError, RecursionError):
        raise Unavailable("the answer is malformed JSON") from None


def _without_doubles(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that says two things under one name: readers differ in which one they believe."""
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a name stands twice")
    return document


def _parsed(model: type[M], document: dict[str, Any]) -> M:
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise Unavailable(f"the answer is malformed: {first_problem(error)}") from None


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
