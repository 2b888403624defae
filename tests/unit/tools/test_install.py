"""What `autoscaler install` puts on a machine, and that `uninstall` takes back exactly that."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from autoscaler import config
from autoscaler.cli import main
from autoscaler.cli.exits import Exit
from autoscaler.errors import InstallError
from autoscaler.tools.install import manifest
from autoscaler.tools.install.items import File, Init
from autoscaler.tools.install.machine import Machine
from autoscaler.tools.install.manifest import Manifest
from autoscaler.tools.install.plan import CONFIG, LINK, PROGRAMS, STATE, make_plan, supervisord_program
from autoscaler.tools.install.steps import install, uninstall

COMMAND = Path("/srv/autoscaler/bin/autoscaler")
UNIT = "etc/systemd/system/autoscaler.service"


def _paths(root: Path) -> dict[str, int]:
    """Every path below a folder, with its mode."""
    return {str(each.relative_to(root)): each.lstat().st_mode for each in root.rglob("*")}


def _install(
    root: Path, init: Init = Init.SYSTEMD, command: Path = COMMAND, *, dry_run: bool = False
) -> list[str]:
    said: list[str] = []
    install(make_plan(init, command), command, Machine(root), said.append, dry_run=dry_run)
    return said


def _uninstall(root: Path, *, purge: bool = False, dry_run: bool = False) -> list[str]:
    said: list[str] = []
    machine = Machine(root)
    known = manifest.read(machine.at(manifest.PATH))
    assert known is not None
    uninstall(make_plan(known.init, known.command), known, machine, said.append, purge=purge, dry_run=dry_run)
    return said


@pytest.mark.parametrize("init", Init)
def test_what_was_installed_is_taken_back_and_nothing_else(tmp_path: Path, init: Init) -> None:
    (tmp_path / "etc" / "supervisor" / "conf.d").mkdir(parents=True)
    (tmp_path / "etc" / "supervisor" / "conf.d" / "shop.conf").write_text("[program:shop]\n")
    (tmp_path / "var" / "lib").mkdir(parents=True)
    (tmp_path / "etc" / "default").mkdir()
    before = _paths(tmp_path)
    _install(tmp_path, init)
    assert set(before) < set(_paths(tmp_path))
    _uninstall(tmp_path, purge=True)
    left = set(_paths(tmp_path)) - set(before)
    # Folders of the system that this bare one had not.
    assert left <= {
        "etc/logrotate.d",
        "etc/init.d",
        "etc/init",
        "etc/systemd",
        "etc/systemd/system",
        "var/log",
    }


@pytest.mark.parametrize("init", Init)
def test_a_second_run_changes_nothing(tmp_path: Path, init: Init) -> None:
    _install(tmp_path, init)
    before = {path: (tmp_path / path).lstat().st_mtime_ns for path in _paths(tmp_path)}
    assert _install(tmp_path, init) == []
    assert {path: (tmp_path / path).lstat().st_mtime_ns for path in _paths(tmp_path)} == before


@pytest.mark.parametrize("init", Init)
def test_a_dry_run_says_the_same_and_does_nothing(tmp_path: Path, init: Init) -> None:
    told = _install(tmp_path, init, dry_run=True)
    assert _paths(tmp_path) == {}
    assert _install(tmp_path, init) == told
    before = _paths(tmp_path)
    _uninstall(tmp_path, purge=True, dry_run=True)
    assert _paths(tmp_path) == before


def test_the_first_config_is_valid_and_for_nobody_elses_eyes(tmp_path: Path) -> None:
    _install(tmp_path)
    path = tmp_path / CONFIG.relative_to("/")
    assert config.load(path, {}).fleets == {}
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.parent.stat().st_mode & 0o777 == 0o750


def test_the_example_in_the_first_config_is_valid_too(tmp_path: Path) -> None:
    _install(tmp_path)
    path = tmp_path / CONFIG.relative_to("/")
    head, _, example = path.read_text().partition("fleets: {}\n")
    path.write_text(head + "fleets:\n" + example.replace("\n#", "\n").replace("#", "", 1))
    assert config.load(path, {}).fleets["emails"].user == "shop"


def test_the_programs_file_lies_where_the_daemon_may_replace_it(tmp_path: Path) -> None:
    _install(tmp_path)
    link = tmp_path / LINK.relative_to("/")
    assert link.readlink() == PROGRAMS
    assert PROGRAMS.is_relative_to(STATE)
    assert (tmp_path / PROGRAMS.relative_to("/")).read_text() == ""


def test_the_templates_name_the_command_that_is_installed(tmp_path: Path) -> None:
    _install(tmp_path)
    unit = (tmp_path / UNIT).read_text()
    assert f"ExecStart={COMMAND} run" in unit
    assert "/usr/bin/autoscaler" not in unit


@pytest.mark.parametrize("command", ["autoscaler", "/a b/autoscaler", "/a;b/autoscaler", "/a$b/c", "/a%b/c"])
def test_a_command_that_scripts_cannot_name_is_refused(command: str) -> None:
    with pytest.raises(InstallError, match="install autoscaler where"):
        make_plan(Init.SYSV, Path(command))


def test_a_new_release_writes_its_files_anew_and_leaves_the_config(tmp_path: Path) -> None:
    _install(tmp_path)
    (tmp_path / CONFIG.relative_to("/")).write_text("mine\n")
    said = _install(tmp_path, command=Path("/new/autoscaler"))
    assert any(line.startswith("write anew file /etc/systemd/system/autoscaler.service") for line in said)
    assert "ExecStart=/new/autoscaler run" in (tmp_path / UNIT).read_text()
    assert (tmp_path / CONFIG.relative_to("/")).read_text() == "mine\n"
    _uninstall(tmp_path)
    assert not (tmp_path / UNIT).exists(), "its checksum is the new one's"


def test_a_file_that_somebody_changed_is_kept_and_told(tmp_path: Path) -> None:
    _install(tmp_path)
    (tmp_path / UNIT).write_text("mine\n")
    assert _install(tmp_path) == [
        "leave as somebody changed it: file /etc/systemd/system/autoscaler.service (0644, root:root)"
    ]
    assert "leave as somebody changed it: /etc/systemd/system/autoscaler.service" in _uninstall(
        tmp_path, purge=True
    )
    assert (tmp_path / UNIT).read_text() == "mine\n"


def test_what_was_there_before_is_not_taken_over(tmp_path: Path) -> None:
    link = tmp_path / LINK.relative_to("/")
    link.parent.mkdir(parents=True)
    link.write_text("[program:mine]\n")
    assert any(line.startswith("leave as somebody changed it: link") for line in _install(tmp_path))
    _uninstall(tmp_path, purge=True)
    assert link.read_text() == "[program:mine]\n"


def test_config_and_state_stay_unless_they_are_to_go(tmp_path: Path) -> None:
    _install(tmp_path)
    database = tmp_path / STATE.relative_to("/") / "autoscaler.db"
    database.write_text("state")
    _uninstall(tmp_path)
    assert not (tmp_path / UNIT).exists()
    assert (tmp_path / CONFIG.relative_to("/")).exists()
    assert database.exists()
    _uninstall(tmp_path, purge=True)
    assert not (tmp_path / CONFIG.relative_to("/")).exists()
    assert not database.parent.exists()
    assert not Machine(tmp_path).at(manifest.PATH).exists()


def test_another_init_system_needs_an_uninstall_first(tmp_path: Path) -> None:
    _install(tmp_path, Init.SYSTEMD)
    with pytest.raises(InstallError, match="installed for systemd already"):
        _install(tmp_path, Init.SYSV)
    _uninstall(tmp_path)


def test_something_in_the_way_is_told_and_what_was_made_is_remembered(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "lib").mkdir()
    (tmp_path / STATE.relative_to("/")).write_text("in the way")
    with pytest.raises(InstallError, match="/var/lib/autoscaler: is in the way"):
        _install(tmp_path)
    known = manifest.read(Machine(tmp_path).at(manifest.PATH))
    assert known is not None
    assert CONFIG in known.files


@pytest.mark.parametrize("text", ["", "{}", '{"init": "runit"}', "nonsense"])
def test_a_manifest_of_somebody_else_is_not_trusted(tmp_path: Path, text: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(text)
    with pytest.raises(InstallError, match="is not what `autoscaler install` writes"):
        manifest.read(path)


@pytest.mark.parametrize(
    ("there", "init"),
    [
        (["run/systemd/system", "etc/init.d", "etc/init"], Init.SYSTEMD),
        (["sbin/upstart-udev-bridge", "etc/init", "etc/init.d"], Init.UPSTART),
        (["etc/init.d"], Init.SYSV),
        ([], Init.SUPERVISORD),
    ],
)
def test_the_machines_init_system_is_found(tmp_path: Path, there: Sequence[str], init: Init) -> None:
    for each in there:
        (tmp_path / each).mkdir(parents=True)
    assert Machine(tmp_path).init() is init


def test_supervisord_runs_the_daemon_as_its_own_user() -> None:
    lines = supervisord_program(COMMAND).splitlines()
    assert lines[0] == "[program:autoscaler]"
    assert "user=autoscaler" in lines
    assert f"command={COMMAND} run --config /etc/autoscaler/autoscaler.yaml" in lines
    assert sum(line.startswith("[") for line in lines) == 1


@pytest.mark.parametrize("systemd", [True, False])
def test_under_supervisord_the_machines_systemd_drains_at_shutdown(systemd: bool) -> None:
    plan = make_plan(Init.SUPERVISORD, COMMAND, systemd=systemd)
    units = [
        item.path.name for item in plan.items if isinstance(item, File) and item.path.suffix == ".service"
    ]
    assert units == (["autoscaler-drain.service"] if systemd else [])


def test_a_users_own_commands_are_run_and_a_failure_is_told(tmp_path: Path) -> None:
    """A machine that is live but for its root folder."""

    class Live(Machine):
        ran: list[str] = []  # noqa: RUF012 - one machine

        def __init__(self, root: Path) -> None:
            super().__init__(root, self._note)
            self.is_live = True

        def _note(self, command: Sequence[str]) -> tuple[int, str]:
            self.ran.append(" ".join(command))
            return (1, "no") if command[0] == "systemctl" else (0, "")

        def _give(self, path: Path, mode: int, owner: str, group: str) -> None:
            path.chmod(mode)

    machine, plan, said = Live(tmp_path), make_plan(Init.SYSTEMD, COMMAND), []
    with pytest.raises(InstallError, match=r"systemctl daemon-reload failed \(1\): no"):
        install(plan, COMMAND, machine, said.append, dry_run=False)
    assert machine.ran[0].startswith("useradd --system")
    known = manifest.read(machine.at(manifest.PATH)) or Manifest(init=Init.SYSV, command=COMMAND)
    assert known.user == "autoscaler"
    uninstall(plan, known, machine, said.append, purge=True, dry_run=False)
    assert "run systemctl stop autoscaler.service" in said
    assert any("it failed (1), going on" in line for line in said)


# --- the commands ---


def _cli(*words: str, stdin: str = "") -> tuple[int, str]:
    done = CliRunner().invoke(main, words, input=stdin)
    return done.exit_code, done.output


def test_install_shows_what_it_does_and_what_is_next(tmp_path: Path) -> None:
    code, said = _cli("install", "--init", "sysv", "--root", str(tmp_path))
    assert code == 0
    assert "make file /etc/init.d/autoscaler (0755, root:root)" in said
    assert "chgrp autoscaler /run/supervisor.sock" in said
    assert "service autoscaler start" in said
    code, said = _cli("install", "--init", "sysv", "--root", str(tmp_path))
    assert "nothing to do" in said


def test_uninstall_asks_about_config_and_state(tmp_path: Path) -> None:
    assert "nothing to do" in _cli("uninstall", "--root", str(tmp_path))[1]
    _cli("install", "--init", "sysv", "--root", str(tmp_path))
    code, _ = _cli("uninstall", "--root", str(tmp_path), stdin="n\n")
    assert code == Exit.FAILED
    assert (tmp_path / "etc/init.d/autoscaler").exists()
    assert _cli("uninstall", "--root", str(tmp_path), stdin="y\nn\n")[0] == 0
    assert not (tmp_path / "etc/init.d/autoscaler").exists()
    assert (tmp_path / CONFIG.relative_to("/")).exists()
    assert _cli("uninstall", "--root", str(tmp_path), stdin="y\ny\n")[0] == 0
    assert not (tmp_path / CONFIG.relative_to("/")).exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may")
def test_only_root_changes_the_machine() -> None:
    code, said = _cli("install", "--init", "sysv")
    assert code == Exit.FAILED
    assert "only root may change this machine" in said


def test_a_group_that_supervisord_names_is_not_deleted(tmp_path: Path) -> None:
    """supervisord would not start any more."""
    machine = Machine(tmp_path, lambda _: (0, ""))
    machine.is_live = True
    assert machine.delete_user("daemon") == ""
    path = tmp_path / "etc" / "supervisor" / "supervisord.conf"
    path.parent.mkdir(parents=True)
    path.write_text("[unix_http_server]\nchown=root:daemon\n")
    assert "supervisord would not start" in machine.delete_user("daemon")
    path.write_text("[unix_http_server]\n;chown=root:daemon\n")
    assert machine.delete_user("daemon") == ""
