"""The specification's five tables, and two for what they can't hold.

Databases from before the versions have these tables already, as they are here.
"""

from sqlalchemy import Boolean, Column, Integer, String, UniqueConstraint

from executor_adapters.control_plane.migrations.columns import IDENTIFIER, LONG_TEXT, MOMENT
from executor_adapters.control_plane.migrations.steps import create_index, create_table

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    create_table(
        "execution_runs",
        Column("id", IDENTIFIER, primary_key=True),
        Column("connection_id", LONG_TEXT, nullable=False),
        Column("action", LONG_TEXT, nullable=False),
        Column("table_name", LONG_TEXT, nullable=False),
        Column("index_name", LONG_TEXT, nullable=False),
        Column("columns", LONG_TEXT, nullable=False),
        Column("query_digests", LONG_TEXT, nullable=False),
        Column("status", String(20), nullable=False),
        Column("fail_reason", String(40)),
        Column("error_message", LONG_TEXT),
        Column("message", LONG_TEXT),
        Column("claimed_by", IDENTIFIER),
        Column("claimed_at", MOMENT),
        Column("lease_expires_at", MOMENT),
        Column("fencing_token", Integer, nullable=False),
        Column("created_at", MOMENT, nullable=False),
        Column("updated_at", MOMENT, nullable=False),
        Column("started_at", MOMENT),
        Column("completed_at", MOMENT),
        Column("revision", Integer, nullable=False),
    )
    create_index("execution_runs_by_status", "execution_runs", "status", "created_at")
    create_table(
        "execution_claims",
        Column("id", Integer, primary_key=True, autoincrement=True),
        Column("execution_run_id", IDENTIFIER, nullable=False),
        Column("claimed_by", IDENTIFIER, nullable=False),
        Column("claimed_at", MOMENT, nullable=False),
        Column("lease_expires_at", MOMENT, nullable=False),
        Column("fencing_token", Integer, nullable=False),
        Column("released_at", MOMENT),
        UniqueConstraint("execution_run_id", "fencing_token", name="execution_claims_by_run"),
    )
    create_table(
        "rollbacks",
        Column("id", Integer, primary_key=True, autoincrement=True),
        Column("execution_run_id", IDENTIFIER, nullable=False),
        Column("rollback_type", String(10), nullable=False),
        Column("trigger_reason", LONG_TEXT, nullable=False),
        Column("rollback_sql", LONG_TEXT, nullable=False),
        Column("status", String(20), nullable=False),
        Column("created_at", MOMENT, nullable=False),
    )
    create_index("rollbacks_by_run", "rollbacks", "execution_run_id")
    create_table(
        "audit_logs",
        Column("id", Integer, primary_key=True, autoincrement=True),
        Column("resource_id", IDENTIFIER, nullable=False),
        Column("action", String(60), nullable=False),
        Column("old_status", String(20)),
        Column("new_status", String(20)),
        Column("details", LONG_TEXT, nullable=False),
        Column("timestamp", MOMENT, nullable=False),
        Column("received_at", MOMENT, nullable=False),
        Column("fencing_token", Integer),
    )
    create_index("audit_logs_by_resource", "audit_logs", "resource_id", "action")
    create_table(
        "kill_switches",
        Column("connection_id", IDENTIFIER, primary_key=True),
        Column("active", Boolean, nullable=False),
        Column("reason", LONG_TEXT),
        Column("updated_at", MOMENT, nullable=False),
    )
    create_table(
        "checkpoints",
        Column("execution_run_id", IDENTIFIER, primary_key=True),
        Column("body", LONG_TEXT, nullable=False),
        Column("fencing_token", Integer),
        Column("updated_at", MOMENT, nullable=False),
    )
    create_table(
        "idempotency_keys",
        Column("idempotency_key", IDENTIFIER, primary_key=True),
        Column("request_hash", String(64), nullable=False),
        Column("answer", LONG_TEXT, nullable=False),
        Column("created_at", MOMENT, nullable=False),
    )
