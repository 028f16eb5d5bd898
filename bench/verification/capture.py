"""Record evidence on a real MySQL: ``python -m bench.verification.capture FOLDER --seconds 40``.

A private server, a table of 60,000 rows, four control tables, and three client processes. Each scenario is a window
before, something that happens (an index, a disturbance, or nothing), and a window after. The evidence files have
the run's own format; what each scenario may and may not be judged is in `SCENARIOS`.
"""

import argparse
import json
import multiprocessing as mp
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

import pymysql

from executor_adapters.clock import SystemClock
from executor_adapters.local_server import LocalServer, ServerKind, ServerRequest, find_server
from executor_adapters.mysql.database import MySQLTarget
from executor_adapters.mysql.url import MySQLUrl
from executor_core.evidence import Evidence, EvidenceIndex, EvidenceServer
from executor_core.index_definition import IndexDefinition, parse_key_part
from executor_core.metrics import Snapshot

ROWS = 60_000
CLIENTS = 3
SNAPSHOTS = 10
FILLER_ROWS = 20_000
"""Two to a page: two and a half times as much as the server's buffer pool holds."""
CREATE = """CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, tenant INT, status VARCHAR(10), qty INT,
 amount DECIMAL(10, 2), created_at DATETIME, email VARCHAR(60), note VARCHAR(60), KEY tenant (tenant))"""
# The last rows belong to tenant 1: whoever walks the table by date finds that tenant last.
FILL = """INSERT INTO orders (tenant, status, qty, amount, created_at, email, note)
 WITH RECURSIVE d AS (SELECT 0 n UNION ALL SELECT n + 1 FROM d WHERE n < 99)
 SELECT IF(a.n + %s >= 590, 1, 2 + (a.n * 7 + b.n * 3) %% 19), IF(b.n %% 10 = 0, 'open', 'done'), b.n, a.n * b.n,
 '2026-01-01' + INTERVAL (a.n * 100 + b.n + %s * 10000) SECOND, CONCAT('user', a.n * 100 + b.n + %s * 10000, '@x'),
 CONCAT('note ', (a.n * b.n) %% 97) FROM d a, d b"""


@dataclass(frozen=True)
class Scenario:
    """What happens between the windows, and whether it harms; `index` is the columns of an index, if any."""

    name: str
    harmful: bool
    index: str | None = None
    rate: float = 1.0
    mix: bool = False
    longer: int = 1
    hog: bool = False
    locks: bool = False
    cold: bool = False


SCENARIOS = (
    Scenario("no change 1", harmful=False),
    Scenario("no change 2", harmful=False),
    Scenario("no change 3", harmful=False),
    Scenario("cpu hog", harmful=False, hog=True),
    Scenario("row locks", harmful=False, locks=True),
    Scenario("traffic x3", harmful=False, rate=3.0),
    Scenario("traffic x0.3", harmful=False, rate=0.3),
    Scenario("mix shift", harmful=False, mix=True),
    Scenario("cold buffer pool", harmful=False, cold=True),
    Scenario("parameter drift", harmful=False, longer=3),
    Scenario("helpful (email)", harmful=False, index="email"),
    Scenario("helpful (email), cold buffer pool", harmful=False, index="email", cold=True),
    Scenario("useless (amount)", harmful=False, index="amount"),
    Scenario("harmful (created_at)", harmful=True, index="created_at"),
    Scenario("harmful (status)", harmful=True, index="status"),
    Scenario("harmful (status, created_at)", harmful=True, index="status, created_at"),
)


