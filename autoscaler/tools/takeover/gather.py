"""Gathering the input of a first config: supervisord, its programs, the app, the broker."""

from __future__ import annotations

import os
import pwd
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from autoscaler.config.urls import default_management_url, place
from autoscaler.config.urls import management_url as with_userinfo
from autoscaler.errors import SourceError, TakeoverError, TargetError
from autoscaler.model import Known
from autoscaler.net.deadline import Deadline
from autoscaler.net.management_api import Api, ManagementApi
from autoscaler.observe.host import host_stats, process_memory
from autoscaler.text import without_userinfo
from autoscaler.tools.doctor.command import Surroundings
from autoscaler.tools.takeover.app import ask_app, python_of
from autoscaler.tools.takeover.drafts import FleetDraft, Machine, OldWorkers, fleet_drafts
from autoscaler.tools.takeover.find import FoundSupervisord, find_supervisord
from autoscaler.tools.takeover.first_config import Found, Management, unread, workers_for
from autoscaler.tools.takeover.imported import imported
from autoscaler.tools.takeover.nodes import node_names
from autoscaler.tools.takeover.once import singletons_of
from autoscaler.tools.takeover.programs import OldProgram, old_programs
from autoscaler.tools.takeover.workers import (
    AppFacts,
    WorkerProgram,
    old_workers,
    other_celery_programs,
    worker_programs,
)

#: Seconds for one answer of the management API.
_MANAGEMENT = 3.0
#: Celery's own default, to check a config with whose broker is not known here.
SOME_BROKER = "amqp://guest:guest@localhost:5672//"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user said; None: find it out."""

    app: str | None = None
    python: str | None = None
    celery: str | None = None
    directory: str | None = None
    user: str | None = None
    supervisord: str | None = None
    management_url: str | None = None
    state_dir: Path | None = None
    broker_variable: str | None = None
    #: A file of another tool to take the workers from.
    from_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was found, and what the user should know of it."""

    found: Found
    notes: tuple[str, ...]


def gather(asked: Asked) -> Gathered:
    """Look at everything.

    Raises
    ------
    TakeoverError : something is missing that only the user can say; names the flag.
    """
    supervisord = find_supervisord(asked.supervisord)
    programs, notes = _programs(supervisord)
    machine = _machine(supervisord)
    workers = [each for each in worker_programs(programs) if asked.app in (None, each.app)]
    if asked.from_file is not None:
        facts, drafts, told = _from_file(asked, supervisord, machine)
    elif workers:
        facts, drafts, told = _from_programs(asked, supervisord, programs, workers, machine)
    else:
        facts, drafts, told = _from_app(asked, supervisord, programs, machine)
    once, others = singletons_of(other_celery_programs(programs))
    state_dir, socket = _own_places(asked.state_dir)
    found = Found(
        facts=facts,
        drafts=drafts,
        reached=supervisord.reached if supervisord else None,
        programs_file=supervisord.programs_file if supervisord else None,
        management=_management(facts.broker_url, asked.management_url),
        state_dir=state_dir,
        socket=socket,
        machine=machine,
        once=once,
        broker_variable=asked.broker_variable,
        when=time.strftime("%Y-%m-%d"),
    )
    return Gathered(found, (*notes, *told, *others, *facts.notes, *unread(facts, drafts)))


# --- workers ----------------------------------------------------------------------------------------------


def _programs(supervisord: FoundSupervisord | None) -> tuple[tuple[OldProgram, ...], list[str]]:
    if supervisord is None:
        return (), ["no supervisord was found: --supervisord names its URL or its configuration file"]
    programs, problems = old_programs(supervisord.sections, supervisord.environ)
    notes = [*supervisord.notes, *problems]
    if supervisord.process is None:
        notes.append(f"supervisord with {supervisord.config_file} does not run, or may not be looked at")
    if supervisord.programs_file is None:
        notes.append(
            f"{supervisord.config_file} includes no folder: add [include] files = conf.d/*.conf, restart it"
        )
    return programs, notes


