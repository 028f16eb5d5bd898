"""What the README and the documents say is true: code runs, tables are whole, links lead somewhere."""

import re
import runpy
from pathlib import Path

import pytest

from executor_adapters.command.exit_codes import ExitCode
from executor_adapters.command.main import main
from executor_adapters.control_plane.api import more_calls, six_calls
from executor_adapters.control_plane.problems import STATUS_OF
from executor_adapters.settings import Settings
from executor_core.model import ExecutionRun
from executor_core.scope import index_in_scope

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTROL_PLANE = (ROOT / "docs" / "control-plane.md").read_text(encoding="utf-8")
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
REGENERATE = runpy.run_path(str(ROOT / "docs" / "regenerate.py"))


def block(opening, language):
    """Return the code block that follows a comment."""
    match = re.search(rf"<!-- {re.escape(opening)} -->\n```{language}\n(.*?)```", README, re.DOTALL)
    assert match is not None, f"the README has no {language} block under {opening!r}"
    return match[1]


def test_the_run_on_the_fakes_prints_what_the_readme_says(capsys):
    code = block("one run: run by a test", "python")
    assert len(code.splitlines()) <= 16

    exec(compile(code, "README.md", "exec"), {})

    assert capsys.readouterr().out == block("it prints", "text")


def test_the_run_of_the_readme_is_one():
    run = ExecutionRun.model_validate_json(block("a run: read by a test", "json"))
    assert str(index_in_scope(run).key_parts[1]) == "created_at DESC"
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in run.query_digests)


@pytest.mark.parametrize("path", sorted(REGENERATE["generated_parts"]()), ids=lambda path: path.name)
def test_the_generated_parts_are_current(path):
    document = path.read_text(encoding="utf-8")
    current = REGENERATE["with_parts"](document, REGENERATE["generated_parts"]()[path])
    assert document == current, "out of date: run  python docs/regenerate.py"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_to_a_file(document):
    targets = re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8"))
    missing = [target for target in targets if "://" not in target and not (document.parent / target).exists()]
    assert missing == []


def test_every_exit_code_is_told():
    told = re.findall(r"^\| (\d+) \| ", README, re.MULTILINE)
    assert told == [str(int(code)) for code in ExitCode]


def test_every_setting_is_told_with_its_option():
    rows = re.findall(r"^\| (?:`(--[a-z-]+)` )?\| `([A-Z_]+)` \|", README, re.MULTILINE)
    told = {variable: option for option, variable in rows}
    for name, field in Settings.model_fields.items():
        assert field.validation_alias in told
        assert told[str(field.validation_alias)] in ("", f"--{name.replace('_', '-')}")


def test_every_subcommand_is_told_and_has_an_example(capsys):
    for command in ("run", "worker", "rollback", "verify", "serve", "token", "acceptance", "demo"):
        assert f"`executor {command}`" in README
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0
        assert f"Example: executor {command}" in capsys.readouterr().out


def test_every_call_of_the_control_plane_is_told():
    calls = [(method, route.path) for route in six_calls.routes for method in route.methods]
    assert len(calls) == 6
    for method, path in calls:
        assert f"`{method} {path.replace('{run_id}', ':id')}" in CONTROL_PLANE
    for route in more_calls.routes:
        path = route.path.replace("{run_id}", ":id")
        behind = path.removeprefix("/api/executions/:id")
        assert f"{path}`" in CONTROL_PLANE or f"`{behind}`" in CONTROL_PLANE, path


def test_every_problem_of_the_control_plane_is_told():
    for code in (error.code for error in STATUS_OF):
        assert f"`{code}`" in CONTROL_PLANE


def test_every_option_of_the_control_plane_is_told(capsys):
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    for option in set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}:
        assert f"`{option}" in CONTROL_PLANE, option


def test_a_document_without_its_markers_is_an_error():
    with pytest.raises(ValueError, match="'state diagram'"):
        REGENERATE["with_parts"]("no markers here\n", {"state diagram": "x\n"})


def test_the_architecture_names_every_module():
    told = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for package in ("executor_core", "executor_adapters"):
        root = ROOT / "src" / package
        names = [path.relative_to(root).as_posix() for path in root.rglob("*.py") if path.stem != "__init__"]
        assert [name for name in names if f"| `{name}` |" not in told] == []
