"""What the server says of itself and of one table: read from its catalogue as it is now, never from a cache."""

from hashlib import sha256
from itertools import groupby
from operator import itemgetter

from executor_adapters.mysql.connection import Connection, Row
from executor_adapters.mysql.errors import StatementFailed
from executor_core.errors import Refused
from executor_core.flavor import Flavor
from executor_core.index_definition import KeyPart
from executor_core.target import ColumnFacts, ForeignKeyFacts, IndexFacts, ServerFacts, TableFacts

# MariaDB calls a table with row history SYSTEM VERSIONED.
_BASE_TABLES = frozenset({"BASE TABLE", "SYSTEM VERSIONED"})
_OFF = frozenset({"0", "OFF", "NO", ""})
_NO_SELECT = frozenset({1142, 1143, 1044})
_UNKNOWN_VARIABLE = 1193
TABLE_IO = (
    "performance_schema.table_io_waits_summary_by_table"
    " WHERE OBJECT_TYPE = 'TABLE' AND OBJECT_SCHEMA = %s AND OBJECT_NAME = %s"
)
"""The one row with what was ever read from a table and written to it, by the server's own count."""


def performance_schema_rows(connection: Connection, sql: str, *args: object) -> list[Row]:
    """Read ``performance_schema``; `Refused` names the grant that is missing, if one is."""
    try:
        return connection.rows(sql, *args)
    except StatementFailed as failure:
        if failure.number in _NO_SELECT:
            raise Refused(
                "the account may not read the statement statistics: it needs GRANT SELECT ON performance_schema.*",
                number=failure.number,
            ) from None
        raise


def server_facts(connection: Connection) -> ServerFacts:
    """Return what the server is, whether this account may write to it, and what it measures."""
    measuring, digests_size = connection.row("SELECT @@performance_schema, @@performance_schema_digests_size")
    consumers: dict[str, str] = dict(
        performance_schema_rows(
            connection,
            "SELECT NAME, ENABLED FROM performance_schema.setup_consumers"
            " WHERE NAME IN ('global_instrumentation', 'statements_digest')",
        )
    )
    measuring = _is_on(measuring)
    return ServerFacts(
        flavor=connection.dialect.flavor,
        version=connection.version,
        server_uuid=server_uuid(connection),
        read_only=_read_only(connection),
        performance_schema=measuring,
        statement_digests=measuring and int(digests_size) != 0 and list(consumers.values()) == ["YES", "YES"],
    )


def server_uuid(connection: Connection) -> str:
    """Return what tells this server from any other and survives its restart.

    MariaDB has no such thing; there it is made of the machine, the port, the data folder, the server id and,
    where the release has one, the server's own hash of its machine.
    """
    if connection.dialect.flavor is Flavor.MYSQL:
        return str(connection.row("SELECT @@server_uuid")[0])
    identity = [*connection.row("SELECT @@hostname, @@port, @@datadir, @@server_id")]
    try:
        identity += connection.row("SELECT @@server_uid")
    except StatementFailed as failure:
        if failure.number != _UNKNOWN_VARIABLE:
            raise
    return sha256("\n".join(map(str, identity)).encode()).hexdigest()[:32]


def table_facts(connection: Connection, table_name: str) -> TableFacts | None:
    """Return the table with its columns, indexes and foreign keys, or None when there is none of this name."""
    name = connection.table_name(table_name)
    found = connection.rows(
        "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_ROWS, DATA_LENGTH, ROW_FORMAT, CREATE_OPTIONS"
        " FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s",
        connection.database,
        name,
    )
    if not found:
        return None
    schema, table, kind, engine, rows, data_bytes, row_format, options = found[0]
    return TableFacts(
        schema_name=schema,
        table_name=table,
        base_table=kind in _BASE_TABLES,
        engine=engine,
        rows=int(rows or 0),
        data_bytes=int(data_bytes or 0),
        columns=_columns(connection, name),
        indexes=index_facts(connection, name),
        foreign_keys=_foreign_keys(connection, name),
        row_format=row_format,
        partitioned="partitioned" in str(options or "").lower(),
    )


