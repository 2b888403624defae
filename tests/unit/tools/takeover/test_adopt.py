"""Old workers leave one after another, idle, and only when ours are up; at any interruption it goes on."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from socket import gethostname

import pytest

from autoscaler.cli.adopt import HANGS
from autoscaler.config import Fleet
from autoscaler.errors import TakeoverError
from autoscaler.model import ActiveTask, Known, Process, ProgramState, Unknown, WorkerStats
from autoscaler.net.celery_control import Command, Replies
from autoscaler.supervisord.client import ReloadDiff
from autoscaler.tools.takeover.adopt import Adopter, Fleeted
from autoscaler.tools.takeover.find import FoundSupervisord
from autoscaler.tools.takeover.heard import Heard, heard
from autoscaler.tools.takeover.ini import sections, taken_names
from autoscaler.tools.takeover.programs import old_programs
from autoscaler.tools.takeover.removal import Kept, Sections
from autoscaler.tools.takeover.undo import finish, taken_files, undo
from autoscaler.tools.takeover.units import units_of, with_own_names
from autoscaler.tools.takeover.workers import worker_programs

HOST = gethostname()
MAIL = """\
[program:mail]
command=celery -A shop worker -Q emails -n m%(process_num)d@%%h
process_name=%(program_name)s_%(process_num)02d
numprocs=2
stopsignal=KILL

