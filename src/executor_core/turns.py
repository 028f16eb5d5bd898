"""Whose turn it is to build: at most so many builds at once on a database instance, and one on a table.

This is what one process does to an instance; between processes, a table's advisory lock lets one build at a time.
A turn is taken by writing a name where there is none, in one step that no other thread can divide.
"""

from executor_core.model import RunId


class Turns:
    """The turns that this process's runs have now. An instance is named by its server's own identity."""

    def __init__(self, per_instance: int) -> None:
        self._per_instance = per_instance
        self._tables: dict[tuple[str, str], RunId] = {}
        self._seats: dict[tuple[str, int], RunId] = {}
        self._taken: dict[RunId, tuple[tuple[str, str], tuple[str, int]]] = {}

    def take(self, run_id: RunId, *, instance: str, table: str) -> bool:
        """Take a turn if one is free, and say whether the run has one now."""
        if run_id in self._taken:
            return True
        place = (instance, table)
        if self._tables.setdefault(place, run_id) != run_id:
            return False
        for number in range(self._per_instance):
            seat = (instance, number)
            if self._seats.setdefault(seat, run_id) == run_id:
                self._taken[run_id] = (place, seat)
                return True
        del self._tables[place]
        return False

    def give_back(self, run_id: RunId) -> None:
        """Let others have the run's turn; a run that has none gives nothing back."""
        taken = self._taken.pop(run_id, None)
        if taken is not None:
            place, seat = taken
            del self._seats[seat]
            del self._tables[place]
