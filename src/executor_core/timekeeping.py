"""Somebody may set the wall clock, forth or back: what is due in a run is then as far away as before.

A state names instants of the wall clock, since they have to mean something to another process. Within one process
they stand for lengths of time: the monotonic clock shows when the other one was set, and by how much.
"""

from datetime import timedelta

from executor_core.carrying import Carried
from executor_core.ports import Clock

LEAST_SET = timedelta(seconds=1)
"""A clock that is set by less is let be: nothing that a run waits for is that exact."""
SEEN_AT = ("unreachable_since", "drained_at", "foreseen_at")


def keep_time(carried: Carried, clock: Clock) -> None:
    """Let all that is due in a run move along with a wall clock that was set since the last call."""
    before, now, after = clock.monotonic(), clock.now(), clock.monotonic()
    if after - before >= LEAST_SET:  # stopped in between: what was read does not belong together
        return
    last, carried.wall_at_zero = carried.wall_at_zero, now - before
    by = timedelta(0) if last is None else carried.wall_at_zero - last
    if abs(by) < LEAST_SET:
        return
    carried.state = carried.state.with_clock_set(by)
    carried.lease_on_record = None  # its end is put on record anew
    carried.queued_at = carried.queued_at and carried.queued_at + by
    sight = carried.sight
    sight.kill_switch = sight.progress = sight.strain = None  # what comes next is looked at anew
    for name in SEEN_AT:
        seen_at = getattr(sight, name)
        setattr(sight, name, seen_at and seen_at + by)
