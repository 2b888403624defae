"""Everything found -> the text of a first config and its files. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from autoscaler.text import MEBIBYTE, mebibytes, passwords_in, without_password
from autoscaler.tools.takeover.drafts import FleetDraft, Machine, OldWorkers
from autoscaler.tools.takeover.find import Reached
from autoscaler.tools.takeover.once import Once, singletons_text
from autoscaler.tools.takeover.workers import AppFacts
from autoscaler.tools.takeover.yaml_text import fleets_text, line, listed, scalar

#: The broker's URL, beside the config.
URL_FILE = "broker.url"
#: More fleets than this are one.
_MOST_FLEETS = 8


@dataclass(frozen=True, slots=True)
class Management:
    """RabbitMQ's management API as it was found."""

    #: None: there is none.
    url: str | None
    why: str
    #: Whether `url` is the one that the config takes by itself.
    default: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """All that a first config is made of."""

    facts: AppFacts
    drafts: tuple[FleetDraft, ...]
    reached: Reached | None
    programs_file: Path | None
    management: Management
    state_dir: Path
    socket: Path
    machine: Machine
    #: What runs exactly once.
    once: tuple[Once, ...] = ()
    #: The variable that holds the broker's URL, instead of a file.
    broker_variable: str | None = None
    when: str = ""


@dataclass(frozen=True, slots=True)
class FirstConfig:
    """A config as it will be written."""

    text: str = field(repr=False)
    #: The same with passwords hidden, for a terminal.
    shown: str
    #: What `broker.url` beside it will hold; None: no such file is needed.
    url: str | None = field(repr=False)


def first_config(found: Found) -> FirstConfig:
    """Write a first config."""
    head = _head(found)
    url = found.facts.broker_url
    secret = needs_hiding(url) and found.broker_variable is None
    return FirstConfig(
        head + fleets_text(found.drafts), head + fleets_text(found.drafts, hide=True), url if secret else None
    )


def needs_hiding(url: str) -> bool:
    """Whether a broker's URL holds a password that is worth hiding."""
    return any(password != "guest" for password in passwords_in(url))  # noqa: S105


def _head(found: Found) -> str:
    dated = f" on {found.when}" if found.when else ""
    return "\n".join(
        [
            f"# Written by `autoscaler init`{dated}. Change what you like: the daemon takes an edit over\n"
            "# while it runs. `autoscaler check --connect` says whether it works.\n",
            _broker(found),
            _supervisord(found),
            _own(found),
            _host(found.machine),
            singletons_text(found.once),
        ]
    )


def _broker(found: Found) -> str:
    url, told = found.facts.broker_url, "the app's own broker; this one is for looking"
    lines = [line(0, "broker:", "where the tasks wait")]
    if found.broker_variable is not None:
        lines.append(line(2, f"url: ${{{found.broker_variable}}}", "from the daemon's environment"))
    elif needs_hiding(url):
        lines.append(line(2, f"url_file: {URL_FILE}", f"{without_password(url)}, with its password"))
    else:
        lines.append(line(2, f"url: {json.dumps(url)}", told))
    management = found.management
    if management.url is None:
        lines.append(line(2, "management_url: null", management.why))
    elif not management.default:
        lines.append(line(2, f"management_url: {scalar(management.url)}", management.why))
    options = found.facts.transport_options
    if options:
        lines.append(line(2, f"transport_options: {json.dumps(options)}", "as the app has them"))
    return "".join(lines)


def _supervisord(found: Found) -> str:
    lines = [line(0, "supervisord:", "what starts and stops the workers")]
    if found.reached is None:
        lines.append(line(2, "url: unix:///run/supervisor.sock", "none was found: check this"))
    else:
        told = "the password from the daemon's environment" if found.reached.variables else "where it listens"
        lines.append(line(2, f"url: {json.dumps(found.reached.url)}", told))
    file = found.programs_file or Path("/etc/supervisor/conf.d/autoscaler.conf")
    told = (
        "ours alone; supervisord includes its folder" if found.programs_file else "must be in its [include]"
    )
    return "".join([*lines, line(2, f"programs_file: {scalar(str(file))}", told)])


def _own(found: Found) -> str:
    return "".join(
        [
            line(0, "console:", "the ways to look in"),
            line(2, f"socket: {scalar(str(found.socket))}", "`autoscaler status` asks here"),
            line(0, f"state_dir: {scalar(str(found.state_dir))}", "what it remembers; the workers' logs"),
            line(0, "polling_interval: 2s", "how often it looks and decides"),
        ]
    )


def _host(machine: Machine) -> str:
    reserve = 1024 if machine.memory is None else min(1024, max(machine.memory // 8 // MEBIBYTE, 64))
    of = f"of {mebibytes(machine.memory)} " if machine.memory is not None else ""
    told = f"{of}kept free: no worker is started into it"
    return line(0, "host:", "the machine that the workers share") + line(
        2, f"reserve_memory: {reserve}MiB", told
    )


# --- fleets for an app that has no workers yet ------------------------------------------------------------


def workers_for(
    facts: AppFacts, machine: Machine, *, celery: str, directory: str | None, user: str | None
) -> tuple[OldWorkers, ...]:
    """Workers for the queues of an app: one kind for each queue, or one for all where there are many."""
    queues = tuple(dict.fromkeys([*facts.queues, *facts.routes])) or ("celery",)
    concurrency = facts.concurrency or max(min(machine.cores, 4), 1)
    groups = [(queue,) for queue in queues] if len(queues) <= _MOST_FLEETS else [queues]
    why_concurrency = (
        "the app's worker_concurrency" if facts.concurrency else f"this machine has {machine.cores} cores"
    )
    return tuple(
        OldWorkers(
            name=group[0] if len(group) == 1 else "workers",
            # A queue that gets no task has no worker until one waits there.
            count=0 if _is_bypassed(facts, group) else 1,
            app=facts.app,
            queues=group,
            concurrency=concurrency,
            pool=facts.pool or "prefork",
            celery=celery,
            directory=directory,
            user=user,
            why={"queues": _why_queue(facts, group), "concurrency": why_concurrency},
        )
        for group in groups
    )


def _is_bypassed(facts: AppFacts, queues: Sequence[str]) -> bool:
    """Whether it is the app's default queue, and all of its tasks are routed to others."""
    is_default = tuple(queues) == ("celery",) or tuple(queues) == facts.queues
    return is_default and bool(facts.routes) and not set(queues) & facts.routes.keys()


def _why_queue(facts: AppFacts, queues: Sequence[str]) -> str:
    tasks = [name for queue in queues for name in facts.routes.get(queue, ())]
    if not tasks:
        return "no task of the app is routed here; it may be read for others"
    shown = ", ".join(tasks[:3]) + (", ..." if len(tasks) > 3 else "")
    return f"the app routes {shown} here" if len(queues) == 1 else "all queues that the app names"


def unread(facts: AppFacts, drafts: Sequence[FleetDraft]) -> list[str]:
    """Queues that the app routes tasks to and no fleet reads, in words."""
    read = {queue for draft in drafts for queue in draft.workers.queues}
    return [
        f"{facts.app} routes {', '.join(names[:3])} to {listed([queue])}, which no fleet reads"
        for queue, names in facts.routes.items()
        if queue not in read
    ]