def _from_programs(
    asked: Asked,
    supervisord: FoundSupervisord | None,
    programs: Sequence[OldProgram],
    workers: Sequence[WorkerProgram],
    machine: Machine,
) -> tuple[AppFacts, tuple[FleetDraft, ...], list[str]]:
    facts: dict[tuple[str, str, str | None], AppFacts] = {}
    told: list[str] = []
    kept: list[OldWorkers] = []
    first: AppFacts | None = None
    for each in workers:
        key = (each.app, each.celery, each.directory)
        if key not in facts:
            facts[key] = _ask(_of_program(asked, each), supervisord, each.environment, told)
        first = first or facts[key]
        if place(facts[key].broker_url) != place(first.broker_url):
            told.append(f"{each.program.where} has another broker; an autoscaler has one: it stays as it is")
            continue
        kept.append(
            _as_root(_measured(old_workers(each, facts[key], machine.cores), each, supervisord), supervisord)
        )
    if first is None:
        raise TakeoverError("no worker program to take over")
    told += [f"{each.source}: {text}" for each in kept for text in each.lost]
    return first, fleet_drafts(kept, taken_names(programs), machine), told


def taken_names(programs: Iterable[OldProgram]) -> set[str]:
    """Names that already exist: of programs, groups, processes and Celery nodes."""
    programs = tuple(programs)
    names = {name for program in programs for name in (program.name, program.group)}
    names |= {process.name for program in programs for process in program.processes}
    return names | {node for each in worker_programs(programs) for node in node_names(each).values()}


def _of_program(asked: Asked, program: WorkerProgram) -> Asked:
    """What to ask with: what the user said, else what the program says."""
    return replace(
        asked,
        app=program.app,
        celery=asked.celery or program.celery,
        directory=asked.directory or program.directory,
        user=asked.user or program.program.user,
    )


def _measured(
    workers: OldWorkers, program: WorkerProgram, supervisord: FoundSupervisord | None
) -> OldWorkers:
    """The workers with the memory that one of them takes, where they run."""
    if supervisord is None or supervisord.reached is None:
        return workers
    try:
        running = supervisord.client().processes()
    except TargetError:
        return workers
    names = {process.name for process in program.program.processes}
    pids = [each.pid for name, each in running.items() if name in names and each.pid]
    sizes = [size for pid in pids[:5] if (size := process_memory(pid))]
    return replace(workers, memory=max(sizes)) if sizes else workers


def _as_root(workers: OldWorkers, supervisord: FoundSupervisord | None) -> OldWorkers:
    """The workers with `user: root` where they run so today: the daemon starts none as root unasked."""
    if workers.user is not None or not _is_roots(supervisord):
        return workers
    why = {**workers.why, "user": "as today, for supervisord is root's; a user of their own is safer"}
    return replace(workers, user="root", why=why)


def _is_roots(supervisord: FoundSupervisord | None) -> bool:
    return supervisord is not None and supervisord.process is not None and supervisord.process.uid == 0


def _owner(directory: str | None, supervisord: FoundSupervisord | None, told: list[str]) -> str | None:
    """Whom new workers run as where supervisord is root's: who owns the app's folder, if that is not root."""
    if not _is_roots(supervisord):
        return None
    try:
        owner = pwd.getpwuid(Path(directory or ".").stat().st_uid)
    except (KeyError, OSError):
        owner = None
    if owner is None or owner.pw_uid == 0:
        told.append(
            "supervisord runs as root: say with --user whom workers run as; none starts as root unasked"
        )
        return None
    return owner.pw_name


def _from_app(
    asked: Asked, supervisord: FoundSupervisord | None, programs: Sequence[OldProgram], machine: Machine
) -> tuple[AppFacts, tuple[FleetDraft, ...], list[str]]:
    if asked.app is None:
        raise TakeoverError("no program of supervisord's runs `celery worker`: say which app with --app")
    told: list[str] = []
    asked = _beside_python(asked)
    asked = replace(asked, user=asked.user or _owner(asked.directory, supervisord, told))
    facts = _ask(asked, supervisord, {}, told)
    workers = workers_for(
        facts,
        machine,
        celery=asked.celery or "celery",
        directory=asked.directory,
        user=asked.user,
    )
    return facts, fleet_drafts(workers, taken_names(programs), machine), told


def _beside_python(asked: Asked) -> Asked:
    """With the celery command that lies beside the interpreter; in the folder that we are in."""
    directory = absolute(asked.directory or ".")
    beside = Path(asked.python).absolute().with_name("celery") if asked.python else None
    celery = asked.celery or (str(beside) if beside is not None and beside.exists() else None)
    return replace(
        asked,
        directory=directory,
        celery=absolute(celery) if celery and "/" in celery else celery,
    )


def absolute(path: str) -> str:
    """The whole path, without ``..`` where that leads to the same place: a link on the way may not."""
    whole = str(Path(path).absolute())
    short = os.path.normpath(whole)
    return short if os.path.realpath(short) == os.path.realpath(whole) else whole


