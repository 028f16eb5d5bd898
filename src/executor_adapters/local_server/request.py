"""Which server is wanted: the kind, and a release series where it matters."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

OLDEST_MYSQL = (8, 0)  # the first whose digests have histograms and whose indexes can be invisible


class ServerKind(StrEnum):
    """The two families of servers; they differ in syntax, error numbers and what they measure."""

    MYSQL = "mysql"
    MARIADB = "mariadb"


@dataclass(frozen=True)
class ServerRequest:
    """A kind of server and, if given, the release series (major, minor) that it must belong to."""

    kind: ServerKind
    release: tuple[int, int] | None = None

    @classmethod
    def parse(cls, name: str) -> Self:
        """Read `mysql`, `mariadb`, `mariadb-10.11` and their like; anything else is a ValueError."""
        match = re.fullmatch(r"(mysql|mariadb)(?:-(\d+)\.(\d+))?", name)
        if match is None:
            raise ValueError(f"{name!r} names no server: write mysql, mariadb or, say, mariadb-10.11")
        kind, major, minor = match.groups()
        return cls(ServerKind(kind), (int(major), int(minor)) if major else None)

    def __str__(self) -> str:
        if self.release is None:
            return str(self.kind)
        major, minor = self.release
        return f"{self.kind}-{major}.{minor}"

    def accepts(self, kind: ServerKind, version: tuple[int, ...]) -> bool:
        """Say whether a server of this kind and version is what was asked for."""
        if kind is not self.kind:
            return False
        if self.release is not None:
            return version[:2] == self.release
        return kind is ServerKind.MARIADB or version[:2] >= OLDEST_MYSQL
