"""The schema on SQLite: the migrations make what the tables say, once, whoever starts first and whatever was there."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect, text

from executor_adapters.control_plane.database import Database
from executor_adapters.control_plane.tables import METADATA
from executor_core.errors import InvalidInput

HEAD = "0003"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/control-plane.db"


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = create_engine(url)
    yield engine
    engine.dispose()


def differences(engine: Engine) -> list[object]:
    """Return what a new migration would have to change, with the version that the database says it has."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert context.get_current_revision() == HEAD
        return list(compare_metadata(context, METADATA))


def test_the_migrations_make_the_tables_as_they_are(url: str, engine: Engine) -> None:
    Database(url).close()
    assert differences(engine) == []


def test_what_was_stored_before_the_versions_is_kept(url: str, engine: Engine) -> None:
    Database(url).close()
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO kill_switches VALUES ('', 1, 'r', '2026-01-01 12:00:00.000000', NULL)"))
        for statement in (
            "ALTER TABLE kill_switches DROP COLUMN updated_by",
            "DROP TABLE access_log",
            "DROP TABLE rollback_requests",
            "DROP INDEX execution_runs_by_age",
            "DROP INDEX execution_runs_by_connection",
            "DROP TABLE alembic_version",
        ):
            connection.execute(text(statement))
    Database(url).close()
    assert differences(engine) == []
    with engine.connect() as connection:
        assert connection.execute(text("SELECT active, reason FROM kill_switches")).all() == [(1, "r")]


@pytest.mark.parametrize("version", [None, "0001", "0002"])
def test_a_migration_that_died_half_way_is_finished_by_the_next_start(
    url: str, engine: Engine, version: str | None
) -> None:
    Database(url).close()
    with engine.begin() as connection:  # done, but never written down
        connection.execute(text("DELETE FROM alembic_version"))
        if version is not None:
            connection.execute(text("INSERT INTO alembic_version VALUES (:v)"), {"v": version})
    Database(url).close()
    assert differences(engine) == []


def test_a_newer_schema_is_refused_and_left_alone(url: str, engine: Engine) -> None:
    Database(url).close()
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(InvalidInput, match="9999, which is newer than this program"):
        Database(url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "9999"


def test_many_that_start_at_once_make_one_schema(url: str, engine: Engine) -> None:
    start = threading.Barrier(8)

    def begin(_: int) -> None:
        start.wait()
        Database(url).close()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(begin, range(8)))
    assert differences(engine) == []
    assert "access_log" in inspect(engine).get_table_names()


def test_a_server_on_the_newest_schema_starts_beside_a_writer(url: str, engine: Engine) -> None:
    """A start must not wait for the write lock where there is nothing to change."""
    Database(url).close()
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        Database(url).close()
