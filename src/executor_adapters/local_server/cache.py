"""A folder of things that are dear to make and the same every time: unpacked servers, fresh datadirs."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


def cache_folder() -> Path:
    """Tell where things are kept: `$EXECUTOR_CACHE`, or `~/.cache/executor`."""
    given = os.environ.get("EXECUTOR_CACHE")
    return Path(given).expanduser().absolute() if given else Path.home() / ".cache" / "executor"


def make_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """Return `folder`, after `make` has filled it if it was not there.

    `make` fills a temporary folder beside it, which is renamed when complete: the folder is whole or absent,
    whenever the process dies. Of several processes one makes it and the others wait for it.
    """
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # ends with the file, so with the process too
        if not folder.is_dir():
            unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
            try:
                make(unfinished)
                unfinished.chmod(0o755)
                unfinished.rename(folder)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
    return folder