def _from_file(
    asked: Asked, supervisord: FoundSupervisord | None, machine: Machine
) -> tuple[AppFacts, tuple[FleetDraft, ...], list[str]]:
    drafts, notes = imported(Path(asked.from_file or ""), machine)
    told = list(notes)
    first = drafts[0].workers
    asked = _beside_python(
        replace(
            asked,
            app=asked.app or first.app,
            celery=asked.celery or (first.celery if "/" in first.celery else None),
            directory=asked.directory or first.directory,
        )
    )
    try:
        facts = _ask(asked, supervisord, first.environment, told)
    except TakeoverError as error:
        if asked.broker_variable is None:
            raise TakeoverError(f"{error}; --broker-url-env says where its broker's URL is instead") from None
        facts = _unasked(asked.app or first.app, asked.broker_variable, str(error), told)
    return facts, drafts, told


def _unasked(app: str, variable: str, why: str, told: list[str]) -> AppFacts:
    """What is known of an app that cannot be imported here: the broker's URL, from our environment."""
    told.append(f"{why}. Only what the file says of it was written")
    if variable not in os.environ:
        told.append(f"${variable} is not set here, so {SOME_BROKER} was looked at in its place")
    return AppFacts(app=app, broker_url=os.environ.get(variable, ""))


# --- the app ----------------------------------------------------------------------------------------------


def _ask(
    asked: Asked, supervisord: FoundSupervisord | None, environment: object, told: list[str]
) -> AppFacts:
    inherited = supervisord.environ if supervisord else dict(os.environ)
    more = environment if isinstance(environment, dict) else {}
    folder = Path(asked.directory) if asked.directory else None
    where = Surroundings(folder, {**inherited, **more}, _user(asked.user, told))
    python = [asked.python] if asked.python else python_of(asked.celery or "celery", where)
    return ask_app(asked.app or "", python, where)


def _user(name: str | None, told: list[str]) -> pwd.struct_passwd | None:
    """The user to ask the app as; None: as ourselves."""
    if name is None:
        return None
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        told.append(f"there is no user {name} on this machine; the app was asked as ourselves")
        return None
    if user.pw_uid == os.geteuid():
        return None
    if os.geteuid() != 0:
        told.append(f"the app was asked as ourselves, not as {name}: only root may become another user")
        return None
    return user


# --- the rest ---------------------------------------------------------------------------------------------


def _machine(supervisord: FoundSupervisord | None) -> Machine:
    pid = supervisord.process.pid if supervisord and supervisord.process else None
    stats = host_stats(time.time(), cgroup_of=pid)
    memory = stats.value.memory_total if isinstance(stats, Known) else None
    return Machine(len(os.sched_getaffinity(0)), memory)


def _own_places(state_dir: Path | None) -> tuple[Path, Path]:
    """Where the state and the socket go: the system's places for root, the user's own otherwise."""
    if state_dir is not None:
        folder = Path(absolute(str(state_dir)))
        return folder, folder / "autoscaler.sock"
    if os.geteuid() == 0:
        return Path("/var/lib/autoscaler"), Path("/run/autoscaler/autoscaler.sock")
    folder = Path.home() / ".local" / "state" / "autoscaler"
    return folder, folder / "autoscaler.sock"


def _management(broker: str, given: str | None) -> Management:
    """Whether RabbitMQ's management API answers, and where."""
    if given is not None:
        return Management(
            without_userinfo(given), "RabbitMQ's management API; user and password as the broker's"
        )
    if not broker:
        return Management("", "not known here, so it is where the config has it by default", default=True)
    url = default_management_url(broker)
    if url is None:
        return Management(None, "the broker is no RabbitMQ; its queues are asked one by one")
    shown = without_userinfo(url)
    why = _why_not(with_userinfo(url, broker), broker)
    if why:
        return Management(None, f"{shown} {why}; until then the queues are asked one by one")
    return Management(shown, "RabbitMQ's management API", default=True)


def _why_not(url: str, broker: str) -> str:
    where = place(broker)
    api = Api.parse(url, where[2] if where else "/")
    management = ManagementApi(api)
    try:
        status = management.get("overview", Deadline.within(_MANAGEMENT)).status
    except SourceError:
        return "does not answer (rabbitmq-plugins enable rabbitmq_management)"
    finally:
        management.close()
    if status in (401, 403):
        return f"refuses the user (rabbitmqctl set_user_tags {api.user} monitoring)"
    return "" if status == 200 else f"answers with HTTP status {status}"
