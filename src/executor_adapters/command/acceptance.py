"""``executor acceptance``: the ten cases on the user's own MySQL and API, the log, and the decision."""

import argparse
import getpass
import json
import os
import platform
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from executor_adapters.acceptance.api import Api
from executor_adapters.acceptance.cases import CASES, Case, chosen_cases
from executor_adapters.acceptance.checklist import (
    Item,
    look_at_api,
    look_at_kill_switches,
    look_at_left_over,
    look_at_log_level,
    look_at_target,
    look_at_workers,
    missing,
)
from executor_adapters.acceptance.log import Acceptance, as_json, document
from executor_adapters.acceptance.markdown import markdown
from executor_adapters.acceptance.orders import SCHEMA, Orders, opened_orders
from executor_adapters.acceptance.page import page
from executor_adapters.acceptance.processes import COMMAND, Executor
from executor_adapters.acceptance.relay import Relay
from executor_adapters.acceptance.result import CaseResult, CaseStatus, Decision
from executor_adapters.acceptance.stage import Stage
from executor_adapters.acceptance.transcript import Transcript
from executor_adapters.acceptance.trial import Trial
from executor_adapters.acceptance.witnesses import Witnesses
from executor_adapters.acceptance.words import Language, Words
from executor_adapters.clock import SystemClock
from executor_adapters.command.board import Board
from executor_adapters.command.exit_codes import ExitCode
from executor_adapters.command.output import say, say_object
from executor_adapters.command.signals import unwinding
from executor_adapters.durations import parse_duration, write_duration
from executor_adapters.mysql.url import MySQLUrl
from executor_adapters.settings import Settings
from executor_core.errors import InvalidInput

if TYPE_CHECKING:
    from executor_adapters.acceptance.records import Records

WINDOW = timedelta(seconds=10)
PRODUCTION_WINDOW = timedelta(minutes=5)
EXTENSION = 3
"""How far, as a multiple, a window may grow where harm must be seen: a busy machine hides it for a while."""
LEASE = timedelta(seconds=10)
"""The embedded control plane's leases: the crashed worker's is waited for."""
FOLDER = "result-log-files"
OPERATOR_TOKEN = "SAAS_OPERATOR_TOKEN"  # noqa: S105 -- the name of the variable
"""Names the token for the switches and for scheduling, where the API tells workers and operators apart."""
_EXIT = {
    Decision.APPROVED: ExitCode.COMPLETED,
    Decision.CONDITIONAL: ExitCode.CONDITIONAL,
    Decision.BLOCKED: ExitCode.BLOCKED,
}


def acceptance(arguments: argparse.Namespace, command: Sequence[str] = COMMAND) -> int:
    """Carry out the cases with the executor that `command` starts, write the log, and return the exit code.

    Raises `InvalidInput` for a wrong call, and `KeyboardInterrupt` when a signal came; everything that belongs to the
    cases is removed either way. A checklist with something missing is told, and is exit code 2.
    """
    window = None if arguments.window is None else parse_duration(arguments.window)
    windows = {name: getattr(arguments, name) or window or WINDOW for name in ("baseline_window", "after_window")}
    settings = Settings.read({**vars(arguments), **windows})
    settings.pacing()
    cases = chosen_cases(arguments.cases)
    board = Board(cases)
    out = _folder(Path(arguments.out))
    with unwinding():
        session = _Session(arguments, settings, cases, board, out, command)
        log = session.run()
    if log is None:
        return ExitCode.USAGE
    _write(log, out, Language(arguments.lang))
    if arguments.json:
        say_object(as_json(log))
    else:
        say(_told(log, out))
    return _EXIT[log.decision]


def _folder(out: Path) -> Path:
    try:
        (out / FOLDER).mkdir(parents=True, exist_ok=True)
        for earlier in (out / FOLDER).glob("test-tc*"):
            if earlier.is_file():
                earlier.unlink()
    except OSError as error:
        raise InvalidInput(f"--out: {out} can't be written: {error.strerror or error}") from None
    return out


