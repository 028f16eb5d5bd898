"""What a command says on its standard output. Nobody may be listening any more: the exit code then says it alone."""

import json
import os
import sys
from typing import Any


def say(text: str) -> None:
    """Write `text` now, so that whatever prevents it shows here and not when the process ends."""
    encoding = sys.stdout.encoding or "utf-8"  # a name that it can't show is no reason to fail
    try:
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered would be tried again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        sys.stderr.write(f"executor: the result can't be written: {error.strerror or error}\n")


def say_object(document: dict[str, Any]) -> None:
    """Write one JSON object, in ASCII: it is read right whatever the encoding."""
    say(json.dumps(document) + "\n")
