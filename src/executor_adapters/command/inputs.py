"""Reading what a caller gives: a run or evidence as JSON, from a file or standard input."""

import sys
from pathlib import Path

from pydantic import ValidationError

from executor_core.errors import InvalidInput
from executor_core.model import ExecutionRun

LARGEST_RUN = 1_000_000


def read_document(path: str) -> str:
    """Return the text of a file, or of standard input for ``-``; raise `InvalidInput` when it can't be read."""
    try:
        data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise InvalidInput(f"{path} can't be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise InvalidInput(f"{path} is not UTF-8 text") from None


def read_run(path: str) -> ExecutionRun:
    """Return the run that a JSON document is; raise `InvalidInput` naming the first field that is wrong."""
    text = read_document(path)
    if len(text) > LARGEST_RUN:
        raise InvalidInput(f"{path} is larger than a run can be")
    try:
        return ExecutionRun.model_validate_json(text)
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False, include_input=False, include_context=False)
        first = errors[0]
        field = ".".join(str(part) for part in first["loc"]) or "the document"
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        problem = " ".join(first["msg"].split())
        raise InvalidInput(f"{path}: {field}: {problem}{more}") from None
