"""A change between the windows and how sure it is: a log-ratio, its variance in parts, and what chance would do."""

import math
from dataclasses import dataclass

from executor_core.dispersion import welch_degrees
from executor_core.inference import t_tail

_GROSS_DEGREES = 10.0


@dataclass(frozen=True, slots=True)
class Change:
    """A change as a log-ratio with the parts of its variance, each with its degrees of freedom.

    The p-values are one-sided, of Student's t against no change. A change without parts is exact.
    """

    log_ratio: float
    parts: tuple[tuple[float, float], ...] = ()

    @property
    def p_rise(self) -> float:
        """The chance to see such a rise where nothing changed."""
        return self._tail(self.log_ratio)

    def p_gross(self, ratio: float) -> float:
        """The same for a rise beyond `ratio`, which few intervals needn't make doubtful; 1 for a smaller one."""
        return self._tail(self.log_ratio, at_least=_GROSS_DEGREES) if self.log_ratio >= math.log(ratio) else 1.0

    @property
    def p_fall(self) -> float:
        """The chance to see such a fall where nothing changed."""
        return self._tail(-self.log_ratio)

    def _tail(self, distance: float, *, at_least: float = 0.0) -> float:
        if distance <= 0:
            return 1.0
        variance = math.fsum(part for part, _ in self.parts)
        degrees = max(welch_degrees(self.parts), at_least)
        return t_tail(distance / math.sqrt(variance), degrees) if variance > 0 else 0.0


UNCHANGED = Change(0.0)
