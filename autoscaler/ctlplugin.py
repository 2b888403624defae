"""`supervisorctl autoscale ...`: the daemon's commands inside supervisorctl.

In supervisord's main file (supervisorctl reads no included one), with the daemon's console.socket:

    [ctlplugin:autoscale]
    supervisor.ctl_factory = autoscaler.ctlplugin:make_controller_plugin
    socket = /run/autoscaler/autoscaler.sock

supervisorctl may run under another interpreter than the daemon: it must be able to import the package
`autoscaler` there (Python 3.11 or newer), and needs nothing that the package depends on. Where it cannot,
every command of supervisorctl fails: docs/supervisorctl.md has the check and the way out.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

from supervisor.supervisorctl import ControllerPluginBase

from autoscaler.errors import AutoscalerError, DaemonNotRunning
from autoscaler.http import wire
from autoscaler.http.words import explanation_lines, holds, states, troubles, worker_holds

SOCKET = "/run/autoscaler/autoscaler.sock"

# What `supervisorctl` exits with (supervisor.supervisorctl.LSBInitExitStatuses).
FAILED, USAGE, NOT_RUNNING = 1, 2, 7

_DURATION = re.compile(r"(?:[0-9.]+(?:ms|s|m|h|d))+")
_NUMBER = re.compile(r"[0-9.]+")
_ALL, _FOR, _REASON = "--all", "--for", "--reason"

HELP = """\
autoscale status                            fleets, what they need and why
autoscale explain <fleet>                   why a fleet has its size, and what would change it
autoscale pause <fleet>|--all [10m] [why]   leave a fleet at its size
autoscale scale <fleet> <n> [10m] [why]     keep a fleet at a size
autoscale stop <fleet>|--all [10m] [why]    drain all of its workers, and keep it so
autoscale drain <worker> [10m] [why]        take one worker out of service when it has finished
autoscale resume <fleet>|--all              end a pause or a size
autoscale start <fleet>|--all               end a stop, a pause or a size
autoscale release <fleet>|<worker>|--all    end whatever holds it
`--for 10m --reason why` may stand in place of `10m why`"""


#: The values of the options that were given, by option.
Given: TypeAlias = dict[str, str]


class Answer(dict[str, Any]):
    """A JSON object whose keys are attributes, as those of the API's values are."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class WrongUsage(Exception):
    """The words after `autoscale` are not a command."""


class AutoscalePlugin(ControllerPluginBase):  # type: ignore[misc]  # supervisor has no types
    """Adds `autoscale` to supervisorctl."""

    def __init__(self, controller: Any, socket: str = SOCKET, **_: str) -> None:
        super().__init__(controller)
        self._socket = Path(socket)

    def do_autoscale(self, arg: str) -> None:
        """Carry out what follows `autoscale`."""
        try:
            words = shlex.split(arg)
            for line in self._lines(words):
                self.ctl.output(line)
        except (WrongUsage, ValueError) as error:
            self._fail(USAGE, f"{error}\n{HELP}" if str(error) else HELP)
        except DaemonNotRunning as error:
            self._fail(NOT_RUNNING, str(error))
        except AutoscalerError as error:
            self._fail(FAILED, str(error))

    def do_help(self, arg: str) -> None:
        """Say what there is; supervisorctl asks every plugin about every topic."""
        if arg == "autoscale":
            self.ctl.output(HELP)
        elif not arg:
            self.ctl.output(
                "autoscaler (type help autoscale):\n=================================\nautoscale\n"
            )

    def completions(self, line: str, text: str) -> list[str]:
        """What may stand in place of `text` at the end of a line that begins with `autoscale`."""
        words = line.split()[1:]
        before = words if not text else words[:-1]
        try:
            found = [*self._VERBS] if not before else self._names(before)
        except AutoscalerError:
            found = []
        return [f"{name} " for name in found if name.startswith(text)]

    def _names(self, before: list[str]) -> list[str]:
        verb, *rest = before
        if rest or verb == "status":
            return []
        fleets = [fleet.name for fleet in self._get("fleets").fleets] if verb != "drain" else []
        wants_workers = verb in {"drain", "release"}
        workers = [worker.name for worker in self._get("workers").workers] if wants_workers else []
        return [*fleets, *workers]

    def _fail(self, status: int, text: str) -> None:
        self.ctl.output(text)
        self.ctl.exitstatus = status

    def _lines(self, words: list[str]) -> Iterator[str]:
        verb, *rest = words or [""]
        if verb not in self._VERBS:
            raise WrongUsage(f"there is no `autoscale {verb}`" if verb else "")
        words, given = _told_apart(rest)
        if given and verb not in self._HOLDING:
            raise WrongUsage(f"{verb} takes no {min(given)}")
        yield from self._VERBS[verb](self, verb, words, given)

    # --- verbs ---

    def _status(self, _verb: str, _words: list[str], _given: Given) -> Iterator[str]:
        fleets, workers = self._get("fleets"), self._get("workers")
        for fleet in fleets.fleets:
            wanted = "?" if fleet.desired is None else fleet.desired
            why = "; ".join(reason.text for reason in fleet.reasons)
            yield f"{fleet.name:<24} {states(fleet)}; wanted {wanted}: {why}"
        yield from (f"held: {line}" for line in [*holds(fleets), *worker_holds(workers)])
        yield from (f"! {line}" for line in troubles(fleets))

    def _explain(self, _verb: str, words: list[str], _given: Given) -> Iterator[str]:
        if len(words) != 1:
            raise WrongUsage("explain needs a fleet")
        yield from explanation_lines(self._get("fleets", words[0], "explain"))

    def _hold(self, verb: str, words: list[str], given: Given) -> Iterator[str]:
        if not words:
            raise WrongUsage(f"{verb} needs a fleet or --all")
        yield from self._post(verb, words[0], _terms(words[1:], given))

    def _scale(self, verb: str, words: list[str], given: Given) -> Iterator[str]:
        if len(words) < 2 or not words[1].isdigit():
            raise WrongUsage("scale needs a fleet and a number of workers")
        yield from self._post(verb, words[0], {"workers": int(words[1]), **_terms(words[2:], given)})

    def _drain(self, verb: str, words: list[str], given: Given) -> Iterator[str]:
        if not words or words[0] == _ALL:
            raise WrongUsage("drain needs a worker; to drain all and wait: autoscaler drain --all")
        yield from self._post(verb, words[0], _terms(words[1:], given), kind="workers")

    def _release(self, verb: str, words: list[str], _given: Given) -> Iterator[str]:
        if len(words) != 1:
            raise WrongUsage(f"{verb} needs a name or --all")
        kind = wire.kind_of(words[0]) if verb == "release" else "fleets"
        yield from self._post(verb, words[0], {}, kind=kind)

    _VERBS: ClassVar[dict[str, Callable[[Any, str, list[str], Given], Iterator[str]]]] = {
        "status": _status,
        "explain": _explain,
        "pause": _hold,
        "scale": _scale,
        "stop": _hold,
        "drain": _drain,
        "resume": _release,
        "start": _release,
        "release": _release,
    }
    #: Which of them take a time and a reason.
    _HOLDING: ClassVar[frozenset[str]] = frozenset({"pause", "scale", "stop", "drain"})

    # --- the daemon ---

    def _get(self, *path: str) -> Any:
        return _attributes(wire.get(self._socket, wire.path_of(*path)))

    def _post(self, verb: str, name: str, body: dict[str, Any], kind: str = "fleets") -> Iterator[str]:
        path = ("all", verb) if name == _ALL else (kind, name, verb)
        yield from wire.post(self._socket, wire.path_of(*path), body)["said"]


