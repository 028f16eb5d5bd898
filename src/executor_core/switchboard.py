"""Looking at the kill switch: one call to the control plane, and a reading of it whatever came of the call."""

from datetime import datetime

from executor_core.carrying import Ports
from executor_core.errors import Refused, Unavailable
from executor_core.kill_switch import KillSwitchReading
from executor_core.model import ConnectionId
from executor_core.ports import Clock, ControlPlane


def read_switch(ports: Ports, connection_id: ConnectionId, *, since: datetime) -> KillSwitchReading:
    """Return a reading: where processes or runs share theirs, one that was taken `since` then will do."""
    if ports.switchboard is None:
        return look_at_switch(connection_id, ports.control_plane, ports.clock)
    return ports.switchboard.read(connection_id, since=since)


def look_at_switch(connection_id: ConnectionId, control_plane: ControlPlane, clock: Clock) -> KillSwitchReading:
    """Ask the control plane, once."""
    try:
        answer = control_plane.kill_switch(connection_id)
    except (Unavailable, Refused) as error:
        return KillSwitchReading(at=clock.now(), answer=None, error=str(error))
    return KillSwitchReading(at=clock.now(), answer=answer)
