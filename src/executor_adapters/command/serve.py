"""`executor serve`: the reference control plane, in the foreground until a signal."""

import argparse
import os
import sys
from pathlib import Path

from executor_adapters.command.exit_codes import ExitCode
from executor_core.errors import InvalidInput

_USUAL_RATE = 500
"""Requests a second: what a busy worker needs, many times over."""


def serve(arguments: argparse.Namespace) -> int:
    """Serve until a signal comes; return the exit code. ``SAAS_API_TOKEN`` is a token that allows everything."""
    try:
        from executor_adapters.control_plane.server import ControlPlaneServer, TlsFiles
        from executor_adapters.control_plane.server import serve as serve_until_signal
    except ImportError as error:
        raise InvalidInput(f"{error.name} is missing: pip install 'executor-mysql[server]'") from None

    certificate, key = arguments.tls_cert, arguments.tls_key
    if (certificate is None) != (key is None):
        raise InvalidInput("give --tls-cert and --tls-key together")
    token = os.environ.get("SAAS_API_TOKEN") or None
    tokens_file = arguments.tokens or os.environ.get("EXECUTOR_TOKENS") or None
    # Who needs no token is this machine itself: there is nobody to be kept from calling too often.
    usual_rate = _USUAL_RATE if token or tokens_file else None
    server = ControlPlaneServer(
        arguments.db,
        host=arguments.host,
        port=arguments.port,
        token=token,
        tokens_file=None if tokens_file is None else Path(tokens_file),
        allow_anyone=arguments.allow_anyone,
        tls=None if certificate is None else TlsFiles(certificate=Path(certificate), key=Path(key)),
        rate_limit=usual_rate if arguments.rate_limit is None else arguments.rate_limit,
        max_connections=arguments.max_connections,
    )

    def announce(base_url: str) -> None:
        sys.stderr.write(f"control plane at {base_url}, its API at {base_url}/docs\n")
        sys.stderr.flush()

    serve_until_signal(server, announce=announce)
    return ExitCode.COMPLETED