def index_facts(connection: Connection, table_name: str) -> tuple[IndexFacts, ...]:
    """Return the indexes of a table, by name; none for a table that does not exist."""
    dialect = connection.dialect
    rows = connection.rows(
        # The two expressions are constants of the dialect.
        "SELECT INDEX_NAME, COLUMN_NAME, SUB_PART, COLLATION, NON_UNIQUE, INDEX_TYPE, INDEX_COMMENT,"  # noqa: S608
        f" {dialect.hidden_index}, {dialect.functional_part}"
        " FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s"
        " ORDER BY INDEX_NAME, SEQ_IN_INDEX",
        connection.database,
        connection.table_name(table_name),
    )
    return tuple(_index(name, list(parts)) for name, parts in groupby(rows, key=itemgetter(0)))


def _index(name: str, parts: list[Row]) -> IndexFacts:
    _, _, _, _, non_unique, kind, comment, hidden, _ = parts[0]
    return IndexFacts(
        name=name,
        key_parts=tuple(
            None if functional or column is None else KeyPart(str(column), length, collation == "D")
            for _, column, length, collation, *_, functional in parts
        ),
        unique=not non_unique,
        kind=str(kind),
        comment=str(comment or ""),
        visible=not hidden,
    )


def _columns(connection: Connection, table_name: str) -> tuple[ColumnFacts, ...]:
    rows = connection.rows(
        "SELECT c.COLUMN_NAME, c.COLUMN_TYPE, c.CHARACTER_MAXIMUM_LENGTH, s.MAXLEN FROM information_schema.COLUMNS c"
        " LEFT JOIN information_schema.CHARACTER_SETS s ON s.CHARACTER_SET_NAME = c.CHARACTER_SET_NAME"
        " WHERE c.TABLE_SCHEMA = %s AND c.TABLE_NAME = %s ORDER BY c.ORDINAL_POSITION",
        connection.database,
        table_name,
    )
    return tuple(
        ColumnFacts(name=name, column_type=kind, character_length=length, bytes_per_character=int(widest or 1))
        for name, kind, length, widest in rows
    )


def _foreign_keys(connection: Connection, table_name: str) -> tuple[ForeignKeyFacts, ...]:
    rows = connection.rows(
        "SELECT CONSTRAINT_NAME, COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE"
        " WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s AND REFERENCED_TABLE_NAME IS NOT NULL"
        " ORDER BY CONSTRAINT_NAME, ORDINAL_POSITION",
        connection.database,
        table_name,
    )
    return tuple(
        ForeignKeyFacts(name=name, columns=tuple(column for _, column in columns))
        for name, columns in groupby(rows, key=itemgetter(0))
    )


def _read_only(connection: Connection) -> bool:
    """Whether a write of this account would be refused; a privilege that it has by a role alone does not count."""
    dialect = connection.dialect
    if any(_is_on(_global(connection, name)) for name in dialect.sealed_variables):
        return True
    if not any(_is_on(_global(connection, name)) for name in dialect.read_only_variables):
        return False
    user, _, host = str(connection.row("SELECT CURRENT_USER()")[0]).rpartition("@")
    granted = connection.rows(
        "SELECT PRIVILEGE_TYPE FROM information_schema.USER_PRIVILEGES WHERE GRANTEE = %s", f"'{user}'@'{host}'"
    )
    return dialect.read_only_exempt.isdisjoint(str(privilege).upper() for (privilege,) in granted)


def _global(connection: Connection, name: str) -> object:
    return connection.row(f"SELECT @@GLOBAL.{name}")[0]


def _is_on(value: object) -> bool:
    """Whether a variable is on, given as a number or as a word; newer servers have more words than ON."""
    return str(value).upper() not in _OFF
