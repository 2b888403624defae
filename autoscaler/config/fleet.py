"""The keys of a fleet in `autoscaler.yaml`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PlainValidator, ValidationInfo, field_validator

from autoscaler import model
from autoscaler.config import text
from autoscaler.config.kinds import (
    AbsolutePath,
    Duration,
    Environment,
    Keys,
    ProgramPath,
    QueueNames,
    Rate,
    Words,
    kind,
    more_than_zero,
    within,
)
from autoscaler.config.rules import Conflict
from autoscaler.config.scale import POLICIES, Scale

#: Says that a key was not given where its default depends on others.
_ABSENT: Any = object()


class FallbackKeys(Keys):
    """The size to grow to when demand has been unknown for `after` seconds."""

    workers: Annotated[int, within(0, 999)] = Field(
        description="how many workers, within min_workers and max_workers", examples=[6]
    )
    after: Duration = Field(description="how long the demand must have been unknown", examples=["1m"])


def _fallback(value: object, info: ValidationInfo) -> model.Fallback:
    if isinstance(value, model.Fallback) and info.context is None:
        return value
    keys = FallbackKeys.model_validate(value, context=info.context)
    return model.Fallback(keys.workers, keys.after)


class Fleet(Keys):
    """A set of identical workers on the same queues. In the file its name is its key under `fleets`."""

    internal = frozenset({"name"})

    name: Annotated[str, PlainValidator(text.fleet_name)]
    app: Annotated[str, PlainValidator(text.app_name), kind("text")] = Field(
        description="the app, as celery -A takes it", examples=["shop.tasks"]
    )
    queues: QueueNames = Field(
        description="a list of the queues that its workers take tasks from",
        examples=[["emails", "newsletters"]],
    )
    concurrency: Annotated[int, within(1)] = Field(
        description="how many tasks one worker runs at once, as celery -c", examples=[4]
    )
    #: 999, because worker names have two or three digits.
    max_workers: Annotated[int, within(1, 999, why=": worker names have at most three digits")] = Field(
        description="how many workers there may be", examples=[12]
    )
    min_workers: Annotated[int, within(0)] = Field(
        1,
        description="how many workers there are at least. As many as max_workers: a fixed fleet, which needs "
        "no scale. 0 is allowed",
        examples=[2],
    )
    #: None for a fixed fleet only.
    scale: Scale | None = Field(
        None,
        validate_default=True,
        description="the policies; the highest recommendation wins. Needed unless min_workers is max_workers",
        examples=[{"max_wait": "30s"}],
    )
    pool: Literal["prefork", "threads", "gevent", "eventlet", "solo"] = Field(
        "prefork", description="the kind of pool, as celery -P takes it", examples=["threads"]
    )
    celery: Annotated[str, PlainValidator(text.command), kind("text")] = Field(
        "celery",
        description="the celery command: better its whole path, because a mere name is looked up in "
        "supervisord's own PATH",
        examples=["/srv/shop/venv/bin/celery"],
    )
    directory: ProgramPath | None = Field(
        None, description="the folder that workers are started in", examples=["/srv/shop"]
    )
    user: Annotated[str, PlainValidator(text.user_name), kind("text")] | None = Field(
        None,
        description="the user that workers run as. Default: supervisord's own; where that is root, no "
        "worker is started unless a user is named, be it root",
        examples=["shop"],
    )
    #: May hold passwords, so it is never shown.
    environment: Environment = Field(
        default={},
        repr=False,
        description="variables for the workers' environment, beside supervisord's own; never shown",
        examples=[{"LANG": "C.UTF-8"}],
    )
    options: Words = Field(
        (),
        description="more arguments of `celery worker`, one word each",
        examples=[["--prefetch-multiplier=1"]],
    )
    log_dir: ProgramPath | None = Field(
        None,
        description="the folder of the workers' logs, one file a worker, rotated. Default: log in state_dir",
        examples=["/var/log/shop"],
    )
    pid_dir: AbsolutePath | None = Field(
        None,
        description="a folder in which the daemon keeps a file with the pid of each worker, such as "
        "emails-01.pid, for tools that want one. Default: none",
        examples=["/run/shop"],
    )
    stabilization: Duration = Field(
        default=_ABSENT,
        validate_default=True,
        description="the fleet shrinks to the highest recommendation of this time. Default: 60s, and 0s "
        "where max_wait decides alone or with a schedule, since it looks back by itself",
        examples=["2m"],
    )
    tolerance: Annotated[float, within(0.0, 1.0)] = Field(
        0.1,
        description="the share by which demand may miss backlog_per_worker before anything changes",
        examples=[0.2],
    )
    max_scale_up: Rate | None = Field(
        None,
        description="the fleet grows by at most so many workers within a time. Default: no limit",
        examples=["4/15s"],
    )
    max_scale_down: Rate | None = Field(
        None,
        description="the fleet shrinks by at most so many workers within a time. Default: no limit",
        examples=["2/1m"],
    )
    drain_timeout: Annotated[Duration, AfterValidator(more_than_zero)] = Field(
        3600.0,
        description="how long a drain should take at most. A longer one is told, and left to finish",
        examples=["30m"],
    )
    drain_on_timeout: Literal["wait", "stop"] = Field(
        "wait",
        description="what becomes of a longer drain: wait for it, or stop the worker by TERM: "
        "a warm shutdown, which finishes what runs and hands back the rest. It is never killed",
        examples=["stop"],
    )
    fallback: (
        Annotated[model.Fallback, PlainValidator(_fallback, json_schema_input_type=FallbackKeys)] | None
    ) = Field(
        None,
        description="the size to grow to when the demand has been unknown for some time. Default: none",
        examples=[{"workers": 6, "after": "1m"}],
    )
    dry_run: bool = Field(False, description="decide and tell, but change nothing", examples=[True])

    @property
    def scaling(self) -> model.Scaling:
        """What the fleet's decisions are bound by."""
        return model.Scaling(
            min_workers=self.min_workers,
            max_workers=self.max_workers,
            concurrency=self.concurrency,
            policies=self.scale.policies if self.scale else (),
            stabilization=self.stabilization,
            tolerance=self.tolerance,
            max_scale_up=self.max_scale_up,
            max_scale_down=self.max_scale_down,
            fallback=self.fallback,
            learn=self.scale.learn if self.scale else False,
        )

    @field_validator("min_workers")
    @classmethod
    def _not_above_max(cls, workers: int, info: ValidationInfo) -> int:
        most = info.data.get("max_workers")
        if most is not None and workers > most:
            raise Conflict(f"{workers} is more than max_workers ({most})", ("max_workers",))
        return workers

    @field_validator("scale")
    @classmethod
    def _a_policy_where_it_scales(cls, scale: Scale | None, info: ValidationInfo) -> Scale | None:
        least, most = info.data.get("min_workers"), info.data.get("max_workers")
        fixed = least is None or most is None or least == most
        if fixed or (scale and scale.policies):
            return scale
        what = "has no policy" if scale else "is missing"
        bounds = f"min_workers ({least}) and max_workers ({most})"
        raise Conflict(f"{what}: {POLICIES} must decide between {bounds}", ("min_workers", "max_workers"))

    @field_validator("scale")
    @classmethod
    def _schedules_in_bounds(cls, scale: Scale | None, info: ValidationInfo) -> Scale | None:
        most = info.data.get("max_workers", 999)
        for index, each in enumerate(scale.schedule if scale else ()):
            if each.min_workers > most:
                message = f"{each.min_workers} is more than max_workers ({most})"
                raise Conflict(message, ("max_workers",), at=("schedule", index, "min_workers"))
        return scale

    @field_validator("stabilization", mode="before")
    @classmethod
    def _as_its_policies_want(cls, value: object, info: ValidationInfo) -> object:
        if value is not _ABSENT:
            return value
        scale: Scale | None = info.data.get("scale")
        policies = scale.policies if scale else ()
        steady = any(isinstance(each, model.MaxWait) for each in policies) and all(
            isinstance(each, model.MaxWait | model.Schedule) for each in policies
        )
        return "0s" if steady else "60s"

    @field_validator("pool")
    @classmethod
    def _solo_is_one(cls, pool: str, info: ValidationInfo) -> str:
        concurrency = info.data.get("concurrency", 1)
        if pool == "solo" and concurrency != 1:
            raise Conflict(
                f"solo runs one task at a time, but concurrency is {concurrency}", ("concurrency",)
            )
        return pool

    @field_validator("fallback")
    @classmethod
    def _fallback_in_bounds(
        cls, fallback: model.Fallback | None, info: ValidationInfo
    ) -> model.Fallback | None:
        least, most = info.data.get("min_workers", 0), info.data.get("max_workers", 999)
        if fallback and fallback.workers < least:
            message = f"{fallback.workers} is less than min_workers ({least})"
            raise Conflict(message, ("min_workers",), at=("workers",))
        if fallback and fallback.workers > most:
            message = f"{fallback.workers} is more than max_workers ({most})"
            raise Conflict(message, ("max_workers",), at=("workers",))
        return fallback
