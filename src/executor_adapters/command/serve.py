"""``executor serve``: the reference control plane, in the foreground until a signal."""

import argparse
import os
import sys
from pathlib import Path

from executor_adapters.command.exit_codes import ExitCode
from executor_core.errors import InvalidInput


def serve(arguments: argparse.Namespace) -> int:
    """Serve until a signal comes; return the exit code. ``SAAS_API_TOKEN`` is a token that allows everything."""
    try:
        from executor_adapters.control_plane.server import serve as serve_until_signal
    except ImportError as error:
        raise InvalidInput(f"{error.name} is missing: pip install 'executor-mysql[server]'") from None

    def announce(base_url: str) -> None:
        sys.stderr.write(f"control plane at {base_url}, its API at {base_url}/docs\n")
        sys.stderr.flush()

    tokens_file = arguments.tokens or os.environ.get("EXECUTOR_TOKENS")
    serve_until_signal(
        arguments.db,
        host=arguments.host,
        port=arguments.port,
        token=os.environ.get("SAAS_API_TOKEN") or None,
        tokens_file=Path(tokens_file) if tokens_file else None,
        allow_anyone=arguments.allow_anyone,
        announce=announce,
    )
    return ExitCode.COMPLETED
