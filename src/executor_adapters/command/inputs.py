"""Reading what a caller gives: a run or evidence as JSON, from a file or standard input."""

import sys
from pathlib import Path

from pydantic import ValidationError

from executor_adapters.validation import first_problem
from executor_core.errors import InvalidInput
from executor_core.model import ExecutionRun

LARGEST_RUN = 1_000_000


def read_document(path: str) -> str:
    """Return the text of a file, or of standard input for ``-``; raise `InvalidInput` when it can't be read."""
    try:
        data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise InvalidInput(f"{called(path)} can't be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise InvalidInput(f"{called(path)} is not UTF-8 text") from None


def called(path: str) -> str:
    """Return how people know what `path` names."""
    return "the standard input" if path == "-" else path


def read_run(path: str) -> ExecutionRun:
    """Return the run that a JSON document is; raise `InvalidInput` naming the first field that is wrong."""
    text = read_document(path)
    if len(text) > LARGEST_RUN:
        raise InvalidInput(f"{called(path)} is larger than a run can be")
    try:
        return ExecutionRun.model_validate_json(text)
    except ValidationError as invalid:
        more = f" (and {invalid.error_count() - 1} more)" if invalid.error_count() > 1 else ""
        raise InvalidInput(f"{called(path)}: {first_problem(invalid)}{more}") from None
