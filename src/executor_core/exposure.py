"""How a new index is shown to the optimizer: staged where account and server allow it, or direct."""

from enum import StrEnum

from executor_core.flavor import Flavor
from executor_core.preflight import Finding, Severity
from executor_core.target import TargetFacts

NEEDED = {
    Flavor.MYSQL: "SELECT on performance_schema.*, with the instrument transaction and the consumer "
    "events_transactions_current enabled",
    Flavor.MARIADB: "PROCESS",
}
"""What an account needs to see the open transactions of all accounts."""


class Exposure(StrEnum):
    """`STAGED`: hidden until old transactions are gone; `DIRECT`: used as soon as it is built."""

    STAGED = "staged"
    DIRECT = "direct"


def is_hidden(exposure: Exposure, facts: TargetFacts) -> bool:
    """Whether an index is to be built out of the optimizer's sight."""
    return exposure is Exposure.STAGED and facts.can_stage


def exposure_warning(exposure: Exposure, facts: TargetFacts) -> Finding | None:
    """Return what is to be told of an index that will be used as soon as it is built, or None."""
    if is_hidden(exposure, facts):
        return None
    why = (
        "as it was asked for"
        if exposure is Exposure.DIRECT
        else f"since staged exposure needs {NEEDED[facts.server.flavor]}"
    )
    return Finding(
        code="direct_exposure",
        severity=Severity.WARNING,
        sentence=f"the index will be used as soon as it is built, {why}: running transactions in REPEATABLE READ whose "
        "plans take it may fail with error 1412",
    )
