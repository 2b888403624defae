"""What every command has: help with examples, a near name for a wrong one, completion."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner
from rich.table import Table

from autoscaler.cli import main
from autoscaler.cli.group import COMMANDS
from autoscaler.cli.terminal import console, show

CONFIG = """\
broker: {url: 'amqp://mq'}
fleets:
  emails: {app: shop, queues: [emails], concurrency: 1, min_workers: 2, max_workers: 2}
  exports: {app: shop, queues: [exports], concurrency: 1, min_workers: 2, max_workers: 2}
"""


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command_has_examples(name: str) -> None:
    shown = CliRunner().invoke(main, [name, "--help"])
    assert shown.exit_code == 0
    examples = shown.output.partition("Example")[2]
    assert f"autoscaler {name}" in examples, f"the docstring of `{name}` needs a block `Examples:`"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_does(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.name == name
    silent = [each.name for each in command.params if isinstance(each, click.Option) and not each.help]
    assert not silent, f"give `{name}` a help= for {silent}"


def test_every_command_of_the_help_is_there() -> None:
    shown = CliRunner().invoke(main, ["--help"]).output
    assert all(f"\n  {name} " in shown for name in COMMANDS)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["staus"], "there is no command 'staus'; did you mean status?"),
        (["frobnicate"], f"there are {', '.join(COMMANDS)}"),
        (["status", "--jsn"], "--json"),
    ],
)
def test_a_wrong_name_is_told_with_the_right_one(words: list[str], said: str) -> None:
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2
    assert said in result.stderr


@pytest.fixture
def complete(tmp_path, monkeypatch):
    """Ask for completions as bash does."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AUTOSCALER_CONFIG", raising=False)
    (tmp_path / "autoscaler.yaml").write_text(CONFIG)

    def ask(line: str) -> list[str]:
        environ = {
            "_AUTOSCALER_COMPLETE": "bash_complete",
            "COMP_WORDS": f"autoscaler {line}",
            "COMP_CWORD": str(len(f"{line}|".split(" "))),
        }
        shown = CliRunner().invoke(main, [], prog_name="autoscaler", env=environ)
        return [each.partition(",")[2] for each in shown.stdout.splitlines() if each]

    return ask


@pytest.mark.parametrize(
    ("line", "some"),
    [
        ("stat", ["status"]),
        ("explain e", ["emails", "exports"]),
        ("explain em", ["emails"]),
        *((f"{command} em", ["emails"]) for command in ("pause", "scale", "release", "purge")),
        ("drain em", []),
        ("set em", ["emails"]),
        ("set emails max_s", ["max_scale_up=", "max_scale_down="]),
        ("set emails scale.threshold.u", ["scale.threshold.up=", "scale.threshold.up_after="]),
        ("set polling", ["polling_interval="]),
        ("set emails environment.", []),
        ("status --wor", ["--workers"]),
        ("completion z", ["zsh"]),
    ],
)
def test_names_are_completed(complete, line: str, some: list[str]) -> None:
    assert complete(line) == some


NAMED = ("fleet", "fleets", "worker", "names", "words")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_argument_that_names_something_is_completed(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    for each in command.params if command else ():
        if isinstance(each, click.Argument) and each.name in NAMED:
            completes = each._custom_shell_complete
            assert completes, f"give `{name}` shell_complete=complete_fleets or the like for {each.name}"


def test_completion_is_silent_where_nothing_can_be_known(complete, tmp_path) -> None:
    (tmp_path / "autoscaler.yaml").write_text("{")
    assert complete("explain e") == []
    (tmp_path / "autoscaler.yaml").unlink()
    assert complete("explain e") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_script(shell: str) -> None:
    shown = CliRunner().invoke(main, ["completion", shell])
    assert shown.exit_code == 0
    assert f"_AUTOSCALER_COMPLETE={shell}_complete" in shown.output


def test_bash_takes_the_script(complete) -> None:
    script = CliRunner().invoke(main, ["completion", "bash"]).output
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=True).returncode == 0


def test_asking_imports_nothing_of_the_daemon() -> None:
    """Modules are counted, because a clock would depend on the machine."""
    code = (
        "import sys; import autoscaler.cli.group, autoscaler.cli.status, autoscaler.cli.completion; "
        "print(*{'fastapi', 'celery', 'requests', 'uvicorn', 'autoscaler.loop.daemon'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


@pytest.mark.parametrize(("environ", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_are_for_terminals(tmp_path, environ: dict[str, str], coloured: bool) -> None:
    (tmp_path / "autoscaler.yaml").write_text(CONFIG)
    command = [sys.executable, "-m", "autoscaler.cli", "set", "polling_interval=3s", "--dry-run"]
    kept = {
        name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "AUTOSCALER_CONFIG")
    }
    environ = {**kept, "TERM": "xterm-256color", **environ}
    ours, theirs = pty.openpty()
    subprocess.run(command, cwd=tmp_path, env=environ, stdout=theirs, timeout=60, check=True)
    os.close(theirs)
    shown = os.read(ours, 65536)
    os.close(ours)
    assert b"+polling_interval: 3s" in shown
    assert (b"\x1b[32m" in shown) is coloured
    piped = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, timeout=60, check=True)
    assert b"\x1b" not in piped.stdout


def test_what_is_piped_is_not_wrapped_and_no_line_ends_in_blanks(monkeypatch, capsys):
    monkeypatch.delenv("COLUMNS", raising=False)
    table = Table("NAME", "NOTE", box=None)
    table.add_row("emails", "a note " * 40)
    table.add_row("mails", "short")
    show(console(), table)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all(line == line.rstrip() for line in lines)


def test_with_no_color_nothing_is_bold_either(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    to = console()
    assert to.color_system is None
    with to.capture() as captured:
        to.print("plain", style="bold dim red")
    assert captured.get() == "plain\n"
