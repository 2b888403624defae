"""The kinds of values that the file's keys take, and what a mapping of known keys is.

Texts with a unit (``30s``) become numbers (seconds, bytes). From Python the numbers themselves may be given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, ClassVar, NoReturn, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationInfo,
)
from pydantic.fields import FieldInfo

from autoscaler import model
from autoscaler.config import text, units
from autoscaler.config.rules import show

T = TypeVar("T", int, float)
V = TypeVar("V")


def _plain(number: float) -> str:
    return f"{number:g}" if isinstance(number, float) else str(number)


def within(low: T, high: T | None = None, unit: str = "", why: str = "") -> AfterValidator:
    """Bound a number on both sides."""

    def check(value: T) -> T:
        if value < low:
            raise ValueError(f"{_plain(value)}{unit} is less than {_plain(low)}{unit}")
        if high is not None and value > high:
            raise ValueError(f"{_plain(value)}{unit} is more than {_plain(high)}{unit}{why}")
        return value

    return AfterValidator(check)


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


def _not_yet(_value: object) -> NoReturn:
    raise ValueError("is not supported yet")


Duration = Annotated[float, parsed(units.duration, int, float)]
Size = Annotated[int, parsed(units.size, int)]
Rate = Annotated[model.Rate, parsed(units.rate, model.Rate)]
AbsolutePath = Annotated[Path, PlainValidator(text.absolute_path)]
ProgramPath = Annotated[Path, PlainValidator(text.program_path)]
SocketPath = Annotated[Path, PlainValidator(text.socket_path)]
QueueNames = Annotated[
    tuple[Annotated[str, PlainValidator(text.queue_name)], ...],
    BeforeValidator(listed),
    AfterValidator(no_doubles),
    AfterValidator(not_empty),
]
Words = Annotated[
    tuple[Annotated[str, PlainValidator(text.option)], ...],
    BeforeValidator(listed),
    BeforeValidator(text.split_words),
]
Environment = Mapping[
    Annotated[str, PlainValidator(text.variable_name)], Annotated[str, PlainValidator(text.variable_value)]
]
NotYet = Annotated[None, PlainValidator(_not_yet), Field(exclude=True, repr=False)]


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