[program:web]
command=/bin/web
"""
SHARED = """\
[group:all]
programs=a,b
[program:a]
command=celery -A shop worker -Q emails
[program:b]
command=celery -A shop worker -Q emails
"""


class Killed(Exception):
    """We were ended at this line."""


@dataclass
class Old:
    """An old worker: how many looks its task still lasts."""

    node: str
    busy: int = 0
    queues: frozenset[str] = frozenset({"emails"})
    state: ProgramState = ProgramState.RUNNING


@dataclass
class World:
    """supervisord and old workers in memory; dies before its `dies_at`-th change."""

    file: Path
    workers: dict[str, Old]
    ours_up: int = 1
    dies_at: int | None = None
    changes: list[str] = field(default_factory=list)
    active: set[str] = field(default_factory=set)
    silent: bool = False

    def _change(self, text: str) -> None:
        if self.dies_at is not None and len(self.changes) >= self.dies_at:
            raise Killed(text)
        self.changes.append(text)

    # --- supervisord ---

    def processes(self):
        return {
            name: Process(name, old.state, 100 + index if old.state is ProgramState.RUNNING else None, 1.0)
            for index, (name, old) in enumerate(self.workers.items())
            if name.partition(":")[0] in self.active
        }

    def stop_all(self, names):
        self._change(f"stop {names}")
        for name in names:
            old = self.workers[name]
            assert not old.queues, f"{name} was stopped while it took tasks"
            assert not old.busy, f"{name} was stopped while it was busy"
            old.state = ProgramState.STOPPED
        return {}

    def start(self, name):
        self.workers[name] = Old(self.workers[name].node)

    def signal(self, name, signal):
        raise AssertionError

    def written(self):
        return {program.group for program in old_programs(sections(self.file, self.file.read_text()), {})[0]}

    def reload(self):
        self._change("reload")
        return ReloadDiff(
            added=frozenset(self.written() - self.active), removed=frozenset(self.active - self.written())
        )

    def add(self, name):
        self.active.add(name)

    def remove(self, name):
        self._change(f"remove {name}")
        left = [old for process, old in self.workers.items() if process.partition(":")[0] == name]
        assert all(old.state is ProgramState.STOPPED for old in left)
        self.active.discard(name)

    # --- remote control ---

    def hear(self, node, count, now):
        same = [
            old for old in self.workers.values() if old.node == node and old.state is ProgramState.RUNNING
        ]
        assert len(same) == count
        if self.silent:
            return Heard(Unknown("no reply", now))
        tasks = tuple(ActiveTask(str(n), "t", None, False) for n, old in enumerate(same) if old.busy)
        queues = frozenset[str]().union(*(old.queues for old in same))
        for old in same:
            old.busy = max(old.busy - 1, 0)
        return Heard(Known(WorkerStats(node, 1, 1, 0, tasks, queues=queues), now))

    def cancel_consumers(self, node, queues):
        self._change(f"cancel {node}")
        assert self.ours_up, "nobody else reads the queue"
        for old in self.workers.values():
            if old.node == node:
                old.queues -= set(queues)

    def add_consumers(self, node, queues):
        for old in self.workers.values():
            if old.node == node:
                old.queues |= set(queues)


@pytest.fixture
def make(tmp_path):
    def _make(text=MAIL, workers=None):
        file = tmp_path / "old.conf"
        file.write_text(text)
        default = {"mail:mail_00": Old(f"m0@{HOST}", busy=8), "mail:mail_01": Old(f"m1@{HOST}")}
        world = World(file, workers or default)
        world.active = world.written()
        return world

    return _make


FLEETS = {
    "ours": Fleet(name="ours", app="shop", queues=("emails",), concurrency=1, min_workers=1, max_workers=1)
}


def run(world, fleets=FLEETS, within=60.0, ours=None):
    said: list[str] = []
    time = iter(range(10_000))
    found = sections(world.file, world.file.read_text())
    units, refused = units_of(found, old_programs(found, {})[0])
    finish(supervisord_of(world), taken_files(supervisord_of(world)), world)
    Adopter(
        units=units,
        fleets=fleets,
        programs=world,
        workers=world,
        sections=Sections(world, Kept(world.file.parent / "adopted")),
        ours=lambda: {"ours": Fleeted(world.ours_up, "no memory")} if ours is None else ours,
        say=said.append,
        when="2024-05-01",
        clock=lambda: float(next(time)),
        sleep=lambda _seconds: None,
    ).run(within)
    return said, refused


def supervisord_of(world):
    found = sections(world.file, world.file.read_text())
    return FoundSupervisord(world.file, None, None, found, None, (world.file,))


def test_a_busy_worker_finishes_before_it_is_stopped_and_the_next_one_goes(make):
    world = make()

    said, _refused = run(world)

    verbs = [change for change in world.changes if change != "reload"]
    assert verbs == [
        f"cancel m0@{HOST}",
        "stop ['mail:mail_00']",
        f"cancel m1@{HOST}",
        "stop ['mail:mail_01']",
        "remove mail",
    ]
    assert world.active == {"web"}
    assert taken_names(world.file.read_text()) == {"program:mail"}
    assert "[program:web]\ncommand=/bin/web\n" in world.file.read_text()
    assert any("1 tasks running" in text for text in said)


def test_ended_at_any_point_it_goes_on(make):
    whole = make()
    run(whole)

    for point in range(len(whole.changes)):
        (whole.file.parent / "adopted" / "cancelled.json").unlink(missing_ok=True)
        world = make()
        world.dies_at = point
        with pytest.raises(Killed):
            run(world)
        world.dies_at = None
        run(world)
        assert world.active == {"web"}, point
        assert taken_names(world.file.read_text()) == {"program:mail"}, point


def test_ended_at_any_point_there_is_a_way_back(make):
    whole = make()
    run(whole)

    for point in range(len(whole.changes) + 1):
        (whole.file.parent / "adopted" / "cancelled.json").unlink(missing_ok=True)
        world = make()
        world.dies_at = point
        with suppress(Killed):
            run(world)
        world.dies_at = None
        found = supervisord_of(world)
        change = Sections(world, Kept(world.file.parent / "adopted"))
        undo(found, taken_files(found), world, world, change=change, say=lambda _text: None)
        assert world.file.read_text() == MAIL, point
        assert world.active == {"mail", "web"}, point
        running = [(old.state, old.queues) for old in world.workers.values()]
        assert running == [(ProgramState.RUNNING, {"emails"})] * 2, point


def test_a_group_is_taken_over_as_a_whole(make):
    text = SHARED.replace("worker", "worker -n %(program_name)s@%%h")
    world = make(text, {"all:a": Old(f"a@{HOST}", busy=2), "all:b": Old(f"b@{HOST}", busy=5)})

    run(world)

    assert [change for change in world.changes if change != "reload"][-1] == "remove all"
    assert taken_names(world.file.read_text()) == {"group:all", "program:a", "program:b"}


def test_workers_of_one_name_are_left_alone_with_what_to_do(make):
    found = sections(Path("f"), SHARED)
    programs = old_programs(found, {})[0]

    units, refused = with_own_names(units_of(found, programs)[0], worker_programs(programs))

    assert units == ()
    assert f"2 workers are called celery@{HOST}" in refused[0]
    assert "-n %(program_name)s_%(process_num)s@%%h" in refused[0]


def test_a_name_that_somebody_else_answers_to_is_refused(make):
    world = make()
    turns = iter(range(1, 100))
    world.hear = lambda node, count, now: Heard(Unknown("", now), (next(turns) % 2 + 1,))

    with pytest.raises(TakeoverError, match=f"pids 1, 2 all answer as m0@{HOST}"):
        run(world)

    assert world.changes == []


def test_nothing_is_begun_before_our_workers_are_up(make):
    world = make()
    world.ours_up = 0

    with pytest.raises(TakeoverError, match=r"fleet ours to have 1 workers that answer \(now 0: no memory\)"):
        run(world)

    assert world.changes == []


def test_nothing_is_begun_while_our_fleet_would_start_no_worker(make):
    none_needed = {"ours": FLEETS["ours"].model_copy(update={"min_workers": 0})}
    for ours, why in (
        ({}, "fleet ours, which the running daemon does not have"),
        ({"ours": Fleeted(0, bound="dry_run is set")}, r"\(now 0: dry_run is set\)"),
        ({"ours": Fleeted(0, bound=HANGS)}, r"\(now 0: the running daemon has not looked for long"),
    ):
        world = make()

        with pytest.raises(TakeoverError, match=why):
            run(world, none_needed, ours=ours)

        assert world.changes == []
    world = make()
    run(world, none_needed, ours={"ours": Fleeted(0)})
    assert world.active == {"web"}


def test_a_worker_that_stays_busy_or_silent_is_left_to_finish(make):
    for silent in (False, True):
        world = make(
            workers={"mail:mail_00": Old(f"m0@{HOST}", busy=10**6), "mail:mail_01": Old(f"m1@{HOST}")}
        )
        world.silent = silent

        with pytest.raises(TakeoverError, match=r"mail:mail_00: not idle after 60 s .* run this again"):
            run(world)

        assert not [change for change in world.changes if not change.startswith("cancel")]


def test_a_queue_that_no_fleet_reads_keeps_its_worker(make):
    world = make(workers={"mail:mail_00": Old(f"m0@{HOST}", queues=frozenset({"emails", "extra"}))})

    with pytest.raises(TakeoverError, match="reads extra, which no fleet"):
        run(world)

    assert world.changes == []


def test_a_reload_that_would_do_more_puts_the_file_back(make):
    world = make(workers={"mail:mail_00": Old(f"m0@{HOST}"), "mail:mail_01": Old(f"m1@{HOST}")})
    answers = iter([ReloadDiff(), ReloadDiff(removed=frozenset({"mail", "web"})), ReloadDiff()])
    world.reload = lambda: next(answers)

    with pytest.raises(TakeoverError, match="remove mail, web; meant was"):
        run(world)

    assert world.file.read_text() == MAIL
    assert world.active == {"mail", "web"}


def test_a_section_whose_workers_somebody_stopped_is_left_alone(make):
    stopped = Old(f"m0@{HOST}", state=ProgramState.STOPPED)
    world = make(
        workers={"mail:mail_00": stopped, "mail:mail_01": Old(f"m1@{HOST}", state=ProgramState.STOPPED)}
    )

    said, _refused = run(world)

    assert world.file.read_text() == MAIL
    assert "mail: none of its workers runs, so it is left as it is" in said


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[program:a]\ncommand=celery -A s worker -B\n", "runs celery beat too"),
        (
            "[group:g]\nprograms=a,b\n[program:a]\ncommand=celery -A s worker\n[program:b]\ncommand=x\n",
            "[group:g] has other programs",
        ),
    ],
)
def test_what_cannot_be_taken_over_is_told_with_what_to_do(text, told):
    found = sections(Path("f"), text)

    units, refused = units_of(found, old_programs(found, {})[0])

    assert units == ()
    assert told in refused[0]


def test_answers_of_workers_with_one_name_count_all_or_not_at_all():
    commands = [Command(m) for m in ("active_queues", "scheduled", "reserved", "active", "stats")]
    replies = Replies(commands, ["w@h"])
    task = {"id": "1", "name": "t", "acknowledged": True}
    said = {"active_queues": [{"name": "q"}], "scheduled": [], "reserved": [], "active": [task]}
    for pid in (1, 2):
        for ticket, method in replies.tickets.items():
            stats = {"pid": pid, "pool": {"max-concurrency": 1}, "total": {}}
            replies.take(ticket, {"w@h": said.get(method, stats)})

    both, more = heard(replies, "w@h", 2, 0.0), heard(replies, "w@h", 3, 0.0)

    assert isinstance(both.stats, Known)
    assert both.pids == (1, 2)
    assert both.stats.value.queues == {"q"}
    assert both.stats.value.busy
    assert isinstance(more.stats, Unknown)
    assert "2 of 3 workers" in more.stats.error
