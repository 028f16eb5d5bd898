"""The ten cases: their names, how much hangs on each, and what each asks for."""

from dataclasses import dataclass
from types import MappingProxyType

from executor_adapters.acceptance.result import Priority
from executor_core.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Case:
    """One case: its index, and how many runs it takes."""

    number: int
    priority: Priority
    title: str
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
    Case(1, Priority.P1, "Worker Claim Conflict", "idx_tc01_customer", "customer_id"),
    Case(2, Priority.P0, "Kill Switch Before Start", "idx_tc02_status", "status"),
    Case(3, Priority.P0, "Kill Switch After ADD INDEX", "idx_tc03_date", "order_date"),
    Case(4, Priority.P2, "LOCK=NONE Not Supported", "idx_tc04_place", "place"),
    Case(5, Priority.P2, "Index Already Exists", "idx_tc05_existing", "customer_id"),
    Case(6, Priority.P1, "Verification Fail + Rollback OK", "idx_tc06_perf", "order_date"),
    Case(7, Priority.P2, "Verification Fail + Rollback Fail", "idx_tc07_fail", "order_date"),
    Case(8, Priority.P2, "Low Sample - Inconclusive", "idx_tc08_low", "status"),
    Case(9, Priority.P0, "Kill Switch API Failure", "idx_tc09_api", "customer_id", runs=3),
    Case(10, Priority.P2, "Worker Crash + Lease Expiry", "idx_tc10_crash", "customer_id"),
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
