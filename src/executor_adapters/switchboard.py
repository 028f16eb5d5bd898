"""The `Switchboard` of a process that carries many runs: each connection's kill switch is asked about once for all."""

import threading
from dataclasses import dataclass, field
from datetime import datetime

from executor_core.kill_switch import KillSwitchReading
from executor_core.model import ConnectionId
from executor_core.ports import Clock, ControlPlane
from executor_core.switchboard import look_at_switch


@dataclass(slots=True)
class _Switch:
    """The latest reading of one connection's switch, and when that was asked for: an answer that took long is no
    fresher than its question. The lock is held by whoever asks for the next one.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    latest: KillSwitchReading | None = None
    asked_at: datetime | None = None


class SharedSwitchboard:
    """Shares each reading among the runs of a connection; those that want one at the same time wait for one call.

    A look that failed is shared like any other: it counts as engaged for all, and none of them asks again before
    its own next look is due.
    """

    def __init__(self, control_plane: ControlPlane, clock: Clock) -> None:
        self._control_plane = control_plane
        self._clock = clock
        self._guard = threading.Lock()
        self._switches: dict[ConnectionId, _Switch] = {}

    def read(self, connection_id: ConnectionId, *, since: datetime) -> KillSwitchReading:
        with self._guard:
            switch = self._switches.setdefault(connection_id, _Switch())
        with switch.lock:
            latest, asked_at, now = switch.latest, switch.asked_at, self._clock.now()
            # A question of the future was asked before the clock was set back: nobody knows how old it is.
            if latest is None or asked_at is None or not since <= asked_at <= now:
                latest = switch.latest = look_at_switch(connection_id, self._control_plane, self._clock)
                switch.asked_at = now
            return latest
