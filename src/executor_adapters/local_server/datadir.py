"""Makes the data folder of a new server: root without a password from this machine, and no other account."""

import os
import re
import subprocess
import sys
from pathlib import Path

from executor_adapters.local_server.cache import cache_folder, make_once
from executor_adapters.local_server.installation import NativeInstallation, ServerFailedError
from executor_adapters.local_server.request import ServerKind

INITIALISE_TIMEOUT_S = 300
# The stages of MariaDB's set-up in order, by the end of their file names, which differ between releases.
MARIADB_SCRIPTS = (
    "_system_tables.sql",
    "_performance_tables.sql",
    "_system_tables_data.sql",
    "_add_gis_sp_bootstrap.sql",
    "_sys_schema.sql",
)
MARIADB_PREAMBLE = """\
CREATE DATABASE IF NOT EXISTS mysql;
USE mysql;
SET @auth_root_socket=NULL;
SET @skip_auth_anonymous_user=1;
"""


def common_flags(installation: NativeInstallation) -> list[str]:
    """Give the flags that a server needs both to make a data folder and to run on one."""
    flags = ["--no-defaults", f"--basedir={installation.basedir}"]
    if installation.share is not None:
        flags.append(f"--lc-messages-dir={installation.share}")
    if os.geteuid() == 0:
        flags.append("--user=root")  # it refuses root otherwise; its data is private and thrown away
    return flags


def fresh_datadir(installation: NativeInstallation, datadir: Path) -> None:
    """Fill `datadir`, which is empty or not there yet; ServerFailedError if the server can't.

    A server takes seconds to make its first data folder, so one is kept in the cache for each version and
    copied.
    """
    name = re.sub(r"[^\w.+-]", "_", f"{installation.kind}-{installation.version}")
    template = make_once(cache_folder() / "datadirs" / name, lambda folder: _initialise(installation, folder / "data"))
    # Most of a new data folder is holes: 188 MB long, 28 MB of content.
    sparse = ["--sparse=always"] if sys.platform == "linux" else []
    datadir.mkdir(mode=0o750, parents=True, exist_ok=True)
    subprocess.run(["cp", "-R", *sparse, f"{template}/data/.", str(datadir)], check=True)  # noqa: S603, S607


def _initialise(installation: NativeInstallation, datadir: Path) -> None:
    datadir.mkdir(mode=0o750)
    script: str | None = None
    flags = [*common_flags(installation), f"--datadir={datadir}", "--innodb-buffer-pool-size=64M"]
    if installation.kind is ServerKind.MARIADB:
        flags += ["--bootstrap", "--enforce-storage-engine=", "--innodb-log-file-size=32M"]
        script = MARIADB_PREAMBLE + "".join(_mariadb_scripts(installation))
    else:
        flags += ["--initialize-insecure", f"--secure-file-priv={datadir.parent}"]
    try:
        done = subprocess.run(  # noqa: S603 - the program was looked up, not given by a user
            [*installation.command, *flags],
            input=script,
            capture_output=True,
            text=True,
            timeout=INITIALISE_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ServerFailedError(f"{installation} made no data folder in {INITIALISE_TIMEOUT_S} s.") from error
    if done.returncode != 0:
        raise ServerFailedError(f"{installation} could not make a data folder:\n{done.stderr[-2000:]}")
    # Copies must not share a server_uuid: the server makes one where this file is missing.
    (datadir / "auto.cnf").unlink(missing_ok=True)


def _mariadb_scripts(installation: NativeInstallation) -> list[str]:
    share = installation.share
    if share is None:
        raise ServerFailedError(f"{installation} has no folder with its system tables below {installation.basedir}.")
    texts: list[str] = []
    for ending in MARIADB_SCRIPTS:
        script = next(iter(sorted(share.glob(f"*{ending}"))), None)
        if script is None:
            raise ServerFailedError(f"{share} lacks the set-up script *{ending}.")
        texts.append(script.read_text(encoding="utf-8"))
    return texts
