"""Unpacks a server from packages of Debian or Ubuntu beside the system: no root, nothing installed.

apt-get gets a sources list, package lists and an empty package database of its own, so that it fetches the
server with every library it needs, down to libc. The server then runs under that libc's dynamic linker: a
server of a newer release runs on an older system, and the system does not change.
"""

import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from executor_adapters.local_server.apt_sources import AptSource, main_archive, read_sources
from executor_adapters.local_server.cache import cache_folder, make_once
from executor_adapters.local_server.installation import NativeInstallation, ServerNotFoundError, examine
from executor_adapters.local_server.request import ServerKind, ServerRequest

FETCH_TIMEOUT_S = 900


@dataclass(frozen=True)
class Recipe:
    """Where a distribution has a server: suite, components and the package."""

    suite: str
    package: str
    components: str = "main"


RECIPES: Mapping[tuple[str, str], Recipe] = {
    ("debian", "mysql"): Recipe("sid", "mysql-server-core"),
    ("debian", "mariadb-10.11"): Recipe("bookworm", "mariadb-server-core"),
    ("debian", "mariadb-11.8"): Recipe("trixie", "mariadb-server-core"),
    ("ubuntu", "mysql"): Recipe("noble", "mysql-server-core-8.0"),
    ("ubuntu", "mariadb-10.11"): Recipe("noble", "mariadb-server-core", "main universe"),
}
USUAL_RELEASE = {"mariadb": "mariadb-10.11"}  # what is unpacked when any release will do


def unpacked_server(request: ServerRequest) -> NativeInstallation:
    """Return the server unpacked in the cache, fetched first if need be; ServerNotFoundError says why not."""
    name = USUAL_RELEASE.get(str(request), str(request))
    folder = cache_folder() / "servers" / name
    if not folder.is_dir():
        recipe, archive = _choose(name)
        make_once(folder, lambda root: unpack(recipe, archive, root))
    return examine(request, _command(request.kind, folder), basedir=folder / "usr")


def _choose(name: str) -> tuple[Recipe, AptSource]:
    archive = own_archive()
    distribution = _distribution()
    recipe = RECIPES.get((distribution, name))
    if recipe is None:
        raise ServerNotFoundError([f"No package of {distribution} is known to hold {name}."])
    return recipe, archive


def own_archive() -> AptSource:
    """Return the main archive of this machine's own distribution; ServerNotFoundError if it has none to unpack from."""
    distribution = _distribution()
    missing = [program for program in ("apt-get", "dpkg-deb") if shutil.which(program) is None]
    if distribution not in {"debian", "ubuntu"} or missing:
        raise ServerNotFoundError(["Packages can be unpacked on Debian and Ubuntu only."])
    archive = main_archive(read_sources(), distribution=distribution)
    if archive is None:
        raise ServerNotFoundError([f"This machine's apt sources name no main archive of {distribution}."])
    return archive


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("ID", "")
    except OSError:
        return ""


def unpack(recipe: Recipe, archive: AptSource, root: Path) -> None:
    """Unpack a package with all that it depends on into `root`; ServerNotFoundError says why that can't be."""
    with tempfile.TemporaryDirectory(prefix="executor-apt-") as temporary:
        private = Path(temporary)
        archives = private / "archives"
        prepare_apt(recipe, archive, private)
        _run("refresh the package lists", [*apt_get(private), "update"])
        _run(
            f"fetch {recipe.package} from {recipe.suite}",
            [
                *apt_get(private),
                "--yes",
                "--no-install-recommends",
                "--download-only",
                "install",
                recipe.package,
            ],
        )
        for package in sorted(archives.glob("*.deb")):
            _run(f"unpack {package.name}", ["dpkg-deb", "--extract", str(package), str(root)])


def prepare_apt(recipe: Recipe, archive: AptSource, private: Path) -> None:
    """Lay out the folder from which `apt_get` works: one source, no packages installed, nothing fetched."""
    (private / "lists" / "partial").mkdir(parents=True)
    (private / "archives" / "partial").mkdir(parents=True)
    (private / "status").touch()
    keyring = archive.keyring or f"/usr/share/keyrings/{_distribution()}-archive-keyring.gpg"
    (private / "sources.list").write_text(
        f"deb [signed-by={keyring}] {archive.address} {recipe.suite} {recipe.components}\n", encoding="utf-8"
    )


def apt_get(private: Path) -> list[str]:
    """Give the apt-get command that works in this folder alone, with the machine's proxy settings."""
    options = {
        "Dir::Etc::SourceList": private / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::Etc::Preferences": "/dev/null",
        "Dir::Etc::PreferencesParts": "/dev/null",
        "Dir::State::Lists": private / "lists",
        "Dir::State::status": private / "status",
        "Dir::State::extended_states": private / "extended_states",
        "Dir::Cache": private,
        "Dir::Cache::archives": private / "archives",
        "APT::Sandbox::User": "",  # root's private folders are closed to apt's own user
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "Debug::NoLocking": "1",  # the locks are the system's, and only root may take them
    }
    return ["apt-get", "-q", *(f"-o{name}={value}" for name, value in options.items())]


def _run(purpose: str, command: Sequence[str]) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - a fixed program; its arguments are ours
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=FETCH_TIMEOUT_S,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired as error:
        raise ServerNotFoundError([f"Could not {purpose}: no end after {FETCH_TIMEOUT_S} s."]) from error
    if done.returncode != 0:
        reason = (done.stderr or done.stdout).strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise ServerNotFoundError([f"Could not {purpose} ({reason[0]})."])


def _command(kind: ServerKind, root: Path) -> tuple[str, ...]:
    program = root / "usr" / "sbin" / ("mariadbd" if kind is ServerKind.MARIADB else "mysqld")
    # The linker by its real place (`lib64/` holds links that lead out of the root), the libraries beside it.
    linkers = sorted([*root.glob("usr/lib/*/ld-linux*.so.*"), *root.glob("lib/*/ld-linux*.so.*")])
    if not linkers or not program.exists():
        raise ServerNotFoundError([f"{root} holds no {program.name}; delete that folder to have it fetched anew."])
    triplet = linkers[0].parent.name
    libraries = (root / "usr/lib" / triplet, root / "lib" / triplet, root / "usr/lib/mysql/private")
    return (str(linkers[0]), "--library-path", ":".join(str(library) for library in libraries), str(program))
