"""The ten cases: their names, how much hangs on each, and what each asks for."""

from dataclasses import dataclass
from types import MappingProxyType

from executor_adapters.acceptance.result import Priority
from executor_core.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case: its index, and how many runs it takes."""

    number: int
    title: str
    priority: Priority
    index_name: str
    column: str
    runs: int = 1

    @property
    def id(self) -> str:
        """The case's id, such as ``TC-02``."""
        return f"TC-{self.number:02}"

    @property
    def connection_id(self) -> str:
        """The connection that its runs are for."""
        return f"conn-{self.number:03}"

    def run_id(self, number: int) -> str:
        """The id of its `number`-th run, such as ``test-tc02-001``."""
        return f"test-tc{self.number:02}-{number:03}"


_CASES = (
    Case(
        number=1,
        title="Worker Claim Conflict",
        priority=Priority.P1,
        index_name="idx_tc01_customer",
        column="customer_id",
    ),
    Case(
        number=2,
        title="Kill Switch Before Start",
        priority=Priority.P0,
        index_name="idx_tc02_status",
        column="status",
    ),
    Case(
        number=3,
        title="Kill Switch After ADD INDEX",
        priority=Priority.P0,
        index_name="idx_tc03_date",
        column="order_date",
    ),
    Case(
        number=4,
        title="LOCK=NONE Not Supported",
        priority=Priority.P2,
        index_name="idx_tc04_place",
        column="place",
    ),
    Case(
        number=5,
        title="Index Already Exists",
        priority=Priority.P2,
        index_name="idx_tc05_existing",
        column="customer_id",
    ),
    Case(
        number=6,
        title="Verification Fail + Rollback OK",
        priority=Priority.P1,
        index_name="idx_tc06_perf",
        column="order_date",
    ),
    Case(
        number=7,
        title="Verification Fail + Rollback Fail",
        priority=Priority.P2,
        index_name="idx_tc07_fail",
        column="order_date",
    ),
    Case(
        number=8,
        title="Low Sample - Inconclusive",
        priority=Priority.P2,
        index_name="idx_tc08_low",
        column="status",
    ),
    Case(
        number=9,
        title="Kill Switch API Failure",
        priority=Priority.P0,
        index_name="idx_tc09_api",
        column="customer_id",
        runs=3,
    ),
    Case(
        number=10,
        title="Worker Crash + Lease Expiry",
        priority=Priority.P2,
        index_name="idx_tc10_crash",
        column="customer_id",
    ),
)
CASES = MappingProxyType({case.id: case for case in _CASES})
"""The cases by their ids, in their order."""


def chosen_cases(text: str | None) -> tuple[Case, ...]:
    """Return the cases that ``TC-02,TC-09`` names, in their own order; all for None.

    >>> [case.id for case in chosen_cases("tc-09, TC-02")]
    ['TC-02', 'TC-09']
    """
    if text is None:
        return _CASES
    wanted = {name.strip().upper() for name in text.split(",") if name.strip()}
    if not wanted or not wanted <= CASES.keys():
        unknown = ", ".join(sorted(wanted - CASES.keys())) or "none"
        raise InvalidInput(f"--cases: {unknown} is no case: name some of TC-01 to TC-10, as in TC-02,TC-09")
    return tuple(case for case in _CASES if case.id in wanted)
