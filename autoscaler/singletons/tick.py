"""One tick of the singletons: observe, decide, record, act. No broker and no worker is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from autoscaler.config import Config, Singleton
from autoscaler.errors import StoreError
from autoscaler.model import (
    Beat,
    Process,
    SingletonRecord,
    SingletonTick,
    folder_of_program,
)
from autoscaler.model.names import is_singleton_name
from autoscaler.model.report import Report
from autoscaler.singletons.actor import SingletonActor, SingletonOrder
from autoscaler.singletons.program import singleton_program
from autoscaler.singletons.states import DEATHS_OF_A_LOOP, Look, SingletonStep, advance, state_of
from autoscaler.supervisord.program_file import log_file, render
from autoscaler.supervisord.programs_seen import Scene


class SingletonStore(Protocol):
    """Where it is written down what is done to a singleton, before it is done."""

    def singletons(self) -> dict[str, SingletonRecord]: ...
    def replace_singletons(self, memories: Mapping[str, SingletonRecord]) -> None: ...


class Singletons:
    """Keeps every singleton of a config running, once."""

    def __init__(self, store: SingletonStore) -> None:
        self._store = store
        self._memories = store.singletons()

    def tick(
        self,
        now: float,
        config: Config,
        scene: Scene,
        beats: Iterable[Beat],
        actor: SingletonActor,
    ) -> tuple[tuple[SingletonTick, ...], list[str]]:
        """Take every singleton's next step.

        Parameters
        ----------
        beats : the celery beats of this machine, anybody's.

        Returns
        -------
        What there is of each singleton, and what was done, in words. What could not be written down was
        not done, and is told as trouble.
        """
        looks = {
            name: _look(config, name, scene, actor) for name in sorted(self._names(config, scene.sections))
        }
        report = Report() if config.dry_run else self._act(now, looks, actor)
        doubles = _doubles(config, scene.processes, tuple(beats))
        ticks = tuple(
            self._seen(now, name, look, [*report.trouble.get(name, ()), *doubles.get(name, ())], config)
            for name, look in looks.items()
        )
        return ticks, report.actions

    def _names(self, config: Config, sections: Iterable[str]) -> set[str]:
        """Those of the config, those that run though they have left it, those that are being taken out."""
        leaving = {name for name, memory in self._memories.items() if memory.leaving}
        return {*config.singletons, *filter(is_singleton_name, sections), *leaving}

    def _act(self, now: float, looks: Mapping[str, Look], actor: SingletonActor) -> Report:
        advanced = {
            name: advance(now, self._memories.get(name, SingletonRecord(since=now)), look)
            for name, look in looks.items()
        }
        memories = {
            name: memory for name, (memory, _) in advanced.items() if memory.leaving or not _gone(looks[name])
        }
        if memories != self._memories:
            try:
                self._store.replace_singletons(memories)
            except StoreError as error:
                return _left_alone(looks, error)
            self._memories = memories
        orders = [
            SingletonOrder(name, step, looks[name].wanted)
            for name, (_, step) in advanced.items()
            if step is not SingletonStep.WAIT
        ]
        return actor.carry_out(now, orders)

    def _seen(
        self, now: float, name: str, look: Look, trouble: Iterable[str], config: Config
    ) -> SingletonTick:
        memory = self._memories.get(name, SingletonRecord(since=now))
        return SingletonTick(
            name=name,
            state=state_of(memory, look),
            since=memory.since,
            pid=look.process.pid if look.process is not None and look.written is not None else None,
            rest_until=memory.rest_until,
            deaths=len(memory.deaths),
            trouble="; ".join([*trouble, *_dying(memory, look)]),
            outdated=look.outdated and look.written is not None,
            dry_run=config.dry_run,
        )


def unseen(now: float, config: Config, trouble: str) -> tuple[SingletonTick, ...]:
    """What there is of each singleton in a tick that cannot see the programs."""
    return tuple(
        SingletonTick(name, None, now, None, trouble=trouble, dry_run=config.dry_run)
        for name in config.singletons
    )


def _look(config: Config, name: str, scene: Scene, actor: SingletonActor) -> Look:
    singleton = config.singletons.get(name)
    wanted = render(singleton_program(config, singleton)) if singleton is not None else None
    tried = actor.has_taken(name, wanted)
    return Look(scene.processes.get(name), scene.sections.get(name), wanted, tried)


def _gone(look: Look) -> bool:
    """Whether nothing of a singleton is left, nor wanted."""
    return look.wanted is None and look.written is None


# --- trouble ------------------------------------------------------------------------------------------------


def _dying(memory: SingletonRecord, look: Look) -> Iterator[str]:
    """Say that it does not stay up, and where it says why; the same words while nothing changes."""
    if memory.rest_until is None and len(memory.deaths) < DEATHS_OF_A_LOOP:
        return
    why = look.process.failure if look.process is not None else ""
    log = log_file(look.written or "")
    yield (
        f"has died {len(memory.deaths)} times in a row"
        + (f": {why}" if why else "")
        + (f"; its log is {log}" if log else "")
    )


def _doubles(
    config: Config, processes: Mapping[str, Process], beats: tuple[Beat, ...]
) -> dict[str, list[str]]:
    """By singleton, who else sends the periodic tasks of its app."""
    ours = {name: each for name, each in config.singletons.items() if each.beat_app}
    found: dict[str, list[str]] = {}
    for name, singleton in ours.items():
        twins = [twin for twin, each in ours.items() if twin != name and each.beat_app == singleton.beat_app]
        strangers = [
            beat for beat in beats if _is_double(singleton, beat) and not _runs_one_of(ours, processes, beat)
        ]
        if others := [f"the singleton {twin}" for twin in twins] + [
            _described(processes, beat) for beat in strangers
        ]:
            found[name] = [
                f"{' and '.join(others)} sends the periodic tasks of {singleton.beat_app} as well, so each "
                "is sent more than once: stop all but one"
            ]
    return found


def _is_double(singleton: Singleton, beat: Beat) -> bool:
    """Whether a beat is of the same app; in another folder with another Celery, it only has the same name."""
    program = folder_of_program(singleton.command)
    other_folder = beat.directory and singleton.directory and beat.directory != str(singleton.directory)
    other_celery = beat.program and program and beat.program != program
    return beat.app == singleton.beat_app and not (other_folder and other_celery)


def _runs_one_of(ours: Mapping[str, Singleton], processes: Mapping[str, Process], beat: Beat) -> bool:
    pids = {processes[name].pid for name in ours if name in processes}
    return not pids.isdisjoint({beat.pid, *beat.parents})


def _described(processes: Mapping[str, Process], beat: Beat) -> str:
    pids = {beat.pid, *beat.parents}
    program = next((name for name, process in processes.items() if process.pid in pids), None)
    where = f" in {beat.directory}" if beat.directory else ""
    return f"pid {beat.pid}{where}" + (f" (supervisord's program {program})" if program else "")


def _left_alone(names: Iterable[str], error: StoreError) -> Report:
    """Nothing is begun that cannot be written down."""
    report = Report()
    for name in names:
        report.failed(name, f"left as it is, the state cannot be written: {error}")
    return report
