"""The limits of the verdict: the specification's thresholds, and the constants that make them trustworthy."""

import math
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from executor_core.model import Record

Percent = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
Chance = Annotated[float, Field(strict=True, gt=0, lt=1, allow_inf_nan=False)]
Ratio = Annotated[float, Field(strict=True, ge=1, allow_inf_nan=False)]
Positive = Annotated[int, Field(strict=True, ge=1)]


class WritePolicy(StrEnum):
    """How dearer writes are judged.

    `NET`: they fail unless the reads that got cheaper, beyond chance and with less work, save more time than
    the writes cost. `STRICT`: any write past the limit fails, as the specification's letter has it.
    """

    NET = "net"
    STRICT = "strict"


class Policy(Record):
    """The verdict's limits.

    The first four are the specification's, and limit the *point estimate*: nothing below them ever fails.
    The others say how sure the verdict must be and what counts as material; see docs/verification.md.
    """

    max_latency_increase_percent: Percent = 10.0
    max_rows_examined_increase_percent: Percent = 20.0
    allow_full_scan_increase: bool = False
    min_samples: Positive = 10

    alpha: Chance = 0.02
    """The chance of a false `failed` that is accepted over all looks of one run."""
    looks: Positive = 2
    """How many full looks a run gets at most: at the end of the after window, and of the extended one."""
    interim_looks: Positive = 8
    """How many looks a run gets at most while a window is under way; they can only convict, of gross harm."""
    interim_share: Share = 0.10
    """The share of `alpha` that the interim looks spend together; the full looks share the rest."""
    interim_ratio: Ratio = 10.0
    """What a read's rise must exceed at an interim look, and still show in the latter half of what was seen."""
    suspicion: Chance = 0.10
    """A breach with at most this p-value, though not enough to fail, prevents `success`."""
    write_policy: WritePolicy = WritePolicy.NET
    min_controls: Positive = 3
    floor: Share = 0.03
    """Relative noise that is always assumed, however quiet the numbers."""
    floor_two_snapshots: Share = 0.10
    """The same where a window has two snapshots only, and so hides how it varied inside."""
    assumed_cv: Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)] = 1.25
    """Standard deviation over mean of single executions, assumed where no histogram tells it."""
    early_ratio: Ratio = 2.0
    """What a rise in latency alone must exceed at an early look, or where sub-windows can't back it."""
    gross_ratio: Ratio = 5.0
    """A rise beyond this fails whatever the digest's share of the table's time."""
    min_added_share: Share = 0.01
    """A smaller rise must add at least this share of the table's time to fail."""
    material_share: Share = 0.10
    """From this share of the table's time on, a digest may not be left unjudged."""
    min_coverage: Share = 0.50
    """The judged digests must stand for at least this share of the table's time."""
    tellable_percent: Percent = 50.0
    """A baseline in which a smaller rise than this could not be told from noise is worth extending."""
    min_scan_rate_increase: Share = 0.05
    """Scans that were there before must grow by this share of the executions to fail."""
    min_error_rate_increase: Share = 0.01
    """More errors per execution than this, beyond chance, fail."""

    @property
    def latency_limit(self) -> float:
        """The latency limit as a logarithm of the ratio after / before."""
        return math.log1p(self.max_latency_increase_percent / 100)

    @property
    def rows_limit(self) -> float:
        """The limit of rows examined as a logarithm of the ratio after / before."""
        return math.log1p(self.max_rows_examined_increase_percent / 100)

    @property
    def alpha_per_look(self) -> float:
        """The error budget of one full look."""
        return self.alpha * (1 - self.interim_share) / self.looks

    @property
    def alpha_per_interim_look(self) -> float:
        """The error budget of one interim look."""
        return self.alpha * self.interim_share / self.interim_looks
