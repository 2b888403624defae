"""A bare Debian tree with the checkout, a Python and a virtual environment in it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from matrix.rows import Row

ROOT = Path(__file__).parents[2]
_ENTER = ROOT / "tests/trees/enter.sh"

#: Variables of the host that lead pip to its index.
_NETWORK = re.compile(
    r"(https?_proxy|no_proxy|SSL_CERT_\w+|PIP_(INDEX_URL|CERT|DEFAULT_TIMEOUT))", re.IGNORECASE
)
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_ENVIRONMENT = {
    "PATH": "/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "TERM": "dumb",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_ROOT_USER_ACTION": "ignore",
}

#: Printed inside, as JSON: what really runs there.
_VERSIONS = """
import importlib.metadata, json, pathlib, platform, subprocess
def debian(package):
    shown = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True)
    return shown.stdout.split("-")[0].split(":")[-1].split("+")[0]
print(json.dumps({
    "Debian": pathlib.Path("/etc/debian_version").read_text().strip(),
    "Python": platform.python_version(),
    "RabbitMQ": debian("rabbitmq-server"),
    "Erlang": debian("erlang-base"),
    **{each: importlib.metadata.version(each) for each in ("celery", "kombu", "supervisor", "pydantic")},
}))
"""


class CannotBeHad(Exception):
    """A part of the row is not on this machine and cannot be fetched; the message says which, and why."""


class Place:
    """The tree.

    Parameters
    ----------
    root : the unpacked tree.
    log : the file to which all commands write.
    """

    def __init__(self, root: Path, log: Path) -> None:
        self.root = root
        self.log = log

    def prepare(self, row: Row) -> None:
        """Copy the checkout in, and install it into a virtual environment. Uses the network.

        Raises
        ------
        CannotBeHad
            The row's Python is nowhere, or pip found no version that will do.
        """
        self._copy_checkout()
        python = self._borrow_python(row.python) if row.python else "python3"
        for name in ("etc/resolv.conf", str(_CERTIFICATES).lstrip("/")):
            shutil.copy(Path("/") / name, self.root / name)
        network = {name: value for name, value in os.environ.items() if _NETWORK.fullmatch(name)}
        for command in (
            [python, "-m", "venv", "/venv"],
            ["/venv/bin/pip", "install", "-q", "-e", "/src[dev,parquet]", *row.pins],
        ):
            if self._run(["chroot", str(self.root), *command], network) != 0:
                raise CannotBeHad(f"{' '.join(command)} failed: {self._last_line()}")

    def versions(self) -> str:
        """What really runs here, as JSON."""
        command = ["chroot", str(self.root), "/venv/bin/python", "-c", _VERSIONS]
        return subprocess.run(command, env=_ENVIRONMENT, stdout=subprocess.PIPE, text=True, check=True).stdout

    def run_tests(self, arguments: Sequence[str]) -> Path:
        """Run pytest in name spaces of its own, without network; returns the path of its JUnit report."""
        report = "/root/report.xml"
        options = f"-n 3 --maxschedchunk=1 -q -p no:cacheprovider --junitxml={report}"
        inside = f"cd /src && exec python -m pytest {options} {' '.join(arguments)}"
        own = ["--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child"]
        enter = ["unshare", *own, "bash", str(_ENTER), str(self.root)]
        self._run([*enter, "chroot", str(self.root), "bash", "-c", inside], {"CI": "true"})
        return self.root / report.lstrip("/")

    def _run(self, command: Sequence[str], environment: dict[str, str]) -> int:
        with self.log.open("ab") as log:
            done = subprocess.run(
                command,
                env=_ENVIRONMENT | environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            )
        return done.returncode

    def _copy_checkout(self) -> None:
        names = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
        for name in filter(None, names.decode().split("\0")):
            if (ROOT / name).is_file():
                target = self.root / "src" / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, target)

    def _borrow_python(self, version: str) -> str:
        """Copy a Python of the host to the same path in the tree; returns the interpreter's path."""
        name = f"python{version}"
        prefix = next(filter(None, map(_own_prefix, _interpreters(name))), None)
        if prefix is None:
            raise CannotBeHad(
                f"no Debian suite has Python {version}, and this machine has no {name} of its own"
            )
        ignored = shutil.ignore_patterns("test", "__pycache__", "site-packages")
        shutil.copytree(prefix, self.root / prefix.relative_to("/"), symlinks=True, ignore=ignored)
        return str(prefix / "bin" / name)

    def _last_line(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it printed nothing"


def _interpreters(name: str) -> Iterator[Path]:
    """Where a Python of this name may be: on PATH, and where pyenv keeps those that are not."""
    if found := shutil.which(name):
        yield Path(found)
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    yield from sorted(pyenv.glob(f"versions/*/bin/{name}"))


def _own_prefix(python: Path) -> Path | None:
    """The folder with all of a Python; None if it does not run, or is a part of the host's /usr."""
    ask = [str(python), "-c", "import sys; print(sys.base_prefix)"]
    answer = subprocess.run(ask, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    prefix = Path(answer.stdout.strip())
    return prefix if answer.returncode == 0 and prefix != Path("/usr") else None
