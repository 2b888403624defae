"""The top level of `autoscaler.yaml`: models with every unit, default and rule.

Each key's description is what users read: in the editor, in docs/configuration.md and where it is missing.
A rule that binds two keys is checked at the later of them, so that it is reported beside all other problems.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    PlainValidator,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from autoscaler.config import text, urls
from autoscaler.config.fleet import Fleet
from autoscaler.config.kinds import (
    AbsolutePath,
    Duration,
    Keys,
    Size,
    SocketPath,
    kind,
    within,
)
from autoscaler.config.rules import Conflict, NotJudged, show
from autoscaler.config.secrets import UNKNOWN, secret, secret_file
from autoscaler.config.singleton import Singleton

#: Says that a key was not given where null means something.
_ABSENT: Any = object()
_ANY_RABBITMQ = "amqp://"


def _file_name(value: object) -> object:
    return Path(text.plain(value)) if not isinstance(value, Path | None) else value


class Broker(Keys):
    """Where the queues are. `url` and `management_url` are checked, expanded and percent-encoded."""

    url_file: Annotated[Path, kind("path")] | None = Field(
        None,
        repr=False,
        strict=False,
        description="a file that holds the broker's url, instead of url; it is read again when it changes. "
        "A relative path is meant from the config file's folder",
        examples=["/etc/autoscaler/broker-url"],
    )
    url: Annotated[SecretStr, kind("url")] = Field(
        default=_ABSENT,
        validate_default=True,
        description="where the broker is: any url that kombu takes. Needed, or url_file. ${NAME} is replaced "
        "from the environment; what is special in a password is percent-encoded",
        examples=["amqp://app:${RABBITMQ_PASSWORD}@localhost:5672//"],
    )
    management_url: Annotated[SecretStr, kind("url")] | None = Field(
        default=_ABSENT,
        validate_default=True,
        description="RabbitMQ's management API, with http:// or https://. Default: the broker's host, user "
        "and password, and port 15672. The user needs the tag monitoring. null: there is none, and the "
        "queues are asked one by one",
        examples=["http://localhost:15672"],
    )
    transport_options: dict[str, Any] = Field(
        default={},
        repr=False,
        description="kombu's transport options, as your app has them in broker_transport_options",
        examples=[{"visibility_timeout": 3600}],
    )

    @property
    def vhost(self) -> str:
        """The virtual host, as kombu reads it from the url."""
        return urls.virtual_host(self.url.get_secret_value())

    _url_file_name = field_validator("url_file", mode="before")(_file_name)

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

    @field_validator(
        "management_url", mode="plain", json_schema_input_type=Annotated[str, kind("url")] | None
    )
    @classmethod
    def _management_url(cls, value: object, info: ValidationInfo) -> SecretStr | None:
        if value is None:
            return None
        if "url" not in info.data:
            raise NotJudged
        broker = info.data["url"].get_secret_value()
        if info.data["url"] is UNKNOWN and value is not _ABSENT:
            broker = _ANY_RABBITMQ  # it may well be one, with a user and password of its own
        if value is _ABSENT:
            derived = urls.default_management_url(broker)
            return SecretStr(derived) if derived else None
        return secret(value, lambda url: urls.management_url(url, broker), info.context)


class Supervisord(Keys):
    """The supervisord that runs the workers."""

    url: Annotated[SecretStr, kind("url")] = Field(
        SecretStr("unix:///run/supervisor.sock"),
        description="where supervisord listens: unix:///path, or http://user:password@host:port",
        examples=["http://user:password@127.0.0.1:9001"],
    )
    programs_file: AbsolutePath = Field(
        Path("/etc/supervisor/conf.d/autoscaler.conf"),
        description="the file that the workers' programs are written to. It is the autoscaler's alone and "
        "must lie in supervisord's [include]",
        examples=["/etc/supervisor/conf.d/autoscaler.conf"],
    )

    @field_validator("url", mode="plain")
    @classmethod
    def _url(cls, value: object, info: ValidationInfo) -> SecretStr:
        return secret(value, urls.supervisord_url, info.context)


class Console(Keys):
    """The ways to look in."""

    socket: SocketPath = Field(
        Path("/run/autoscaler/autoscaler.sock"),
        description="the unix socket that commands such as `autoscaler status` ask",
        examples=["/run/autoscaler/autoscaler.sock"],
    )
    token_file: Annotated[Path, kind("path")] | None = Field(
        None,
        repr=False,
        strict=False,
        description="a file that holds the token, in place of token; it is read again when it changes. A "
        "relative path is meant from the config file's folder",
        examples=["/etc/autoscaler/token"],
    )
    token: Annotated[Mapping[str, SecretStr], kind("token")] = Field(
        default=_ABSENT,
        validate_default=True,
        exclude=True,
        repr=False,
        description="what changes over TCP need, as Authorization: Bearer TOKEN. A text of 16 characters or "
        "more, or several by the names that holds show. Default: nothing can be changed over TCP",
        examples=["${AUTOSCALER_TOKEN}", {"ci": "${CI_TOKEN}"}],
    )
    listen: Annotated[str, PlainValidator(text.address), kind("host:port")] | None = Field(
        None,
        description="an address for HTTP as well: the dashboard, the API, /metrics; any but a loopback one "
        "needs token. Default: nothing listens on TCP",
        examples=["127.0.0.1:8085"],
    )

    @property
    def secrets(self) -> dict[str, str]:
        """The tokens by name."""
        return {name: token.get_secret_value() for name, token in self.token.items()}

    _token_file_name = field_validator("token_file", mode="before")(_file_name)

    @field_validator("token", mode="plain")
    @classmethod
    def _tokens(cls, value: object, info: ValidationInfo) -> Mapping[str, SecretStr]:
        if "token_file" not in info.data:
            raise NotJudged
        file: Path | None = info.data["token_file"]
        if value is not _ABSENT and file is not None:
            raise ValueError("token and token_file are both given; give one of them")
        if file is not None:
            return {"console": secret_file(file, text.token, info.context, key="token_file")}
        if value is _ABSENT:
            return {}
        named = value if isinstance(value, dict) else {"console": value}
        return {text.plain(name): secret(each, text.token, info.context) for name, each in named.items()}

    @field_validator("listen")
    @classmethod
    def _a_token_off_loopback(cls, listen: str | None, info: ValidationInfo) -> str | None:
        if listen is None or text.is_loopback(listen):
            return listen
        if "token" not in info.data:
            raise NotJudged
        if not info.data["token"]:
            port = listen.rpartition(":")[2]
            raise ValueError(
                f"{show(listen)} is not a loopback address: it needs token:; or use 127.0.0.1:{port}"
            )
        return listen


class Host(Keys):
    """The machine that the workers share."""

    reserve_memory: Size = Field(
        1024**3,
        description="memory that must stay free: no worker is started into it",
        examples=["512MiB"],
    )


class Config(Keys):
    """A valid `autoscaler.yaml`. Its `repr` shows no password."""

    broker: Broker = Field(description="where the queues are")
    supervisord: Supervisord = Field(Supervisord(), description="the supervisord that runs the workers")
    console: Console = Field(Console(), description="the ways to look in")
    state_dir: AbsolutePath = Field(
        Path("/var/lib/autoscaler"),
        description="the folder for what must survive a restart. It is made when it is missing",
        examples=["/var/lib/autoscaler"],
    )
    polling_interval: Annotated[Duration, within(0.1, unit="s")] = Field(
        2.0, description="the time from one look at everything to the next, at least 100ms", examples=["5s"]
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info",
        description="the daemon logs lines of this level and above. debug adds each question to a service, "
        "its answer and its time. --log-level and $AUTOSCALER_LOG_LEVEL override the key",
        examples=["debug"],
    )
    log_format: Literal["text", "json"] = Field(
        "text",
        description="text for people, or one JSON object a line. --log-format and $AUTOSCALER_LOG_FORMAT "
        "override the key",
        examples=["json"],
    )
    dry_run: bool = Field(
        False, description="decide and tell, but change nothing, for all fleets", examples=[True]
    )
    #: By name. Empty: all fleets drain away.
    fleets: Mapping[str, Fleet] = Field(description="the fleets by name; {} for none")
    singletons: Mapping[str, Singleton] = Field(
        default={}, description="what runs exactly once beside the fleets, by name"
    )
    host: Host = Field(Host(), description="the machine that the workers share")

    @field_validator("singletons")
    @classmethod
    def _not_a_fleet(
        cls, singletons: Mapping[str, Singleton], info: ValidationInfo
    ) -> Mapping[str, Singleton]:
        for name in singletons:
            if name in info.data.get("fleets", {}):
                raise Conflict(f"a fleet is called {name} too; rename one of them", ("fleets",), at=(name,))
        return singletons

    def log_folder(self, of: Fleet | Singleton) -> Path:
        """The folder that a fleet's workers, or a singleton, log to."""
        return of.log_dir or self.state_dir / "log"

    def is_dry(self, fleet: str) -> bool:
        """Whether the decisions about a fleet are shown, and not carried out."""
        settings = self.fleets.get(fleet)
        return self.dry_run or (settings is not None and settings.dry_run)

    @classmethod
    def known(cls) -> list[str]:
        """List the keys that may be written, `defaults` included."""
        return [*super().known(), "defaults"]
