"""A private RabbitMQ node: free loopback ports, a folder of its own, no root."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import requests
from amqp.exceptions import AMQPError
from kombu import Connection

from autoscaler.errors import ServiceUnavailable
from autoscaler.tools.demo.process import MARK, Child, free_port, kill_all, marked_processes, wait_until

#: Debian's own place; the wrapper in /usr/sbin changes the user and can therefore not be used.
_SCRIPTS = Path("/usr/lib/rabbitmq/bin")

#: One scheduler, no spinning, loopback only; an Erlang node never starts an epmd that outlives us.
_ERLANG = "+S 1:1 +A 4 -start_epmd false -kernel inet_dist_use_interface {127,0,0,1}"

#: Seconds.
_START = 120.0
_STOP = 15.0
_COMMAND = 90.0
_REQUEST = 15.0


class RabbitMQNode:
    """A RabbitMQ node with the management API, ready when `start` (or `with`) returns.

    Parameters
    ----------
    folder : where everything of it lives; made if missing, left in place when it stops.
    config : more lines for rabbitmq.conf, by key.
    """

    def __init__(self, folder: Path, config: Mapping[str, str] | None = None) -> None:
        self.folder = folder.resolve()
        self.user = "demo"
        self.password = secrets.token_hex(12)
        self.port = free_port()
        self.management_port = free_port()
        self._epmd_port = free_port()
        self._distribution_port = free_port()
        self._config = dict(config or {})
        self._epmd: Child | None = None
        self._beam: Child | None = None
        self._closed = False
        #: Held while a process is begun, so that none is after `close`.
        self._beginning = threading.Lock()

    @staticmethod
    def installed() -> bool:
        """Whether this machine has RabbitMQ and Erlang."""
        return _scripts() is not None and shutil.which("erl") is not None and _epmd_command() is not None

    @property
    def name(self) -> str:
        """The Erlang node's name; on an address, so that no name at all need resolve."""
        return f"demo-{self.port}@127.0.0.1"

    @property
    def amqp_url(self) -> str:
        """URL of the default vhost, with user and password."""
        return self.url_of("/")

    @property
    def management_url(self) -> str:
        """URL of the management API, with user and password."""
        return f"http://{self.user}:{self.password}@127.0.0.1:{self.management_port}"

    @property
    def pid(self) -> int:
        """Id of the Erlang virtual machine.

        Raises
        ------
        ServiceUnavailable : it was not started.
        """
        return self._running().pid

    def url_of(self, vhost: str) -> str:
        """URL of a vhost, with user and password."""
        return f"amqp://{self.user}:{self.password}@127.0.0.1:{self.port}/{quote(vhost, safe='')}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()  # nobody reads its data any more, and a graceful stop takes six seconds

    def start(self) -> None:
        """Start the node on its ports and data, and wait until it serves; else nothing of it is left.

        Raises
        ------
        ServiceUnavailable : RabbitMQ is not installed, ended or did not answer in time, or was closed.
        """
        self._refuse_closed()
        try:
            self._write_files()
            self._epmd = self._start_epmd()
            self._beam = self._start_beam()
            self._wait_ready()
        except BaseException:  # also Ctrl-C: whatever did start must end
            self.kill()
            raise

    def stop(self) -> None:
        """End the node gracefully if it can be, epmd with it; nothing happens when it is stopped."""
        for child, grace in ((self._beam, _STOP), (self._epmd, 1.0)):
            if child is not None:
                child.stop(grace)
        self._beam = self._epmd = None
        kill_all(marked_processes(self.folder))

    def kill(self) -> None:
        """End the node at once, as a crash would."""
        for child in (self._beam, self._epmd):
            if child is not None:
                child.kill()
        self._beam = self._epmd = None
        kill_all(marked_processes(self.folder))

    def close(self) -> None:
        """End the node at once and for good: also a `start` that another thread is in the middle of."""
        with self._beginning:
            self._closed = True
        self.kill()

    def restart(self) -> None:
        """Stop and start with the same data and ports."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze the node: its connections stay open and nothing answers."""
        self._running().freeze()

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._running().send(signal.SIGCONT)

    def stop_management(self) -> None:
        """Take the management API away; the broker goes on."""
        self.rabbitmqctl("eval", "ok = application:stop(rabbitmq_management).")

    def start_management(self) -> None:
        """Bring the management API back."""
        self.rabbitmqctl("eval", "ok = application:start(rabbitmq_management).")
        wait_until(self.management_answers, seconds=_START, what="RabbitMQ's management API answers")

    def add_vhost(self, vhost: str) -> str:
        """Make a vhost that our user may do all in, and return its URL."""
        name = quote(vhost, safe="")
        self.manage("PUT", f"vhosts/{name}")
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        self.manage("PUT", f"permissions/{name}/{self.user}", everything)
        return self.url_of(vhost)

    def delete_vhost(self, vhost: str) -> None:
        """Delete a vhost with all that is in it."""
        self.manage("DELETE", f"vhosts/{quote(vhost, safe='')}")

    def manage(self, method: str, path: str, body: Mapping[str, object] | None = None) -> requests.Response:
        """What the management API answers.

        Parameters
        ----------
        path : below ``/api/``, percent-encoded.

        Raises
        ------
        requests.RequestException : it did not answer in time, or refused.
        """
        answer = requests.request(
            method,
            f"http://127.0.0.1:{self.management_port}/api/{path}",
            json=body,
            auth=(self.user, self.password),
            timeout=_REQUEST,
        )
        answer.raise_for_status()
        return answer

    def management_answers(self) -> bool:
        """Whether the management API answers within five seconds."""
        with contextlib.suppress(requests.RequestException):
            return self.manage("GET", "whoami").ok
        return False

    def broker_answers(self) -> bool:
        """Whether the broker lets us in within two seconds."""
        with contextlib.suppress(OSError, AMQPError):
            # Not Connection.connect(), which tries again after two seconds.
            transport = Connection(self.amqp_url, connect_timeout=2).transport
            transport.close_connection(transport.establish_connection())
            return True
        return False

    def rabbitmqctl(self, *arguments: str) -> str:
        """What `rabbitmqctl` prints.

        Raises
        ------
        ServiceUnavailable : it failed, or took more than 30 s.
        """
        command = [str(_script("rabbitmqctl")), "-q", "-n", self.name, *arguments]
        try:
            done = subprocess.run(  # noqa: S603 - our own command, no shell
                command,
                env=self._environment(),
                capture_output=True,
                text=True,
                timeout=_COMMAND,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ServiceUnavailable(f"rabbitmqctl {arguments[0]}: no end within {_COMMAND:g} s") from error
        if done.returncode != 0:
            raise ServiceUnavailable(
                f"rabbitmqctl {arguments[0]}: {done.stderr.strip() or done.stdout.strip()}"
            )
        return done.stdout

    # --- inside -------------------------------------------------------------------------------------------

    def _running(self) -> Child:
        if self._beam is None:
            raise ServiceUnavailable(f"RabbitMQ node {self.name} is not running")
        return self._beam

    def _environment(self) -> dict[str, str]:
        folder = self.folder
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "HOME": str(folder),
            MARK: str(folder),
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_USE_LONGNAME": "true",  # a short name may hold no dots
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONFIG_FILES": str(folder / "conf.d"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "rabbitmq-env.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"{_ERLANG} -noinput",
            "RABBITMQ_CTL_ERL_ARGS": _ERLANG,
            # With "input allowed" the script execs Erlang, so that our child is the node itself.
            "RABBITMQ_ALLOW_INPUT": "true",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }

    def _write_files(self) -> None:
        for name in ("data", "log", "conf.d"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "enabled_plugins").write_text("[rabbitmq_management].\n")
        settings = {
            "listeners.tcp.1": f"127.0.0.1:{self.port}",
            "management.tcp.ip": "127.0.0.1",
            "management.tcp.port": str(self.management_port),
            "default_user": self.user,
            "default_pass": self.password,
            **self._config,
        }
        path = self.folder / "rabbitmq.conf"
        path.touch(mode=0o600)
        path.write_text("".join(f"{key} = {value}\n" for key, value in settings.items()))

    def _start_epmd(self) -> Child:
        epmd = self._child([_epmd_command() or "epmd"], "epmd.log")
        wait_until(
            lambda: _listens(self._epmd_port) or epmd.exit_code is not None, seconds=10, what="epmd listens"
        )
        if epmd.exit_code is not None:
            raise ServiceUnavailable(f"epmd ended with {epmd.exit_code}: {epmd.output}")
        return epmd

    def _start_beam(self) -> Child:
        return self._child([str(_script("rabbitmq-server"))], "startup.log")

    def _child(self, command: list[str], log: str) -> Child:
        with self._beginning:
            self._refuse_closed()
            return Child(
                command, environment=self._environment(), folder=self.folder, log=self.folder / "log" / log
            )

    def _refuse_closed(self) -> None:
        if self._closed:
            raise ServiceUnavailable(f"RabbitMQ node {self.name} was ended for good")

    def _wait_ready(self) -> None:
        wait_until(self._serves, seconds=_START, what=f"RabbitMQ node {self.name} serves", interval=0.1)

    def _serves(self) -> bool:
        child = self._running()
        if child.exit_code is not None:
            raise ServiceUnavailable(f"RabbitMQ ended with {child.exit_code}: {child.output}")
        return self.management_answers() and self.broker_answers()


def _scripts() -> Path | None:
    """The folder of RabbitMQ's own scripts, not of a wrapper's."""
    if (_SCRIPTS / "rabbitmq-server").exists():
        return _SCRIPTS
    found = shutil.which("rabbitmq-server")
    folder = Path(found).resolve().parent if found else None
    return folder if folder and (folder / "rabbitmq-env").exists() else None


def _script(name: str) -> Path:
    folder = _scripts()
    if folder is None:
        raise ServiceUnavailable(f"{name} is not installed: rabbitmq-server was not found")
    return folder / name


def _epmd_command() -> str | None:
    return shutil.which("epmd") or next(map(str, Path("/usr/lib/erlang").glob("erts-*/bin/epmd")), None)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
