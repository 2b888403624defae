"""What the daemon shows, writes and starts holds no password, and its files are not for everybody."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
from click.testing import CliRunner

from autoscaler.cli import main
from autoscaler.tools.demo.process import marked_processes
from autoscaler.tools.demo.services import RabbitMQNode

PASSWORD = "p@ss:w/rd%"


def test_a_password_is_nowhere_but_in_its_file(
    rabbitmq: RabbitMQNode, make_system: Callable[[str, str], Any], eventually: Callable[..., object]
) -> None:
    rabbitmq.manage("PUT", "users/shop", {"password": PASSWORD, "tags": "monitoring"})
    rabbitmq.manage("PUT", "permissions/%2F/shop", {"configure": ".*", "write": ".*", "read": ".*"})
    url = f"amqp://shop:{quote(PASSWORD, safe='')}@127.0.0.1:{rabbitmq.port}//"
    system = make_system(url, f"http://127.0.0.1:{rabbitmq.management_port}")
    (system.folder / "broker.url").touch(mode=0o600)
    (system.folder / "broker.url").write_text(url)
    system.config["broker"] = {
        "url_file": "broker.url",
        "management_url": f"http://127.0.0.1:{rabbitmq.management_port}",
    }
    system.config["log_level"] = "debug"
    system.start_daemon()
    eventually(lambda: system.settled_at(1), 40, "one worker runs")
    shown = [_status(system)]

    rabbitmq.manage("PUT", "users/shop", {"password": "another", "tags": "monitoring"})
    rabbitmq.rabbitmqctl("close_all_connections", "--vhost", "/", "the password has changed")
    eventually(lambda: "refused" in _status(system) or "401" in _status(system), 30, "the refusal is told")
    shown += [_status(system), system.log, system.supervisord.programs_file.read_text()]
    shown += [" ".join(arguments) for arguments in _command_lines(system)]
    shown += [
        path.read_bytes().decode("latin-1") for path in (system.folder / "state").glob("autoscaler.db*")
    ]

    assert "DEBUG" in system.log
    for text in shown:
        for spelling in (PASSWORD, quote(PASSWORD, safe=""), "p@ss", "w%2Frd"):
            assert spelling not in text
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in _ours(system)}
    assert {path.name: oct(mode) for path, mode in modes.items() if mode & 0o007} == {}
    assert modes[system.folder / "a.sock"] == 0o660


def _status(system: Any) -> str:
    result = CliRunner().invoke(main, ["status", "--workers", "--json", "--config", str(system.config_file)])
    return (
        json.dumps(json.loads(result.output), ensure_ascii=False) if result.exit_code == 0 else result.output
    )


def _command_lines(system: Any) -> list[list[str]]:
    found = []
    for process in [*marked_processes(system.folder), psutil.Process(system.daemon.pid)]:
        try:
            found.append(process.cmdline())
        except psutil.Error:
            continue
    return found


def _ours(system: Any) -> list[Path]:
    """The files, sockets and folders that the daemon has made."""
    state = system.folder / "state"
    return [system.folder / "a.sock", system.supervisord.programs_file, state, *state.glob("*")]
