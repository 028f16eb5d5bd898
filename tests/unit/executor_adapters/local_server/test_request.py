"""Which servers a request names and which it takes."""

import pytest

from executor_adapters.local_server import ServerKind, ServerRequest


@pytest.mark.parametrize("name", ["mysql", "mariadb", "mysql-8.4", "mariadb-10.11", "mariadb-11.8"])
def test_a_name_reads_back_as_written(name):
    assert str(ServerRequest.parse(name)) == name


@pytest.mark.parametrize("name", ["", "MySQL", "postgres", "mariadb-11", "mysql-8.4.1", "mysql-", "mysql 8.4"])
def test_another_name_is_refused_with_what_to_write(name):
    with pytest.raises(ValueError, match="names no server: write mysql, mariadb"):
        ServerRequest.parse(name)


@pytest.mark.parametrize(
    ("request_name", "kind", "version", "accepted"),
    [
        ("mysql", ServerKind.MYSQL, (9, 7, 4), True),
        ("mysql", ServerKind.MYSQL, (8, 0, 11), True),
        ("mysql", ServerKind.MYSQL, (5, 7, 44), False),
        ("mysql", ServerKind.MARIADB, (10, 11, 6), False),
        ("mariadb", ServerKind.MARIADB, (10, 3, 1), True),
        ("mariadb", ServerKind.MYSQL, (9, 7, 4), False),
        ("mariadb-10.11", ServerKind.MARIADB, (10, 11, 18), True),
        ("mariadb-10.11", ServerKind.MARIADB, (11, 8, 6), False),
        ("mysql-8.4", ServerKind.MYSQL, (8, 4, 0), True),
        ("mysql-5.7", ServerKind.MYSQL, (5, 7, 44), True),
    ],
)
def test_only_the_kind_and_release_asked_for_are_taken(request_name, kind, version, accepted):
    assert ServerRequest.parse(request_name).accepts(kind, version) is accepted
