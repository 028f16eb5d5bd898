"""Time the verdict: ``python -m bench.verification.speed --digests 10000 --snapshots 6``."""

import argparse
import time
from collections.abc import Sequence
from datetime import timedelta

from bench.verification.workload import START

from executor_core.metrics import DigestRole, DigestRow, Snapshot
from executor_core.verification import verify


def window(digests: int, snapshots: int, first: int) -> list[Snapshot]:
    """Snapshots of digests that all run, each with a histogram of fifteen buckets."""
    return [
        Snapshot(
            taken_at=START + j * timedelta(minutes=1),
            server_uuid="simulated",
            uptime_s=1000 + 60 * j,
            digests=tuple(
                DigestRow(
                    schema_name="shop",
                    digest=f"{i:064x}",
                    role=DigestRole.CONTROL if i < 5 else DigestRole.TARGET,
                    count_star=150 * (j + 1),
                    sum_timer_wait_ps=150 * (j + 1) * 10**9 * (1 + i % 7),
                    sum_rows_examined=3000 * (j + 1),
                    histogram={100 + i % 50 + b: 10 * (j + 1) for b in range(15)},
                )
                for i in range(digests)
            ),
        )
        for j in range(first, first + snapshots)
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the processor time of one verdict."""
    parser = argparse.ArgumentParser(prog="python -m bench.verification.speed", description=__doc__)
    parser.add_argument("--digests", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--snapshots", type=int, default=6, help="in each window")
    options = parser.parse_args(arguments)
    for digests in options.digests:
        baseline = window(digests, options.snapshots, 0)
        after = window(digests, options.snapshots, options.snapshots)
        begun = time.process_time()
        verdict = verify(baseline=baseline, after=after, targets=None)
        spent = time.process_time() - begun
        print(f"{digests:,} digests, {options.snapshots} snapshots a window: {spent:.2f} s ({verdict.status})")


if __name__ == "__main__":
    main()
