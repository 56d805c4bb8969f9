"""The frame of the `easel` command: its global options, its help, its exit codes, and what it loads."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import typer

from cli import stack
from cli.main import COMMANDS
from cli.output import Result, Table
from cli.session import Context, Session
from local.processes import ROOT
from tests.support.command_line import Easel, leaves, loaded

PATHS = list(leaves())
# What `easel keys` is in a test; it needs no deployment.
Command = Callable[..., Result | None]


@pytest.fixture
def easel(capsys: pytest.CaptureFixture[str]) -> Easel:
    return Easel(capsys)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Command], None]:
    """Puts a command in the place of `easel keys`."""

    def put(run: Command) -> None:
        module = ModuleType("cli.keys")
        module.app = typer.Typer()  # type: ignore[attr-defined] # a module made here
        module.app.command("keys")(run)
        monkeypatch.setitem(sys.modules, "cli.keys", module)

    return put


@pytest.fixture
def sessions(command: Callable[[Command], None], monkeypatch: pytest.MonkeyPatch) -> list[Session]:
    """The global options of each run."""
    seen: list[Session] = []
    monkeypatch.delenv("EASEL_STACK", raising=False)

    def run(ctx: Context) -> Result:
        seen.append(ctx.obj)
        return Result({"amount": 5}, "five")

    command(run)
    return seen


@pytest.mark.parametrize(
    "arguments",
    [
        ["--stack", "s", "--profile", "p", "--region", "r", "--json", "keys"],
        ["keys", "--stack", "s", "--profile", "p", "--region", "r", "--json"],
        ["--stack", "other", "--region=r", "keys", "--json", "--profile=p", "--stack=s"],
    ],
)
def test_global_options_stand_anywhere(easel: Easel, sessions: list[Session], arguments: list[str]) -> None:
    assert easel(*arguments) == (0, '{"amount": 5}\n', "")
    (session,) = sessions
    assert (session.stack, session.local, session.profile, session.region) == ("s", False, "p", "r")


def test_the_stack_can_come_from_the_environment(
    easel: Easel, sessions: list[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    easel("keys")
    monkeypatch.setenv("EASEL_STACK", "easel-prod")
    for arguments in (["keys"], ["keys", "--stack", "s"], ["--stack", "s", "keys"], ["--local", "keys"]):
        easel(*arguments)
    assert [session.stack for session in sessions] == ["easel-dev", "easel-prod", "s", "s", "easel-prod"]
    assert [session.given for session in sessions] == [set(), set(), {"stack"}, {"stack"}, {"local"}]


@pytest.mark.parametrize("elsewhere", ["--stack", "--profile", "--region"])
def test_the_local_deployment_is_none_of_aws(easel: Easel, elsewhere: str) -> None:
    code, out, err = easel("keys", "list", "--local", elsewhere, "x")
    assert (code, out) == (2, "")
    assert f"--local cannot be combined with {elsewhere}" in err


def test_without_a_local_deployment_the_command_says_how_to_start_one(
    easel: Easel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack, "LOCAL_STACK_FILES", ())
    code, out, err = easel("keys", "list", "--local")
    assert (code, out) == (1, "")
    assert err == "easel: the local deployment is not running; start it with `make up`\n"


@pytest.mark.parametrize("arguments", [["--profile", "nobody"], []])
def test_what_is_missing_for_aws_is_said_in_one_line(
    easel: Easel, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    code, out, err = easel("keys", "list", *arguments)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert ("'nobody' does not exist" if arguments else "use --region") in err


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_every_command_has_a_complete_help(path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    command = loaded(*path)
    assert command.help.partition("\n")[0].endswith((".", ":"))
    for parameter in command.params:
        assert parameter.help, parameter.name
        assert parameter.help.endswith("."), parameter.help


@pytest.mark.parametrize("path", [(), ("keys",), ("keys", "create")], ids=["easel", "keys", "keys create"])
def test_help_names_the_commands_and_the_global_options(
    easel: Easel, monkeypatch: pytest.MonkeyPatch, path: tuple[str, ...]
) -> None:
    code, out, err = easel(*path, "--help")
    assert (code, err) == (0, "")
    assert all(name in out for name in ("--stack", "--local", "--profile", "--region", "--json", "--help"))
    assert all(name in out for name in (COMMANDS if not path else ()))


def test_the_list_of_commands_says_what_each_says_of_itself() -> None:
    for name, entry in COMMANDS.items():
        assert loaded(name).help.splitlines()[0] == entry.help


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["lst"], "No such command 'lst'. Did you mean 'list'"),
        (["list", "--jsn"], "No such option: --jsn (Possible options: --json)"),
        (["list", "x"], "unexpected extra argument"),
        (["create"], "Missing option '--name'"),
        (["create", "--name"], "requires an argument"),
        (["revoke"], "Missing argument 'KEY'"),
        (["create", "--name", "x", "--answers", "no"], "'no' is not one of 'url', 'link', 'b64_json'"),
    ],
)
def test_wrong_arguments_exit_with_2_and_say_where_the_right_ones_are(
    easel: Easel, arguments: list[str], says: str
) -> None:
    code, out, err = easel("keys", *arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert err.splitlines()[-1].startswith("easel: see `easel ")
    assert "Value error" not in err


def test_a_group_alone_shows_its_help_and_is_no_success(easel: Easel) -> None:
    for arguments in ((), ("keys",)):
        code, out, _ = easel(*arguments)
        assert (code, "--help" in out) == (2, True)


def test_a_result_with_a_failure_is_shown_and_fails(easel: Easel, command: Callable[[Command], None]) -> None:
    command(lambda: Result([1], "one", failure="one too many"))
    assert easel("keys") == (1, "one\n", "easel: one too many\n")
    assert easel("keys", "--json") == (1, "[1]\n", "easel: one too many\n")


def test_an_interrupted_command_exits_with_130(easel: Easel, command: Callable[[Command], None]) -> None:
    def interrupted(ctx: Context) -> Result:
        raise KeyboardInterrupt

    command(interrupted)
    assert easel("keys") == (130, "", "easel: interrupted\n")


def test_what_is_no_failure_of_a_command_is_not_hidden(easel: Easel, command: Callable[[Command], None]) -> None:
    def broken(ctx: Context) -> Result:
        raise ZeroDivisionError

    command(broken)
    with pytest.raises(ZeroDivisionError):
        easel("keys")


def test_a_table_in_a_pipe_is_never_cut_and_its_amounts_have_equally_many_decimals(
    easel: Easel, command: Callable[[Command], None]
) -> None:
    rows = [("x" * 300, 500_000, 1), ("[red]y", 1_149_233, None), ("z", None, 20)]
    command(lambda: Result([], Table(("NAME", "SPENT", "IMAGES"), rows, numbers=("IMAGES",), money=("SPENT",))))
    code, out, _ = easel("keys")
    head, *lines = out.splitlines()
    assert (code, head.split()) == (0, ["NAME", "SPENT", "IMAGES"])
    assert [line.split() for line in lines] == [
        ["x" * 300, "$0.500000", "1"],
        ["[red]y", "$1.149233", "-"],
        ["z", "-", "20"],
    ]
    assert len({len(line) for line in lines}) == 1


COLOURS = "from cli.output import Table, show_table; show_table(Table(('NAME',), [('x',)]))"


@pytest.mark.parametrize(("variables", "coloured"), [({"FORCE_COLOR": "1"}, True), ({}, False)])
def test_only_a_terminal_gets_colours(variables: dict[str, str], coloured: bool) -> None:
    # FORCE_COLOR stands for the terminal that a test does not have.
    assert (b"\x1b[" in _python("-c", COLOURS, TERM="xterm", **variables).stdout) is coloured


def test_no_color_is_respected() -> None:
    assert b"\x1b[3" not in _python("-c", COLOURS, TERM="xterm", FORCE_COLOR="1", NO_COLOR="1").stdout


CLOSED = """
import sys, types, typer
from cli import main, output
keys = sys.modules["cli.keys"] = types.ModuleType("cli.keys")
keys.app = typer.Typer()
keys.app.command("keys")(lambda: output.Result([], *["x" * 80] * 20_000))
sys.exit(main.main(["keys"]))
"""


@pytest.mark.parametrize("arguments", [("-c", CLOSED), ("-m", "cli", "--help"), ("-m", "cli", "jobs", "--help")])
def test_a_reader_that_goes_away_leaves_no_traceback(arguments: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        process = _python(*arguments, stdout=writer)
    finally:
        os.close(writer)
    assert (process.returncode, process.stderr) == (141, b"")


def test_help_loads_neither_the_aws_sdk_nor_the_catalog() -> None:
    loads = "import sys; from cli.main import main; main(['--help']); print(*sys.modules, sep='\\n', file=sys.stderr)"
    modules = set(_python("-c", loads).stderr.decode().split())
    assert "typer" in modules
    assert not modules & {"boto3", "botocore", "pydantic", "core.catalog", "cli.stack"}


def test_the_shell_completes_commands_and_options() -> None:
    def completed(words: str, at: int) -> set[str]:
        process = _python("-m", "cli", _EASEL_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=str(at))
        return set(process.stdout.decode().split())

    assert completed("easel ke", 1) == {"keys"}
    assert completed("easel keys create --bu", 3) == {"--budget-day", "--budget-month", "--budget-total"}
    assert completed("easel keys list --st", 3) == {"--stack"}


def _python(*arguments: str, stdout: Any = subprocess.PIPE, **variables: Any) -> subprocess.CompletedProcess[bytes]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", **variables}
    command = [sys.executable, *arguments]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, env=environment, cwd=ROOT, check=False)


EXAMPLES = re.findall(r"^\| `easel (.+?)` \|", (ROOT / "docs" / "command-line.md").read_text(), re.MULTILINE)


def test_every_command_has_an_example_on_its_page() -> None:
    documented = {path for example in EXAMPLES for path in PATHS if tuple(shlex.split(example)[: len(path)]) == path}
    assert set(PATHS) - documented == set()


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_has_valid_arguments(example: str) -> None:
    words = shlex.split(example)
    (path,) = [path for path in PATHS if tuple(words[: len(path)]) == path]
    command = loaded(*path)
    given = command.make_context(path[-1], words[len(path) :], obj=Session()).params
    assert all(given[parameter.name] is not None for parameter in command.params if parameter.required)