def statements(longer: int) -> Sequence[tuple[float, str, Callable[[random.Random], tuple[Any, ...]]]]:
    """The workload: weight, text, and what to draw for its parameters."""

    def one(r: random.Random) -> tuple[int]:
        return (r.randint(1, ROWS),)

    def span(r: random.Random) -> tuple[int, int]:
        first = r.randint(1, ROWS - 5000)
        return first, first + 1000 * longer

    reads: list[tuple[float, str, Callable[[random.Random], tuple[Any, ...]]]] = [
        (6, "SELECT * FROM orders WHERE id = %s", one),
        (4, "SELECT SUM(amount) FROM orders WHERE id BETWEEN %s AND %s", span),
        (3, "SELECT id FROM orders WHERE tenant = %s ORDER BY created_at LIMIT 5", lambda _: (1,)),
        (0.6, "SELECT SUM(amount) FROM orders WHERE status = %s", lambda _: ("done",)),
        (0.6, "SELECT id FROM orders WHERE email = %s", lambda r: (f"user{r.randint(0, ROWS)}@x",)),
        (0.6, "SELECT MAX(amount) FROM orders WHERE note LIKE %s", lambda r: (f"note {r.randint(0, 96)}",)),
        (3, "UPDATE orders SET qty = qty + 1 WHERE id = %s", one),
        (
            3,
            "INSERT INTO orders (tenant, status, qty, amount, created_at, email, note)"
            " VALUES (2, 'done', 1, %s, NOW(), 'a@x', 'n')",
            one,
        ),
    ]
    controls: list[tuple[float, str, Callable[[random.Random], tuple[Any, ...]]]] = [
        (3, f"SELECT SUM(v) FROM control{i} WHERE id BETWEEN %s AND %s", lambda r: (a := r.randint(1, 8000), a + 1500))
        for i in range(4)
    ]
    return [*reads, *controls]


def client(
    address: dict[str, Any],
    seed: int,
    rate: "Synchronized[float]",
    mix: "Synchronized[int]",
    longer: "Synchronized[int]",
) -> None:
    """Run the workload at some 25 statements a second, times `rate`."""
    draw = random.Random(seed)
    connection = pymysql.connect(**address, autocommit=True)
    with connection.cursor() as cursor:
        while True:
            choices = statements(longer.value)
            weights = [w * (0.3 if mix.value and i % 2 else 1.0) for i, (w, _, _) in enumerate(choices)]
            _, text, parameters = draw.choices(choices, weights)[0]
            cursor.execute(text, parameters(draw))
            cursor.fetchall()
            time.sleep(draw.expovariate(25 * rate.value))


def burn() -> None:
    """Keep one core busy."""
    while True:
        sum(range(10_000))


def lock_rows(address: dict[str, Any]) -> None:
    """Hold locks on a third of the table, three times a second for a tenth of one."""
    connection = pymysql.connect(**address, autocommit=False)
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT COUNT(*) FROM orders WHERE id %% 3 = %s AND id < 60000 FOR UPDATE", (0,))
            time.sleep(0.1)
            connection.rollback()
            time.sleep(0.2)


@contextmanager
def running(target: Callable[..., None], *arguments: object) -> Iterator[None]:
    """A process of its own while the block runs."""
    process = mp.Process(target=target, args=arguments, daemon=True)
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()


