"""A program is asked what it is before it is believed."""

import pytest

from executor_adapters.local_server import NativeInstallation, ServerKind, ServerNotFoundError, ServerRequest
from executor_adapters.local_server.installation import examine

MYSQL_SAYS = "/usr/sbin/mysqld  Ver 9.7.4-2 for Linux on x86_64 ((Debian))"
MARIADB_SAYS = "mariadbd  Ver 10.11.18-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)"


@pytest.mark.parametrize(
    ("name", "says", "kind", "version"),
    [
        ("mysql", MYSQL_SAYS, ServerKind.MYSQL, "9.7.4-2"),
        ("mariadb-10.11", MARIADB_SAYS, ServerKind.MARIADB, "10.11.18-MariaDB-0+deb12u1"),
    ],
)
def test_the_version_line_tells_kind_and_version(fake_program, tmp_path, name, says, kind, version):
    program = str(fake_program("mysqld", says))
    found = examine(ServerRequest.parse(name), (program,), basedir=tmp_path)
    assert found == NativeInstallation(kind, version, (program,), tmp_path)
    assert str(found) == f"{kind} {version} at {program}"


def refusal(request_name, program, basedir):
    with pytest.raises(ServerNotFoundError) as caught:
        examine(ServerRequest.parse(request_name), (str(program),), basedir=basedir)
    return str(caught.value)


def test_another_server_than_asked_for_is_named(fake_program, tmp_path):
    program = fake_program("mysqld", MARIADB_SAYS)
    assert refusal("mysql", program, tmp_path) == f"{program} is mariadb 10.11.18-MariaDB-0+deb12u1, not mysql."


def test_a_program_that_fails_is_quoted(fake_program, tmp_path):
    program = fake_program("mysqld", "first line\nlibicuuc.so.78: cannot open shared object", code=127)
    said = "libicuuc.so.78: cannot open shared object"
    assert refusal("mysql", program, tmp_path) == f"{program} does not tell its version ({said})."


def test_a_program_that_says_nothing_is_not_believed(fake_program, tmp_path):
    program = fake_program("mysqld", "")
    assert refusal("mysql", program, tmp_path) == f"{program} does not tell its version (it says nothing)."


def test_a_program_that_cannot_be_run_is_named(tmp_path):
    program = tmp_path / "mysqld"
    program.write_text("not a program")
    assert refusal("mysql", program, tmp_path).startswith(f"{program} cannot be run (")


@pytest.mark.parametrize("place", ["share/mysql", "share/mariadb", "share"])
def test_the_share_folder_is_found_where_it_is(tmp_path, place):
    messages = tmp_path / place / "english" / "errmsg.sys"
    messages.parent.mkdir(parents=True)
    messages.touch()
    assert NativeInstallation(ServerKind.MYSQL, "9.7", ("mysqld",), tmp_path).share == tmp_path / place


def test_a_program_without_a_share_folder_finds_its_messages_itself(tmp_path):
    assert NativeInstallation(ServerKind.MYSQL, "9.7", ("mysqld",), tmp_path).share is None
