"""The console's templates and the files that they load: all from this package, everything escaped."""

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from executor_adapters.report.page import filters, stylesheet

_STATIC = MappingProxyType({"console.css": "text/css", "console.js": "text/javascript", "report.css": "text/css"})


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file that pages load; `version` changes with its content, so that a browser may keep it."""

    content: str
    media_type: str
    version: str


@cache
def static_files() -> dict[str, StaticFile]:
    """Return the files that pages load, by name."""
    return {name: _static(name, media_type) for name, media_type in _STATIC.items()}


def _static(name: str, media_type: str) -> StaticFile:
    folder = files("executor_adapters.control_plane.console").joinpath("static")
    content = stylesheet() if name == "report.css" else folder.joinpath(name).read_text(encoding="utf-8")
    return StaticFile(content, media_type, sha256(content.encode()).hexdigest()[:16])


def address(name: str) -> str:
    """Return where a page finds a file."""
    return f"/console/{name}?v={static_files()[name].version}"


@cache
def _environment() -> Environment:
    made = Environment(
        loader=ChoiceLoader(
            [PackageLoader("executor_adapters.control_plane.console"), PackageLoader("executor_adapters.report")]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(filters())
    globals_: dict[str, Any] = {"address": address}
    made.globals.update(globals_)
    return made


def drawn(template: str, **shown: Any) -> str:
    """Return a page."""
    return _environment().get_template(template).render(**shown)
