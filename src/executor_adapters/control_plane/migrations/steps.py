"""Steps of a migration that may be taken twice: MySQL commits each by itself, so a migration may end between two."""

from collections.abc import Mapping
from typing import Any

from alembic import op
from sqlalchemy import Column, inspect
from sqlalchemy.schema import SchemaItem

from executor_adapters.control_plane.migrations.columns import ON_MYSQL


def create_table(name: str, *items: SchemaItem) -> None:
    """Make a table where it is not there."""
    if not inspect(op.get_bind()).has_table(name):
        op.create_table(name, *items, **ON_MYSQL)


def create_index(name: str, table: str, *columns: str, beginnings: Mapping[str, int] | None = None) -> None:
    """Make an index where it is not there. `beginnings` says how much of a long text MySQL is to index."""
    if name not in {index["name"] for index in inspect(op.get_bind()).get_indexes(table)}:
        op.create_index(name, table, list(columns), mysql_length=beginnings or {}, mariadb_length=beginnings or {})


def add_column(table: str, column: Column[Any]) -> None:
    """Add a column where it is not there."""
    if column.name not in {each["name"] for each in inspect(op.get_bind()).get_columns(table)}:
        op.add_column(table, column)
