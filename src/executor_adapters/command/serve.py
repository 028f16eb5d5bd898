"""``executor serve``: the reference control plane, in the foreground until a signal."""

import argparse
import os
import sys
from datetime import timedelta

from executor_adapters.clock import SystemClock
from executor_adapters.command.outcome import ExitCode
from executor_adapters.command.signals import interrupting
from executor_core.errors import InvalidInput

HEARTBEAT = timedelta(hours=1)


def serve(arguments: argparse.Namespace) -> int:
    """Serve until a signal comes; return the exit code. ``SAAS_API_TOKEN`` is the bearer token, where one is set."""
    try:
        from executor_adapters.control_plane.server import ControlPlaneServer
    except ImportError as error:
        raise InvalidInput(f"the control plane needs more packages: pip install 'executor-mysql[server]' ({error.name})")
    clock = SystemClock()
    token = os.environ.get("SAAS_API_TOKEN") or None
    with (
        interrupting(clock),
        ControlPlaneServer(arguments.db, host=arguments.host, port=arguments.port, token=token) as server,
    ):
        sys.stderr.write(f"control plane at {server.base_url}, its API at {server.base_url}/docs\n")
        sys.stderr.flush()
        while not clock.interrupted:
            clock.wait(HEARTBEAT)
    return ExitCode.COMPLETED
