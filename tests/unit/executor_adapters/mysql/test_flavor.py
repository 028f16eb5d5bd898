"""Which dialect a server speaks, told from its version."""

import pytest

from executor_adapters.mysql.flavor import MARIADB, MYSQL, dialect_of
from executor_core.errors import Refused


@pytest.mark.parametrize(
    ("version", "dialect"),
    [
        ("8.0.28", MYSQL),
        ("8.4.3-3 Percona", MYSQL),
        ("9.7.4-2", MYSQL),
        ("10.0.0", MYSQL),
        ("10.6.0-MariaDB", MARIADB),
        ("10.11.19-MariaDB-0+deb12u1", MARIADB),
        ("11.8.3-mariadb", MARIADB),
    ],
)
def test_a_supported_version_has_a_dialect(version, dialect):
    assert dialect_of(version) is dialect


@pytest.mark.parametrize("version", ["8.0.27", "5.7.44-log", "10.5.29-MariaDB", "unknown", ""])
def test_a_server_too_old_or_unknown_is_refused_with_what_is_needed(version):
    with pytest.raises(Refused, match=r"at least (mysql 8\.0\.28|mariadb 10\.6\.0)") as raised:
        dialect_of(version)
    assert raised.value.number is None
