"""The keys of `scale`: the policies of a fleet."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, ValidationInfo, field_validator

from autoscaler import model
from autoscaler.config import crontab
from autoscaler.config.kinds import Duration, Keys, kind, listed, more_than_zero, not_empty, within

POLICIES = "max_wait, backlog_per_worker, threshold or schedule"


class ThresholdScale(Keys):
    """Step up after demand was above `up`, step down after it was below `down`."""

    #: > `down`.
    up: Annotated[int, within(1)] = Field(
        description="more waiting tasks than this add workers", examples=[100]
    )
    down: Annotated[int, within(0)] = Field(
        description="fewer waiting tasks than this take workers away; less than up", examples=[10]
    )
    step: Annotated[int, within(1, 999)] = Field(
        1, description="how many workers come or go at once", examples=[2]
    )
    up_after: Duration = Field(
        10.0, description="how long demand must stay above up before workers are added", examples=["10s"]
    )
    down_after: Duration = Field(
        120.0,
        description="how long demand must stay below down before workers are taken away",
        examples=["2m"],
    )

    @field_validator("down")
    @classmethod
    def _below_up(cls, down: int, info: ValidationInfo) -> int:
        up = info.data.get("up")
        if up is not None and down >= up:
            raise ValueError(f"{down} is not less than up ({up})")
        return down


class ScheduleKeys(Keys):
    """At least so many workers for a while after each time that a cron expression names."""

    cron: Annotated[str, PlainValidator(crontab.expression), kind("cron")] = Field(
        description="when it begins, as crontab has it: '0 8 * * mon-fri'", examples=["0 8 * * mon-fri"]
    )
    lasts: Annotated[Duration, AfterValidator(more_than_zero)] = Field(
        alias="for", description="how long it lasts, such as 10h", examples=["10h"]
    )
    min_workers: Annotated[int, within(1, 999)] = Field(description="how many workers at least", examples=[6])
    timezone: Annotated[str, PlainValidator(crontab.timezone), kind("text")] = Field(
        "UTC", description="the time zone that cron is meant in, by its IANA name", examples=["Europe/Berlin"]
    )


Schedules = Annotated[
    tuple[ScheduleKeys, ...],
    BeforeValidator(listed),
    AfterValidator(not_empty),
    Field(validate_default=False),
]


class Scale(Keys):
    """The policies of a fleet; the highest recommendation wins."""

    threshold: ThresholdScale | None = Field(
        None,
        description="steps up after demand was above up for a while, and down after it was below down",
        examples=[{"up": 100, "down": 10, "step": 2, "up_after": "10s", "down_after": "2m"}],
    )
    backlog_per_worker: Annotated[float, AfterValidator(more_than_zero)] | None = Field(
        None, description="one worker for so many waiting tasks; more than 0", examples=[20]
    )
    max_wait: Annotated[Duration, AfterValidator(more_than_zero)] | None = Field(
        None,
        description="a task should start within this time, with as few workers as that takes",
        examples=["30s"],
    )
    schedule: Schedules = Field(
        (),
        description="at least so many workers for a while, from each time that a cron expression names",
        examples=[[{"cron": "0 8 * * mon-fri", "for": "10h", "min_workers": 6, "timezone": "Europe/Berlin"}]],
    )
    learn: bool = Field(
        True,
        description="start workers ahead of a rise that earlier days or hours let expect, where one that "
        "starts when the tasks are there would come too late",
        examples=[False],
    )

    @property
    def policies(self) -> tuple[model.PolicySettings, ...]:
        """The policies as `decide` takes them."""
        found: list[model.PolicySettings] = []
        if self.max_wait:
            found.append(model.MaxWait(self.max_wait))
        if self.threshold:
            found.append(model.Threshold(**self.threshold.model_dump()))
        if self.backlog_per_worker:
            found.append(model.BacklogPerWorker(self.backlog_per_worker))
        found += [model.Schedule(**each.model_dump()) for each in self.schedule]
        return tuple(found)
