"""No tracked file names a package registry or a place on somebody's machine.

A registry's address in a lock or a requirements file binds every reader to it, past their own settings.
"""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Written so that no pattern matches its own text here.
FORBIDDEN = {
    "a package registry": re.compile(
        r"pypi[.]org|pythonhosted[.]org|npmjs[.](org|com)|crates[.]io|rubygems[.]org|proxy[.]golang[.]org"
        r"|(deb|ftp[.\w]*|security|snapshot)[.]debian[.]org|(archive|security|ports)[.]ubuntu[.]com"
        r"|https?://(registry|artifactory|nexus|mirrors?)[.](?!example)[\w-]+",
        re.IGNORECASE,
    ),
    "an index option": re.compile(r"^\s*-{2}(extra-)?(index-url|find-links|trusted-host)\b", re.MULTILINE),
    "a home folder": re.compile(r"(?<![\w.}])/(home|Users)/[a-z][\w.-]*/|(?<![\w.}])/roo[t]/"),
}


def tracked_files():
    if not (ROOT / ".git").exists():
        pytest.skip("this is not a clone, so no file is tracked")
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_tracked_file_holds(what):
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in tracked_files()
        for match in FORBIDDEN[what].finditer(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("a package registry", "https://files.pythonhosted" + ".org/packages/x.whl"),
        ("a package registry", "see pypi" + ".org"),
        ("a package registry", "http://deb" + ".debian.org/debian"),
        ("a package registry", "https://registry" + ".corp.net/simple"),
        ("an index option", "-" + "-index-url https://somewhere"),
        ("a home folder", "PATH=/home" + "/alice/bin"),
        ("a home folder", "/root" + "/.cache"),
    ],
)
def test_the_patterns_see_what_they_are_for(what, text):
    assert FORBIDDEN[what].search(text)


@pytest.mark.parametrize("name", ["uv.lock", "pylock.toml", "poetry.lock", "package-lock.json"])
def test_no_lock_file_that_records_registries_is_tracked(name):
    assert ROOT / name not in tracked_files()


@pytest.mark.parametrize("name", ["runtime.txt", "dev.txt"])
def test_every_requirement_is_pinned_and_hashed(name):
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    requirements = re.split(r"\n(?=[a-z])", text.replace("\\\n", ""))
    assert len(requirements) > 10
    for requirement in requirements:
        assert re.match(r"[a-z0-9-]+(\[[a-z,]+\])?==\S+", requirement), requirement
        assert "--hash=sha256:" in requirement
