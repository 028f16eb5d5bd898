"""One worker of a name on a state directory: a second one would claim what the first has, and get it."""

import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path

from executor_adapters.checkpoints import directories
from executor_core.errors import InvalidInput, Unavailable


@contextmanager
def occupied(directory: Path, worker_id: str) -> Generator[None]:
    """Hold `directory` as `worker_id` while the block runs; a process that is killed holds it no longer.

    Raises `InvalidInput` when another process does, or the directory is another user's, and `Unavailable` when it
    can't be written. The lock is SQLite's, which every system has.
    """
    with closing(_locked(directory, worker_id)):
        yield


def _locked(directory: Path, worker_id: str) -> sqlite3.Connection:
    path = directory / f"worker-{sha256(worker_id.encode()).hexdigest()[:16]}.lock"
    try:
        directories.make_private(directory)
        directories.check_ours(directory)
        connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.OperationalError) as error:
        raise Unavailable(f"the state directory {directory} can't be used: {error}") from None
    try:
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        connection.close()
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            raise InvalidInput(
                f"a worker {worker_id!r} is at work on the state directory {directory} already: give this one a"
                " --worker-id or a --state-dir of its own"
            ) from None
        raise Unavailable(f"the state directory {directory} can't be used: {error}") from None
    return connection
