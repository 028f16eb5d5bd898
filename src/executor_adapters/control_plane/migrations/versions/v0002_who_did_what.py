"""Who did what: the log of callers, who turned a switch, and who asked for an index to be taken back."""

from sqlalchemy import Column, Integer, String

from executor_adapters.control_plane.migrations.columns import IDENTIFIER, LONG_TEXT, MOMENT
from executor_adapters.control_plane.migrations.steps import add_column, create_index, create_table

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables and the column; index runs by their age, in whose order they are listed."""
    create_table(
        "access_log",
        Column("id", Integer, primary_key=True, autoincrement=True),
        Column("at", MOMENT, nullable=False),
        Column("actor", String(80), nullable=False),
        Column("action", String(40), nullable=False),
        Column("resource", LONG_TEXT, nullable=False),
        Column("connection_id", LONG_TEXT),
        Column("details", LONG_TEXT, nullable=False),
    )
    create_table(
        "rollback_requests",
        Column("id", Integer, primary_key=True, autoincrement=True),
        Column("execution_run_id", IDENTIFIER, nullable=False),
        Column("reason", LONG_TEXT, nullable=False),
        Column("requested_by", String(80), nullable=False),
        Column("requested_at", MOMENT, nullable=False),
        Column("settled_at", MOMENT),
    )
    create_index("rollback_requests_by_run", "rollback_requests", "execution_run_id")
    add_column("kill_switches", Column("updated_by", String(80)))
    create_index("execution_runs_by_age", "execution_runs", "created_at", "id")
