"""The client of supervisord's XML-RPC interface: deadlines, idempotent calls, errors with a cure.

Every call opens a connection of its own (0.1 ms over a unix socket): there is none to go stale, a restarted
supervisord is simply reached again, and no call is ever sent twice.
"""

from __future__ import annotations

import contextlib
import logging
import re
import time
import xmlrpc.client  # nosec B411
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.parsers.expat import ExpatError

from autoscaler.errors import SupervisordFault, SupervisordUnreachable, TargetError
from autoscaler.model import Process, ProgramState
from autoscaler.net.asked import Asked
from autoscaler.net.deadline import Deadline
from autoscaler.supervisord.log import ended_well
from autoscaler.supervisord.rpc import parse_url, post

log = logging.getLogger(__name__)

# Fault codes that mean something to a caller (`supervisor.xmlrpc.Faults`).
BAD_NAME = 10
ALREADY_STARTED = 60
NOT_RUNNING = 70
ALREADY_ADDED = 90
STILL_RUNNING = 91
CANT_REREAD = 92

# By the numbers of `supervisor.states.ProcessStates`.
_STATES = {
    0: ProgramState.STOPPED,
    10: ProgramState.STARTING,
    20: ProgramState.RUNNING,
    30: ProgramState.RETRYING,  # BACKOFF
    40: ProgramState.STOPPING,
    100: ProgramState.ENDED,  # EXITED
    200: ProgramState.FAILED,  # FATAL
}

# Values that supervisord quotes when it cannot read them; any may be a password, also somebody else's.
_QUOTED_VALUE = re.compile(
    r"(?<=Format string ).*(?= for '[^']*' (?:contains names|is badly))"
    r"|(?<=pairs in value )'.*'(?= in section '|$)",
    re.DOTALL,
)
_AVAILABLE_NAMES = re.compile(r" Available names: .*?(?= in section |$)", re.DOTALL)

#: Bytes of its log that are looked at: what some hundred restarts write.
_LOG_TAIL = 65536

#: What may come out of reading an answer that is no XML-RPC.
_NONSENSE = (ExpatError, xmlrpc.client.ResponseError, ValueError, TypeError, LookupError, AttributeError)


# --- values ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReloadDiff:
    """How the configuration just read differs from the active programs, by group name."""

    added: frozenset[str] = frozenset()
    changed: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()

    def __sub__(self, baseline: ReloadDiff) -> ReloadDiff:
        """What is in this one and was not in the baseline."""
        return ReloadDiff(
            self.added - baseline.added,
            self.changed - baseline.changed,
            self.removed - baseline.removed,
        )

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return bool(self.added or self.changed or self.removed)


@dataclass(frozen=True, slots=True)
class Identity:
    """Which supervisord answers."""

    pid: int
    #: Of the package, ``4.2.5``.
    version: str
    #: ``RUNNING``; FATAL is possible, a supervisord that shuts down answers with a fault instead.
    state: str


# --- the client -----------------------------------------------------------------------------------------


