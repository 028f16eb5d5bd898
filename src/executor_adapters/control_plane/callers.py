"""Who calls: a name, what its role lets it do, and which connections it may touch."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from executor_adapters.control_plane.rejections import Forbidden


class Permission(StrEnum):
    """What a call needs: each call of the API names one of these."""

    READ = "read"
    WORK = "work"
    OPERATE = "operate"


class Role(StrEnum):
    """What a token is for: a worker carries runs, an operator decides about them, a reader looks."""

    WORKER = "worker"
    OPERATOR = "operator"
    READER = "reader"


PERMISSIONS: Mapping[Role, frozenset[Permission]] = MappingProxyType(
    {
        Role.WORKER: frozenset({Permission.READ, Permission.WORK}),
        Role.OPERATOR: frozenset({Permission.READ, Permission.OPERATE}),
        Role.READER: frozenset({Permission.READ}),
    }
)
"""What each role allows. No role has both to work and to operate: who changes a database does not overrule its stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody who was recognised. `connections` are the ids it may touch; None stands for all of them."""

    name: str
    permissions: frozenset[Permission]
    connections: frozenset[str] | None = None

    def may(self, permission: Permission) -> bool:
        """Say whether the caller's role allows this."""
        return permission in self.permissions

    def reaches(self, connection_id: str | None) -> bool:
        """Say whether the caller may touch the connection; None stands for all of them at once."""
        return self.connections is None or connection_id in self.connections

    def require(self, permission: Permission) -> None:
        """Raise `Forbidden` unless the caller's role allows this."""
        if not self.may(permission):
            raise Forbidden(f"the token of {self.name} does not allow to {permission}")

    def require_connection(self, connection_id: str | None) -> None:
        """Raise `Forbidden` unless the caller may touch the connection; None stands for all of them at once."""
        if not self.reaches(connection_id):
            what = "all connections at once" if connection_id is None else "this connection"
            raise Forbidden(f"the token of {self.name} is not for {what}")


def everything(name: str) -> Caller:
    """Return a caller that may do everything, everywhere."""
    return Caller(name=name, permissions=frozenset(Permission))
