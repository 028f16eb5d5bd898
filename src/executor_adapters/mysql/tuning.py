"""How a build is to work: session variables, chosen from the size of the table and the memory that it may take."""

from executor_adapters.mysql.flavor import Dialect
from executor_core.target import BuildOrder

USUAL = 1024 * 1024
"""What a server gives a build unless told otherwise."""
MOST = 16 * 1024 * 1024
"""More costs more than it saves; and a KILL is obeyed only when the buffer at hand has been sorted."""
LEAST = 64 * 1024
"""The least that a server takes."""


def build_variables(dialect: Dialect, order: BuildOrder) -> dict[str, object]:
    """Return the session variables of a build; a server that lacks one goes without."""
    variables = dict(dialect.tuning)
    if dialect.sort_buffer is not None:
        variables[dialect.sort_buffer] = sort_buffer(order.table_bytes, order.memory_limit)
    return variables


def sort_buffer(table_bytes: int | None, memory_limit: int) -> int:
    """Return how many bytes a build sorts in: as many as there is to sort, within bounds, and within the limit.

    >>> sort_buffer(8 * 1024**2, 64 * 1024**2), sort_buffer(100, 64 * 1024**2), sort_buffer(None, 64 * 1024**2)
    (8388608, 1048576, 16777216)
    >>> sort_buffer(10**9, 4 * 1024**2), sort_buffer(10**9, 1)
    (4194304, 65536)
    """
    wanted = MOST if table_bytes is None else min(MOST, max(USUAL, table_bytes))
    return max(LEAST, min(wanted, memory_limit))
