"""What goes on around the table of a run: facts that are read before a change, for its checks and its forecast.

Each is None where this account can't see it, or this server doesn't tell: that is no reason to refuse a change.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum


class Privilege(StrEnum):
    """What an account may do with the table of a run, in the server's own words."""

    ALTER = "ALTER"
    SELECT = "SELECT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What the account of this connection may do with the table, as far as the server's account of it is understood.

    `certain` is false where some of the grants were not understood: the account may hold more than `held`.
    """

    held: frozenset[Privilege]
    certain: bool = True

    def lacks(self, privilege: Privilege) -> bool | None:
        """Whether it has no such privilege; None when that can't be told."""
        if privilege in self.held:
            return False
        return True if self.certain else None


class Cluster(StrEnum):
    """Replication that makes several servers agree on every change."""

    GALERA = "Galera"
    GROUP_REPLICATION = "group replication"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What was seen around the table. Lists of people's doings are in words, longest first."""

    account: Account | None = None
    proxied: bool | None = None
    """Whether the server that greeted us is another than the one that answers."""
    cluster: Cluster | None = None
    replicas: int | None = None
    """How many replicas read from this server."""
    digests_lost: int | None = None
    """How many statements found the digest table full."""
    prepared_share: float | None = None
    """Which part of all statements is executed as prepared ones."""
    threads_running: int | None = None
    long_transactions: tuple[str, ...] | None = None
    """Transactions of others that have been open for a minute or longer."""
    lock_holders: tuple[str, ...] | None = None
    """Who holds a lock of the table that the change has to wait for."""
    prepared_xa: int | None = None
    """How many prepared XA transactions wait for their end."""
    changes: tuple[str, ...] | None = None
    """Statements of others that seem to change the definition of the table."""
    blind_spot: str | None = None
    """What of the queue behind our statement this account can't see, as a clause."""
    writes_per_second: float | None = None
    """Rows of the table written a second, on average since the server or its counters began."""
    online_log_bytes: int | None = None
    """How much may be written to the table's new index while it is built."""
    text_bytes: Mapping[str, float] = field(default_factory=dict[str, float])
    """How many bytes texts of the key and of the primary key take on average, by the column's name in lower case."""
    arithmetic: timedelta | None = None
    """How long the server takes at the moment for a fixed piece of arithmetic: its speed, and its load."""
    page_bytes: int | None = None
    buffer_pool_bytes: int | None = None
    sort_folder: str | None = None
    """Where the server sorts."""
    data_folder: str | None = None
    """Where the server keeps its tables."""


UNSEEN = Surroundings()
