"""The demonstration on a real server: a control plane over HTTP, a schema under load, both runs one after the other."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from executor_adapters.clock import SystemClock
from executor_adapters.command.outcome import End
from executor_adapters.control_plane.server import ControlPlaneServer
from executor_adapters.demo.account import Account, RunSeen
from executor_adapters.demo.plan import CHANGES, TABLE
from executor_adapters.demo.schema import Schema, own_schema
from executor_adapters.demo.shop import ORDERS, shape_of
from executor_adapters.demo.workload import busy
from executor_adapters.saas.transport import Transport
from executor_core.carrying import Finished
from executor_core.errors import Refused
from executor_core.model import ExecutionRun

WARM_UP = timedelta(seconds=4)
WARM_UP_LIMIT = timedelta(seconds=60)
POLL = timedelta(milliseconds=500)
CALL_TIMEOUT = timedelta(seconds=5)

Carry = Callable[[ExecutionRun, str, str], End]
"""Carries a run to its end, given the addresses of the control plane and of the database."""


def run_live(mysql_url: str, *, carry: Carry, say: Callable[[str], None], worker_id: str) -> Account:
    """Carry both changes on the server of `mysql_url`, in a schema of its own that is dropped afterwards.

    `say` hears one line for each step. Ends early when a run was not carried to its end. Raises `InvalidInput`,
    `Unavailable` or `Refused` when the server can't serve.
    """
    with ExitStack() as house:
        schema = house.enter_context(own_schema(mysql_url))
        engine = _engine(schema.version)
        folder = Path(house.enter_context(TemporaryDirectory(prefix="executor-demo-")))
        server = house.enter_context(ControlPlaneServer(f"sqlite:///{folder / 'control-plane.db'}"))
        say(f"the reference control plane listens at {server.base_url}")
        say(f"{engine}: filling the table {TABLE} in the schema {schema.name}")
        schema.fill(_every(ORDERS // 4, lambda orders: say(f"{orders:,} rows")))
        check = house.enter_context(busy(schema))
        say("the shop's application runs its statements; waiting until the server has counted them")
        digests = _warm_up(schema, check)
        seen: list[RunSeen] = []
        for change in CHANGES:
            run = change.execution_run(digests)
            say(f"scheduled {run.id}: index {run.index_name} ({', '.join(run.columns)}). {change.title}")
            _schedule(server.base_url, run)
            end = carry(run, server.base_url, schema.url)
            check()
            seen.append(RunSeen(change=change, run=run, end=end, indexes=schema.indexes()))
            if not isinstance(end, Finished):
                break
        texts = schema.digest_texts()
    return Account(engine=engine, rows=ORDERS, runs=tuple(seen), texts=texts, worker_id=worker_id)


def _engine(version: str) -> str:
    number = version.partition("-")[0]
    return f"MariaDB {number}" if "mariadb" in version.lower() else f"MySQL {number}"


def _every(step: int, say: Callable[[int], None]) -> Callable[[int], None]:
    """Let every `step`-th number pass."""

    def progress(number: int) -> None:
        if number and number % step == 0:
            say(number)

    return progress


def _warm_up(schema: Schema, check: Callable[[], None]) -> Mapping[str, str]:
    """Wait until the server has counted every statement that the changes name; return the digests by shape."""
    clock = SystemClock()
    wanted = {statement.shape for change in CHANGES for statement in change.statements}
    begun = clock.monotonic()
    clock.wait(WARM_UP)
    while True:
        check()
        digests = {shape_of(text): digest for digest, text in schema.digest_texts().items()}
        if wanted <= digests.keys():
            return digests
        if clock.monotonic() - begun > WARM_UP_LIMIT:
            raise Refused(
                "the server's statement statistics don't show the demonstration's statements: "
                "performance_schema and its consumer statements_digest must be on"
            )
        clock.wait(POLL)


def _schedule(base_url: str, run: ExecutionRun) -> None:
    transport = Transport(CALL_TIMEOUT, {"Content-Type": "application/json"}, environment=False)
    try:
        answer = transport.exchange(
            "POST", f"{base_url}/api/executions", content=run.model_dump_json(exclude_none=True).encode()
        )
    finally:
        transport.close()
    if answer.status != 201:
        raise Refused(f"the control plane does not schedule {run.id}: {answer.body.decode(errors='replace')}")
