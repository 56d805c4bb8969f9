"""What documents, build files and comments name exists, and what documents print is valid.

The fences that can be run are, against a stack: see tests/e2e/test_documentation.py.
"""

import json
import re
import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import typer
import yaml
from botocore import xform_name

from cli.errors import CommandError
from cli.session import Session
from local.processes import ROOT
from local.simulator.art.scenes import compose
from tests.support import pages
from tests.support.command_line import loaded
from tests.support.pages import Fence

PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
FENCES = [fence for page in pages.PAGES for fence in pages.fences(page)]
CODE = ["src", "cli", "local", "openapi", "bench", "tests", ".github"]
FOLDERS = [*CODE, "docs", "events", "requirements", ".ci"]
FILES = [
    *PAGES,
    *(ROOT / name for name in ("Makefile", "pyproject.toml", "template.yaml", "samconfig.toml", ".ci/run")),
    *(path for folder in CODE for kind in ("*.py", "*.yml") for path in sorted((ROOT / folder).rglob(kind))),
]

# A path from the root, or from src/, and not a part of a longer path or URL.
A_PATH = re.compile(
    rf"(?<![\w/.$-])((?:{'|'.join(map(re.escape, FOLDERS))}|core|handlers|interfaces|composition)/[\w./-]*[\w/])"
)
A_MODULE = re.compile(r"(?<![\w/.@-])((?:core|handlers|interfaces|composition)(?:\.[a-z]\w*)+)\b")
A_PLACEHOLDER = re.compile(r"NAME|VERSION|node_modules|atelier")  # put in, installed, or made up


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings, outside its code blocks."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked), target


def test_named_paths_exist() -> None:
    named = {
        (str(file.relative_to(ROOT)), path)
        for file in FILES
        if "node_modules" not in file.parts
        for path in A_PATH.findall(file.read_text())
        if not A_PLACEHOLDER.search(path)
    }
    assert len(named) > 100
    assert {
        (file, path) for file, path in named if not any((ROOT / base / path).exists() for base in (".", "src", "web"))
    } == set()


def test_named_modules_exist() -> None:
    named = {
        (str(file.relative_to(ROOT)), module)
        for file in FILES
        if "node_modules" not in file.parts
        for module in A_MODULE.findall(file.read_text())
    }
    assert len(named) > 100
    assert {(file, module) for file, module in named if not is_module_or_name(module)} == set()


def is_module_or_name(dotted: str) -> bool:
    """Whether it is a module or package in src/, or a name defined in one."""
    place = ROOT / "src"
    for name in dotted.split("."):
        module = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if module.exists() and re.search(rf"\b{name}\b", module.read_text()):
            return True
        place /= name
    return place.is_dir() or place.with_suffix(".py").exists()


def test_every_test_that_the_threats_name_exists() -> None:
    rows = [line for line in (ROOT / "docs" / "threats.md").read_text().splitlines() if line.startswith("| ")]
    threats = [row for row in rows if row.count(" | ") == 3 and not row.startswith("| threat ")]
    named = {row: re.findall(r"\[([^\]]+)\]\(\.\./(tests/[\w/]+\.py)\)", row) for row in threats}
    assert len(threats) > 50
    assert [row for row, tests in named.items() if not tests] == []
    missing = {
        (words, path)
        for tests in named.values()
        for words, path in tests
        if f"def test_{words.replace(' ', '_')}(" not in (ROOT / path).read_text()
    }
    assert missing == set()


def test_every_fence_says_its_language() -> None:
    assert len(FENCES) > 100
    assert [(str(fence), fence.language) for fence in FENCES if fence.language not in pages.LANGUAGES] == []


def test_only_what_could_be_run_is_marked_as_not_run() -> None:
    runnable = {*pages.SHELL, *pages.PROGRAMS, "html"}
    marked = [fence for fence in FENCES if fence.not_run or fence.run_by or fence.continues]
    assert [str(fence) for fence in marked if fence.language not in runnable] == []
    assert [str(fence) for fence in marked if fence.not_run and fence.run_by] == []


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_printed_commands_data_and_programs_are_valid(page: Path, tmp_path: Path) -> None:
    assert [(str(fence), mistake) for fence in pages.fences(page) if (mistake := mistake_in(fence, tmp_path))] == []


def mistake_in(fence: Fence, folder: Path) -> str:
    """What its language's own parser says against it; empty if nothing."""
    try:
        match fence.language:
            case "json":
                json.loads(fence.text)
            case "toml":
                tomllib.loads(fence.text)
            case "yaml":
                yaml.compose(fence.text)  # types.Node: CloudFormation's own tags are left as they are
            case "python":
                compile(fence.text, str(fence), "exec")
            case "js":
                return checked("node", "--check", file=folder / "fence.mjs", text=fence.text)
            case "html":
                (script,) = re.findall(r"<script[^>]*>(.*?)</script>", fence.text, re.DOTALL)
                return checked("node", "--check", file=folder / "fence.mjs", text=script)
            case "sh" | "console":
                return checked("bash", "-n", file=folder / "fence.sh", text=fence.commands)
    except (ValueError, SyntaxError, yaml.YAMLError) as error:
        return str(error)
    return ""


def checked(*command: str, file: Path, text: str) -> str:
    file.write_text(text)
    return subprocess.run([*command, file], capture_output=True, text=True, check=False).stderr


