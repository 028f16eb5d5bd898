"""The checklist before the cases: eight items, each looked at; one that is missing stops the acceptance."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from executor_adapters.acceptance.api import REASON, Api
from executor_adapters.acceptance.cases import Case
from executor_adapters.acceptance.orders import HELPED, ROWS, Orders
from executor_adapters.acceptance.processes import Executor
from executor_adapters.acceptance.result import Note
from executor_core.errors import ExecutorError, Refused


class ItemState(StrEnum):
    """What came of an item: one to be confirmed could not be looked at from here, and does not stop anything."""

    OK = "OK"
    MISSING = "MISSING"
    TO_CONFIRM = "TO CONFIRM"


@dataclass(frozen=True, slots=True)
class Item:
    """One item, by its key in the catalogue, and what was seen."""

    key: str
    state: ItemState
    seen: Note


PROBE = "idx_tc00_probe"
"""An index that is made and dropped, to see that the account may."""

ITEMS = ("api", "mysql", "table", "environment", "log_level", "kill_switch", "left_over", "workers")
"""The keys of the items, in their order."""


def _looked_at(key: str, look: Callable[[], tuple[ItemState, Note]]) -> Item:
    """Return the item; what can't be found out is missing."""
    try:
        state, seen = look()
    except ExecutorError as error:
        return Item(key, ItemState.MISSING, Note("seen.error", {"error": " ".join(str(error).split())}))
    return Item(key, state, seen)


def look_at_api(api: Api, cases: Sequence[Case]) -> Item:
    """Look whether the API answers as it must."""

    def look() -> tuple[ItemState, Note]:
        api.kill_switch(cases[0].connection_id)
        return ItemState.OK, Note("seen.api", {"url": api.base_url})

    return _looked_at("api", look)


def look_at_target(opened: Callable[[], Orders]) -> tuple[tuple[Item, ...], Orders | None]:
    """Open the server, make the table, look at the environment: the items 2 to 4."""
    seen: list[Orders] = []

    def mysql() -> tuple[ItemState, Note]:
        seen.append(opened())
        return ItemState.OK, Note("seen.mysql", {"version": seen[0].version, "url": seen[0].shown_address})

    def table() -> tuple[ItemState, Note]:
        orders = _first(seen)
        orders.clear()
        orders.make()
        key = "seen.table_set_aside" if orders.set_aside else "seen.table"
        return ItemState.OK, Note(key, {"schema": orders.schema, "rows": f"{ROWS:,}"})

    def environment() -> tuple[ItemState, Note]:
        orders = _first(seen)
        if orders.read_only():
            raise Refused("the server is read-only: give one that takes changes")
        orders.digest(HELPED)
        orders.add_index(PROBE, "status")
        orders.drop_indexes()
        return ItemState.OK, Note("seen.environment", {"schema": orders.schema})

    items = (_looked_at("mysql", mysql), _looked_at("table", table), _looked_at("environment", environment))
    return items, seen[0] if seen else None


def _first(seen: Sequence[Orders]) -> Orders:
    if not seen:
        raise Refused("the server can't be used, see above")
    return seen[0]


def look_at_log_level() -> Item:
    """State it: the executors under test are started with it."""
    return Item("log_level", ItemState.OK, Note("seen.log_level"))


def look_at_kill_switches(api: Api, cases: Sequence[Case]) -> Item:
    """Look whether every switch is off; one that a killed acceptance left on is turned off."""

    def look() -> tuple[ItemState, Note]:
        on: list[str] = []
        for case in cases:
            answer = api.kill_switch(case.connection_id)
            if answer.connection_active and answer.reason == REASON and not answer.global_active:
                api.set_kill_switch(case.connection_id, active=False)
                answer = api.kill_switch(case.connection_id)
            if answer.global_active or answer.connection_active:
                on.append("global" if answer.global_active else case.connection_id)
        if on:
            return ItemState.MISSING, Note("seen.switch_on", {"switches": ", ".join(dict.fromkeys(on))})
        return ItemState.OK, Note("seen.switch_off")

    return _looked_at("kill_switch", look)


def look_at_left_over(api: Api, cases: Sequence[Case], first_number: int) -> Item:
    """Look for runs that an earlier acceptance did not end, and end them; say which runs an API must hold."""

    def look() -> tuple[ItemState, Note]:
        left = api.left_over()
        if left is None:
            needed = ", ".join(case.run_id(first_number + nth) for case in cases for nth in range(case.runs))
            return ItemState.TO_CONFIRM, Note("seen.runs_needed", {"runs": needed})
        for run_id in left:
            api.abandon(run_id)
        if left:
            return ItemState.OK, Note("seen.left_over", {"runs": ", ".join(left)})
        return ItemState.OK, Note("seen.none_left")

    return _looked_at("left_over", look)


def look_at_workers(executor: Executor) -> Item:
    """Look whether the executor under test can be started."""

    def look() -> tuple[ItemState, Note]:
        return ItemState.OK, Note("seen.workers", {"version": executor.version()})

    return _looked_at("workers", look)


def missing(items: Iterable[Item]) -> list[Item]:
    """Return the items that stop the acceptance."""
    return [item for item in items if item.state is ItemState.MISSING]
