"""The command line: parsed here, carried out by the subcommands' own modules.

Whatever is wrong with a call ends in one line on standard error and exit code 2, before anything is touched.
Subcommands are imported when they are called, so that ``--help`` is quick.
"""

import argparse
import logging
import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from executor_adapters.command.exit_codes import ExitCode
from executor_core.errors import ExecutorError, InvalidInput

_CREDENTIALS = re.compile(r"(:/{1,2}[^\s:/@]*):.*@")


class _OneLineParser(argparse.ArgumentParser):
    """A parser whose errors are one line, and that completes no option: ``--mysql`` may mean something tomorrow."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise InvalidInput(f"{message} (see {self.prog} --help)")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    try:
        arguments = _parser().parse_args(argv)
        _set_up_logging()
        return _carry_out(arguments)
    except ExecutorError as error:
        sys.stderr.write(f"executor: {one_line(str(error))}\n")
        return ExitCode.USAGE
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED


def one_line(text: str) -> str:
    """Return `text` in one line; what looks like a password in a URL, wherever a caller put one, is masked.

    >>> one_line("unrecognized arguments: --mysql\\nmysql://app:s3/cr@t@db/shop")
    'unrecognized arguments: --mysql mysql://app:***@db/shop'
    """
    return _CREDENTIALS.sub(r"\1:***@", " ".join(text.split()))


def _carry_out(arguments: argparse.Namespace) -> int:
    match arguments.command:
        case "run":
            from executor_adapters.command.run import run
            from executor_adapters.settings import Settings

            return run(arguments, Settings.read(vars(arguments)))
        case "worker":
            from executor_adapters.command.worker import worker
            from executor_adapters.settings import Settings

            return worker(arguments, Settings.read(vars(arguments)))
        case "plan":
            from executor_adapters.command.plan import plan
            from executor_adapters.settings import Settings

            return plan(arguments, Settings.read(vars(arguments)))
        case "rollback":
            from executor_adapters.command.rollback import rollback
            from executor_adapters.settings import Settings

            return rollback(arguments, Settings.read(vars(arguments)))
        case "audit":
            from executor_adapters.command.audit import audit
            from executor_adapters.settings import Settings

            return audit(arguments, Settings.read(vars(arguments)))
        case "verify":
            from executor_adapters.command.verify import verify

            return verify(arguments)
        case "report":
            from executor_adapters.command.report import report

            return report(arguments)
        case "serve":
            from executor_adapters.command.serve import serve

            return serve(arguments)
        case "token":
            from executor_adapters.command.token import token

            return token(arguments)
        case "acceptance":
            from executor_adapters.command.acceptance import acceptance

            return acceptance(arguments)
        case "demo":
            from executor_adapters.command.demo import demo

            return demo(arguments)
        case _:
            raise InvalidInput(
                "name a subcommand: run, worker, plan, rollback, audit, verify, report, serve, token, acceptance or "
                "demo (see executor --help)"
            )


def _set_up_logging() -> None:
    level = os.environ.get("EXECUTOR_LOG_LEVEL", "WARNING").upper()
    if level not in logging.getLevelNamesMapping():
        raise InvalidInput(f"EXECUTOR_LOG_LEVEL: {level!r} is not a log level: write DEBUG, INFO or WARNING")
    logging.basicConfig(stream=sys.stderr, level=level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    if level != "DEBUG":
        logging.getLogger("httpx").setLevel(logging.WARNING)


def _parser() -> argparse.ArgumentParser:
    parser = _OneLineParser(
        prog="executor",
        description="Adds an index to a production MySQL, proves that it did no harm, and takes it back if it did.",
    )
    parser.add_argument("--version", action=_Version, help="print the version and end")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_OneLineParser).add_parser

    run = _command(commands, "run", "carry one run to its end", "executor run run.json --mysql-url mysql://…/shop")
    run.add_argument("run", metavar="RUN.json", help="the run, an ExecutionRun as JSON; - reads standard input")
    _add_run_options(run)

    worker = _command(
        commands, "worker", "take scheduled runs from the control plane", "executor worker --connections db.toml"
    )
    worker.add_argument("--once", action="store_true", help="end when no run is left")
    worker.add_argument("--runs", type=_positive, default=100, help="runs carried at once (default 100)")
    worker.add_argument(
        "--builds-per-instance",
        type=_positive,
        metavar="1",
        help="indexes built at once on one database server (EXECUTOR_BUILDS_PER_INSTANCE; default 1)",
    )
    _add_run_options(worker)

    plan = _command(
        commands,
        "plan",
        "show what a run would do, and touch nothing",
        "executor plan run.json --mysql-url mysql://…/shop",
    )
    plan.add_argument("run", metavar="RUN.json", help="the run, an ExecutionRun as JSON; - reads standard input")
    _add_run_options(plan)

    rollback = _command(
        commands, "rollback", "take the index of a run that has ended back", 'executor rollback run-1 --reason "slow"'
    )
    rollback.add_argument(
        "run_id", metavar="RUN_ID", help="the run, as this state directory or the control plane has it"
    )
    rollback.add_argument("--reason", required=True, help="why, in your words: it goes into the records")
    _add_run_options(rollback)

    audit = _command(
        commands, "audit", "tell the control plane what it has not been told yet", "executor audit flush --json"
    )
    audit.add_argument("what", choices=("flush",), help="flush: deliver what is left in the state directory")
    for name in ("--api-url", "--state-dir", "--api-timeout"):
        audit.add_argument(name, help="as for executor run")
    audit.add_argument("--json", action="store_true", help="print exactly one JSON object")

    verify = _command(
        commands, "verify", "reach the verdict from recorded evidence", "executor verify evidence.json --json"
    )
    verify.add_argument("evidence", metavar="EVIDENCE.json", help="the evidence; - reads standard input")
    verify.add_argument("--json", action="store_true", help="print exactly one JSON object")

    report = _command(
        commands, "report", "show what a run did and why, as a web page", "executor report RUN_ID --out report.html"
    )
    report.add_argument("subject", metavar="RUN_ID|EVIDENCE.json", help="a run of the state directory, or evidence")
    report.add_argument("--out", default="report.html", help="where to write the page (default report.html; -: output)")
    report.add_argument("--state-dir", metavar="DIR", help="the state directory of the run (EXECUTOR_STATE_DIR)")
    report.add_argument("--json", action="store_true", help="print exactly one JSON object")

    serve = _command(
        commands, "serve", "run the reference control plane", "executor serve --db sqlite:///control-plane.db"
    )
    serve.add_argument("--db", default="sqlite:///executor.db", help="SQLAlchemy URL (default sqlite:///executor.db)")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    serve.add_argument("--port", type=_port, default=3000, help="port to listen on (default 3000; 0 chooses one)")
    serve.add_argument("--tokens", metavar="FILE", help="TOML: who may do what (EXECUTOR_TOKENS; see executor token)")
    serve.add_argument("--allow-anyone", action="store_true", help="serve others than this machine without any token")
    serve.add_argument("--tls-cert", metavar="FILE", help="certificate in PEM, to serve https with --tls-key")
    serve.add_argument("--tls-key", metavar="FILE", help="key of the certificate in PEM")
    serve.add_argument(
        "--rate-limit", type=_positive, metavar="N", help="requests a second of each caller (default 500 with tokens)"
    )
    serve.add_argument(
        "--max-connections", type=_positive, default=1000, metavar="N", help="connections at once (default 1000)"
    )

    token = _command(
        commands, "token", "make a token for the control plane", "executor token worker-eu --role worker >> tokens.toml"
    )
    token.add_argument("name", metavar="NAME", help="whose token it is, as the log of the control plane names them")
    token.add_argument("--role", required=True, choices=("worker", "operator", "reader"), help="what it allows")
    token.add_argument(
        "--connection", action="append", metavar="ID", help="a connection that it is for; may be repeated (default all)"
    )

    acceptance = _command(
        commands,
        "acceptance",
        "run the ten acceptance cases, and write the test result log and its decision",
        "executor acceptance --embedded",
    )
    acceptance.add_argument("--embedded", action="store_true", help="use a reference control plane of its own")
    acceptance.add_argument("--cases", metavar="TC-02,TC-09", help="only these; the others count as not passed")
    acceptance.add_argument("--window", metavar="10s", help="both metrics windows (default 10s; production: 5m)")
    acceptance.add_argument("--lang", choices=("en", "th"), default="en", help="language of the log")
    acceptance.add_argument("--out", metavar="DIR", default=".", help="where result-log.md, .html and .json go")
    acceptance.add_argument("--api-db", metavar="URL", help="the control plane's database, to show its own records")
    acceptance.add_argument("--tester", help="who tests (default: this account)")
    acceptance.add_argument(
        "--run-number", type=_positive, default=1, help="last part of the runs' ids (default 1: test-tc01-001)"
    )
    _add_run_options(acceptance)

    demo = _command(
        commands, "demo", "the whole job, live: a helpful index and a harmful one", "executor demo --engine memory"
    )
    demo.add_argument("--engine", choices=("auto", "memory"), default="auto", help="memory: on the fakes alone")
    demo.add_argument("--mysql-url", help="a MySQL to use instead of starting one; a schema of its own is made there")
    demo.add_argument("--window", metavar="20s", help="windows before and after each build (in memory: 5m)")
    demo.add_argument("--json", action="store_true", help="print exactly one JSON object")
    return parser


def _command(add: Callable[..., _OneLineParser], name: str, what: str, example: str) -> argparse.ArgumentParser:
    return add(name, help=what, description=what.capitalize() + ".", epilog=f"Example: {example}")


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    option = parser.add_argument
    option("--api-url", help="control plane (SAAS_API_URL; default http://localhost:3000); token: SAAS_API_TOKEN")
    option("--mysql-url", help="mysql://user:password@host:port/database (better: EXECUTOR_MYSQL_URL)")
    option("--connections", metavar="FILE", help="TOML: connection id = URL (EXECUTOR_CONNECTIONS)")
    option("--worker-id", help="who this is (EXECUTOR_WORKER_ID; default: host, process, random)")
    option("--baseline-window", metavar="5m", help="window before the build (EXECUTOR_BASELINE_WINDOW)")
    option("--after-window", metavar="5m", help="window after the build (EXECUTOR_AFTER_WINDOW)")
    option(
        "--extended-window",
        metavar="30m",
        help="longest window where that can't decide; 0s: never longer (default: six times, 30m)",
    )
    option("--settle", metavar="0s", help="pause between the build and the after window (EXECUTOR_SETTLE)")
    option("--state-dir", metavar="DIR", help="checkpoints and undelivered messages (EXECUTOR_STATE_DIR)")
    option("--api-timeout", metavar="5s", help="limit of each call (EXECUTOR_API_TIMEOUT)")
    option("--lock-wait", metavar="250ms", help="how long others may queue behind our statement (EXECUTOR_LOCK_WAIT)")
    option(
        "--commit-lock-wait",
        metavar="500ms",
        help="the same at the end of a build that would be lost, at most (EXECUTOR_COMMIT_LOCK_WAIT)",
    )
    option("--build-patience", metavar="5m", help="how long a busy table is tried again (EXECUTOR_BUILD_PATIENCE)")
    option("--build-tries", metavar="100", help="how often, at most (EXECUTOR_BUILD_TRIES)")
    option("--build-limit", metavar="1h", help="stop a build that takes longer, or would (EXECUTOR_BUILD_LIMIT)")
    option(
        "--replica-lag-limit",
        metavar="10m",
        help="the same where replicas have to build after this server (EXECUTOR_REPLICA_LAG_LIMIT)",
    )
    option(
        "--slowdown-limit",
        metavar="5",
        help="stop a build when statements take so many times as long as before (EXECUTOR_SLOWDOWN_LIMIT)",
    )
    option("--build-memory", metavar="16M", help="what a build may sort in, at most (EXECUTOR_BUILD_MEMORY)")
    option(
        "--drain-patience", metavar="10m", help="how long older transactions are waited for (EXECUTOR_DRAIN_PATIENCE)"
    )
    option(
        "--end-idle-transactions",
        metavar="10m",
        help="end sessions in our way that are idle in a transaction for so long (default: never)",
    )
    option(
        "--exposure",
        help="staged: used when older transactions are gone; direct: at once (EXECUTOR_EXPOSURE)",
    )
    option("--waive", metavar="CODES", help="warnings not to heed, with commas between them (EXECUTOR_WAIVE)")
    option("--json", action="store_true", help="print exactly one JSON object")


class _Version(argparse.Action):
    """Prints the version; the package's metadata are read only then."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:  # noqa: A002 -- argparse's name
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib.metadata import version

        sys.stdout.write(f"executor {version('executor-mysql')}\n")
        parser.exit()


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to 65535")
    return int(text)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
