"""The kinds of values in the config, and the base of its models.

Texts with a unit (``30s``) become numbers (seconds, bytes). From Python the numbers themselves may be given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, core_schema

from autoscaler import model
from autoscaler.config import text, units
from autoscaler.config.rules import show

T = TypeVar("T", int, float)
V = TypeVar("V")


def _plain(number: float) -> str:
    return f"{number:g}" if isinstance(number, float) else str(number)


@dataclass(frozen=True, slots=True)
class within(Generic[T]):  # noqa: N801 (stands in annotations as a rule)
    """Bound a number on both sides; as pydantic's own bounds, but in our words."""

    low: T
    high: T | None = None
    unit: str = ""
    why: str = ""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        json_schema = handler(schema)
        if json_schema.get("type") in ("integer", "number"):
            json_schema["minimum"] = self.low
            if self.high is not None:
                json_schema["maximum"] = self.high
        return json_schema

    def _check(self, value: T) -> T:
        if value < self.low:
            raise ValueError(f"{_plain(value)}{self.unit} is less than {_plain(self.low)}{self.unit}")
        if self.high is not None and value > self.high:
            raise ValueError(
                f"{_plain(value)}{self.unit} is more than {_plain(self.high)}{self.unit}{self.why}"
            )
        return value


def more_than_zero(value: float) -> float:
    if value <= 0:
        raise ValueError(f"must be more than 0, not {_plain(value)}")
    return value


def parsed(parse: Callable[[object], object], *ready: type) -> PlainValidator:
    """Parse a file's text; from Python take a value of the `ready` types as it is."""

    def read(value: object, info: ValidationInfo) -> object:
        return value if info.context is None and isinstance(value, ready) else parse(value)

    return PlainValidator(read)


def listed(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def no_doubles(values: tuple[str, ...]) -> tuple[str, ...]:
    if double := next((value for index, value in enumerate(values) if value in values[:index]), None):
        raise ValueError(f"{show(double)} is listed twice")
    return values


def not_empty(values: tuple[V, ...]) -> tuple[V, ...]:
    if not values:
        raise ValueError("is an empty list; at least one is needed")
    return values


#: What values of our own kinds look like in the file, by the name that users read: JSON schemas.
KINDS: dict[str, dict[str, Any]] = {
    "text": {"type": "string", "minLength": 1},
    "duration": {"type": "string", "pattern": f"^{units.DURATION_PATTERN}$"},
    "size": {"type": "string", "pattern": f"^{units.SIZE_PATTERN}$"},
    "rate": {"type": "string", "pattern": f"^[0-9]{{1,6}}/{units.DURATION_PATTERN}$"},
    "path": {"type": "string", "minLength": 1},
    "absolute path": {"type": "string", "pattern": "^/"},
    "url": {"type": "string", "minLength": 1},
    "token": {"type": ["string", "object"], "additionalProperties": {"type": "string"}},
    "host:port": {"type": "string", "pattern": "^.+:[0-9]{1,5}$"},
    "cron": {"type": "string", "pattern": r"^\s*\S+(\s+\S+){4}\s*$"},
}


def kind(name: str) -> WithJsonSchema:
    """Say which of KINDS a value is, where pydantic cannot know: behind a validator of our own."""
    return WithJsonSchema({"title": name, **KINDS[name]})


Duration = Annotated[float, parsed(units.duration, int, float), kind("duration")]
Size = Annotated[int, parsed(units.size, int), kind("size")]
Rate = Annotated[model.Rate, parsed(units.rate, model.Rate), kind("rate")]
AbsolutePath = Annotated[Path, PlainValidator(text.absolute_path), kind("absolute path")]
ProgramPath = Annotated[Path, PlainValidator(text.program_path), kind("absolute path")]
SocketPath = Annotated[Path, PlainValidator(text.socket_path), kind("absolute path")]
QueueNames = Annotated[
    tuple[Annotated[str, PlainValidator(text.queue_name), kind("text")], ...],
    BeforeValidator(listed),
    AfterValidator(no_doubles),
    AfterValidator(not_empty),
]
Words = Annotated[
    tuple[Annotated[str, PlainValidator(text.option)], ...],
    BeforeValidator(listed),
    BeforeValidator(text.split_words),
    WithJsonSchema({"title": "list of words", "type": ["array", "string"], "items": {"type": "string"}}),
]
Command = Annotated[
    tuple[Annotated[str, PlainValidator(text.printable)], ...],
    BeforeValidator(listed),
    BeforeValidator(text.split_words),
    AfterValidator(text.program_words),
    WithJsonSchema({"title": "list of words", "type": ["array", "string"], "items": {"type": "string"}}),
]
Environment = Annotated[
    Mapping[
        Annotated[str, PlainValidator(text.variable_name)],
        Annotated[str, PlainValidator(text.variable_value)],
    ],
    WithJsonSchema({"title": "mapping", "type": "object", "additionalProperties": {"type": "string"}}),
]


class Keys(BaseModel):
    """A mapping of known keys in the file. Frozen; takes no other key."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    #: Keys of the mapping that the file may not use.
    internal: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def known(cls) -> list[str]:
        """List the keys that may be written."""
        return [key for key in cls.fields() if key not in cls.internal]

    @classmethod
    def fields(cls) -> dict[str, FieldInfo]:
        """Every key with what is known of it; `for` is no name in Python, so its field has another."""
        return {field.alias or name: field for name, field in cls.model_fields.items()}
