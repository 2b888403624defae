"""The dashboard beside everything real: it follows the fleet, orders with the token, outlives the daemon."""

from __future__ import annotations

import shutil
import subprocess
import urllib.request

import pytest
from playwright.sync_api import expect

from autoscaler.tools.demo.services import free_port

TOKEN = "0123456789abcdef"


@pytest.fixture
def console(system):
    """A system whose daemon listens on loopback too: it, and the address of its page."""
    listen = f"127.0.0.1:{free_port()}"
    system.config["console"] |= {"listen": listen, "token": TOKEN}
    system.write_config(min_workers=1, scale={"backlog_per_worker": 4})
    system.start_daemon()
    return system, f"http://{listen}/"


@pytest.fixture
def page(console, open_page, eventually):
    """The page, once the fleet has its first worker."""
    system, url = console
    eventually(lambda: system.settled_at(1), 30, "the first worker runs")
    opened = open_page(url)
    opened.evaluate("window.same = true")
    return opened


def test_the_page_follows_the_fleet_and_outlives_the_daemon(console, page, eventually):
    system, url = console
    card = page.get_by_role("article", name="emails")
    expect(card).to_contain_text("1 running (1 idle)")
    system.publish(16, seconds=2.0)
    expect(card).to_contain_text("shop.send", timeout=20_000)
    expect(card.locator(".blocks .block:not(.free)").nth(2)).to_be_visible(timeout=20_000)
    eventually(lambda: system.tally.done == 16, 60, "all tasks are done")
    expect(card.locator(".value").first).to_have_text("0")
    expect(page.get_by_role("region", name="emails: decisions")).to_contain_text("waiting, 4 for each worker")
    system.daemon.kill()
    expect(page.locator("#pulse[data-state=lost]")).to_be_visible()
    expect(page.locator("#alert")).to_contain_text("The daemon has not answered since")
    system.start_daemon()
    expect(page.locator("#pulse[data-state=live]")).to_be_visible(timeout=20_000)
    expect(card).to_contain_text("running")
    assert page.evaluate("window.same"), "it was never loaded again"
    assert _lint_metrics(url) == ""


def _lint_metrics(url: str) -> str:
    """What promtool has against the metrics of a real fleet; they are checked where it is there."""
    with urllib.request.urlopen(f"{url}metrics", timeout=5) as answer:
        metrics = answer.read()
    assert b'autoscaler_fleet_workers{fleet="emails",state="running"}' in metrics
    if shutil.which("promtool") is None:
        return ""
    found = subprocess.run(["promtool", "check", "metrics"], input=metrics, capture_output=True, check=False)
    return (found.stdout + found.stderr).decode()


def test_a_pause_from_the_page_needs_the_token_and_holds(console, page, eventually):
    system, _ = console
    post = "{method: 'POST', headers: {'X-Autoscaler': '1'}}"
    path = "/api/v1/fleets/emails/pause"
    assert page.evaluate(f"fetch('{path}', {post}).then((answer) => answer.status)") == 401
    assert system.fleet().hold is None
    page.get_by_role("button", name="Unlock changes").click()
    page.get_by_role("textbox", name="Token").fill(TOKEN)
    page.get_by_role("dialog").get_by_role("button", name="Unlock").click()
    page.get_by_role("button", name="Pause").click()
    page.get_by_label("Why").fill("a look at the broker")
    page.get_by_role("button", name="Pause emails").click()
    expect(page.locator("#outcome")).to_contain_text("emails")
    card = page.get_by_role("article", name="emails")
    expect(card).to_contain_text("Paused by token console since")
    hold = system.fleet().hold
    assert (hold.kind, hold.by, hold.reason) == ("paused", "token console", "a look at the broker")
    system.publish(24, seconds=0.2)
    eventually(lambda: system.tally.done == 24, 30, "one worker does it all")
    assert system.settled_at(1), "a paused fleet does not grow"
    card.get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Resume emails").click()
    eventually(lambda: system.fleet().hold is None, what="the pause is over")
    expect(card.locator(".hold")).to_be_hidden()
