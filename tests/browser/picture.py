"""Draws docs/dashboard.png: the page over a made-up fleet. Run by scripts/picture."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from conftest import CHROMIUM_FLAGS
from playwright.sync_api import sync_playwright

from browser import scenes
from browser.conftest import Stand


def draw(to: Path) -> None:
    """Take the picture."""
    with tempfile.TemporaryDirectory(prefix="as-") as folder, sync_playwright() as playwright:
        stand = Stand(scenes.one(), Path(folder))
        stand.start()
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS)
        page = chromium.new_page(viewport={"width": 1240, "height": 640}, timezone_id="Europe/Berlin")
        page.goto(stand.url)
        page.wait_for_selector("path.line.workers >> nth=1", state="attached")
        page.screenshot(path=to)
        chromium.close()
        stand.stop()


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
