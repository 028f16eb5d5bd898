"""MySQL and MariaDB as the target database: the only place that knows their driver, tables and error numbers."""

from executor_adapters.mysql.database import MySQLTarget
from executor_adapters.mysql.url import MySQLUrl, TlsMode

__all__ = ["MySQLTarget", "MySQLUrl", "TlsMode"]
