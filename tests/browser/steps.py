"""What visitors of the dashboard do again and again."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from browser.conftest import TOKEN


def live(page: Page) -> Page:
    """Wait until it shows what is."""
    expect(page.locator("#pulse[data-state=live]")).to_be_visible()
    return page


def unlock(page: Page, token: str = TOKEN) -> None:
    """Enter the token to change things."""
    page.get_by_role("button", name="Unlock changes").click()
    page.get_by_role("textbox", name="Token").fill(token)
    page.get_by_role("dialog").get_by_role("button", name="Unlock").click()


def runs(page: Page, name: str) -> int:
    """Of a line of the first chart: how many pieces it has."""
    line = page.locator(f".plot > svg path.line.{name}").first
    return (line.get_attribute("d") or "").count("M")
