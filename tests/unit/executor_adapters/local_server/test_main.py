"""`install` tells one line a server and fails if one is missing."""

import pytest

from executor_adapters.local_server import DockerImage, ServerNotFoundError, __main__


@pytest.fixture
def only_mysql(monkeypatch):
    def find(request):
        if str(request) == "mysql":
            return DockerImage(request.kind, "mysql:8.4")
        raise ServerNotFoundError([f"No {request} server was found.", "Docker is not installed."])

    monkeypatch.setattr(__main__, "find_server", find)


def test_what_is_found_is_told(only_mysql, capsys):
    assert __main__.main(["install", "mysql"]) == 0
    assert capsys.readouterr() == ("mysql: Docker image mysql:8.4\n", "")


def test_what_is_missing_fails_after_the_others_are_done(only_mysql, capsys):
    assert __main__.main(["install", "mariadb-10.11", "mysql"]) == 1
    missing = "mariadb-10.11: No mariadb-10.11 server was found. Docker is not installed.\n"
    assert capsys.readouterr() == ("mysql: Docker image mysql:8.4\n", missing)


@pytest.mark.parametrize("arguments", [[], ["install"], ["remove", "mysql"]])
def test_a_wrong_call_is_told_the_right_one(only_mysql, capsys, arguments):
    assert __main__.main(arguments) == 2
    assert capsys.readouterr() == ("", f"{__main__.USAGE}\n")


def test_a_server_that_does_not_exist_is_refused(only_mysql, capsys):
    assert __main__.main(["install", "postgres"]) == 2
    assert capsys.readouterr().err.startswith("'postgres' names no server")
