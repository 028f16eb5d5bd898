"""The sessions of others on a server in memory: who keeps a table's lock, and who has a transaction open.

Instants are the server's monotonic ones. Whoever asks takes care that nobody else does at the same moment.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Rhythm:
    """An application that keeps a lock for `held`, lets it go for `free`, and so on."""

    since: timedelta
    held: timedelta
    free: timedelta

    def free_at(self, at: timedelta) -> timedelta:
        """When the lock is free, from `at` on."""
        phase = (at - self.since) % (self.held + self.free)
        return at + max(self.held - phase, timedelta())


@dataclass(slots=True)
class Sessions:
    """By table, the connection that keeps its metadata lock or its advisory lock; by name, the open transactions."""

    metadata: dict[str, int] = field(default_factory=dict[str, int])
    advisory: dict[str, int] = field(default_factory=dict[str, int])
    rhythms: dict[str, Rhythm] = field(default_factory=dict[str, Rhythm])
    transactions: dict[str, timedelta] = field(default_factory=dict[str, timedelta])
    _since: dict[int, timedelta] = field(default_factory=dict[int, timedelta])

    def hold(self, locks: dict[str, int], table_name: str, connection_id: int, at: timedelta) -> None:
        """Let a connection keep one of the `metadata` or `advisory` locks from now on."""
        locks[table_name] = connection_id
        self._since[connection_id] = at

    def free_at(self, table_name: str, at: timedelta) -> timedelta | None:
        """When the table's metadata lock is free, from `at` on; None where somebody holds it who may stay."""
        if table_name in self.metadata:
            return None
        rhythm = self.rhythms.get(table_name)
        return at if rhythm is None else rhythm.free_at(at)

    def end_idle(self, table_name: str, began_by: timedelta, transactions: Collection[str]) -> list[str]:
        """End who holds the table's metadata lock, or a transaction of `transactions`, since then; return who."""
        ended = [name for name, since in self.transactions.items() if name in transactions and since <= began_by]
        for name in ended:
            del self.transactions[name]
        holder = self.metadata.get(table_name)
        if holder is not None and self._since[holder] <= began_by:
            del self.metadata[table_name]
            ended.append(str(holder))
        return ended

    def in_words(self, now: timedelta) -> dict[str, str]:
        """Return the open transactions by name, in words."""
        return {
            name: f"REPEATABLE READ of app@localhost, connection {name}, open for {(now - since).seconds} s"
            for name, since in self.transactions.items()
        }
