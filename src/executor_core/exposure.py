"""How a new index is shown to the optimizer: staged where account and server allow it, or direct."""

from enum import StrEnum

from executor_core.target import TargetFacts


class Exposure(StrEnum):
    """`STAGED`: hidden until old transactions are gone; `DIRECT`: used as soon as it is built."""

    STAGED = "staged"
    DIRECT = "direct"


def is_hidden(exposure: Exposure, facts: TargetFacts) -> bool:
    """Whether an index is to be built out of the optimizer's sight."""
    return exposure is Exposure.STAGED and facts.can_stage
