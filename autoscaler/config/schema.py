"""What `autoscaler.yaml` may say: the models, with every unit, default and rule.

A rule that binds two keys is checked at the later of them, so that it is reported beside all other problems.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    PlainValidator,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from autoscaler import model
from autoscaler.config import text, urls
from autoscaler.config.kinds import (
    AbsolutePath,
    Duration,
    Environment,
    Keys,
    NotYet,
    ProgramPath,
    QueueNames,
    Rate,
    Size,
    SocketPath,
    Words,
    more_than_zero,
    within,
)
from autoscaler.config.rules import Conflict, NotJudged
from autoscaler.config.scale import POLICIES, Scale
from autoscaler.config.secrets import secret, secret_file

#: Says that a key was not given where null means something.
_ABSENT: Any = object()


class Broker(Keys):
    """Where the queues are. `url` and `management_url` are checked, expanded and percent-encoded."""

    #: Where the url is read from; None when it stands in the config file.
    url_file: Path | None = Field(None, repr=False, strict=False)
    #: Any kombu url.
    url: SecretStr = Field(default=_ABSENT, validate_default=True)
    #: RabbitMQ's management API, always with user and password; None (``null``): there is none.
    management_url: SecretStr | None = Field(default=_ABSENT, validate_default=True)
    #: kombu's transport options, as the user's app has them.
    transport_options: dict[str, Any] = Field(default={}, repr=False)

    @property
    def vhost(self) -> str:
        """The virtual host, as kombu reads it from the url."""
        return urls.virtual_host(self.url.get_secret_value())

    @field_validator("url_file", mode="before")
    @classmethod
    def _a_file_name(cls, value: object) -> object:
        return Path(text.plain(value)) if not isinstance(value, Path | None) else value

    @field_validator("url", mode="plain")
    @classmethod
    def _url(cls, value: object, info: ValidationInfo) -> SecretStr:
        if "url_file" not in info.data:
            raise NotJudged
        file: Path | None = info.data["url_file"]
        if value is _ABSENT and file is None:
            raise ValueError("is missing; give url, such as amqp://user:password@host:5672//, or url_file")
        if value is not _ABSENT and file is not None:
            raise ValueError("url and url_file are both given; give one of them")
        if file is not None:
            return secret_file(file, urls.broker_url, info.context)
        return secret(value, urls.broker_url, info.context)

    @field_validator("management_url", mode="plain")
    @classmethod
    def _management_url(cls, value: object, info: ValidationInfo) -> SecretStr | None:
        if value is None:
            return None
        if "url" not in info.data:
            raise NotJudged
        broker = info.data["url"].get_secret_value()
        if value is _ABSENT:
            derived = urls.default_management_url(broker)
            return SecretStr(derived) if derived else None
        return secret(value, lambda url: urls.management_url(url, broker), info.context)


class Supervisord(Keys):
    """The supervisord that runs the workers."""

    #: ``unix:///path`` or ``http://user:password@host:port``.
    url: SecretStr = SecretStr("unix:///run/supervisor.sock")
    #: Ours alone; must lie in supervisord's [include].
    programs_file: AbsolutePath = Path("/etc/supervisor/conf.d/autoscaler.conf")

    @field_validator("url", mode="plain")
    @classmethod
    def _url(cls, value: object, info: ValidationInfo) -> SecretStr:
        return secret(value, urls.supervisord_url, info.context)


class Console(Keys):
    """The ways to look in."""

    #: The CLI's way in.
    socket: SocketPath = Path("/run/autoscaler/autoscaler.sock")
    #: ``host:port`` on loopback; None: no TCP at all.
    listen: Annotated[str, PlainValidator(text.loopback)] | None = None
    token: NotYet = None


class Host(Keys):
    """The machine that the workers share."""

    #: Bytes that no worker is ever started into.
    reserve_memory: Size = 1024**3


class FallbackKeys(Keys):
    """The size to grow to when demand has been unknown for `after` seconds."""

    workers: Annotated[int, within(0, 999)]
    after: Duration


def _fallback(value: object, info: ValidationInfo) -> model.Fallback:
    if isinstance(value, model.Fallback) and info.context is None:
        return value
    keys = FallbackKeys.model_validate(value, context=info.context)
    return model.Fallback(keys.workers, keys.after)


class Fleet(Keys):
    """A set of identical workers on the same queues. In the file its name is its key under `fleets`."""

    internal = frozenset({"name"})

    name: Annotated[str, PlainValidator(text.fleet_name)]
    #: What follows `celery -A`.
    app: Annotated[str, PlainValidator(text.app_name)] = Field(description="the app, as celery -A takes it")
    queues: QueueNames = Field(description="a list of the queues that its workers take tasks from")
    #: Slots a worker, as `celery -c`.
    concurrency: Annotated[int, within(1)] = Field(description="how many tasks one worker runs at once")
    #: 999, because worker names have two or three digits.
    max_workers: Annotated[int, within(1, 999, why=": worker names have at most three digits")] = Field(
        description="how many workers there may be"
    )
    min_workers: Annotated[int, within(0)] = 1
    #: None for a fixed fleet only.
    scale: Scale | None = Field(None, validate_default=True)
    pool: Literal["prefork", "threads", "gevent", "eventlet", "solo"] = "prefork"
    #: A name on PATH or an absolute path.
    celery: Annotated[str, PlainValidator(text.command)] = "celery"
    directory: ProgramPath | None = None
    user: Annotated[str, PlainValidator(text.user_name)] | None = None
    #: May hold passwords, so it is never shown.
    environment: Environment = Field(default={}, repr=False)
    #: More arguments of `celery worker`, one word each.
    options: Words = ()
    log_dir: ProgramPath | None = None
    #: Seconds; a fleet shrinks to the highest recommendation of the last so many seconds. Default: 60, and
    #: 0 where max_wait decides alone or with a schedule, since it looks back by itself.
    stabilization: Duration = Field(default=_ABSENT, validate_default=True)
    #: Share by which demand may miss the target, 0..1.
    tolerance: Annotated[float, within(0.0, 1.0)] = 0.1
    max_scale_up: Rate | None = None
    max_scale_down: Rate | None = None
    #: Seconds that a draining worker may take.
    drain_timeout: Annotated[Duration, AfterValidator(more_than_zero)] = 3600.0
    fallback: Annotated[model.Fallback, PlainValidator(_fallback)] | None = None
    #: Decide and tell, but change nothing.
    dry_run: bool = False

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


class Config(Keys):
    """A valid `autoscaler.yaml`. Its `repr` shows no password."""

    broker: Broker = Field(description="where the queues are")
    supervisord: Supervisord = Supervisord()
    console: Console = Console()
    state_dir: AbsolutePath = Path("/var/lib/autoscaler")
    #: Seconds from one tick to the next.
    polling_interval: Annotated[Duration, within(0.1, unit="s")] = 2.0
    #: Decide and tell, but change nothing, for all fleets.
    dry_run: bool = False
    #: By name. Empty: all fleets drain away.
    fleets: Mapping[str, Fleet] = Field(description="the fleets by name; {} for none")
    host: Host = Host()

    @classmethod
    def known(cls) -> list[str]:
        """List the keys that may be written, `defaults` included."""
        return [*super().known(), "defaults"]
