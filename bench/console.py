"""Measure the console's pages over a control plane that has many runs behind it.

    python -m bench.console [--runs 10000] [--db URL]

Fills an empty database, a SQLite file unless another is named, and prints for each page the time that the server takes
to make it (the median and the longest of some requests, without a network) and how large it is.
"""

import argparse
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from sqlalchemy import Table, insert

from executor_adapters.control_plane import tables as t
from executor_adapters.control_plane.api import create_app
from executor_adapters.control_plane.database import Database
from executor_adapters.control_plane.store import ControlPlaneStore
from executor_adapters.testing.in_process import InProcessTransport

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
CONNECTIONS = 50
REQUESTED = 20
"""So many of the completed runs are asked to be taken back."""
STATUSES = ("completed", "completed", "completed", "rolled_back", "failed", "requires_manual", "running", "scheduled")
ACTIONS = (
    *("run_claimed", "status_change", "preflight_warning", "baseline_metrics_collected", "build_started"),
    *("index_added", "drain_started", "drain_completed", "index_published", "after_metrics_collected"),
    *("verification_completed", "status_change"),
)
REPEATS = 15
AT_ONCE = 1000
KIBIBYTE = 1024


def name_of(number: int) -> str:
    """The id of a run."""
    return f"run-{number:06}"


def a_run(number: int, status: str) -> dict[str, Any]:
    """A run's row."""
    created = BEGINNING + timedelta(minutes=number)
    ended = status not in {"scheduled", "running"}
    return {
        "id": name_of(number),
        "connection_id": f"conn-{number % CONNECTIONS:03}",
        "action": "ADD_INDEX",
        "table_name": f"orders_{number % 300}",
        "index_name": f"idx_customer_{number}",
        "columns": ["customer_id", "created_at DESC"],
        "query_digests": ["a" * 64, "b" * 64],
        "status": status,
        "message": "The reads that the index is for take 92 % less time; nothing else got worse." if ended else None,
        "claimed_by": None if status == "scheduled" else "worker-1",
        "fencing_token": 0 if status == "scheduled" else 1,
        "created_at": created,
        "updated_at": created,
        "started_at": None if status == "scheduled" else created,
        "completed_at": created + timedelta(minutes=12) if ended else None,
        "revision": 0,
    }


def an_entry(number: int, step: int, action: str) -> dict[str, Any]:
    """A row of a run's audit trail."""
    at = BEGINNING + timedelta(minutes=number, seconds=30 * step)
    return {
        "resource_id": name_of(number),
        "action": action,
        "details": {"worker_id": "worker-1", "message": "As it happened, in a sentence of the usual length."},
        "timestamp": at,
        "received_at": at,
        "fencing_token": 1,
    }


def a_deed(number: int, action: str) -> dict[str, Any]:
    """A row of the log of who did what."""
    return {
        "at": BEGINNING + timedelta(minutes=number),
        "actor": "worker-eu",
        "action": action,
        "resource": name_of(number),
        "connection_id": f"conn-{number % CONNECTIONS:03}",
        "details": {"fencing_token": 1},
    }


def fill(database: Database, runs: int) -> None:
    """Store so many runs, and what they leave behind."""
    statuses = list(islice(cycle(STATUSES), runs))
    begun = [number for number, status in enumerate(statuses) if status != "scheduled"]
    completed = [number for number, status in enumerate(statuses) if status == "completed"]
    rows: dict[Table, list[dict[str, Any]]] = {
        t.execution_runs: [a_run(number, status) for number, status in enumerate(statuses)],
        t.audit_logs: [an_entry(number, step, action) for number in begun for step, action in enumerate(ACTIONS)],
        t.access_log: [a_deed(number, action) for number in begun for action in ("schedule", "claim", "change_status")],
        t.rollback_requests: [
            {
                "execution_run_id": name_of(number),
                "reason": "orders got slow",
                "requested_by": "ada",
                "requested_at": BEGINNING,
            }
            for number in completed[-REQUESTED:]
        ],
    }
    for table, all_of_them in rows.items():
        for at in range(0, len(all_of_them), AT_ONCE):
            with database.writing() as connection:
                connection.execute(insert(table), all_of_them[at : at + AT_ONCE])


def pages(runs: int) -> dict[str, str]:
    """The pages that are asked for."""
    return {
        "the first page": "/",
        "a page in the middle": f"/?after={name_of(runs // 2)}",
        "the last page": f"/?after={name_of(min(50, runs - 1))}",
        "of one status": "/?status=requires_manual",
        "of one connection": "/?connection=conn-007",
        "of one connection and status": "/?status=failed&connection=conn-004",
        "of a connection that has no run": "/?connection=none",
        "a run": f"/runs/{name_of(runs // 2)}",
        "the switches": "/switches",
        "the open requests, by the API": "/api/rollback-requests",
        "what a worker may claim, by the API": "/api/executions?claimable=true&limit=100",
    }


def measure(browser: httpx.Client, path: str) -> tuple[list[float], int]:
    """Return how long each request took, in milliseconds, and how large the answer was."""
    took: list[float] = []
    size = 0
    for _ in range(REPEATS):
        begun = time.perf_counter()
        answer = browser.get(path)
        took.append((time.perf_counter() - begun) * 1000)
        size = len(answer.raise_for_status().content)
    return took, size


def main(arguments: list[str] | None = None) -> None:
    """Fill a database and measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.console", description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--db", help="an empty database of yours: postgresql://… or mysql://…")
    chosen = parser.parse_args(arguments)
    with TemporaryDirectory() as folder:
        database = Database(chosen.db or f"sqlite:///{Path(folder) / 'console.db'}")
        try:
            fill(database, chosen.runs)
            transport = InProcessTransport(create_app(ControlPlaneStore(database)))
            with httpx.Client(transport=transport, base_url="http://console", follow_redirects=True) as browser:
                for what, path in pages(chosen.runs).items():
                    took, size = measure(browser, path)
                    print(f"{what:40} {statistics.median(took):6.1f} ms {max(took):6.1f} ms {size / KIBIBYTE:6.0f} KiB")
        finally:
            database.close()


if __name__ == "__main__":
    main(sys.argv[1:])
