"""A private supervisord, with a folder, a unix socket and children of its own."""

from __future__ import annotations

import contextlib
import http.client
import os
import secrets
import signal
import sys
import xmlrpc.client  # nosec B411
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from autoscaler.errors import ServiceUnavailable
from autoscaler.net.unix_http import UnixHTTPConnection
from autoscaler.tools.demo.process import MARK, Child, free_port, kill_all, marked_processes, wait_until

#: Longest path of a unix socket that Linux takes, in bytes, its closing zero not counted; supervisord
#: first binds a longer temporary name (`.` and the pid).
_SOCKET_PATH = 107 - len(".4194304")

#: Seconds.
_START = 20.0
_RPC = 5.0

_CONFIG = """\
[supervisord]
nodaemon=true
silent=true
logfile=%(folder)s/supervisord.log
pidfile=%(folder)s/supervisord.pid
childlogdir=%(folder)s/log
identifier=demo

[unix_http_server]
file=%(socket)s
chmod=0700
%(http)s
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl=unix://%(socket)s

[include]
files=conf.d/*.conf
"""

_HTTP = """
[inet_http_server]
port=127.0.0.1:%(port)d
username=%(user)s
password=%(password)s
"""


class SupervisordInstance:
    """A supervisord that answers when `start` (or `with`) returns.

    Parameters
    ----------
    folder : where everything of it lives; made if missing, left in place when it stops.
    environment : variables for it and all its programs, over our own.
    http : whether it also listens on a TCP port of 127.0.0.1, with user and password.
    """

    def __init__(
        self, folder: Path, environment: Mapping[str, str] | None = None, *, http: bool = False
    ) -> None:
        self.folder = folder.resolve()
        self.socket = self.folder / "s.sock"
        self.conf_d = self.folder / "conf.d"
        self.user = "demo"
        self.password = secrets.token_hex(12)
        self.http_port = free_port() if http else None
        self.environment = dict(environment or {})
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """Its unix socket as the config wants it."""
        return f"unix://{self.socket}"

    @property
    def http_url(self) -> str:
        """Its TCP port as the config wants it, with user and password.

        Raises
        ------
        ServiceUnavailable : it was made without one.
        """
        if self.http_port is None:
            raise ServiceUnavailable("this supervisord listens on its unix socket only")
        return f"http://{self.user}:{self.password}@127.0.0.1:{self.http_port}"

    @property
    def programs_file(self) -> Path:
        """Where the daemon may write its programs; the include covers it."""
        return self.conf_d / "autoscaler.conf"

    @property
    def pid(self) -> int:
        """Id of the process.

        Raises
        ------
        ServiceUnavailable : it is not running.
        """
        return self._running().pid

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:  # also Ctrl-C: whatever did start must end
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises
        ------
        ServiceUnavailable : its socket's path is too long, it ended, or it did not answer in time.
        """
        self._write_files()
        command = [
            sys.executable,
            "-m",
            "supervisor.supervisord",
            "-c",
            str(self.folder / "supervisord.conf"),
        ]
        self._child = Child(
            command, environment=self._environment(), folder=self.folder, log=self.folder / "startup.log"
        )
        wait_until(self._answers, seconds=_START, what=f"supervisord on {self.socket} answers")

    def stop(self, grace: float = 10.0) -> None:
        """End it and every program under it; what is left after `grace` seconds is killed."""
        if self._child is not None:
            with contextlib.suppress(OSError, http.client.HTTPException, xmlrpc.client.Error):
                # All at once: its own shutdown would stop one program after the other.
                self._child.send(signal.SIGCONT)
                self.call("supervisor.stopAllProcesses", False)
            self._child.stop(grace)
            self._child = None
        self.end_programs()

    def kill(self) -> None:
        """End it at once, as a crash would: its programs go on without it."""
        if self._child is not None:
            self._child.kill()
        self._child = None

    def restart(self, grace: float = 10.0) -> None:
        """Stop it with its programs as `stop` does, and start it on the same files."""
        self.stop(grace)
        self.start()

    def pause(self) -> None:
        """Freeze it: connections are accepted by the kernel and nothing answers."""
        self._running().freeze()

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._running().send(signal.SIGCONT)

    def call(self, method: str, *arguments: Any) -> Any:
        """What an RPC returns, e.g. ``call("supervisor.getAllProcessInfo")``.

        Raises
        ------
        OSError : nobody listens, or no answer came within five seconds.
        xmlrpc.client.Fault : it was refused.
        """
        connection = UnixHTTPConnection(self.socket, _RPC)
        try:
            body = xmlrpc.client.dumps(arguments, method)
            connection.request("POST", "/RPC2", body, {"Content-Type": "text/xml"})
            (result,), _ = xmlrpc.client.loads(connection.getresponse().read())
        finally:
            connection.close()
        return result

    def processes(self) -> list[psutil.Process]:
        """Every live process that it started, orphans of a killed one included."""
        return [each for each in marked_processes(self.folder) if self._child is None or each.pid != self.pid]

    def end_programs(self) -> None:
        """Kill whatever it started and left behind."""
        kill_all(self.processes())

    # --- inside -------------------------------------------------------------------------------------------

    def _running(self) -> Child:
        if self._child is None:
            raise ServiceUnavailable(f"supervisord on {self.socket} is not running")
        return self._child

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self.environment, MARK: str(self.folder)}

    def _write_files(self) -> None:
        if len(os.fsencode(self.socket)) > _SOCKET_PATH:
            raise ServiceUnavailable(
                f"{self.socket}: a unix socket's path may have {_SOCKET_PATH} bytes here"
            )
        for folder in (self.conf_d, self.folder / "log"):
            folder.mkdir(parents=True, exist_ok=True)
        http_port = (
            ""
            if self.http_port is None
            else _HTTP % {"port": self.http_port, "user": self.user, "password": self.password}
        )
        path = self.folder / "supervisord.conf"
        path.touch(mode=0o600)
        folder_text = str(self.folder).replace("%", "%%")
        path.write_text(
            _CONFIG
            % {
                "folder": folder_text,
                "socket": str(self.socket).replace("%", "%%"),
                "http": http_port,
            }
        )

    def _answers(self) -> bool:
        child = self._running()
        if child.exit_code is not None:
            raise ServiceUnavailable(f"supervisord ended with {child.exit_code}: {child.output}")
        try:
            return bool(self.call("supervisor.getState")["statename"] == "RUNNING")
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return False
