"""Runs a server program of this machine as a child process that cannot outlive us."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from executor_adapters.local_server.datadir import common_flags, fresh_datadir
from executor_adapters.local_server.installation import NativeInstallation, ServerFailedError
from executor_adapters.local_server.request import ServerKind

CLEAN_STOP_LIMIT = timedelta(seconds=60)
LOG_TAIL_BYTES = 3000

# The shell becomes the server (exec), so that the process started is the server itself. What stays behind
# reads the pipe from us: a line says that all is well; its end without one says that we died, however, and
# then neither the server nor our folder ($0) may outlive us. Works for any parent and thread, Linux and macOS.
LIFELINE = """exec 3<&0
(read -r _ <&3 || { kill -KILL $$; rm -rf "$0"; }) &
exec "$@" 3<&- </dev/null
"""

SMALL: Sequence[str] = (
    "--innodb-buffer-pool-size=64M",
    "--innodb-flush-log-at-trx-commit=2",  # survives a killed server, which is all that is asked of it
    "--max-connections=60",
    "--table-open-cache=400",
    "--performance-schema=ON",
    "--performance-schema-digests-size=1000",
    "--performance-schema-max-table-instances=500",
)
SMALL_BY_KIND = {
    ServerKind.MYSQL: ("--mysqlx=OFF", "--disable-log-bin", "--innodb-redo-log-capacity=64M"),
    ServerKind.MARIADB: ("--skip-log-bin", "--innodb-log-file-size=64M"),
}


class NativeServer:
    """The process, its temporary folder and its log; a data folder given by the caller is kept."""

    def __init__(self, installation: NativeInstallation, flags: Sequence[str], datadir: Path | None) -> None:
        self._installation = installation
        self._flags = tuple(flags)
        # Short and in the system's temporary folder: the path of a socket has about a hundred characters at
        # most.
        self._folder = Path(tempfile.mkdtemp(prefix="executor-"))
        self._keeps_data = datadir is not None
        self.datadir = self._folder / "data" if datadir is None else datadir.absolute()
        self._process: subprocess.Popen[bytes] | None = None

    def launch(self, port: int) -> None:
        """Start the process; it answers later, or exits."""
        self.kill()  # one that ended by itself is still to be let go of
        if not self.datadir.is_dir() or not any(self.datadir.iterdir()):
            fresh_datadir(self._installation, self.datadir)
        flags = [
            *common_flags(self._installation),
            f"--datadir={self.datadir}",
            f"--socket={self._folder / 'sock'}",
            f"--pid-file={self._folder / 'pid'}",
            f"--tmpdir={self._folder}",
            f"--secure-file-priv={self._folder}",
            "--bind-address=127.0.0.1",
            f"--port={port}",
            *SMALL,
            *SMALL_BY_KIND[self._installation.kind],
            *self._flags,
        ]
        with self._log.open("ab") as log:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - the program was looked up, not given by a user
                    ["/bin/sh", "-c", LIFELINE, str(self._folder), *self._installation.command, *flags],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    cwd=self._folder,
                    start_new_session=True,  # a Ctrl-C on the terminal is for us, not for the server
                )
            except OSError as error:
                raise ServerFailedError(f"{self._installation} cannot be run: {error}") from error

    @property
    def _log(self) -> Path:
        return self._folder / "log"

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        process = self._process
        return None if process is None or process.poll() is not None else process.pid

    def exited(self) -> bool:
        """Say whether the process has come to its end by itself."""
        return self._process is not None and self._process.poll() is not None

    def owns(self, datadir: str) -> bool:
        """Say whether a server that names this data folder is ours."""
        return os.path.realpath(datadir) == os.path.realpath(self.datadir)

    def log_tail(self) -> str:
        """Give the last lines of the log."""
        text = self._log.read_bytes() if self._log.exists() else b""
        return text[-LOG_TAIL_BYTES:].decode(errors="replace")

    def stop(self) -> None:
        """End the server in order; its data are complete on disk."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the process at once, as a crash would."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        process = self._process
        if process is None:
            return
        try:
            if process.poll() is None:
                process.send_signal(how)
            try:
                process.wait(CLEAN_STOP_LIMIT.total_seconds())
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        finally:
            self._process = None
            if process.poll() is not None:
                _release(process)

    def discard(self) -> None:
        """End the server and delete all that is ours; a data folder that was given stays, cleanly closed."""
        if self._keeps_data:
            self.stop()
        else:
            self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


def _release(process: subprocess.Popen[bytes]) -> None:
    # Only now that the process is gone: from here on its number may be another's.
    if process.stdin is not None:
        try:
            process.stdin.write(b"\n")
            process.stdin.close()
        except BrokenPipeError:
            process.stdin = None
