"""The evidence archive as a directory of JSON files, one a run."""

from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from executor_adapters.checkpoints import directories
from executor_core.errors import Unavailable
from executor_core.evidence import Evidence
from executor_core.model import RunId

MAX_STEM = 200
"""File names end at 255 bytes on most systems; a temporary name needs some of them."""


class FileEvidenceArchive:
    """Keeps each run's evidence in `directory`, as a file that only this user can read.

    A reader sees the old file or the new one, never a part: the new one is written beside it, flushed to the
    disk and renamed. Raises `Unavailable` when the directory can't be written.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __repr__(self) -> str:
        return f"FileEvidenceArchive({str(self._directory)!r})"

    def store(self, run_id: RunId, evidence: Evidence) -> str:
        path = self.path_of(run_id)
        try:
            directories.make_private(path.parent)
            directories.replace(path, evidence.to_json(indent=1).encode())
        except OSError as error:
            raise Unavailable(f"the evidence can't be written to {path}: {error.strerror or error}") from None
        return str(path)

    def path_of(self, run_id: RunId) -> Path:
        """Return where the evidence of `run_id` is or would be."""
        return (self._directory / f"{file_stem(run_id)}.json").absolute()


def file_stem(run_id: RunId) -> str:
    """Return a file name's stem for a run id: readable, on every system a plain name, and one id's only.

    >>> file_stem(RunId("test-tc01-001")), file_stem(RunId(".a:b"))
    ('test-tc01-001', '%2Ea%3Ab')
    """
    stem = quote(run_id, safe="")
    if stem.startswith("."):
        stem = "%2E" + stem[1:]
    if len(stem) <= MAX_STEM:
        return stem
    return f"{stem[: MAX_STEM - 33]}~{sha256(run_id.encode()).hexdigest()[:32]}"
