"""Cron expressions and time zones: the check of their values."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from autoscaler.config.rules import show
from autoscaler.config.text import plain
from autoscaler.text import nearest

_FIELDS = "minute hour day-of-month month day-of-week"
#: A day from which to look for the first time that an expression names.
_ANY_DAY = datetime(2024, 1, 1, tzinfo=UTC)


def expression(value: object) -> str:
    """Check a cron expression: five fields, and a time that it names comes at all."""
    text = plain(value)
    if len(text.split()) != 5:
        raise ValueError(f"{show(text)} is not a cron expression: it has five fields, {_FIELDS}")
    try:
        first = next(CronSim(text, _ANY_DAY), None)
    except CronSimError as error:
        raise ValueError(f"{show(text)} is not a cron expression: {_said(error)}") from error
    if first is None:
        raise ValueError(f"{show(text)} names a time that never comes")
    return text


def _said(error: CronSimError) -> str:
    return f"{str(error).replace('Bad ', '')} is wrong in {_FIELDS}"


def timezone(value: object) -> str:
    """Check the IANA name of a time zone."""
    name = plain(value)
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:
        hint = nearest(name, available_timezones(), otherwise="write it as Europe/Berlin or UTC")
        raise ValueError(f"{show(name)} is not a known time zone; {hint}") from error
    return name
