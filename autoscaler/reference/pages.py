"""Every generated page, by its name in docs/."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from autoscaler.cli.schema import schema_text
from autoscaler.reference.commands_page import commands_page
from autoscaler.reference.config_page import config_page
from autoscaler.reference.man_page import man_page
from autoscaler.reference.metrics_page import metrics_page

PAGES: Mapping[str, Callable[[], str]] = {
    "autoscaler.schema.json": schema_text,
    "configuration.md": config_page,
    "commands.md": commands_page,
    "metrics.md": metrics_page,
    "autoscaler.1": man_page,
}
