"""Servers are unpacked from packages beside the system; what stands in the way is said in one sentence."""

import subprocess
from pathlib import Path

import pytest

from executor_adapters.local_server import ServerNotFoundError, ServerRequest, packages
from executor_adapters.local_server.apt_sources import AptSource
from executor_adapters.local_server.packages import RECIPES, Recipe, apt_get, prepare_apt, unpacked_server

ARCHIVE = AptSource("http://mirror.example/debian", "bookworm", ("main",), "/usr/share/keyrings/archive.gpg")
MYSQL = ServerRequest.parse("mysql")
MYSQL_SAYS = "mysqld  Ver 9.7.4-2 for Linux on x86_64"


@pytest.fixture
def debian(monkeypatch, tmp_path, fake_program):
    """A Debian with one mirror, an empty cache, and programs that do nothing in place of apt's."""
    monkeypatch.setenv("EXECUTOR_CACHE", str(tmp_path / "cache"))
    for name in ("apt-get", "dpkg-deb"):
        fake_program(name, "")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setattr(packages, "_distribution", lambda: "debian")
    monkeypatch.setattr(packages, "read_sources", lambda: [ARCHIVE])
    return tmp_path


def refusal(request):
    with pytest.raises(ServerNotFoundError) as caught:
        unpacked_server(request)
    return str(caught.value)


def put_server(fake_program, root):
    fake_program("mysqld", MYSQL_SAYS, folder=root / "usr" / "sbin")
    # In place of the dynamic linker: leaves `--library-path PATHS` and runs the program.
    linker = fake_program("ld-linux-test.so.2", "", folder=root / "usr" / "lib" / "test-linux-gnu")
    linker.write_text('#!/bin/sh\nshift 2\nexec "$@"\n')
    return linker


def test_a_server_in_the_cache_is_used_without_fetching(debian, fake_program, monkeypatch):
    root = debian / "cache" / "servers" / "mysql"
    linker = put_server(fake_program, root)
    monkeypatch.setattr(packages, "_distribution", lambda: pytest.fail("it went on to fetch"))
    found = unpacked_server(MYSQL)
    assert found.version == "9.7.4-2"
    assert found.basedir == root / "usr"
    libraries = f"{root}/usr/lib/test-linux-gnu:{root}/lib/test-linux-gnu:{root}/usr/lib/mysql/private"
    assert found.command == (str(linker), "--library-path", libraries, f"{root}/usr/sbin/mysqld")


def test_any_mariadb_means_the_usual_release(debian, monkeypatch):
    asked = []

    def unpack(recipe, archive, root):
        asked.append((recipe, archive))

    monkeypatch.setattr(packages, "unpack", unpack)
    root = debian / "cache" / "servers" / "mariadb-10.11"
    message = refusal(ServerRequest.parse("mariadb"))
    assert message == f"{root} holds no mariadbd; delete that folder to have it fetched anew."
    assert asked == [(Recipe("bookworm", "mariadb-server-core"), ARCHIVE)]


def test_packages_are_fetched_and_each_is_unpacked(debian, fake_program, monkeypatch):
    calls = []

    def run(command, **options):
        calls.append(command)
        if "install" in command:
            archives = next(word for word in command if word.startswith("-oDir::Cache::archives="))
            for name in ("mysqld_9_amd64.deb", "libc6_2_amd64.deb"):
                (Path(archives.partition("=")[2]) / name).touch()
        elif command[0] == "dpkg-deb":
            put_server(fake_program, Path(command[-1]))
        return subprocess.CompletedProcess(command, 0, "", "")

    with monkeypatch.context() as patch:
        patch.setattr(packages.subprocess, "run", run)
        patch.setattr(packages, "examine", lambda request, command, basedir: basedir)
        assert unpacked_server(MYSQL) == debian / "cache" / "servers" / "mysql" / "usr"

    update, install, *unpacked = calls
    assert (update[0], update[-1]) == ("apt-get", "update")
    assert install[-5:] == [
        "--yes",
        "--no-install-recommends",
        "--download-only",
        "install",
        "mysql-server-core",
    ]
    assert [call[:2] for call in unpacked] == [["dpkg-deb", "--extract"]] * 2
    assert [Path(call[2]).name for call in unpacked] == ["libc6_2_amd64.deb", "mysqld_9_amd64.deb"]


def test_apt_gets_one_signed_source_and_touches_nothing_of_the_system(tmp_path):
    prepare_apt(Recipe("sid", "mysql-server-core"), ARCHIVE, tmp_path)
    line = "deb [signed-by=/usr/share/keyrings/archive.gpg] http://mirror.example/debian sid main\n"
    assert (tmp_path / "sources.list").read_text() == line
    assert (tmp_path / "status").read_text() == ""
    options = dict(option.removeprefix("-o").split("=", 1) for option in apt_get(tmp_path)[2:])
    private = ["Dir::Etc::SourceList", "Dir::State::Lists", "Dir::State::status", "Dir::Cache::archives"]
    assert all(options[name].startswith(f"{tmp_path}/") for name in private)
    assert options["Dir::Etc::SourceParts"] == "/dev/null"


def test_a_source_without_a_keyring_is_checked_by_the_distribution_s_own(tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "_distribution", lambda: "ubuntu")
    archive = AptSource("http://mirror.example/ubuntu", "noble", ("main",))
    prepare_apt(RECIPES["ubuntu", "mariadb-10.11"], archive, tmp_path)
    keyring = "/usr/share/keyrings/ubuntu-archive-keyring.gpg"
    line = f"deb [signed-by={keyring}] http://mirror.example/ubuntu noble main universe\n"
    assert (tmp_path / "sources.list").read_text() == line


def test_a_step_that_fails_is_named_with_its_last_line_and_leaves_nothing(debian, fake_program):
    fake_program("apt-get", "W: something\nE: Temporary failure", code=100)
    assert refusal(MYSQL) == "Could not refresh the package lists (E: Temporary failure)."
    assert not (debian / "cache" / "servers" / "mysql").exists()


def test_other_systems_are_told_where_it_works(debian, monkeypatch):
    monkeypatch.setattr(packages, "_distribution", lambda: "fedora")
    assert refusal(MYSQL) == "Packages can be unpacked on Debian and Ubuntu only."


def test_a_debian_without_apt_is_told_the_same(debian, monkeypatch):
    monkeypatch.setenv("PATH", str(debian / "empty"))
    assert refusal(MYSQL) == "Packages can be unpacked on Debian and Ubuntu only."


def test_a_release_that_no_suite_holds_is_named(debian):
    assert refusal(ServerRequest.parse("mysql-5.7")) == "No package of debian is known to hold mysql-5.7."


def test_a_machine_without_a_main_archive_is_told(debian, monkeypatch):
    monkeypatch.setattr(packages, "read_sources", list)
    assert refusal(MYSQL) == "This machine's apt sources name no main archive of debian."