def test_make_targets_that_are_printed_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    printed = {
        (str(page.relative_to(ROOT)), target)
        for page in PAGES
        if page.name != "CHANGELOG.md"
        for target in re.findall(r"(?:^|`|&& )make ([a-z-]+)", page.read_text(), re.MULTILINE)
    }
    assert len(printed) > 20
    assert {(page, target) for page, target in printed if target not in targets} == set()


def test_the_command_has_one_name_on_every_page() -> None:
    """`easel`, which the quick start puts on the PATH; the path to it is printed there and in CONTRIBUTING alone."""
    named = {page.name for page in PAGES if re.search(r"\.venv/bin(?!/python)", page.read_text())}
    assert named == {"CONTRIBUTING.md", "quick-start.md"}


FIRST_SEEN = ("README.md", "docs/quick-start.md", "local/demo.py", "local/up.py")
A_PROMPT = re.compile(r"""prompt"?(?: ?=|:) ?["']([^"'{]+)["']""")


def test_the_simulator_can_draw_what_a_newcomer_asks_for_first() -> None:
    prompts = {prompt for name in FIRST_SEEN for prompt in A_PROMPT.findall((ROOT / name).read_text())}
    assert len(prompts) > 5
    of_edits = {prompt for prompt in prompts if prompt.startswith("the same place")}
    assert {prompt for prompt in prompts - of_edits if not compose(prompt, 1.0, "seed").named} == set()


A_CALL_OF_AWS = re.compile(r"\baws ([a-z0-9-]+) (wait )?([a-z0-9-]+)([^|;&)\n]*)")
# Those that are not of one operation.
OF_EVERY_CALL = {"query", "output", "region", "profile"}


def test_calls_of_aws_that_are_printed_exist_with_their_options() -> None:
    session = botocore.session.get_session()
    printed = {
        call
        for fence in FENCES
        if fence.language in pages.SHELL
        for call in A_CALL_OF_AWS.findall(fence.commands.replace("\\\n", " "))
        if call[0] not in ("s3", "lambda-url")
    }
    assert len(printed) > 15
    assert [call for call in printed if not is_call_of_aws(session, *call)] == []


def is_call_of_aws(session: botocore.session.Session, service: str, waits: str, operation: str, options: str) -> bool:
    """Whether a service has the operation, or the thing to wait for, and the operation takes these options."""
    model = session.get_service_model(service)
    if waits:
        names = {xform_name(name, "-") for name in session.get_waiter_model(service).waiter_names}
        return operation in names
    found = [name for name in model.operation_names if xform_name(name, "-") == operation]
    if not found:
        return False
    shape = model.operation_model(found[0]).input_shape
    known = {xform_name(name, "-") for name in (shape.members if shape else ())} | OF_EVERY_CALL
    return {name.removeprefix("no-") for name in re.findall(r"(?:^| )--([a-z-]+)", options)} <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_is_in_a_list_is_indented_as_the_site_needs_it(page: Path) -> None:
    """By four spaces: GitHub takes two or three as well, and the site would end the list there."""
    text = re.sub(r"^( *)```.*?^\1```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    assert re.findall(r"^ {1,3}\S.*$", text, re.MULTILINE) == []


AN_EASEL_COMMAND = re.compile(r"(?:^|[|(;]|&& |\$ )\s*(easel [^|;&)#\n]+)", re.MULTILINE)
INLINE = re.compile(r"`(easel [a-z][^`]*)`")


def test_easel_commands_that_are_printed_are_taken() -> None:
    printed = {
        (str(fence), command.strip())
        for fence in FENCES
        if fence.language in pages.SHELL
        for command in AN_EASEL_COMMAND.findall(fence.commands.replace("\\\n", " "))
    }
    assert len(printed) > 40
    assert {(where, command, mistake) for where, command in printed if (mistake := refusal(command))} == set()


def test_easel_commands_that_are_mentioned_exist_with_their_options() -> None:
    mentioned = {
        (page.name, command)
        for page in PAGES
        if page.name != "CHANGELOG.md"
        for command in INLINE.findall(page.read_text())
    }
    assert len(mentioned) > 40
    assert {(page, command) for page, command in mentioned if not is_known(command)} == set()


def refusal(printed: str) -> str:
    """What the command says against a line that is printed; empty if it is taken."""
    try:
        command, arguments = found_in(printed)
        command.make_context(command.name, arguments, obj=Session())
    except (typer.TyperException, CommandError) as error:
        return str(error)
    return ""


def is_known(mentioned: str) -> bool:
    """Whether the command has the subcommand and the options that a sentence names, whatever their values."""
    try:
        command, arguments = found_in(mentioned)
    except typer.TyperException:
        return False
    options = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    return not hasattr(command, "commands") and {word for word in arguments if word.startswith("--")} <= options


def found_in(printed: str) -> tuple[Any, list[str]]:
    """The innermost command that a line names, and the words for it: those after it, and the options before."""
    before, words = [], shlex.split(printed)[1:]
    while words and words[0].startswith("--"):
        before += words[: 1 if words[0] in ("--local", "--json") else 2]
        words = words[len(before) :]
    path = [words.pop(0)]
    command = loaded(*path)
    while words and words[0] in getattr(command, "commands", {}):
        path.append(words.pop(0))
        command = loaded(*path)
    return command, before + words