def make_controller_plugin(supervisorctl: Any, **config: str) -> AutoscalePlugin:
    """What `supervisor.ctl_factory` names; supervisorctl calls it with the options of its section."""
    plugin = AutoscalePlugin(supervisorctl, **config)
    for other in supervisorctl.options.plugins:
        # Each plugin is asked for help on `autoscale`; the others would say that there is none.
        other.help_autoscale = lambda: None
    completes = supervisorctl.complete

    def complete(text: str, state: int, line: str | None = None) -> str | None:
        typed = _typed() if line is None else line
        if not typed.lstrip().startswith("autoscale "):
            completed: str | None = completes(text, state, line)
            return completed
        found = plugin.completions(typed, text)
        return found[state] if state < len(found) else None

    supervisorctl.complete = complete
    return plugin


def _typed() -> str:
    import readline  # noqa: PLC0415 (not every Python has it, and supervisorctl does without)

    return readline.get_line_buffer()


def _told_apart(words: list[str]) -> tuple[list[str], Given]:
    """Names and plain words, and the options among them.

    Raises
    ------
    WrongUsage : an option that is none, is given twice, or has no value.
    """
    plain: list[str] = []
    given: Given = {}
    left = list(words)
    while left:
        word = left.pop(0)
        option, _, value = word.partition("=")
        if option in {_FOR, _REASON}:
            if option in given:
                raise WrongUsage(f"{option} is given twice")
            given[option] = _value(option, value, left)
        elif _is_option(word) and (word != _ALL or plain):
            raise WrongUsage(f"{word} does not belong here")
        else:
            plain.append(word)
    return plain, given


def _value(option: str, value: str, left: list[str]) -> str:
    """Take an option's value from the words left; supervisorctl takes the quotes off a reason of several."""
    words = [value] if value else []
    while left and not _is_option(left[0]) and (option == _REASON or not words):
        words.append(left.pop(0))
    if not words:
        raise WrongUsage(f"{option} needs {'a time: 10s, 10m or 10h' if option == _FOR else 'a reason'}")
    return " ".join(words)


def _is_option(word: str) -> bool:
    return len(word) > 1 and word.startswith("-")


def _terms(words: list[str], given: Given) -> dict[str, Any]:
    """``10m``, then why; both may be left out, or given as options.

    A number alone was meant as a time, not as the reason.
    """
    if words and _NUMBER.fullmatch(words[0]):
        raise WrongUsage(f"{words[0]} has no unit; write {words[0]}s, {words[0]}m or {words[0]}h")
    short = words[0] if words and _DURATION.fullmatch(words[0]) else None
    why = " ".join(words[1:] if short else words)
    for option, other in ((_FOR, short), (_REASON, why)):
        if option in given and other:
            raise WrongUsage(f"{other!r} and {option} {given[option]!r}: give one of them")
    return {"for": given.get(_FOR, short), "reason": given.get(_REASON, why)}


def _attributes(value: Any) -> Any:
    if isinstance(value, dict):
        return Answer({key: _attributes(each) for key, each in value.items()})
    return [_attributes(each) for each in value] if isinstance(value, list) else value
