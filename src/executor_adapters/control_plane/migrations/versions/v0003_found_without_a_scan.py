"""Indexes for what is looked up often: a connection's runs, what was done with one of them, and open requests."""

from executor_adapters.control_plane.migrations.steps import create_index

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the indexes. Connections and resources are long texts, of which MySQL indexes the beginning."""
    create_index(
        "execution_runs_by_connection",
        "execution_runs",
        "connection_id",
        "created_at",
        "id",
        beginnings={"connection_id": 191},
    )
    create_index("access_log_by_resource", "access_log", "resource", "id", beginnings={"resource": 191})
    create_index("rollback_requests_by_end", "rollback_requests", "settled_at", "id")
