import logging
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from executor_adapters.command.main import main, one_line

SUBCOMMANDS = ("run", "worker", "rollback", "verify", "serve", "demo", "acceptance")
HEAVY = ("dependency_injector", "fastapi", "httpx", "pydantic", "pymysql", "sqlalchemy", "uvicorn")
Shown = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def logging_as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("EXECUTOR_LOG_LEVEL", raising=False)
    yield
    logging.getLogger("httpx").setLevel(logging.NOTSET)


@pytest.mark.parametrize("subcommand", SUBCOMMANDS)
def test_every_subcommand_has_help_with_an_example(subcommand: str, capsys: Shown) -> None:
    with pytest.raises(SystemExit) as ended:
        main([subcommand, "--help"])
    assert ended.value.code == 0
    assert f"Example: executor {subcommand}" in capsys.readouterr().out


def test_help_names_every_subcommand(capsys: Shown) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    out = capsys.readouterr().out
    assert all(re.search(rf"^ +{subcommand}\s", out, re.MULTILINE) for subcommand in SUBCOMMANDS)


def test_the_version(capsys: Shown) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert re.fullmatch(r"executor \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "name a subcommand"),
        (["dance"], "invalid choice: 'dance'"),
        (["run"], "the following arguments are required: RUN.json"),
        (["run", "run.json", "--speed", "11"], "unrecognized arguments: --speed 11"),
        (["run", "run.json", "--mysql", "x"], "unrecognized arguments: --mysql x"),
        (["run", "run.json", "--after-window"], "expected one argument"),
        (["run", "run.json", "--after-window", "soon"], "'soon' is not a duration"),
        (["rollback", "run-1"], "the following arguments are required: --reason"),
        (["rollback", "run-1", "--reason", "  "], "--reason: say why, in a few words"),
        (["acceptance", "--cases", "TC-99", "--embedded"], "--cases: TC-99 is no case"),
        (["acceptance", "--window", "soon"], "'soon' is not a duration"),
        (["acceptance", "--lang", "de"], "invalid choice: 'de'"),
        (["acceptance", "--mysql-url", "mysql://app:s3cret@/x", "--out", "/dev/null/x"], "can't be written"),
        (["worker", "--runs", "none", "--once"], "'none' is not a number from 1 on"),
        (["worker", "--runs", "0"], "'0' is not a number from 1 on"),
        (["worker", "--once"], "no database is configured: give --mysql-url or --connections"),
        (["serve", "--port", "high"], "'high' is not a port from 0 to 65535"),
        (["serve", "--port", "65536"], "'65536' is not a port from 0 to 65535"),
        (["serve", "--db", "oracle://app:s3cret@db/x", "--port", "0"], "no control plane on oracle"),
        (["verify", "/nowhere.json"], "/nowhere.json can't be read"),
    ],
)
def test_a_wrong_call_is_one_line_and_exit_code_2(
    arguments: list[str], sentence: str, capsys: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("EXECUTOR_MYSQL_URL", "EXECUTOR_CONNECTIONS"):
        monkeypatch.delenv(name, raising=False)
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("executor: ")
    assert shown.err.count("\n") == 1
    assert sentence in shown.err
    assert "s3cret" not in shown.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "mysql://app:s3cret@db/shop"],
        ["run", "run.json", "mysql://app:s3cret@db/shop"],
        ["run", "run.json", "--mysql", "mysql://app:s3cret@db/shop"],
        ["run", "run.json", "--mysql-url=", "mysql://app:s3cret@db/shop"],
        ["worker", "--connections", "mysql://app:s3cret@db/shop"],
        ["worker", "--mysql-url", "mysql://app:s3cret@db"],
        ["worker", "--mysql-url", "mysql://app:s3cret@db/shop", "--api-url", "http://app:s3cret@there"],
        ["worker", "--after-window", "mysql://app:s3cret@db/shop"],
    ],
)
def test_a_password_in_the_wrong_place_is_not_repeated(arguments: list[str], capsys: Shown) -> None:
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "s3cret" not in err


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("two\n lines", "two lines"),
        ("mysql://app:s3@cr/et@db/shop", "mysql://app:***@db/shop"),
        ("mysql:/app:s3cret@db can't be read", "mysql:/app:***@db can't be read"),
        ("mysql://app@db:3306/shop", "mysql://app@db:3306/shop"),
        ("no credentials: a@b", "no credentials: a@b"),
    ],
)
def test_one_line_masks_passwords(text: str, line: str) -> None:
    assert one_line(text) == line


def test_a_log_level_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: Shown) -> None:
    monkeypatch.setenv("EXECUTOR_LOG_LEVEL", "loud")
    assert main(["verify", "x"]) == 2
    assert "EXECUTOR_LOG_LEVEL: 'LOUD' is not a log level" in capsys.readouterr().err


def test_ctrl_c_is_an_interruption(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("executor_adapters.command.verify.verify", interrupted)
    assert main(["verify", "x"]) == 7


def test_help_imports_nothing_that_is_slow() -> None:
    script = (
        "import sys\n"
        "from executor_adapters.command.main import main\n"
        "try:\n    main(['run', '--help'])\nexcept SystemExit:\n    pass\n"
        f"print(*sorted(set(sys.modules) & set({HEAVY!r})), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.split() == []


def test_verifying_imports_neither_a_database_nor_a_network() -> None:
    script = (
        "import sys\n"
        "from executor_adapters.command.main import main\n"
        "main(['verify', '/nowhere.json'])\n"
        f"print(*sorted(set(sys.modules) & set({HEAVY!r})))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["pydantic"]
