"""The control plane's base URL, checked before anything is sent to it."""

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from executor_core.errors import InvalidInput

DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """Where the control plane is: a scheme and host, and the path below which its calls lie.

    >>> BaseUrl.parse("http://localhost:3000/").of("api", "executions", "a/b", "claim")
    'http://localhost:3000/api/executions/a%2Fb/claim'
    """

    text: str

    @classmethod
    def parse(cls, text: str) -> "BaseUrl":
        """Return `text` as a base URL, or raise `InvalidInput` saying what is wrong with it.

        The sentence never repeats a URL that holds a user name or password.
        """
        parts = _split(text)
        if parts.scheme not in DEFAULT_PORTS:
            raise InvalidInput("the control plane's URL must begin with http:// or https://")
        if parts.username is not None or parts.password is not None:
            raise InvalidInput("the control plane's URL must not hold a user name or password; set a token instead")
        if not parts.hostname:
            raise InvalidInput("the control plane's URL names no host")
        if "?" in text or "#" in text:
            raise InvalidInput("the control plane's URL must end with its path, without ? or #")
        return cls(text.rstrip("/"))

    @property
    def is_private(self) -> bool:
        """Whether what is sent can't be read on the way: it is encrypted, or stays on this machine."""
        return _split(self.text).scheme == "https" or self.is_loopback

    @property
    def is_loopback(self) -> bool:
        """Whether the host is this machine."""
        host = _split(self.text).hostname or ""
        if host == "localhost":
            return True
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return False

    def of(self, *segments: str) -> str:
        """Return the URL of the path made of `segments`, each percent-encoded whole."""
        return "/".join((self.text, *(encoded(segment) for segment in segments)))

    def same_origin(self, location: str) -> str | None:
        """Return the absolute URL of `location` if it lies on this server, else None."""
        try:
            target = urljoin(self.text + "/", location)
            return target if _origin(_split(target)) == _origin(_split(self.text)) else None
        except InvalidInput:
            return None


def encoded(segment: str) -> str:
    """Return `segment` as one path segment: nothing in it can end it, and ``..`` does not climb."""
    if segment in {".", ".."}:
        return segment.replace(".", "%2E")
    return quote(segment, safe="")


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise InvalidInput("the control plane's URL is malformed; write http://host:port") from None
    if any(character.isspace() or not character.isprintable() for character in text):
        raise InvalidInput("the control plane's URL holds a space or a control character")
    return parts


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    if parts.username is not None or parts.password is not None:
        raise InvalidInput("a URL with a user name or password is not followed")
    return (parts.scheme, parts.hostname, parts.port or DEFAULT_PORTS.get(parts.scheme))
