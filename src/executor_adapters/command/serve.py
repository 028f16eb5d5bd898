"""``executor serve``: the reference control plane, in the foreground until a signal."""

import argparse
import os
import sys

from executor_adapters.command.exit_codes import ExitCode
from executor_core.errors import InvalidInput


def serve(arguments: argparse.Namespace) -> int:
    """Serve until a signal comes; return the exit code. ``SAAS_API_TOKEN`` is the bearer token, where one is set."""
    try:
        from executor_adapters.control_plane.server import serve as serve_until_signal
    except ImportError as error:
        raise InvalidInput(f"{error.name} is missing: pip install 'executor-mysql[server]'") from None

    def announce(base_url: str) -> None:
        sys.stderr.write(f"control plane at {base_url}, its API at {base_url}/docs\n")
        sys.stderr.flush()

    token = os.environ.get("SAAS_API_TOKEN") or None
    serve_until_signal(arguments.db, host=arguments.host, port=arguments.port, token=token, announce=announce)
    return ExitCode.COMPLETED
