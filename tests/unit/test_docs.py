"""What the pages show is true: their configs validate, their commands exist, their links lead somewhere."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from autoscaler import config
from autoscaler.cli import group, main
from autoscaler.config import Broker, Config, Console, Fleet, Scale, Singleton, Supervisord

ROOT = Path(__file__).parents[2]
PAGES = {
    str(path.relative_to(ROOT)): path.read_text()
    for path in [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "examples" / "README.md",
        *sorted((ROOT / "docs").glob("*.md")),
    ]
}
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
LANGUAGES = {"sh", "console", "yaml", "text", "ini", "json", "python"}

#: What a fragment of a config is put into.
BASE: dict[str, Any] = {
    "broker": {"url": "amqp://guest:guest@localhost:5672//"},
    "fleets": {
        "emails": {
            "app": "shop.tasks",
            "queues": ["emails"],
            "concurrency": 2,
            "max_workers": 12,
            "scale": {"max_wait": "30s"},
        }
    },
}

#: Commands of others that the pages may use.
FOREIGN = frozenset(
    re.findall(
        r"\S+",
        """
    apt-get cat cd celery chmod chown cp curl cut echo git grep head install jq journalctl kill less ln
    logrotate ls mkdir mv pip pipx ps pytest python python3 rabbitmqctl rm sed sleep sudo supervisorctl
    supervisord systemctl tail tee touch useradd usermod vim watch service update-rc.d initctl export
    source set true wait rabbitmq-plugins dpkg openssl umask id getent su runuser systemd-analyze
    chgrp promtool ssh runuser systemd-run venv pgrep test for do done in printf sh bash
    """,
    )
)


def blocks(*languages: str) -> list[Any]:
    """Every fenced block of the pages, as (page, text)."""
    return [
        pytest.param(
            page, text.replace(f"\n{indent}", "\n").removeprefix(indent), id=f"{page}:{line(whole, m)}"
        )
        for page, whole in PAGES.items()
        for m in FENCE.finditer(whole)
        for indent, language, text in [m.groups()]
        if language in languages
    ]


def line(text: str, match: re.Match[str]) -> int:
    return text.count("\n", 0, match.start()) + 1


@pytest.mark.parametrize("page", PAGES)
def test_every_block_says_its_language(page):
    assert {m[2] for m in FENCE.finditer(PAGES[page])} <= LANGUAGES


# --- configs ---


def whole(text: str) -> dict[str, Any]:
    """A fragment as the config that it is part of."""
    data = yaml.safe_load(text) or {}
    if set(data) <= set(Config.known()):
        given = {key: value for key, value in data.items() if value is not None}
        return {**BASE, **given}
    fleet = {"scale": data} if set(data) <= set(Scale.known()) else data
    return {**BASE, "fleets": {"emails": {**BASE["fleets"]["emails"], **fleet}}}


@pytest.mark.parametrize(("page", "text"), blocks("yaml"))
def test_every_config_is_valid(page, text, tmp_path):
    data = whole(text)
    path = tmp_path / "autoscaler.yaml"
    if "url_file" in data["broker"]:
        (tmp_path / "broker.url").write_text("amqp://guest:guest@localhost//")
        data["broker"]["url_file"] = "broker.url"
    path.write_text(yaml.safe_dump(data))
    config.load(path, dict.fromkeys(re.findall(r"\$\{(\w+)\}", text), "0123456789abcdef"))


def test_the_example_config_is_valid():
    config.load(ROOT / "examples" / "autoscaler.yaml", {})


README = [m[3] for m in FENCE.finditer(PAGES["README.md"]) if m[2] == "yaml"]


def test_the_readme_begins_with_a_short_example_and_a_picture():
    start, _, _ = PAGES["README.md"].partition("\n## ")
    assert [m[2] for m in FENCE.finditer(start)] == ["yaml"]
    assert len(README[0].splitlines()) < 20
    assert "![" in start


@pytest.mark.parametrize("model", [Config, Broker, Supervisord, Console, Fleet, Singleton])
def test_the_configuration_page_has_every_key(model):
    described = set(re.findall(r"^\| `([a-z_]+)`", PAGES["docs/configuration.md"], re.MULTILINE))
    assert set(model.known()) <= described | {"defaults", "fleets", "singletons"}


def test_the_readme_stays_short():
    assert len(PAGES["README.md"].split()) < 1800


SECTIONS: Mapping[str, Any] = {
    "broker": Broker,
    "supervisord": Supervisord,
    "console": Console,
    "scale": Scale,
}


@pytest.mark.parametrize("page", PAGES)
def test_every_key_that_a_page_names_exists(page):
    named = re.findall(r"`(broker|supervisord|console|scale)\.([a-z_]+)`", PAGES[page])
    assert [key for key in named if key[1] not in SECTIONS[key[0]].known()] == []


# --- commands ---


def commands(text: str) -> Iterator[list[str]]:
    """The simple commands of a shell script, as words."""
    text = re.sub(r"<<-? *'?(\w+)'?.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"(^|\s)#.*$", r"\1", text, flags=re.MULTILINE)
    lexer = shlex.shlex(text.replace("\\\n", " "), posix=True, punctuation_chars="\n;&|<>()")
    lexer.whitespace, lexer.commenters = " \t", ""
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, "\n"]:
        if set(word) <= set("\n;&|()"):
            if words:
                yield words
            words = []
        else:
            words.append(word)


def simple(words: list[str]) -> list[str]:
    """Without assignments in front, sudo and redirections."""
    while words and (re.fullmatch(r"\w+=.*", words[0], re.DOTALL) or words[0] in {"sudo", "exec"}):
        words = words[1:]
        while words and words[0].startswith("-") and len(words) > 1:
            words = words[2:] if words[0] in {"-u", "-g"} else words[1:]
    redirection = next((i for i, word in enumerate(words) if set(word) <= set("<>&")), len(words))
    if redirection < len(words) and words[redirection - 1].isdigit():
        redirection -= 1  # 2> file
    return words[:redirection]


def shell_lines(page: str) -> Iterator[list[str]]:
    for m in FENCE.finditer(PAGES[page]):
        if m[2] == "sh":
            yield from commands(m[3])
        elif m[2] == "console":
            yield from commands("\n".join(re.findall(r"^\$ (.*)$", m[3], re.MULTILINE)))


def check_ours(words: list[str]) -> None:
    """Parse a command line of ours as click would; nothing is run."""
    if not words or words[0].startswith("-"):
        return
    assert words[0] in group.COMMANDS, f"there is no command {words[0]!r}"
    # As `main` itself does it: a command remembers the help option of its first context.
    parent = click.Context(main, **main.context_settings)
    command = main.get_command(parent, words[0])
    with command.make_context(words[0], list(words[1:]), parent=parent):
        pass


@pytest.mark.parametrize("page", PAGES)
def test_every_shell_block_has_known_commands_with_known_options(page):
    for words in shell_lines(page):
        command = simple(words)
        if not command:
            continue
        name = command[0].rpartition("/bin/")[2]
        if name == "autoscaler":
            check_ours(command[1:])
        elif "/" in name:
            assert (ROOT / name).is_file(), f"{page}: {name} is not there"
        else:
            assert name in FOREIGN, f"{page}: {name!r} is no known command: {shlex.join(words)}"


@pytest.mark.parametrize("page", PAGES)
def test_every_command_in_a_sentence_exists_and_has_these_options(page):
    for text in re.findall(r"`autoscaler ([a-z][^`\n]*)`", FENCE.sub("", PAGES[page])):
        words = text.replace("|", " ").split()
        assert words[0] in group.COMMANDS, f"{page}: there is no command {words[0]!r}"
        command = main.get_command(click.Context(main), words[0])
        known = {each for parameter in command.params for each in parameter.opts} | {"--help"}
        given = {word.strip("[]").partition("=")[0] for word in words if word.strip("[").startswith("--")}
        assert given <= known, f"{page}: autoscaler {text}"


# --- links ---


def anchors(page: str) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", PAGES[page]), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", PAGES[page])):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        assert file.exists(), f"{page}: {target}"
        name = str(file.resolve().relative_to(ROOT))
        assert not anchor or anchor in anchors(name), f"{page}: {target}"


#: Folders and files at the top of the repository that the pages name in sentences.
OURS = ("autoscaler/", "benchmarks/", "deploy/", "docs/", "examples/", "scripts/", "tests/", ".ci/")


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_sentence_names_exists(page):
    named = re.findall(r"`([^`\s]+)[^`]*`", FENCE.sub("", PAGES[page]))
    paths = [path for path in named if path.startswith(OURS) and not re.search(r"[<*]", path)]
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_page_is_in_the_index():
    listed = set(re.findall(r"\]\(([\w.-]+)\)", PAGES["docs/README.md"]))
    assert {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"} <= listed


# --- what the product prints ---


def texts() -> str:
    """Every text of the code, one a line, with a mark where a value is put in."""
    found = []
    for path in (ROOT / "autoscaler").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr | ast.Constant):
                found.append(_text(node))
    return "\n".join(found)


def _text(node: ast.AST) -> str:
    match node:
        case ast.Constant(value=str(value)):
            return value
        case ast.JoinedStr(values=values):
            return "".join(map(_text, values))
        case ast.FormattedValue():
            return "\0"
    return ""


def test_every_text_in_troubleshooting_is_printed_by_the_code():
    printed = re.sub(r"\{\w+\}", "\0", texts())
    shown = re.findall(r"^\| `(.*?)` \|", PAGES["docs/troubleshooting.md"], re.MULTILINE)
    assert len(shown) > 30
    missing = [
        (text, piece)
        for text in shown
        for piece in text.split("...")
        if len(piece.strip(" :,")) > 3 and piece.strip(" :,") not in printed
    ]
    assert missing == []
