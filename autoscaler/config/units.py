"""Durations, sizes and rates: text with a unit -> numbers."""

from __future__ import annotations

import re

from autoscaler.config.rules import WrongKind, show
from autoscaler.model import Rate

#: Seconds a unit, longest first: the order in which a compound is written.
_SECONDS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_NUMBER = r"[0-9]{1,12}(?:\.[0-9]{1,6})?"
_DURATION = re.compile("".join(rf"(?:({_NUMBER}){unit})?" for unit in _SECONDS))
#: For editors: the same, and not empty.
DURATION_PATTERN = "(?=.)" + "".join(rf"({_NUMBER}{unit})?" for unit in _SECONDS)
_LONGEST = 366 * 86400.0

_BYTES = {"B": 1} | {f"{p}B": 1000**n for n, p in enumerate("kMGT", 1)} | {"KB": 1000}
_BYTES |= {f"{p}iB": 1024**n for n, p in enumerate("KMGT", 1)}
_SIZE = re.compile(rf"({_NUMBER})([A-Za-z]+)")
SIZE_PATTERN = rf"{_NUMBER}({'|'.join(_BYTES)})"

_RATE = re.compile(r"([0-9]{1,6})/(.+)", re.DOTALL)


def duration(value: object) -> float:
    """Turn ``500ms``, ``30s``, ``2m``, ``1h``, ``1d`` or ``1h30m`` into seconds.

    Raises
    ------
    ValueError : no unit, no duration at all, or longer than 366 days.
    """
    found = _DURATION.fullmatch(_with_unit(value, "a duration", "30s, 2m or 1h30m"))
    if not found or not found.group():
        raise ValueError(f"{show(value)} is not a duration; write it as 500ms, 30s, 2m, 1h, 1d or 1h30m")
    parts = zip(found.groups(), _SECONDS.values(), strict=True)
    seconds = sum(float(number) * unit for number, unit in parts if number)
    if seconds > _LONGEST:
        raise ValueError(f"{show(value)} is more than 366d")
    return seconds


def size(value: object) -> int:
    """Turn ``512MiB``, ``1GiB``, ``1GB`` or ``100KiB`` into bytes.

    Raises
    ------
    ValueError : no unit or no size at all.
    """
    found = _SIZE.fullmatch(_with_unit(value, "a size", "512MiB or 1GiB"))
    if not found or found.group(2) not in _BYTES:
        raise ValueError(f"{show(value)} is not a size; write it as 512MiB, 1GiB, 1GB or 100KiB")
    return int(float(found.group(1)) * _BYTES[found.group(2)])


def rate(value: object) -> Rate:
    """Turn ``4/15s`` into at most 4 workers within 15 seconds.

    Raises
    ------
    ValueError : another form, no worker, or no time.
    """
    text = _with_unit(value, "a rate", "4/15s")
    found = _RATE.fullmatch(text)
    if not found:
        raise ValueError(f"{show(text)} is not a rate; write workers per duration, as 4/15s")
    try:
        workers, period = int(found.group(1)), duration(found.group(2))
    except ValueError as error:
        raise ValueError(f"{show(text)} is not a rate such as 4/15s: {error}") from error
    if workers < 1 or period <= 0:
        raise ValueError(
            f"{show(text)} would never let the fleet change: at least one worker in more than 0s"
        )
    return Rate(workers, period)


def written_duration(seconds: float) -> str:
    """Write seconds as the file has them: ``2s``, ``1h30m``, ``500ms``; to the millisecond."""
    left, parts = round(seconds * 1000), ""
    for unit, size in _SECONDS.items():
        number, left = divmod(left, round(size * 1000))
        parts += f"{number}{unit}" if number else ""
    return parts or "0s"


def written_size(number: int) -> str:
    """Write bytes as the file has them: ``1GiB``, ``512MiB``."""
    whole = [unit for unit, size in _BYTES.items() if unit.endswith("iB") and number and not number % size]
    unit = whole[-1] if whole else "B"
    return f"{number // _BYTES[unit]}{unit}"


def _with_unit(value: object, what: str, example: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f"{value} has no unit; write {what} such as {example}")  # noqa: TRY004 (collected)
    raise WrongKind(f"{what} such as {example}")
