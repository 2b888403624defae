"""The items to install, by init system. Pure, except that it reads the templates."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Final

from autoscaler.errors import InstallError
from autoscaler.tools.install.items import File, Folder, Init, Item, Link, Plan, User

USER: Final = "autoscaler"
CONFIG: Final = Path("/etc/autoscaler/autoscaler.yaml")
STATE: Final = Path("/var/lib/autoscaler")
LOGS: Final = Path("/var/log/autoscaler")
#: supervisord reads it through the link; the daemon may replace it, which takes a folder of its own.
PROGRAMS: Final = STATE / "programs" / "autoscaler.conf"
SUPERVISORD: Final = Path("/etc/supervisor/conf.d")
LINK: Final = SUPERVISORD / "autoscaler.conf"

#: The command as the templates have it.
TEMPLATE_COMMAND: Final = "/usr/bin/autoscaler"

_DRAIN_UNIT: Final = "autoscaler-drain.service"
_UNIT: Final = "autoscaler.service"
_UNITS: Final = Path("/etc/systemd/system")


def make_plan(init: Init, command: Path, *, systemd: bool = False) -> Plan:
    """Say what an init system needs.

    Parameters
    ----------
    command : the installed `autoscaler`; goes into every template.
    systemd : whether the machine runs systemd; it then drains the workers at shutdown also where supervisord
        runs the daemon.

    Raises
    ------
    InstallError : the command cannot be written into the templates.
    """
    if not command.is_absolute() or any(char.isspace() or char in "\"'%$;\\" for char in str(command)):
        raise InstallError(
            f"{command}: install autoscaler where its path has no spaces, quotes, '%', '$' or ';' "
            "(it goes into scripts and units)"
        )
    drains = systemd and init is Init.SUPERVISORD
    return Plan(
        init=init,
        items=(*_common(command), *_of(init, command), *(_drain_unit(command) if drains else ())),
        enable=_ENABLE[init] + (_enable(_DRAIN_UNIT) if drains else ()),
        disable=_DISABLE[init] + (_disable(_DRAIN_UNIT) if drains else ()),
        left=(STATE, LOGS),
    )


def template(name: str, command: Path) -> str:
    """Read a file of `deploy/`, with the command where it is installed."""
    text = files("autoscaler.deploy").joinpath(name).read_text("utf-8")
    return text.replace(TEMPLATE_COMMAND, str(command))


def supervisord_program(command: Path) -> str:
    """The section that runs the daemon under supervisord, as its own user; cut from the complete example."""
    text = template("supervisord.conf", command)
    section = text[text.index("[program:autoscaler]") :]
    end = section.find("\n[")
    return section[: end + 1 if end >= 0 else None].replace("\n;user=", "\nuser=")


def _common(command: Path) -> Iterator[Item]:
    yield User(USER, STATE)
    yield Folder(CONFIG.parent, 0o750, group=USER)
    # Both may hold passwords: for root and the daemon.
    yield File(CONFIG, template("etc/autoscaler.yaml", command), 0o640, group=USER, is_config=True)
    yield File(
        Path("/etc/default/autoscaler"),
        template("default/autoscaler", command),
        0o640,
        group=USER,
        is_config=True,
    )
    for folder in (STATE, PROGRAMS.parent, STATE / "log"):
        yield Folder(folder, 0o750, USER, USER)
    yield File(PROGRAMS, "", 0o640, USER, USER, is_state=True)
    yield Folder(SUPERVISORD, 0o755)
    yield Link(LINK, PROGRAMS)


def _of(init: Init, command: Path) -> Iterator[Item]:
    if init is Init.SYSTEMD:
        yield File(_UNITS / _UNIT, template(f"systemd/{_UNIT}", command))
        yield from _drain_unit(command)
    elif init is Init.SYSV:
        yield Folder(LOGS, 0o750, USER, USER)
        yield File(Path("/etc/logrotate.d/autoscaler"), template("logrotate.d/autoscaler", command))
        yield File(Path("/etc/init.d/autoscaler"), template("init.d/autoscaler", command), 0o755)
    elif init is Init.UPSTART:
        yield File(Path("/etc/init/autoscaler.conf"), template("upstart/autoscaler.conf", command))
    else:
        yield Folder(Path("/var/log/supervisor"), 0o755)
        yield File(SUPERVISORD / "autoscaler-daemon.conf", supervisord_program(command))


def _drain_unit(command: Path) -> Iterator[Item]:
    yield File(_UNITS / _DRAIN_UNIT, template(f"systemd/{_DRAIN_UNIT}", command))


def _enable(*units: str) -> tuple[tuple[str, ...], ...]:
    return ("systemctl", "daemon-reload"), ("systemctl", "enable", *units)


def _disable(*units: str) -> tuple[tuple[str, ...], ...]:
    return (("systemctl", "disable", *units),)


_ENABLE: Final = {
    Init.SYSTEMD: _enable(_UNIT, _DRAIN_UNIT),
    Init.SYSV: (("update-rc.d", "autoscaler", "defaults"),),
    Init.UPSTART: (("initctl", "reload-configuration"),),
    Init.SUPERVISORD: (),
}
_DISABLE: Final = {
    Init.SYSTEMD: (("systemctl", "stop", _UNIT), *_disable(_UNIT, _DRAIN_UNIT)),
    Init.SYSV: (("/etc/init.d/autoscaler", "stop"), ("update-rc.d", "-f", "autoscaler", "remove")),
    Init.UPSTART: (("initctl", "stop", "autoscaler"),),
    Init.SUPERVISORD: (("supervisorctl", "stop", "autoscaler"),),
}
#: What starts it, once the config is written.
START: Final = {
    Init.SYSTEMD: "systemctl start autoscaler autoscaler-drain",
    Init.SYSV: "service autoscaler start",
    Init.UPSTART: "initctl start autoscaler",
    Init.SUPERVISORD: "supervisorctl reread && supervisorctl add autoscaler",
}
#: What lets the daemon's user open supervisord's socket: now, and when supervisord starts the next time.
GRANT: Final = (
    f"chgrp {USER} /run/supervisor.sock && chmod 0770 /run/supervisor.sock",
    rf"sed -i 's/^chmod *=.*/chmod=0770\nchown=root:{USER}/' /etc/supervisor/supervisord.conf",
)
