"""What a change does to an application: a plain ALTER, Executor, and a copy of the table, side by side.

    python -m bench.change --server mysql --gigabytes 1 --rounds 3 --plot docs/stalls.svg
    python -m bench.change --url mysql://root@127.0.0.1:3306 --ways plain executor

The ways take turns in each round, under each disturbance, so that a load that comes and goes meets all of them. Told
are medians and ranges: of the application's longest statement, its 99th percentile and its rate, of its errors (by the
server's number) and of the time until the index was there. Without an application, the time and the server's CPU.
"""

import argparse
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pymysql
from bench.change.application import application
from bench.change.disturbance import DISTURBANCES, NONE, disturbed
from bench.change.plot import plot
from bench.change.table import ROW_BYTES, SCHEMA, drop_index_if_there, drop_schema, fill
from bench.change.ways import WAYS, WayFailed

from executor_adapters.local_server import LocalServer, ServerRequest, find_server
from executor_adapters.mysql import MySQLUrl

NOTHING = "nothing"
CALM_S = 1.0
CPU_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One change under one disturbance. `seconds` is None when the way failed, for the reason in `failure`."""

    seconds: float | None
    failure: str | None = None
    longest: float = 0.0
    p99: float = 0.0
    per_second: float = 0.0
    errors: Counter[int]
    cpu: float | None = None


def change(url: MySQLUrl, way: str) -> tuple[float | None, str | None]:
    """Make the change; return how long it took, or why it failed."""
    try:
        return WAYS[way](url), None
    except (WayFailed, pymysql.MySQLError) as error:
        return None, " ".join(str(error).split())[:120]


def under_load(url: MySQLUrl, way: str, disturbance: str, expected_s: float, rows: int) -> Measured:
    """Make the change while the application works and `disturbance` happens."""
    with application(url, rows) as felt:
        time.sleep(CALM_S)
        if way == NOTHING:
            time.sleep(expected_s)
            seconds, failure = expected_s, None
        else:
            with disturbed(url, disturbance, expected_s):
                seconds, failure = change(url, way)
        told = felt()
    drop_index_if_there(url)
    return Measured(
        seconds=seconds,
        failure=failure,
        longest=told.longest,
        p99=told.p99,
        per_second=told.per_second,
        errors=told.errors,
    )


def alone(url: MySQLUrl, way: str, pid: int | None) -> Measured:
    """Make the change with nobody else there; `pid` is the server's process, where it runs here."""
    before = _cpu(pid)
    seconds, failure = change(url, way)
    after = _cpu(pid)
    drop_index_if_there(url)
    cpu = None if before is None or after is None else after - before
    return Measured(seconds=seconds, failure=failure, errors=Counter(), cpu=cpu)


def _cpu(pid: int | None) -> float | None:
    if pid is None:
        return None
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CPU_TICKS


@contextmanager
def served(url: str | None, kind: str, gigabytes: float) -> Iterator[tuple[MySQLUrl, int | None]]:
    """Give the address of a server: the one named, or one that is started for this."""
    if url is not None:
        yield MySQLUrl.parse(f"{url.rstrip('/')}/{SCHEMA}"), None
        return
    flags = [f"--innodb-buffer-pool-size={int(gigabytes * 1024)}M", "--innodb-flush-log-at-trx-commit=2"]
    with LocalServer(find_server(ServerRequest.parse(kind)), flags=flags) as server:
        print(f"{server.installation}", file=sys.stderr)
        yield MySQLUrl.parse(server.url(SCHEMA)), server.pid


def spread(values: list[float], digits: int = 2) -> str:
    """Say the median and the range."""
    if not values:
        return "-"
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def row(disturbance: str, way: str, results: list[Measured]) -> str:
    """Say one line of the table."""
    errors = sum((result.errors for result in results), Counter[int]())
    failures = [result.failure for result in results if result.failure]
    told = ", ".join(f"{number}: {count}" for number, count in sorted(errors.items())) or "0"
    seconds = spread([result.seconds for result in results if result.seconds is not None], 1)
    return (
        f"| {disturbance} | {way} | {spread([result.longest for result in results])} "
        f"| {1000 * statistics.median(result.p99 for result in results):.0f} "
        f"| {statistics.median(result.per_second for result in results):.0f} | {told} "
        f"| {seconds}{f' FAILED {len(failures)}: {failures[0]}' if failures else ''} |"
    )


def main() -> None:
    """Measure and print tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="a server to use; a schema is made there and dropped")
    parser.add_argument("--server", default="mysql", help="or one to start: mysql, mariadb-10.11, mariadb-11.8")
    parser.add_argument("--gigabytes", type=float, default=1.0, help="size of the table")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=tuple(WAYS))
    parser.add_argument("--disturbances", nargs="+", choices=DISTURBANCES, default=DISTURBANCES)
    parser.add_argument("--plot", type=Path, help="where to draw the longest stalls")
    arguments = parser.parse_args()
    rows = int(arguments.gigabytes * 1024**3 / ROW_BYTES)
    with served(arguments.url, arguments.server, arguments.gigabytes) as (url, pid):
        try:
            fill(url, rows)
            expected = {way: alone(url, way, pid).seconds or 30.0 for way in arguments.ways}
            quiet: dict[str, list[Measured]] = {way: [] for way in arguments.ways}
            found: dict[tuple[str, str], list[Measured]] = {(NONE, NOTHING): []}
            found |= {(each, way): [] for each in arguments.disturbances for way in arguments.ways}
            for number in range(arguments.rounds):
                for way, results in quiet.items():
                    results.append(alone(url, way, pid))
                for (disturbance, way), results in found.items():
                    expected_s = expected[arguments.ways[0] if way == NOTHING else way]
                    results.append(under_load(url, way, disturbance, expected_s, rows))
                    print(f"round {number + 1}", row(disturbance, way, results[-1:]), file=sys.stderr, flush=True)
        finally:
            drop_schema(url)
    print("| meanwhile | way | longest statement, s | p99, ms | statements/s | errors | until it was there, s |")
    print("|---|---|---|---|---|---|---|")
    for (disturbance, way), results in found.items():
        print(row(disturbance, way, results))
    print("\n| nobody else there | seconds | CPU seconds of the server |\n|---|---|---|")
    for way, results in quiet.items():
        seconds = [result.seconds for result in results if result.seconds is not None]
        print(f"| {way} | {spread(seconds)} | {spread([each.cpu for each in results if each.cpu is not None])} |")
    if arguments.plot:
        longest: dict[str, dict[str, float]] = {}
        for (disturbance, way), results in found.items():
            longest.setdefault(disturbance, {})[way] = statistics.median(result.longest for result in results)
        title = "An application's longest statement while an index is added"
        arguments.plot.write_text(plot(longest, title), encoding="utf-8")


if __name__ == "__main__":
    main()
