"""What `autoscaler.yaml` may say: the models, with every unit, default and rule.

A rule that binds two keys is checked at the later of them, so that it is reported beside all other problems.
Texts with a unit (``30s``) become numbers (seconds, bytes). From Python the numbers themselves may be given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NoReturn, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from autoscaler import model
from autoscaler.config import text, units, urls
from autoscaler.config.rules import Conflict, NotJudged, show
from autoscaler.config.secrets import secret, secret_file

T = TypeVar("T", int, float)


def _plain(number: float) -> str:
    return f"{number:g}" if isinstance(number, float) else str(number)


def _within(low: T, high: T | None = None, unit: str = "", why: str = "") -> AfterValidator:
    """Bound a number on both sides."""

    def check(value: T) -> T:
        if value < low:
            raise ValueError(f"{_plain(value)}{unit} is less than {_plain(low)}{unit}")
        if high is not None and value > high:
            raise ValueError(f"{_plain(value)}{unit} is more than {_plain(high)}{unit}{why}")
        return value

    return AfterValidator(check)


def _more_than_zero(value: float) -> float:
    if value <= 0:
        raise ValueError(f"must be more than 0, not {_plain(value)}")
    return value


def _parsed(parse: Callable[[object], object], *ready: type) -> PlainValidator:
    """Parse a file's text; from Python take a value of the `ready` types as it is."""

    def read(value: object, info: ValidationInfo) -> object:
        return value if info.context is None and isinstance(value, ready) else parse(value)

    return PlainValidator(read)


def _listed(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _no_doubles(values: tuple[str, ...]) -> tuple[str, ...]:
    if double := next((value for index, value in enumerate(values) if value in values[:index]), None):
        raise ValueError(f"{show(double)} is listed twice")
    return values


def _not_empty(values: tuple[str, ...]) -> tuple[str, ...]:
    if not values:
        raise ValueError("is an empty list; at least one is needed")
    return values


def _not_yet(_value: object) -> NoReturn:
    raise ValueError("is not supported yet")


Duration = Annotated[float, _parsed(units.duration, int, float)]
Size = Annotated[int, _parsed(units.size, int)]
Rate = Annotated[model.Rate, _parsed(units.rate, model.Rate)]
AbsolutePath = Annotated[Path, PlainValidator(text.absolute_path)]
ProgramPath = Annotated[Path, PlainValidator(text.program_path)]
SocketPath = Annotated[Path, PlainValidator(text.socket_path)]
QueueNames = Annotated[
    tuple[Annotated[str, PlainValidator(text.queue_name)], ...],
    BeforeValidator(_listed),
    AfterValidator(_no_doubles),
    AfterValidator(_not_empty),
]
Words = Annotated[
    tuple[Annotated[str, PlainValidator(text.option)], ...],
    BeforeValidator(_listed),
    BeforeValidator(text.split_words),
]
Environment = Mapping[
    Annotated[str, PlainValidator(text.variable_name)], Annotated[str, PlainValidator(text.variable_value)]
]
NotYet = Annotated[None, PlainValidator(_not_yet), Field(exclude=True, repr=False)]

#: Says that a key was not given where null means something.
_ABSENT: Any = object()


class Keys(BaseModel):
    """A mapping of known keys in the file. Frozen; takes no other key."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    #: Keys of the mapping that the file may not use.
    internal: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def known(cls) -> list[str]:
        """List the keys that may be written."""
        return [name for name in cls.model_fields if name not in cls.internal]


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


class ThresholdScale(Keys):
    """Step up after demand was above `up`, step down after it was below `down`."""

    #: Tasks, > `down`.
    up: Annotated[int, _within(1)]
    #: Tasks, >= 0.
    down: Annotated[int, _within(0)]
    #: Workers a step.
    step: Annotated[int, _within(1, 999)] = 1
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


class Scale(Keys):
    """The policies of a fleet; the highest recommendation wins."""

    threshold: ThresholdScale | None = None
    #: Tasks a worker, > 0.
    backlog_per_worker: Annotated[float, AfterValidator(_more_than_zero)] | None = None
    max_wait: NotYet = None
    schedule: NotYet = None

    @property
    def policies(self) -> tuple[model.PolicySettings, ...]:
        """The policies as `decide` takes them."""
        found: list[model.PolicySettings] = []
        if self.threshold:
            found.append(model.Threshold(**self.threshold.model_dump()))
        if self.backlog_per_worker:
            found.append(model.BacklogPerWorker(self.backlog_per_worker))
        return tuple(found)


class FallbackKeys(Keys):
    """The size to grow to when demand has been unknown for `after` seconds."""

    workers: Annotated[int, _within(0, 999)]
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
    concurrency: Annotated[int, _within(1)] = Field(description="how many tasks one worker runs at once")
    #: 999, because worker names have two or three digits.
    max_workers: Annotated[int, _within(1, 999, why=": worker names have at most three digits")] = Field(
        description="how many workers there may be"
    )
    min_workers: Annotated[int, _within(0)] = 1
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
    #: Seconds; a fleet shrinks to the highest recommendation of the last so many seconds.
    stabilization: Duration = 60.0
    #: Share by which demand may miss the target, 0..1.
    tolerance: Annotated[float, _within(0.0, 1.0)] = 0.1
    max_scale_up: Rate | None = None
    max_scale_down: Rate | None = None
    #: Seconds that a draining worker may take.
    drain_timeout: Annotated[Duration, AfterValidator(_more_than_zero)] = 3600.0
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
        rule = f"threshold or backlog_per_worker must decide between {bounds}"
        raise Conflict(f"{what}: {rule}", ("min_workers", "max_workers"))

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
    polling_interval: Annotated[Duration, _within(0.1, unit="s")] = 2.0
    #: Decide and tell, but change nothing, for all fleets.
    dry_run: bool = False
    #: By name. Empty: all fleets drain away.
    fleets: Mapping[str, Fleet] = Field(description="the fleets by name; {} for none")
    host: Host = Host()

    @classmethod
    def known(cls) -> list[str]:
        """List the keys that may be written, `defaults` included."""
        return [*super().known(), "defaults"]
