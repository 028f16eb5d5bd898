"""Where MySQL and MariaDB differ, in one table; everything else in this folder is common to both."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from executor_core.errors import Refused
from executor_core.flavor import Flavor


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What one family of servers has, and what it calls it.

    `reading` and `changing` are session variables of the two kinds of connections, `tuning` those of a build
    that a server may lack, and `sort_buffer` the one that says how much memory a build may sort in, if a session
    has one. `statement_limit` is the variable that ends a SELECT that takes too long, and how
    many of its units are a second.
    """

    flavor: Flavor
    oldest: tuple[int, int, int]
    statement_limit: tuple[str, int]
    reading: Mapping[str, object]
    changing: Mapping[str, object]
    tuning: Mapping[str, object]
    sort_buffer: str | None
    read_only_variables: tuple[str, ...]
    """Variables that let only privileged accounts write."""
    sealed_variables: tuple[str, ...]
    """Variables that let nobody write."""
    read_only_exempt: frozenset[str]
    """Global privileges of accounts that `read_only` does not bind."""
    hidden_index: str
    """The expression of STATISTICS that is true for an index that the optimizer does not use."""
    functional_part: str
    """The expression of STATISTICS that is true for a key part that is no column."""
    cpu_time: bool
    histograms: bool
    samples: bool
    """Whether the digest table has an example of each statement."""


MYSQL = Dialect(
    flavor=Flavor.MYSQL,
    oldest=(8, 0, 28),
    statement_limit=("max_execution_time", 1000),
    # 0: row counts and sizes as they are now, not as they were up to a day ago.
    reading={"information_schema_stats_expiry": 0},
    changing={},
    # One thread and one reader leave the application more of its throughput than the default of four, and the
    # larger sort buffer more than makes up for it.
    tuning={"innodb_ddl_threads": 1, "innodb_parallel_read_threads": 1},
    sort_buffer="innodb_ddl_buffer_size",
    read_only_variables=("read_only",),
    sealed_variables=("super_read_only", "innodb_read_only"),
    read_only_exempt=frozenset({"CONNECTION_ADMIN", "SUPER"}),
    hidden_index="IS_VISIBLE = 'NO'",
    functional_part="EXPRESSION IS NOT NULL",
    cpu_time=True,
    histograms=True,
    samples=True,
)

MARIADB = Dialect(
    flavor=Flavor.MARIADB,
    oldest=(10, 6, 0),
    statement_limit=("max_statement_time", 1),
    reading={},
    # Unlike MySQL's, this limit ends an ALTER too.
    changing={"max_statement_time": 0},
    tuning={},
    # Its sort buffer is the server's, set at its start.
    sort_buffer=None,
    read_only_variables=("read_only",),
    sealed_variables=("innodb_read_only",),
    read_only_exempt=frozenset({"READ_ONLY ADMIN", "READ ONLY ADMIN"}),
    hidden_index="IGNORED = 'YES'",
    functional_part="FALSE",
    cpu_time=False,
    histograms=False,
    samples=False,
)


def dialect_of(version: str) -> Dialect:
    """Return the dialect of the server whose VERSION() is `version`; `Refused` when it is too old to be known."""
    dialect = MARIADB if "mariadb" in version.lower() else MYSQL
    match = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    if match is None or tuple(map(int, match.groups())) < dialect.oldest:
        oldest = ".".join(map(str, dialect.oldest))
        raise Refused(f"the server is {version}; Executor needs at least {dialect.flavor} {oldest}")
    return dialect
