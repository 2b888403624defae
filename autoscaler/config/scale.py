"""What `scale` may say: the policies of a fleet."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, ValidationInfo, field_validator

from autoscaler import model
from autoscaler.config import crontab
from autoscaler.config.kinds import Duration, Keys, listed, more_than_zero, not_empty, within

POLICIES = "max_wait, backlog_per_worker, threshold or schedule"


class ThresholdScale(Keys):
    """Step up after demand was above `up`, step down after it was below `down`."""

    #: Tasks, > `down`.
    up: Annotated[int, within(1)]
    #: Tasks, >= 0.
    down: Annotated[int, within(0)]
    #: Workers a step.
    step: Annotated[int, within(1, 999)] = 1
    #: Seconds.
    up_after: Duration = 10.0
    down_after: Duration = 120.0

    @field_validator("down")
    @classmethod
    def _below_up(cls, down: int, info: ValidationInfo) -> int:
        up = info.data.get("up")
        if up is not None and down >= up:
            raise ValueError(f"{down} is not less than up ({up})")
        return down


class ScheduleKeys(Keys):
    """At least so many workers for a while after each time that a cron expression names."""

    cron: Annotated[str, PlainValidator(crontab.expression)] = Field(
        description="when it begins, as crontab has it: '0 8 * * mon-fri'"
    )
    #: Seconds, > 0.
    lasts: Annotated[Duration, AfterValidator(more_than_zero)] = Field(
        alias="for", description="how long it lasts, such as 10h"
    )
    min_workers: Annotated[int, within(1, 999)] = Field(description="how many workers at least")
    #: IANA name.
    timezone: Annotated[str, PlainValidator(crontab.timezone)] = "UTC"


Schedules = Annotated[
    tuple[ScheduleKeys, ...],
    BeforeValidator(listed),
    AfterValidator(not_empty),
    Field(validate_default=False),
]


class Scale(Keys):
    """The policies of a fleet; the highest recommendation wins."""

    threshold: ThresholdScale | None = None
    #: Tasks a worker, > 0.
    backlog_per_worker: Annotated[float, AfterValidator(more_than_zero)] | None = None
    #: Seconds, > 0.
    max_wait: Annotated[Duration, AfterValidator(more_than_zero)] | None = None
    schedule: Schedules = ()

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
