"""Checks of what goes on at the moment: who is in the way of the change, and what the change is in the way of."""

from collections.abc import Iterator

from executor_core.exposure import Exposure, is_hidden
from executor_core.finding import Case
from executor_core.flavor import Flavor
from executor_core.forecast import forecast

MOST_THREADS_RUNNING = 64
"""From how many statements under way on a server is taken to be too busy for a build."""
MOST_OF_ONLINE_LOG = 0.5
"""Which part of the log of a build its forecast may fill."""
LARGE_BYTES = 1_000_000_000
"""From which size on somebody should look whether the disk has room."""
SHOWN = 3
"""How many of many are named."""

SEES_TRANSACTIONS = {
    Flavor.MYSQL: "SELECT on performance_schema.*, with the instrument transaction and the consumer "
    "events_transactions_current enabled",
    Flavor.MARIADB: "PROCESS",
}
"""What an account needs to see the open transactions of all accounts."""


def transactions_are_short(case: Case) -> Iterator[str]:
    """A transaction that is open for long holds up the change, or is waited for before the index is published."""
    if long := case.surroundings.long_transactions:
        yield f"{_named(long)}: the change may wait for each that touches the table, and its publication for all"


def nobody_holds_the_table(case: Case) -> Iterator[str]:
    """The change has to wait for whoever holds a lock of the table, and gives way rather than let others queue."""
    if holders := case.surroundings.lock_holders:
        yield f"the table is locked by {_named(holders)}: the build begins when they have ended"


def no_prepared_xa(case: Case) -> Iterator[str]:
    """A prepared XA transaction holds its locks, without any session, until somebody ends it."""
    if case.surroundings.prepared_xa:
        yield (
            f"{case.surroundings.prepared_xa} prepared XA transactions hold locks until they are ended: see XA RECOVER"
        )


def nobody_else_changes_the_table(case: Case) -> Iterator[str]:
    """Two changes of one table wait for each other."""
    if others := case.surroundings.changes:
        yield f"somebody else changes the table now: {_named(others)}"
    running = case.facts.running
    if running is not None and not running.belongs_to(case.run_id):
        whose = "" if running.marker is None else f" (run {running.marker.run_id})"
        yield f"connection {running.connection_id}{whose} holds the table's advisory lock: the build begins after it"


def server_is_calm(case: Case) -> Iterator[str]:
    """A build makes a busy server busier: it begins when fewer statements are under way."""
    running = case.surroundings.threads_running
    if running is not None and running >= MOST_THREADS_RUNNING:
        yield f"{running} statements are under way on the server, and fewer than {MOST_THREADS_RUNNING} are waited for"


def online_log_is_large_enough(case: Case) -> Iterator[str]:
    """What is written to the table during the build must fit into the build's log, or all is lost (error 1799)."""
    expected, log = forecast(case.facts, case.index), case.surroundings.online_log_bytes
    if expected is None or expected.logged_bytes is None or log is None:
        return
    if expected.logged_bytes > log * MOST_OF_ONLINE_LOG:
        yield (
            f"about {in_bytes(expected.logged_bytes)} may be logged during the build, which fails (error 1799) beyond "
            f"{in_bytes(log)}: raise innodb_online_alter_log_max_size, or wait for a quieter hour"
        )


def disk_has_room(case: Case) -> Iterator[str]:
    """A full disk can stop the whole server, and how full it is the server does not tell."""
    expected = forecast(case.facts, case.index)
    if expected is not None and expected.room_bytes >= LARGE_BYTES:
        places = " and ".join(filter(None, (case.surroundings.data_folder, case.surroundings.sort_folder)))
        yield f"see that the server has {in_bytes(expected.room_bytes)} free{f' in {places}' if places else ''}"


def queue_can_be_seen(case: Case) -> Iterator[str]:
    """Our statement is ended when others queue behind it, as far as they can be seen."""
    if blind := case.surroundings.blind_spot:
        yield f"who queues behind our statement is seen in part only: {blind}"


def exposure_is_staged(case: Case) -> Iterator[str]:
    """An index that is used as soon as it is built breaks older transactions that take it (error 1412)."""
    if is_hidden(case.exposure, case.facts):
        return
    why = (
        "as it was asked for"
        if case.exposure is Exposure.DIRECT
        else f"since staged exposure needs {SEES_TRANSACTIONS[case.facts.server.flavor]}"
    )
    yield (
        f"the index will be used as soon as it is built, {why}: running transactions in REPEATABLE READ whose "
        "plans take it may fail with error 1412"
    )


def in_bytes(number: float) -> str:
    """Return a size for people.

    >>> in_bytes(999), in_bytes(1_500_000), in_bytes(2.2e12)
    ('999 B', '1.5 MB', '2200.0 GB')
    """
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number:.0f} B"


def _named(words: tuple[str, ...]) -> str:
    more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    return "; ".join(words[:SHOWN]) + more