class Stage:
    """The server, its clients and what can be changed about them."""

    def __init__(self, url: str) -> None:
        parsed = MySQLUrl.parse(url)
        self.address = {"host": parsed.host, "port": parsed.port, "user": parsed.user, "password": parsed.password}
        self.sql("CREATE DATABASE capture", database=None)
        self.sql(CREATE)
        for part in range(ROWS // 10_000):
            self.sql(FILL, part * 100, part, part)
        for i in range(4):
            self.sql(f"CREATE TABLE control{i} (id INT PRIMARY KEY AUTO_INCREMENT, v INT)")
            self.sql(f"INSERT INTO control{i} (v) SELECT qty FROM orders LIMIT 10000")
        self.sql("ANALYZE TABLE orders")
        self.sql("CREATE TABLE filler (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(7000))")
        for _ in range(FILLER_ROWS // 1000):
            self.sql("INSERT INTO filler (v) SELECT REPEAT('x', 7000) FROM orders LIMIT 1000")
        self.sql("SET GLOBAL innodb_old_blocks_time = 0")  # what is read once stays as long as anything else
        self.sql("UPDATE performance_schema.setup_consumers SET ENABLED = 'YES' WHERE NAME = 'events_statements_cpu'")
        self.target = MySQLTarget(parsed, clock=SystemClock(), statement_limit=timedelta(seconds=20))
        self.rate, self.mix, self.longer = mp.Value("d", 1.0), mp.Value("i", 0), mp.Value("i", 1)

    def sql(self, text: str, *arguments: object, database: str | None = "capture") -> None:
        """Run one statement."""
        with pymysql.connect(**self.address, database=database, autocommit=True) as one, one.cursor() as cursor:
            cursor.execute(text, arguments or None)

    def chill(self) -> None:
        """Push every table out of the buffer pool, as a backup can."""
        self.sql("SELECT SUM(LENGTH(v)) FROM filler")

    def window(self, index: IndexDefinition, watched: Any, seconds: float) -> list[Snapshot]:
        """Snapshots at even steps."""
        begun, taken = time.monotonic(), [self.target.snapshot(index, watched)]
        for i in range(SNAPSHOTS):
            time.sleep(max(0.0, begun + (i + 1) * seconds / SNAPSHOTS - time.monotonic()))
            taken.append(self.target.snapshot(index, watched))
        return taken

    def record(self, scenario: Scenario, seconds: float) -> Evidence:
        """The evidence of one scenario."""
        parts = tuple(parse_key_part(part) for part in (scenario.index or "qty").split(","))
        index = IndexDefinition("orders", "captured", parts)
        watched = self.target.choose_digests(index, [])
        baseline = self.window(index, watched, seconds)
        with ExitStack() as during:
            self.rate.value, self.mix.value, self.longer.value = scenario.rate, scenario.mix, scenario.longer
            for condition, work in ((scenario.hog, (burn,)), (scenario.locks, (lock_rows, self.database()))):
                if condition:
                    during.enter_context(running(*work))
            if scenario.index:
                self.sql(f"ALTER TABLE orders ADD INDEX captured ({scenario.index})")
            if scenario.cold:
                self.chill()
            after = self.window(index, watched, seconds)
            plans = self.target.plans_using(index, watched) if scenario.index else {}
            if not scenario.index:  # no plan can use what isn't there
                plans = {d.key.digest: False for d in watched if d.role.value == "target"}
        self.rate.value, self.mix.value, self.longer.value = 1.0, 0, 1
        if scenario.index:
            self.sql("ALTER TABLE orders DROP INDEX captured")
        bounds = self.target.histogram_upper_bounds_ps()
        return Evidence(
            server=EvidenceServer(flavor="mysql", server_uuid=baseline[0].server_uuid),
            histogram_upper_bounds_ps=bounds or None,
            baseline=tuple(baseline),
            after=tuple(after),
            window_minutes=seconds / 60,
            index=EvidenceIndex(schema_name="capture", table_name="orders", index_name="captured"),
            uses_index=plans,
        )

    def database(self) -> dict[str, Any]:
        """Where clients connect."""
        return {**self.address, "database": "capture"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Record every scenario into a folder."""
    parser = argparse.ArgumentParser(prog="python -m bench.verification.capture", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=40.0, help="length of each window")
    parser.add_argument("--scenario", default="", help="only scenarios whose name has this in it")
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as house:
        server = house.enter_context(LocalServer(find_server(ServerRequest(ServerKind.MYSQL))))
        stage = Stage(server.url("capture"))
        for seed in range(CLIENTS):
            house.enter_context(running(client, stage.database(), seed, stage.rate, stage.mix, stage.longer))
        time.sleep(10)
        for i, scenario in enumerate(SCENARIOS):
            if options.scenario not in scenario.name:
                continue
            evidence = stage.record(scenario, options.seconds)
            name = f"{i:02}"
            (options.folder / f"{name}.json").write_text(evidence.to_json())
            (options.folder / f"{name}.label").write_text(
                json.dumps({"scenario": scenario.name, "harmful": scenario.harmful})
            )
            print(f"{name} {scenario.name}", flush=True)


if __name__ == "__main__":
    main()