class Supervisord:
    """A supervisord, as its RPC interface shows it. Not thread-safe: one a thread.

    Parameters
    ----------
    url : ``unix:///path`` or ``http://host:port``, either with ``user:password@`` (percent-encoded) before
        the path or host.
    timeout : seconds that a whole call may take. Resolving a host name is not bounded: use an address.
    clock : seconds, monotonic.

    Every method raises

    SupervisordUnreachable : no answer in time, or none that could be read.
    SupervisordFault : supervisord refused; also while it shuts down.

    Source
    ------
    http://supervisord.org/api.html
    """

    def __init__(
        self, url: str, *, timeout: float = 5.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._address = parse_url(url)
        self._timeout = timeout
        self._clock = clock

    def __repr__(self) -> str:
        return f"Supervisord({self._address.label!r})"

    def identity(self) -> Identity:
        """Ask who answers."""
        methods = ["supervisor.getPID", "supervisor.getSupervisorVersion", "supervisor.getState"]
        pid, version, state = self._multicall([(method, ()) for method in methods])
        for method, answer in zip(methods, (pid, version, state), strict=True):
            if fault := _fault(method, answer):
                raise fault
        with self._understood("identity"):
            return Identity(_whole(pid), str(version), str(state["statename"]))

    def processes(self) -> dict[str, Process]:
        """List all processes, foreign ones included.

        Returns
        -------
        By program name; ``group:name`` where the two differ (``[group:x]``, ``numprocs``). Times are those of
        supervisord's clock.
        """
        answer = self._call("supervisor.getAllProcessInfo")
        with self._understood("getAllProcessInfo"):
            return {process.name: process for process in map(_process, _list(answer))}

    def ended_well(self) -> frozenset[int]:
        """Find the processes whose predecessor did not crash; see `supervisord_log.ended_well`.

        Never raises: where its log cannot be had (it goes to syslog or nowhere), none is found.
        """
        try:
            return ended_well(str(self._call("supervisor.readLog", -_LOG_TAIL, 0)))
        except TargetError:
            return frozenset()

    def reload(self) -> ReloadDiff:
        """Have it read its configuration again; no process is touched.

        Returns
        -------
        How the configuration differs from the active programs; the same again until they are added or
        removed.

        Raises
        ------
        SupervisordFault : with `CANT_REREAD`, something in it is wrong, ours or not; the old one stays.
        """
        answer = self._call("supervisor.reloadConfig")
        with self._understood("reloadConfig"):
            ((added, changed, removed),) = _list(answer)
            return ReloadDiff(*(frozenset(map(str, _list(names))) for names in (added, changed, removed)))

    def add(self, name: str) -> None:
        """Take a program of the configuration into service; it autostarts. Fine if it is already there."""
        self._raise_first(self.add_all([name]))

    def remove(self, name: str) -> None:
        """Forget a program that has stopped; `STILL_RUNNING` if not. Fine if it is not there."""
        self._raise_first(self.remove_all([name]))

    def start(self, name: str) -> None:
        """Start a stopped program, without waiting. Fine if it runs; has no effect while it is STOPPING."""
        self._raise_first(self._each("supervisor.startProcess", [name], (False,), fine=ALREADY_STARTED))

    def stop(self, name: str) -> None:
        """Send a program its stop signal, without waiting. Fine if it does not run."""
        self._raise_first(self.stop_all([name]))

    def signal(self, name: str, signal: str) -> None:
        """Send a program a signal, ``TERM``, and leave its state as it is. Fine if it does not run.

        For the stop signal that gets lost: in the first milliseconds of a process supervisord's own handler,
        inherited by the fork, swallows it, and after ``stopwaitsecs`` supervisord would kill the worker.
        """
        self._raise_first(self._each("supervisor.signalProcess", [name], (signal,), fine=NOT_RUNNING))

    def add_all(self, names: Iterable[str]) -> dict[str, SupervisordFault]:
        """`add` many in one call; returns the faults of those that failed."""
        return self._each("supervisor.addProcessGroup", names, fine=ALREADY_ADDED)

    def remove_all(self, names: Iterable[str]) -> dict[str, SupervisordFault]:
        """`remove` many in one call; returns the faults of those that failed."""
        return self._each("supervisor.removeProcessGroup", names, fine=BAD_NAME)

    def stop_all(self, names: Iterable[str]) -> dict[str, SupervisordFault]:
        """`stop` many in one call; returns the faults of those that failed."""
        return self._each("supervisor.stopProcess", names, (False,), fine=NOT_RUNNING)

    def _each(
        self, method: str, names: Iterable[str], more: tuple[bool | str, ...] = (), *, fine: int
    ) -> dict[str, SupervisordFault]:
        names = list(names)
        if not names:
            return {}
        answers = self._multicall([(method, (name, *more)) for name in names])
        with self._understood(method):
            faults = {name: _outcome(method, answer) for name, answer in zip(names, answers, strict=True)}
        return {name: fault for name, fault in faults.items() if fault and fault.code != fine}

    @staticmethod
    def _raise_first(faults: Mapping[str, SupervisordFault]) -> None:
        for fault in faults.values():
            raise fault

    def _multicall(self, calls: Sequence[tuple[str, tuple[Any, ...]]]) -> list[Any]:
        """One round trip; answers are values or fault structs: `xmlrpc.client.MultiCall` cannot read them."""
        structs = [{"methodName": method, "params": list(params)} for method, params in calls]
        answers = self._call("system.multicall", structs, about=_in_words(calls))
        if not isinstance(answers, list) or len(answers) != len(calls):
            raise SupervisordUnreachable(f"{self._address.label}: answered {len(calls)} calls with nonsense")
        return answers

    def _call(self, method: str, *params: Any, about: str = "") -> Any:
        body = xmlrpc.client.dumps(params, method).encode()
        with Asked(log, about or _short(method)) as asked:
            data = post(self._address, body, Deadline.within(self._timeout, self._clock))
            with self._understood(method):
                try:
                    (answer,), _ = xmlrpc.client.loads(data)
                except xmlrpc.client.Fault as fault:
                    text = _without_values(str(fault.faultString))
                    raise SupervisordFault(_short(method), fault.faultCode, text) from None
            asked.came_back(_size(answer))
        return answer

    @contextlib.contextmanager
    def _understood(self, method: str) -> Iterator[None]:
        """Turn whatever goes wrong while an answer is read into `SupervisordUnreachable`."""
        try:
            yield
        except _NONSENSE as error:
            raise SupervisordUnreachable(
                f"{self._address.label}: answered {_short(method)} with something that is not supervisord's "
                f"XML-RPC ({type(error).__name__}): is supervisord.url right?"
            ) from error


def _fault(method: str, answer: Any) -> SupervisordFault | None:
    if isinstance(answer, dict) and "faultCode" in answer:
        return SupervisordFault(_short(method), answer["faultCode"], str(answer.get("faultString", "")))
    return None


def _without_values(text: str) -> str:
    """Leave out the values, and the names of all variables; section, key and file stay."""
    return _AVAILABLE_NAMES.sub("", _QUOTED_VALUE.sub("...", text))


def _outcome(method: str, answer: Any) -> SupervisordFault | None:
    """Read the answer to a verb: a fault, or True; anything else is no word of supervisord's."""
    fault = _fault(method, answer)
    if fault is None and answer is not True:
        raise TypeError(f"{answer!r} is neither a fault nor True")
    return fault


def _short(method: str) -> str:
    return method.removeprefix("supervisor.")


def _in_words(calls: Sequence[tuple[str, tuple[Any, ...]]]) -> str:
    """The methods of a multicall and the program that each names, for the log."""
    return ", ".join(f"{_short(method)}({params[0] if params else ''})" for method, params in calls)


def _size(answer: Any) -> str:
    """An answer for the log, without its contents: some of them are other people's."""
    if isinstance(answer, list):
        faults = [each["faultCode"] for each in answer if isinstance(each, dict) and "faultCode" in each]
        return f"{len(answer)} entries" + (f", faults {faults}" if faults else "")
    return f"{len(answer)} characters" if isinstance(answer, str) else str(answer)


def _process(info: Mapping[str, Any]) -> Process:
    group, name = str(info["group"]), str(info["name"])
    return Process(
        name=name if group == name else f"{group}:{name}",
        state=_STATES.get(info["state"], ProgramState.UNKNOWN),
        pid=_whole(info["pid"]) or None,
        started_at=float(_whole(info["start"])),
        exit_status=_whole(info["exitstatus"]),
        failure=str(info["spawnerr"]),
        ended_at=float(_whole(info["stop"])),
    )


def _whole(value: Any) -> int:
    """Let nothing but a whole number of a sane size pass for one: a process that is not there has pid 0."""
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**63:
        raise TypeError(f"{value!r} is no whole number")
    return value


def _list(value: Any) -> list[Any]:
    """Let no empty text or struct pass for an empty list: nothing said is not nothing there."""
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is no list")
    return value
