"""What becomes of a page that stays open while clocks, days, configs and versions change."""

from __future__ import annotations

import re
from dataclasses import replace

from playwright.sync_api import expect

from browser import scenes
from browser.scenes import NOW, MadeHistory
from browser.steps import live, unlock

DAY = 86400


def tick_at(stand, at):
    """The same again, at another time."""
    tick = stand.snapshot.tick
    observation = replace(tick.observation, at=at)
    stand.now = at
    stand.tick(tick=replace(tick, at=at, observation=observation))


def states(page):
    """Note each state that the page tells of its connection, from now on."""
    page.evaluate("""
        const pulse = document.getElementById("pulse");
        window.states = [];
        const note = () => window.states.push(pulse.dataset.state);
        new MutationObserver(note).observe(pulse, {attributes: true});
    """)
    return lambda: page.evaluate("window.states")


def test_a_record_that_could_not_be_read_is_read_at_the_next_tick(visit):
    history = MadeHistory(broken=True)
    page, stand = visit(scenes.one(), history=history)
    expect(page.locator(".readout")).to_contain_text("disk I/O error")
    history.broken = False
    tick_at(stand, NOW + 2)
    expect(page.locator(".readout")).to_have_text(" ")


def test_a_clock_that_is_set_back_takes_the_chart_along(visit):
    page, stand = visit(scenes.one())
    live(page)
    tick_at(stand, NOW + 3000)
    expect(page.locator(".reader")).to_have_attribute("aria-valuetext", re.compile("^15:33:00: "))
    tick_at(stand, NOW + 20)
    expect(page.locator(".reader")).to_have_attribute("aria-valuetext", re.compile("^14:43:20: "))


def test_an_edited_config_is_no_loss_of_the_daemon(visit):
    page, stand = visit(scenes.one())
    told = states(live(page))
    with page.expect_response("**/api/v1/stream"):
        stand.tick(config_read_at=NOW)
    live(page)
    assert set(told()) <= {"live"}


def test_decisions_of_yesterday_are_not_shown_as_of_today(visit):
    page, stand = visit(scenes.one())
    latest = page.get_by_role("region", name="emails: decisions").get_by_role("row").nth(1)
    expect(latest).to_contain_text(re.compile("^14:42:45"))
    tick_at(stand, NOW + DAY)
    expect(latest).to_contain_text(re.compile("^14 Oct 14:42:45"))


def test_after_an_upgrade_of_the_daemon_the_page_is_the_new_ones(visit, monkeypatch):
    page, stand = visit(scenes.one())
    unlock(live(page))
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.evaluate("window.same = true")
    stand.stop()
    monkeypatch.setattr("autoscaler.http.stream.__version__", "99.0")
    stand.start()
    expect(page.locator("#footer")).to_contain_text("autoscaler 99.0")
    assert page.evaluate("window.same") is None
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
