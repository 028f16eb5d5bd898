"""Fetches servers in advance: `python -m executor_adapters.local_server install mysql mariadb-10.11`."""

import sys
from collections.abc import Sequence

from executor_adapters.local_server.discover import find_server
from executor_adapters.local_server.installation import ServerNotFoundError
from executor_adapters.local_server.request import ServerRequest

USAGE = "usage: python -m executor_adapters.local_server install SERVER..."


def main(arguments: Sequence[str]) -> int:
    """Find or fetch each server named, one line each; 1 if one can't be had, 2 for a wrong call."""
    try:
        command, *names = arguments
        requests = [ServerRequest.parse(name) for name in names]
    except ValueError as error:
        print(error if arguments else USAGE, file=sys.stderr)  # noqa: T201 - a command's own output
        return 2
    if command != "install" or not requests:
        print(USAGE, file=sys.stderr)  # noqa: T201
        return 2
    missing = 0
    for request in requests:
        try:
            print(f"{request}: {find_server(request)}", flush=True)  # noqa: T201
        except ServerNotFoundError as error:
            missing += 1
            print(f"{request}: {error}", file=sys.stderr)  # noqa: T201
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
