"""Access: what one call may touch. Every call of the API states the permission that it needs in its signature.

Checked here and nowhere else: the caller's role, and its connections for the run that the path names. A run of
another's is not there for it, as little as one that was never scheduled. What a body names is checked by the call,
with `Access.check_connection` and `Access.check_run`.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, cast

from fastapi import Depends, Request

from executor_adapters.control_plane.callers import Caller, Permission
from executor_adapters.control_plane.rejections import UnknownRun
from executor_adapters.control_plane.store import ControlPlaneStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Backing:
    """What the calls work on: the store, its clock, and the lease given where nobody asks for another."""

    store: ControlPlaneStore
    now: Callable[[], datetime]
    default_lease: timedelta

    def lease_length(self, seconds: float | None) -> timedelta:
        """Return the length that was asked for, or the default."""
        return self.default_lease if seconds is None else timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The backing in the hands of one caller."""

    caller: Caller
    backing: Backing

    @property
    def store(self) -> ControlPlaneStore:
        """The store, which logs under the caller's name what it is told to change."""
        return self.backing.store.on_behalf_of(self.caller.name)

    def now(self) -> datetime:
        """Return the time that judges every lease."""
        return self.backing.now()

    def check_connection(self, connection_id: str | None) -> None:
        """Raise `Forbidden` unless the caller may touch the connection; None stands for all of them at once."""
        self.caller.require_connection(connection_id)

    def reachable(self, wanted: Collection[str]) -> Collection[str] | None:
        """Return the wanted connections, or else all that the caller may touch; None stands for no limit.

        Raises `Forbidden` for one that is wanted and not the caller's.
        """
        for connection_id in wanted:
            self.check_connection(connection_id)
        return wanted or self.caller.connections

    def check_run(self, run_id: str) -> None:
        """Raise `UnknownRun` unless the run is of a connection of the caller's, if it is bound to some."""
        if self.caller.connections is not None and not self.caller.reaches(self.store.connection_of(run_id)):
            raise UnknownRun(f"there is no run {run_id}")


def backing_of(request: Request) -> Backing:
    """Return what the application works on."""
    return cast("Backing", request.app.state.backing)


def access(permission: Permission) -> Callable[[Request], Access]:
    """Return a dependency that grants access with `permission`, to the run that the path names if it names one."""

    def granted(request: Request) -> Access:
        caller = cast("Caller", request.state.caller)
        caller.require(permission)
        found = Access(caller=caller, backing=backing_of(request))
        run_id = request.path_params.get("run_id")
        if run_id is not None:
            found.check_run(run_id)
        return found

    return granted


Reading = Annotated[Access, Depends(access(Permission.READ))]
Working = Annotated[Access, Depends(access(Permission.WORK))]
Operating = Annotated[Access, Depends(access(Permission.OPERATE))]
