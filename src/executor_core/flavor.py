"""The two families of servers, which write a few things differently."""

from enum import StrEnum


class Flavor(StrEnum):
    """The server's family."""

    MYSQL = "mysql"
    MARIADB = "mariadb"
