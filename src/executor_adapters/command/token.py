"""`executor token`: a new token for the reference control plane, and the lines of the tokens file that know it."""

import argparse
import json
import secrets
import sys

from pydantic import ValidationError

from executor_adapters.command.exit_codes import ExitCode
from executor_adapters.command.output import say
from executor_adapters.control_plane.tokens import TokenEntry, hash_of
from executor_adapters.validation import first_problem
from executor_core.errors import InvalidInput

_PREFIX = "executor_"  # by which a scanner for leaked secrets, or a person, knows what it is


def token(arguments: argparse.Namespace) -> int:
    """Make a token. Its lines for the file go to standard output, the token itself to standard error, this once."""
    made = _PREFIX + secrets.token_urlsafe(32)
    document = {"name": arguments.name, "role": arguments.role, "sha256": hash_of(made.encode())}
    if arguments.connection:
        document["connections"] = arguments.connection
    try:
        TokenEntry.model_validate(document)
    except ValidationError as error:
        raise InvalidInput(first_problem(error)) from None
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in document.items()]
    say("".join(["[[token]]\n", *lines]))
    sys.stderr.write(f"the token of {arguments.name}, shown this once and kept nowhere:\n{made}\n")
    return ExitCode.COMPLETED
