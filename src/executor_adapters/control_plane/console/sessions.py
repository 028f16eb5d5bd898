"""Sessions: who signed in with which token, kept in this process and named by a random cookie.

A session ends after a time, when its token is no longer known, and when the process does.
"""

import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock

from executor_adapters.control_plane.callers import Caller
from executor_adapters.control_plane.tokens import Tokens

LONGEST = timedelta(hours=12)
LONGEST_IDLE = timedelta(hours=2)
MOST = 1000
"""So many sessions are kept; the one that was idle longest makes room."""


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in. `form_key` is in every form of the session's pages, and nowhere else."""

    token: bytes | None
    form_key: str
    began_at: datetime
    used_at: datetime

    def over(self, now: datetime) -> bool:
        """Say whether its time is over."""
        return now - self.began_at > LONGEST or now - self.used_at > LONGEST_IDLE

    def sent(self, form_key: str | None) -> bool:
        """Say whether a form came from one of the session's own pages."""
        return form_key is not None and hmac.compare_digest(form_key.encode(), self.form_key.encode())


class Sessions:
    """The sessions of this process. `tokens` say, at each request anew, who somebody is and what is allowed."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._lock = Lock()
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    @property
    def open(self) -> bool:
        """Whether nobody has to sign in."""
        return self._tokens.open

    def begin(self, token: bytes | None, now: datetime) -> str | None:
        """Begin a session and return the secret that names it; None when nobody knows the token."""
        if self._tokens.caller(token) is None:
            return None
        name = secrets.token_urlsafe(32)
        session = Session(token=token, form_key=secrets.token_urlsafe(32), began_at=now, used_at=now)
        with self._lock:
            self._sessions[name] = session
            while len(self._sessions) > MOST:
                self._sessions.popitem(last=False)
        return name

    def find(self, name: str | None, now: datetime) -> tuple[Session, Caller] | None:
        """Return the session that `name` names, and who it is; None when it is over or never was."""
        with self._lock:
            session = None if name is None else self._sessions.get(name)
            if name is None or session is None:
                return None
            if session.over(now):
                del self._sessions[name]
                return None
            session = self._sessions[name] = replace(session, used_at=now)
            self._sessions.move_to_end(name)
        caller = self._tokens.caller(session.token)
        if caller is None:
            self.end(name)
            return None
        return session, caller

    def end(self, name: str | None) -> None:
        """End a session; one that is not there is no error."""
        with self._lock:
            self._sessions.pop(name or "", None)