@dataclass(frozen=True, slots=True)
class _Session:
    """One acceptance, from its checklist to its last case."""

    arguments: argparse.Namespace
    settings: Settings
    cases: tuple[Case, ...]
    board: Board
    out: Path
    command: Sequence[str]

    def run(self) -> Acceptance | None:
        """Return what came of it, or None when the checklist stopped it."""
        clock = SystemClock()
        started_at = clock.now()
        with ExitStack() as house:
            api_url, api_db = self._control_plane(house)
            relay = house.enter_context(Relay(api_url))
            api = Api(api_url, self._token(), timeout=self.settings.api_timeout, operator_token=self._operator_token())
            house.callback(api.close)
            mysql_url = self._mysql(house)
            executor = Executor({}, self.out / FOLDER, self._mask(mysql_url), self.command)
            house.callback(executor.end_all)
            items, orders = self._checklist(house, api, mysql_url, executor)
            if orders is None or missing(items):
                self._say_missing(items)
                return None
            executor.environment = self._environment(orders.address, relay.base_url)
            check_load = house.enter_context(orders.busy())

            def check() -> None:
                check_load()
                self.board.tick()

            transcript = Transcript(relay)
            stage = Stage(
                orders=orders,
                relay=relay,
                transcript=transcript,
                api=api,
                executor=executor,
                clock=clock,
                check=check,
                first_number=self.arguments.run_number,
            )
            witnesses = Witnesses(orders, api, transcript, _records(house, api_db))
            trial = Trial(stage=stage, witnesses=witnesses, extended_window=self._extended())
            results = tuple(self._result(trial, case) for case in CASES.values())
            facts = (orders.version, orders.schema, orders.shown_address, orders.flavor)
        version, schema, address, flavor = facts
        return Acceptance(
            id=f"acceptance-{started_at:%Y%m%dT%H%M%SZ}",
            started_at=started_at,
            ended_at=clock.now(),
            tester=self.arguments.tester or _account(),
            command=self._shown_command(),
            server=f"{version} ({flavor})",
            database=f"{schema} ({address})",
            api="reference control plane (--embedded)" if self.arguments.embedded else api.base_url,
            executor=next(item.seen.values.get("version", "") for item in items if item.key == "workers"),
            system=platform.platform(),
            baseline_window=write_duration(self.settings.baseline_window),
            after_window=write_duration(self.settings.after_window),
            exposure=self.settings.exposure,
            embedded=self.arguments.embedded,
            records_readable=api_db is not None,
            short_windows=self.settings.after_window < PRODUCTION_WINDOW,
            folder=FOLDER,
            checklist=items,
            cases=results,
        )

    # --- what it takes -----------------------------------------------------------------------------------------------

    def _control_plane(self, house: ExitStack) -> tuple[str, str | None]:
        """Return the API's address, and that of its database where it may be read."""
        if not self.arguments.embedded:
            return self.settings.api_url, self.arguments.api_db
        try:
            from executor_adapters.control_plane.server import ControlPlaneServer
        except ImportError as error:
            raise InvalidInput(
                f"--embedded needs more packages: pip install 'executor-mysql[server]' ({error.name})"
            ) from None
        folder = house.enter_context(TemporaryDirectory(prefix="executor-acceptance-"))
        database = f"sqlite:///{Path(folder) / 'control-plane.db'}"
        server = house.enter_context(ControlPlaneServer(database, default_lease=LEASE))
        self.board.say(f"the reference control plane listens at {server.base_url}")
        return server.base_url, database

    def _mysql(self, house: ExitStack) -> str:
        """Return the URL of the MySQL to use: the one given, or with ``--embedded`` one started for it."""
        if self.settings.mysql_url is not None:
            url = self.settings.mysql_url.get_secret_value()
            given = urlsplit(url)
            return url if given.path.strip("/") else given._replace(path=f"/{SCHEMA}").geturl()
        if not self.arguments.embedded:
            raise InvalidInput("no database is configured: give --mysql-url, or --embedded for one of its own")
        from executor_adapters.demo.server import own_server
        from executor_adapters.local_server import ServerNotFoundError

        try:
            return f"{house.enter_context(own_server(self.board.say)).rstrip('/')}/{SCHEMA}"
        except ServerNotFoundError as error:
            raise InvalidInput(f"{error} For a MySQL of yours there is --mysql-url.") from None

    def _token(self) -> str | None:
        token = self.settings.api_token
        return None if token is None or self.arguments.embedded else token.get_secret_value()

    def _operator_token(self) -> str | None:
        return None if self.arguments.embedded else os.environ.get(OPERATOR_TOKEN)

    def _mask(self, mysql_url: str) -> Callable[[str], str]:
        password = MySQLUrl.parse(mysql_url).password
        known = (password, quote(password, safe=""), self._token(), self._operator_token())
        secrets = {secret for secret in known if secret}

        def mask(text: str) -> str:
            for secret in sorted(secrets, key=len, reverse=True):
                text = text.replace(secret, "***")
            return text

        return mask

    def _environment(self, mysql_url: str, api_url: str) -> dict[str, str]:
        """Return the settings of every executor under test: as given to us, but for the windows and the log level."""
        settings = self.settings
        durations = {
            "EXECUTOR_BASELINE_WINDOW": settings.baseline_window,
            "EXECUTOR_AFTER_WINDOW": settings.after_window,
            "EXECUTOR_EXTENDED_WINDOW": timedelta(0),
            "EXECUTOR_SETTLE": settings.settle,
            "EXECUTOR_API_TIMEOUT": settings.api_timeout,
            "EXECUTOR_LOCK_WAIT": settings.lock_wait,
            "EXECUTOR_KILL_SWITCH_INTERVAL": min(settings.kill_switch_interval, timedelta(seconds=1)),
        }
        return {
            "EXECUTOR_MYSQL_URL": mysql_url,
            "SAAS_API_URL": api_url,
            "SAAS_API_TOKEN": self._token() or "",
            "EXECUTOR_EXPOSURE": settings.exposure,
            "EXECUTOR_LOG_LEVEL": "DEBUG",
            **{name: write_duration(duration) for name, duration in durations.items()},
        }

    def _extended(self) -> str:
        given = self.settings.extended_window
        return write_duration(self.settings.after_window * EXTENSION if given is None else given)

    # --- what is done ------------------------------------------------------------------------------------------------

    def _checklist(
        self, house: ExitStack, api: Api, mysql_url: str, executor: Executor
    ) -> tuple[tuple[Item, ...], Orders | None]:
        target, orders = look_at_target(lambda: house.enter_context(opened_orders(mysql_url)))
        items = (
            look_at_api(api, self.cases),
            *target,
            look_at_log_level(),
            look_at_kill_switches(api, self.cases),
            look_at_left_over(api, self.cases, self.arguments.run_number),
            look_at_workers(executor),
        )
        return items, orders

    def _say_missing(self, items: Sequence[Item]) -> None:
        words = Words(Language(self.arguments.lang))
        self.board.say("executor: the acceptance could not begin; what is missing:")
        for item in missing(items):
            self.board.say(f"  {words(f'item.{item.key}')}: {words(item.seen.key, **item.seen.values)}")

    def _result(self, trial: Trial, case: Case) -> CaseResult:
        if case not in self.cases:
            return CaseResult(case=case.id, title=case.title, priority=case.priority, status=CaseStatus.NOT_SELECTED)
        self.board.begin(case)
        result = trial.carry_out(case)
        self.board.end(case, result)
        return result

    def _shown_command(self) -> str:
        given = self.arguments
        parts = ["executor acceptance"]
        parts += ["--embedded"] if given.embedded else []
        for name in ("cases", "window", "lang", "run_number"):
            parts.append(f"--{name.replace('_', '-')} {getattr(given, name)}" if getattr(given, name) else "")
        return " ".join(part for part in parts if part)


def _records(house: ExitStack, api_db: str | None) -> "Records | None":
    if api_db is None:
        return None
    try:
        from executor_adapters.acceptance.records import Records
    except ImportError as error:
        raise InvalidInput(
            f"--api-db needs more packages: pip install 'executor-mysql[server]' ({error.name})"
        ) from None
    records = Records(api_db)
    house.callback(records.close)
    return records


def _account() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in some containers
        return ""


def _write(log: Acceptance, out: Path, language: Language) -> None:
    blocks = document(log, Words(language))
    files = {
        "result-log.md": markdown(blocks),
        "result-log.html": page(blocks, language=language),
        "result-log.json": json.dumps(as_json(log), ensure_ascii=False, indent=1) + "\n",
    }
    try:
        for name, text in files.items():
            (out / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"--out: the log can't be written to {out}: {error.strerror or error}") from None


def _told(log: Acceptance, out: Path) -> str:
    lines = [f"{result.case}  {result.status:<14}{result.title}" for result in log.cases]
    return "\n".join([*lines, "", f"{log.decision}", f"  log: {out / 'result-log.html'}", ""])
