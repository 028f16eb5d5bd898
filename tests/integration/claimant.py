"""One of many processes that want every run of a control plane, as a program: its address, a name, a seed.

It claims each run that is listed, in an order of its own, and prints those that it got, with their fencing tokens.
"""

import json
import random
import sys
from datetime import timedelta

from executor_adapters.saas.control_plane import HttpControlPlane
from executor_core.errors import Refused, Unavailable
from executor_core.model import RunId, WorkerId

MOST = 1000
PATIENCE = timedelta(minutes=2)
"""The server has all of them to answer."""


def main(base_url: str, name: str, seed: str) -> None:
    """Claim, and say what was got."""
    control_plane = HttpControlPlane(base_url, None, timeout=PATIENCE)
    wanted = [run.id for run in control_plane.scheduled_runs(MOST)]
    random.Random(int(seed)).shuffle(wanted)
    got: dict[str, int | None] = {}
    while wanted:
        run_id = RunId(wanted.pop())
        try:
            got[run_id] = control_plane.claim(run_id, WorkerId(name)).fencing_token
        except Unavailable:  # busy: asked again later
            wanted.insert(0, run_id)
        except Refused as refusal:
            if refusal.number != 409:
                raise
    control_plane.close()
    sys.stdout.write(json.dumps(got))


if __name__ == "__main__":
    main(*sys.argv[1:])
