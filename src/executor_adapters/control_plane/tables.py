"""The tables of the reference control plane: the specification's five, and four for what they can't hold.

Names and columns of the five are read by people and by acceptance tests as proof. They have no foreign keys:
an audit entry for a run that was never scheduled here is evidence too. Moments are UTC, to the microsecond.
A change here comes with a version in `migrations/`; a test holds the two together.
"""

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Dialect,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.dialects import mysql


class Moment(TypeDecorator[datetime]):
    """An aware datetime, stored as UTC without an offset: no server or session time zone can shift it."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """Return the column's type; MySQL's own would drop the fraction of a second."""
        if dialect.name in {"mysql", "mariadb"}:
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 -- SQLAlchemy's
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 -- SQLAlchemy's
        return None if value is None else value.replace(tzinfo=UTC)


LONG_TEXT = Text().with_variant(mysql.LONGTEXT(collation="utf8mb4_bin"), "mysql", "mariadb")
"""Text of any length; MySQL's TEXT ends at 64 KB."""


class Json(TypeDecorator[Any]):
    """JSON kept as text, so that what is read is what was written on every server: order, numbers and all."""

    impl = LONG_TEXT
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:  # noqa: ARG002 -- SQLAlchemy's
        return json.dumps(value, allow_nan=False)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002 -- SQLAlchemy's
        return json.loads(value)


def _id_type() -> Any:
    """Return the type of ids: MySQL would otherwise take ``Run-1`` and ``run-1`` for one."""
    return String(255).with_variant(mysql.VARCHAR(255, collation="utf8mb4_bin"), "mysql", "mariadb")


def _beginning_of(column: str) -> dict[str, Any]:
    """Return the options of an index of a long text, of which MySQL can index the beginning alone."""
    return {"mysql_length": {column: 191}, "mariadb_length": {column: 191}}


METADATA = MetaData()
_ON_MYSQL: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
}

execution_runs = Table(
    "execution_runs",
    METADATA,
    Column("id", _id_type(), primary_key=True),
    Column("connection_id", LONG_TEXT, nullable=False),
    Column("action", LONG_TEXT, nullable=False),
    Column("table_name", LONG_TEXT, nullable=False),
    Column("index_name", LONG_TEXT, nullable=False),
    Column("columns", Json, nullable=False),
    Column("query_digests", Json, nullable=False),
    Column("status", String(20), nullable=False),
    Column("fail_reason", String(40)),
    Column("error_message", LONG_TEXT),
    Column("message", LONG_TEXT),
    Column("claimed_by", _id_type()),
    Column("claimed_at", Moment),
    Column("lease_expires_at", Moment),
    Column("fencing_token", Integer, nullable=False, default=0),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("started_at", Moment),
    Column("completed_at", Moment),
    # Grows with every change of the row: a change is written only over the revision that it was decided on.
    Column("revision", Integer, nullable=False, default=0),
    Index("execution_runs_by_status", "status", "created_at"),
    Index("execution_runs_by_age", "created_at", "id"),
    Index("execution_runs_by_connection", "connection_id", "created_at", "id", **_beginning_of("connection_id")),
    **_ON_MYSQL,
)

execution_claims = Table(
    "execution_claims",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("execution_run_id", _id_type(), nullable=False),
    Column("claimed_by", _id_type(), nullable=False),
    Column("claimed_at", Moment, nullable=False),
    Column("lease_expires_at", Moment, nullable=False),
    Column("fencing_token", Integer, nullable=False),
    Column("released_at", Moment),
    UniqueConstraint("execution_run_id", "fencing_token", name="execution_claims_by_run"),
    **_ON_MYSQL,
)

rollbacks = Table(
    "rollbacks",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("execution_run_id", _id_type(), nullable=False),
    Column("rollback_type", String(10), nullable=False),
    Column("trigger_reason", LONG_TEXT, nullable=False),
    Column("rollback_sql", LONG_TEXT, nullable=False),
    Column("status", String(20), nullable=False),
    Column("created_at", Moment, nullable=False),
    Index("rollbacks_by_run", "execution_run_id"),
    **_ON_MYSQL,
)

audit_logs = Table(
    "audit_logs",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("resource_id", _id_type(), nullable=False),
    Column("action", String(60), nullable=False),
    Column("old_status", String(20)),
    Column("new_status", String(20)),
    Column("details", Json, nullable=False),
    Column("timestamp", Moment, nullable=False),
    Column("received_at", Moment, nullable=False),
    # The claim that the writer said it acted under: a dead worker's late entries show by it.
    Column("fencing_token", Integer),
    Index("audit_logs_by_resource", "resource_id", "action"),
    **_ON_MYSQL,
)

kill_switches = Table(
    "kill_switches",
    METADATA,
    # Empty for the global switch: no connection has an empty id.
    Column("connection_id", _id_type(), primary_key=True),
    Column("active", Boolean, nullable=False),
    Column("reason", LONG_TEXT),
    Column("updated_at", Moment, nullable=False),
    Column("updated_by", String(80)),
    **_ON_MYSQL,
)

access_log = Table(
    "access_log",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Moment, nullable=False),
    Column("actor", String(80), nullable=False),
    Column("action", String(40), nullable=False),
    Column("resource", LONG_TEXT, nullable=False),
    # Whose it is; null where it concerns all connections.
    Column("connection_id", LONG_TEXT),
    Column("details", Json, nullable=False),
    Index("access_log_by_resource", "resource", "id", **_beginning_of("resource")),
    **_ON_MYSQL,
)

rollback_requests = Table(
    "rollback_requests",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("execution_run_id", _id_type(), nullable=False),
    Column("reason", LONG_TEXT, nullable=False),
    Column("requested_by", String(80), nullable=False),
    Column("requested_at", Moment, nullable=False),
    Column("settled_at", Moment),
    Index("rollback_requests_by_run", "execution_run_id"),
    Index("rollback_requests_by_end", "settled_at", "id"),
    **_ON_MYSQL,
)

checkpoints = Table(
    "checkpoints",
    METADATA,
    Column("execution_run_id", _id_type(), primary_key=True),
    Column("body", LONG_TEXT, nullable=False),
    Column("fencing_token", Integer),
    Column("updated_at", Moment, nullable=False),
    **_ON_MYSQL,
)

idempotency_keys = Table(
    "idempotency_keys",
    METADATA,
    Column("idempotency_key", _id_type(), primary_key=True),
    Column("request_hash", String(64), nullable=False),
    Column("answer", Json, nullable=False),
    Column("created_at", Moment, nullable=False),
    **_ON_MYSQL,
)
