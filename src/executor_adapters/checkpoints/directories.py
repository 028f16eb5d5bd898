"""Directories that belong to this user alone, and whose entries are on disk."""

import os
import tempfile
from pathlib import Path

from executor_core.errors import InvalidInput


def make_private(directory: Path) -> None:
    """Create `directory` and what is missing above it, for this user alone; what exists stays as it is."""
    missing = [path for path in (directory, *directory.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode=0o700, exist_ok=True)
        sync(path.parent)


def check_ours(directory: Path) -> None:
    """Raise `InvalidInput` when `directory` belongs to another user, who could read and change what is in it."""
    owner = directory.stat().st_uid
    if hasattr(os, "geteuid") and owner != os.geteuid():
        raise InvalidInput(
            f"the state directory {directory} belongs to another user (uid {owner}): give --state-dir one of your own"
        )


def sync(directory: Path) -> None:
    """Return when the entries of `directory` are on disk, where the system can say so."""
    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except OSError:
        # Windows opens no directories, and a parent need not be readable to be passed through.
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace(path: Path, content: bytes) -> None:
    """Write a file, for this user alone, that a reader sees whole: as it was before, or as it is now.

    Raises `OSError` when it can't be written; the old file is then still there.
    """
    descriptor, name = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
