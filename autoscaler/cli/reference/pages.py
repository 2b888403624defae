"""Every generated page of docs/, by its file name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from autoscaler.cli.reference.commands_page import commands_page
from autoscaler.cli.reference.config_page import config_page
from autoscaler.cli.reference.man_page import man_page
from autoscaler.cli.reference.metrics_page import metrics_page
from autoscaler.cli.schema import schema_text

PAGES: Mapping[str, Callable[[], str]] = {
    "autoscaler.schema.json": schema_text,
    "configuration.md": config_page,
    "commands.md": commands_page,
    "metrics.md": metrics_page,
    "autoscaler.1": man_page,
}
