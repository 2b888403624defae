"""The programs that a config asks for, as far as the target can run them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from autoscaler.config import Config
from autoscaler.errors import Undefinable
from autoscaler.model import ProgramSpec
from autoscaler.model.names import worker_name
from autoscaler.singletons.program import singleton_program
from autoscaler.supervisord.program_file import render
from autoscaler.workers.program import worker_program


def undefinable(config: Config, host_name: str) -> Iterator[tuple[str, str]]:
    """Find fleets and singletons whose programs the target cannot run.

    Parameters
    ----------
    host_name : of this machine; part of every worker's node name.

    Returns
    -------
    Dotted key and text of each problem.
    """
    programs: dict[str, Callable[[], ProgramSpec]] = {
        f"fleets.{name}": partial(worker_program, config, fleet, worker_name(name, 1), host_name)
        for name, fleet in config.fleets.items()
    }
    programs |= {
        f"singletons.{name}": partial(singleton_program, config, singleton)
        for name, singleton in config.singletons.items()
    }
    for key, program in programs.items():
        try:
            render(program())
        except Undefinable as error:
            yield key, str(error)
