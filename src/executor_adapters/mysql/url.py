"""The address of a target: ``mysql://user:password@host:port/database?ssl_ca=...&ssl=...``, parsed and masked.

    >>> url = MySQLUrl.parse("mysql://app:p%40ss@db.example:3307/shop?ssl=required")
    >>> url.password, url.port, url.database
    ('p@ss', 3307, 'shop')
    >>> print(url)
    mysql://app:***@db.example:3307/shop?ssl=required

No error of this file repeats a part of the text that it was given: a mistyped URL may have its password anywhere.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from executor_core.errors import InvalidInput
from executor_core.index_definition import check_identifier

DEFAULT_PORT = 3306
SHAPE = "mysql://user:password@host:port/database"
_ENCODE = "characters such as / ? # @ % in a user or a password are written %2F %3F %23 %40 %25"


class TlsMode(StrEnum):
    """Whether the connection is encrypted: `REQUIRED` encrypts or fails, `PREFERRED` encrypts where it can.

    Neither checks whom it talks to; for that the URL names `ssl_ca`.
    """

    DISABLED = "disabled"
    PREFERRED = "preferred"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True, kw_only=True)
class MySQLUrl:
    """Where a target is and as whom to connect. Printing it never shows the password.

    With `ssl_ca`, a path to a PEM file, the server's certificate and its host name are verified.
    """

    host: str
    user: str
    database: str
    port: int = DEFAULT_PORT
    password: str = field(default="", repr=False)
    tls: TlsMode = TlsMode.PREFERRED
    ssl_ca: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a URL; raise `InvalidInput` with the first thing that is wrong or missing."""
        try:
            parts = urlsplit(text.strip())
            host = parts.hostname
        except ValueError:
            raise InvalidInput(f"the MySQL URL can't be read: write {SHAPE}; {_ENCODE}") from None
        if parts.scheme != "mysql":
            raise InvalidInput(f"the MySQL URL must begin with mysql://: write {SHAPE}")
        if parts.fragment:
            raise InvalidInput(f"the MySQL URL has a #, which has no meaning there; {_ENCODE}")
        if not parts.username:
            raise InvalidInput(f"the MySQL URL names no user: write {SHAPE}")
        if not host:
            raise InvalidInput(f"the MySQL URL names no host: write {SHAPE}")
        if not parts.path.strip("/"):
            raise InvalidInput(f"the MySQL URL names no database: write {SHAPE}")
        if "/" in parts.path[1:]:
            raise InvalidInput(f"the MySQL URL has a / behind its database; {_ENCODE}")
        tls, ssl_ca = _tls(parts.query)
        return cls(
            host=_decoded(host, "host"),
            port=_port(parts),
            user=_decoded(parts.username, "user"),
            password=_decoded(parts.password or "", "password"),
            database=check_identifier(_decoded(parts.path[1:], "database"), "database name in the MySQL URL"),
            tls=tls,
            ssl_ca=ssl_ca,
        )

    def masked(self) -> str:
        """Return the URL as it may be shown: its password, if it has one, as ``***``."""
        account = quote(self.user, safe="") + (":***" if self.password else "")
        host = f"[{self.host}]" if ":" in self.host else self.host
        options = [] if self.ssl_ca is None else [f"ssl_ca={quote(self.ssl_ca)}"]
        if self.tls is not TlsMode.PREFERRED and self.ssl_ca is None:
            options.append(f"ssl={self.tls}")
        query = "?" + "&".join(options) if options else ""
        return f"mysql://{account}@{host}:{self.port}/{quote(self.database, safe='')}{query}"

    def __str__(self) -> str:
        return self.masked()


def _port(parts: SplitResult) -> int:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise InvalidInput(f"the port of the MySQL URL must be a number from 1 to 65535; {_ENCODE}")
    return DEFAULT_PORT if port is None else port


def _decoded(text: str, what: str) -> str:
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise InvalidInput(f"the {what} of the MySQL URL is not percent-encoded UTF-8") from None
    if "\x00" in decoded:
        raise InvalidInput(f"the {what} of the MySQL URL contains a NUL character")
    return decoded


def _tls(query: str) -> tuple[TlsMode, str | None]:
    tls: TlsMode | None = None
    ssl_ca: str | None = None
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name == "ssl" and value in list(TlsMode):
            tls = TlsMode(value)
        elif name == "ssl":
            raise InvalidInput(f"ssl in the MySQL URL must be one of {', '.join(TlsMode)}")
        elif name == "ssl_ca" and value:
            ssl_ca = value
        elif name == "ssl_ca":
            raise InvalidInput("ssl_ca in the MySQL URL must be the path of a file")
        else:
            raise InvalidInput(f"the MySQL URL may have the options ssl and ssl_ca, no others; {_ENCODE}")
    if ssl_ca is None:
        return tls or TlsMode.PREFERRED, None
    if tls not in (None, TlsMode.REQUIRED):
        raise InvalidInput(f"ssl_ca in the MySQL URL asks for a verified connection, ssl={tls} does not: drop one")
    return TlsMode.REQUIRED, ssl_ca
