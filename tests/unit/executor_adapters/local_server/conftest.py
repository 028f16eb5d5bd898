"""Programs that only say a version, in place of real servers."""

from collections.abc import Callable
from pathlib import Path

import pytest

FakeProgram = Callable[..., Path]


@pytest.fixture
def fake_program(tmp_path: Path) -> FakeProgram:
    """Make an executable that prints `says` to standard output, or to the error output with `code`."""

    def make(name: str, says: str, *, code: int = 0, folder: Path | None = None) -> Path:
        program = (folder or tmp_path / "bin") / name
        program.parent.mkdir(parents=True, exist_ok=True)
        redirect = " >&2" if code else ""
        program.write_text(f"#!/bin/sh\ncat{redirect} <<'END'\n{says}\nEND\nexit {code}\n")
        program.chmod(0o755)
        return program

    return make
