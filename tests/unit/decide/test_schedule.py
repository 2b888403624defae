"""A floor between cron times, in a time zone, also on the days on which its clock is set."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from autoscaler.decide import decide
from autoscaler.decide.schedule import is_on, next_time
from autoscaler.model import Demand, FleetState, HostBudget, Scaling, Schedule, Situation

HOUR = 3600.0


def at(text: str, zone: str = "Europe/Berlin", fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


OFFICE = Schedule("0 8 * * mon-fri", 10 * HOUR, 6, "Europe/Berlin")


@pytest.mark.parametrize(
    ("time", "on"),
    [
        ("2026-11-20T07:59:59.9", False),  # a Friday
        ("2026-11-20T08:00:00", True),
        ("2026-11-20T17:59:59.9", True),
        ("2026-11-20T18:00:00", False),
        ("2026-11-21T12:00:00", False),
        ("2026-07-20T08:00:00", True),
        ("2026-07-20T07:59:00", False),
    ],
)
def test_it_is_on_from_its_time_on_for_as_long_as_it_lasts(time, on):
    assert is_on(OFFICE, at(time)) is on


def test_the_time_zone_is_its_own():
    assert is_on(Schedule("0 8 * * *", HOUR, 1, "America/New_York"), at("2026-11-20T14:30:00"))
    assert is_on(Schedule("0 8 * * *", HOUR, 1), at("2026-11-20T08:30:00", "UTC"))


def test_it_lasts_so_many_hours_also_through_the_night_in_which_the_clock_is_set():
    night = Schedule("0 22 * * *", 8 * HOUR, 1, "Europe/Berlin")
    # 29 March 2026, 02:00 becomes 03:00; 25 October 2026, 03:00 becomes 02:00.
    assert is_on(night, at("2026-03-29T06:59:00"))
    assert not is_on(night, at("2026-03-29T07:00:00"))
    assert is_on(night, at("2026-10-25T04:59:00"))
    assert not is_on(night, at("2026-10-25T05:00:00"))


def test_a_time_that_the_clock_skips_counts_when_it_resumes():
    early = Schedule("30 2 * * *", HOUR, 1, "Europe/Berlin")
    assert next_time(early, at("2026-03-29T01:00:00")) == at("2026-03-29T03:00:00")
    assert not is_on(early, at("2026-03-29T01:59:59"))
    assert is_on(early, at("2026-03-29T03:00:00"))


def test_a_time_that_the_clock_repeats_counts_once():
    early = Schedule("30 2 * * *", HOUR / 2, 1, "Europe/Berlin")
    assert is_on(early, at("2026-10-25T02:30:00"))
    assert not is_on(early, at("2026-10-25T02:30:00", fold=1))
    assert next_time(early, at("2026-10-25T02:30:00")) == at("2026-10-26T02:30:00")


def test_every_minute_of_a_year_of_office_hours_is_right():
    zone = ZoneInfo("Europe/Berlin")
    begin = int(at("2026-01-01T00:00:00"))
    for now in range(begin, begin + 365 * 86400, 1740):
        local = datetime.fromtimestamp(now, zone)
        assert is_on(OFFICE, now) is (local.weekday() < 5 and 8 <= local.hour < 18)


def test_times_may_overlap():
    assert all(is_on(Schedule("*/10 * * * *", 3 * HOUR, 1), 1000.0 * step) for step in range(9, 99))


def test_a_time_that_never_comes_is_never_on():
    assert next_time(Schedule("0 0 31 2 mon", HOUR, 1), 0.0) is not None  # or a Monday, as cron has it
    assert not is_on(Schedule("0 0 29 2 *", HOUR, 1), at("2026-11-20T08:30:00"))


def decided(now, *, policies=(OFFICE,), size=1):
    scaling = Scaling(1, 10, 4, policies, stabilization=0.0)
    situation = Situation(now, "emails", scaling, Demand(0, 0, 0), (), HostBudget(None, None))
    return decide(situation, FleetState(size=size))[0]


def test_a_fleet_grows_to_its_schedule_and_shrinks_after_it():
    decision = decided(at("2026-11-20T08:00:00"))
    assert decision.desired == 6
    assert decision.reasons[0].code == "schedule"
    assert decision.reasons[0].text == "'0 8 * * mon-fri' (Europe/Berlin) for 36000 s: 6 workers at least"
    assert decided(at("2026-11-20T18:00:00"), size=6).desired == 1


def test_the_highest_of_several_schedules_wins():
    noon = Schedule("0 12 * * *", HOUR, 9, "Europe/Berlin")
    assert decided(at("2026-11-20T12:30:00"), policies=(OFFICE, noon)).desired == 9
    assert decided(at("2026-11-20T13:30:00"), policies=(OFFICE, noon), size=9).desired == 6
