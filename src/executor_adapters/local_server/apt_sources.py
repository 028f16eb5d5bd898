"""Reads the machine's own apt sources, to fetch packages from the mirror that this machine already uses."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit


@dataclass(frozen=True)
class AptSource:
    """One archive: base address, suite, components and, if named, the keyring that must have signed it."""

    address: str
    suite: str
    components: tuple[str, ...]
    keyring: str | None = None


def read_sources(etc_apt: Path = Path("/etc/apt")) -> list[AptSource]:
    """Read every source of binary packages that apt itself would read, in apt's order."""
    parts = etc_apt / "sources.list.d"
    files = [etc_apt / "sources.list", *sorted([*parts.glob("*.list"), *parts.glob("*.sources")])]
    sources: list[AptSource] = []
    for file in files:
        if file.is_file():
            parse = parse_deb822 if file.suffix == ".sources" else parse_one_line
            sources.extend(parse(file.read_text(encoding="utf-8", errors="replace")))
    return sources


def parse_one_line(text: str) -> Iterator[AptSource]:
    """Parse the old form: `deb [signed-by=FILE] ADDRESS SUITE COMPONENT...`, one source a line."""
    for line in text.splitlines():
        kind, _, rest = line.partition("#")[0].strip().partition(" ")
        if kind != "deb":
            continue
        options = ""
        if rest.lstrip().startswith("["):
            options, _, rest = rest.lstrip()[1:].partition("]")
        words = rest.split()
        if len(words) < 2:
            continue
        settings = dict(option.split("=", 1) for option in options.split() if "=" in option)
        yield AptSource(words[0], words[1], tuple(words[2:]), settings.get("signed-by"))


def parse_deb822(text: str) -> Iterator[AptSource]:
    """Parse the new form: stanzas of `Field: value`, each naming addresses × suites."""
    for stanza in _stanzas(text):
        if "deb" not in stanza.get("types", "").split() or stanza.get("enabled", "yes").lower() in {
            "no",
            "false",
        }:
            continue
        keyring = stanza.get("signed-by")
        for address in stanza.get("uris", "").split():
            for suite in stanza.get("suites", "").split():
                yield AptSource(
                    address,
                    suite,
                    tuple(stanza.get("components", "").split()),
                    # The field may hold the key itself; only a file can be named in another sources list.
                    keyring if keyring is not None and keyring.startswith("/") else None,
                )


def _stanzas(text: str) -> Iterator[dict[str, str]]:
    fields: dict[str, str] = {}
    name = ""
    for line in [*text.splitlines(), ""]:
        if line.startswith("#"):
            continue
        if not line.strip():
            if fields:
                yield fields
            fields, name = {}, ""
        elif line[0].isspace():
            fields[name] = f"{fields.get(name, '')} {line.strip()}".strip()
        else:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value.strip()


def main_archive(sources: Iterable[AptSource], *, distribution: str) -> AptSource | None:
    """Pick the distribution's own archive, not its security archive and nobody else's; None if there is none.

    Others publish a component `main` too; the distribution's archive is the one whose address names it, best
    as its last part (`https://HOST/debian`). Suites such as `bookworm-updates` or `bookworm/updates` are
    additions.
    """

    def rank(source: AptSource) -> int:
        parts = urlsplit(source.address).path.rstrip("/").split("/")
        return 0 if parts[-1] == distribution else 1 if any(distribution in part for part in parts) else 2

    candidates = [
        source
        for source in sources
        if "main" in source.components
        and not {"-", "/"} & set(source.suite)
        and "security" not in source.address
        and urlsplit(source.address).scheme in {"http", "https", "file"}
    ]
    return min(candidates, key=rank, default=None)
