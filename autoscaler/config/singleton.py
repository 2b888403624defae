"""The keys of a singleton in `autoscaler.yaml`."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, PlainValidator

from autoscaler import model
from autoscaler.config import text
from autoscaler.config.kinds import Command, Duration, Environment, Keys, ProgramPath, kind, more_than_zero


class Singleton(Keys):
    """A program that runs exactly once, such as celery beat. In the file its name is its key."""

    internal = frozenset({"name"})

    name: Annotated[str, PlainValidator(text.fleet_name)]
    #: May hold passwords, so it is never shown.
    command: Command = Field(
        repr=False,
        description="the command, as a list of its words, or as one text that is split as a shell would",
        examples=[["/srv/shop/venv/bin/celery", "-A", "shop.tasks", "beat"]],
    )
    directory: ProgramPath | None = Field(
        None, description="the folder that it is started in", examples=["/srv/shop"]
    )
    user: Annotated[str, PlainValidator(text.user_name), kind("text")] | None = Field(
        None,
        description="the user that it runs as. Default: supervisord's own; where that is root, it is not "
        "started unless a user is named, be it root",
        examples=["shop"],
    )
    #: May hold passwords, so it is never shown.
    environment: Environment = Field(
        default={},
        repr=False,
        description="variables for its environment, beside supervisord's own; never shown",
        examples=[{"LANG": "C.UTF-8"}],
    )
    log_dir: ProgramPath | None = Field(
        None,
        description="the folder of its log, which is rotated. Default: log in state_dir",
        examples=["/var/log/shop"],
    )
    stop_timeout: Annotated[Duration, AfterValidator(more_than_zero)] = Field(
        10.0, description="how long it may take to stop after TERM; it is killed then", examples=["30s"]
    )

    @property
    def beat_app(self) -> str:
        """The app whose periodic tasks it sends; empty if it is no celery beat, or does not say of which."""
        return model.app_of_beat(self.command) or ""
