"""Column types and table options as the migrations use them: a later change of `tables.py` must not rewrite history."""

from typing import Any

from sqlalchemy import DateTime, String, Text
from sqlalchemy.dialects import mysql

_MYSQL = ("mysql", "mariadb")

IDENTIFIER: Any = String(255).with_variant(mysql.VARCHAR(255, collation="utf8mb4_bin"), *_MYSQL)
LONG_TEXT: Any = Text().with_variant(mysql.LONGTEXT(collation="utf8mb4_bin"), *_MYSQL)
MOMENT: Any = DateTime().with_variant(mysql.DATETIME(fsp=6), *_MYSQL)

ON_MYSQL: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
}
