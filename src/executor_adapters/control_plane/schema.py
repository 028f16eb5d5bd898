"""The schema of the control plane's database: made and brought up to date by Alembic, by one process at a time.

A version only ever adds, so that a server of the version before goes on working on the newer schema until it is
replaced; it just does not start on it any more.
"""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, func, select

from executor_core.errors import InvalidInput, Unavailable

_LOCK_NAME = "executor control plane schema"
_LOCK_NUMBER = 0x65786563_75746F72  # the same for PostgreSQL, which wants a number
_LOCK_SECONDS = 120


def bring_up_to_date(engine: Engine, writing_engine: Engine) -> None:
    """Make the schema the one that this version needs, where it is older or not there.

    Raises `InvalidInput` when it is newer, `Unavailable` when another process is at it for too long.
    """
    versions = _versions()
    with engine.begin() as connection:
        if _is_current(connection, versions):
            return
    with _alone(writing_engine) as connection:
        # Another process may have done it while this one waited.
        if not _is_current(connection, versions):
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _is_current(connection: Connection, versions: ScriptDirectory) -> bool:
    revision = MigrationContext.configure(connection).get_current_revision()
    known = {each.revision for each in versions.walk_revisions()}
    if revision is not None and revision not in known:
        raise InvalidInput(
            f"the database's schema has the version {revision}, which is newer than this program: "
            "start the newer program, or give another database"
        )
    return revision == versions.get_current_head()


@contextmanager
def _alone(writing_engine: Engine) -> Generator[Connection]:
    """Open a connection on which this process alone changes the schema.

    SQLite's write transaction is the lock there, PostgreSQL's ends with the transaction. MySQL commits every
    statement that changes a schema, and the version that was written down before it; there the lock is the session's.
    """
    if writing_engine.dialect.name not in {"mysql", "mariadb"}:
        with writing_engine.begin() as connection:
            if writing_engine.dialect.name == "postgresql":
                connection.execute(select(func.pg_advisory_xact_lock(_LOCK_NUMBER)))
            yield connection
        return
    with writing_engine.connect() as connection:
        name = func.left(func.concat(_LOCK_NAME, " ", func.database()), 64)
        got = connection.execute(select(func.get_lock(name, _LOCK_SECONDS))).scalar()
        connection.commit()
        if got != 1:
            raise Unavailable("another process is changing the schema of the control plane's database")
        try:
            yield connection
            connection.commit()
        finally:
            connection.rollback()
            connection.execute(select(func.release_lock(name)))
            connection.commit()


def _config() -> Config:
    config = Config()
    # As ConfigParser reads it, where a percent sign would begin something.
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    return config


def _versions() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())
