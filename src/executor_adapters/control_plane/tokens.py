"""Bearer tokens: whom each belongs to. The file that names them knows their hashes alone.

A token is random and long, so a plain SHA-256 of it can't be turned around. Two hashes may stand beside one name:
the new token works before the old one goes.
"""

import hmac
import logging
import os
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from executor_adapters.control_plane.callers import PERMISSIONS, Caller, Role, everything
from executor_adapters.control_plane.wire import Id
from executor_adapters.validation import first_problem
from executor_core.errors import InvalidInput

SINGLE_TOKEN_NAME = "token"  # noqa: S105 -- the name of the caller who shows it, not the token
OPEN_NAME = "anyone"

log = logging.getLogger(__name__)

Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[\w.@:-]{1,80}$")]
_OneOrTwo = Annotated[
    tuple[Hash, ...],
    BeforeValidator(lambda given: (given,) if isinstance(given, str) else given),
    Field(min_length=1, max_length=2),
]


class TokenEntry(BaseModel):
    """One ``[[token]]`` of the file. Without `connections` it is for all of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    role: Role
    connections: tuple[Id, ...] | None = None
    sha256: _OneOrTwo

    def caller(self) -> Caller:
        """Return whom the token belongs to."""
        scope = None if self.connections is None else frozenset(self.connections)
        return Caller(name=self.name, permissions=PERMISSIONS[self.role], connections=scope)


class _TokenFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    token: tuple[TokenEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class KnownToken:
    """The hash of a token, and whom it belongs to."""

    sha256: str
    caller: Caller


def hash_of(token: bytes) -> str:
    """Return what the file of tokens holds of a token.

    >>> hash_of(b"an example")[:12]
    '73300871f44c'
    """
    return sha256(token).hexdigest()


def read_tokens(path: Path) -> tuple[KnownToken, ...]:
    """Return the tokens of a TOML file; raise `InvalidInput` with what is wrong with it."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(f"the tokens file {path} can't be read: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the tokens file {path} is not TOML: {error}") from None
    try:
        entries = _TokenFile.model_validate(document).token
    except ValidationError as error:
        raise InvalidInput(f"the tokens file {path}: {first_problem(error)}") from None
    if not entries:
        raise InvalidInput(f"the tokens file {path} names no token: make one with  executor token")
    known = tuple(KnownToken(each, entry.caller()) for entry in entries for each in entry.sha256)
    if len({each.sha256 for each in known}) < len(known):
        raise InvalidInput(f"the tokens file {path} holds one hash twice: each token belongs to one name")
    if len({entry.name for entry in entries}) < len(entries):
        raise InvalidInput(f"the tokens file {path} holds a name twice: give two hashes to one name, to change a token")
    return known


class Tokens:
    """The tokens that are valid now: `single`, which allows everything, and those of `file`.

    The file is read again when it changes. With neither, the control plane is open: whoever calls may do everything.
    Raises `InvalidInput` when the file is wrong. One that becomes wrong later is logged, and what was read before
    stays valid.
    """

    def __init__(self, *, single: str | None = None, file: Path | None = None) -> None:
        self._single = () if single is None else (KnownToken(hash_of(single.encode()), everything(SINGLE_TOKEN_NAME)),)
        self._file = file
        self._lock = Lock()
        self._read_at = None if file is None else _version(file)
        self._from_file = () if file is None else read_tokens(file)

    @property
    def open(self) -> bool:
        """Whether anybody may do everything."""
        return not self._single and self._file is None

    def caller(self, token: bytes | None) -> Caller | None:
        """Return whom the token belongs to, or None when nobody knows it. An open control plane asks for none."""
        if self.open:
            return everything(OPEN_NAME)
        return None if token is None else recognised(token, [*self._single, *self._current()])

    def _current(self) -> Sequence[KnownToken]:
        if self._file is None:
            return ()
        version = _version(self._file)
        with self._lock:
            if version != self._read_at:
                self._read_at = version
                try:
                    self._from_file = read_tokens(self._file)
                except InvalidInput as error:
                    log.error("%s; the tokens that were read before stay valid", error)  # noqa: TRY400 -- it is one line
            return self._from_file


def recognised(token: bytes, known: Sequence[KnownToken]) -> Caller | None:
    """Return whom `token` belongs to. All hashes are compared, each in constant time, so the time tells nothing."""
    given = hash_of(token)
    found: Caller | None = None
    for each in known:
        if hmac.compare_digest(given, each.sha256):
            found = each.caller
    return found


def _version(file: Path) -> tuple[int, ...] | None:
    """Return what changes when the file does, or None while it is not there."""
    try:
        seen = os.stat(file)
    except OSError:
        return None
    return (seen.st_ino, seen.st_size, seen.st_mtime_ns)
